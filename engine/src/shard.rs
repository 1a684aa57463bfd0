//! The state of one core, and the small steps on it that never wait.
//!
//! Tasks of the core share it through `Rc`; no borrow is held over an `await`.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use stringendo_block::{DedicatedColumn, StoredForm};
use stringendo_proto::TraceId;
use stringendo_proto::cut::SubBatch;
use stringendo_proto::walk::BatchIndex;
use stringendo_ring::{Clock, CoreId, Notify, oneshot};
use stringendo_wal::{AlignedBuf, FrameHeader, FrameKind, FramePos, Group};
use uuid::Uuid;

use crate::block_changes::PendingChanges;
use crate::block_list::BlockList;
use crate::block_store::BlockStore;
use crate::budget::{Budget, Charge, Use};
use crate::compaction::keeping::Keeping;
use crate::damaged_blocks::DamagedBlocks;
use crate::error::IngestError;
use crate::filter_job::FilterWork;
use crate::limits;
use crate::live::LiveSegment;
use crate::message::{Answer, IngestPart};
use crate::metrics::Metrics;
use crate::next_segment::NextSegment;
use crate::query::tags::summaries::TagSummaries;
use crate::rate::Rates;
use crate::recent::RecentTraces;
use crate::settings::{EngineSettings, TenantKeeping};
use crate::spare::Images;
use crate::tenant::TenantId;
use crate::tenant_limits::{Limits, TenantLimits};
use crate::user_limits::UserLimitsCalls;
use crate::wal_dir::WalDir;

/// Everything that one core owns.
pub struct Shard {
    /// This core.
    pub core: CoreId,
    /// How many there are.
    pub cores: u16,
    /// Settings.
    pub settings: Arc<EngineSettings>,
    /// Time.
    pub clock: Clock,
    /// Memory.
    pub budget: Rc<Budget>,
    /// Counters.
    pub metrics: Metrics,
    /// The log's files.
    pub wal: WalDir,
    /// The segment after the active one.
    pub next_segment: NextSegment,
    /// Memory of the live segments' groups.
    pub images: RefCell<Images>,
    /// Blocks in the backend.
    pub store: BlockStore,
    /// Blocks whose filters are to be made again.
    pub filter_work: FilterWork,
    /// What is known of names and values of tags.
    pub tags: TagSummaries,
    /// The block list from core 0.
    pub blocks: RefCell<Arc<BlockList>>,
    /// Core 0: changes of the block list that wait for the next snapshot.
    pub block_changes: PendingChanges,
    /// The limits of tenants from core 0.
    pub limits: RefCell<Arc<Limits>>,
    /// Core 0: memory of the block list.
    pub list_charge: RefCell<Charge>,
    /// Core 0: blocks that are known to be damaged.
    pub damaged: DamagedBlocks,
    /// Core 0: blocks that are being merged or deleted.
    pub keeping: Keeping,
    /// Core 0: calls about what tenants set for themselves.
    pub user_limits: UserLimitsCalls,
    /// Rates of tenants.
    pub rates: RefCell<Rates>,
    /// Traces that are live, and how large they are.
    pub recent: RefCell<RecentTraces>,
    /// When was warned of what last.
    pub warned: RefCell<HashMap<&'static str, Duration>>,
    /// What gathers for the next commit.
    pub gathering: RefCell<Gathering>,
    /// Wakes the commit loop.
    pub commit_work: Notify,
    /// The segment that is written now, as far as it is durable.
    pub active: RefCell<LiveSegment>,
    /// Sealed segments that are not blocks yet, oldest first.
    pub sealed: RefCell<VecDeque<Rc<LiveSegment>>>,
    /// Flush requests, each waiting for the sealed segments before it.
    pub flushes: RefCell<Vec<FlushRequest>>,
    /// Wakes the encode loop.
    pub encode_work: Notify,
    /// The commit loop shall seal the active segment.
    pub seal_requested: Cell<bool>,
    /// The process is going down; `/ready` says so.
    pub stopping: Cell<bool>,
    /// Recovery is done.
    pub ready: Cell<bool>,
}

/// Somebody waits until what is live now is in blocks.
pub struct FlushRequest {
    /// Sealed segments that must go first; `None` until the active one is sealed.
    pub segments_ahead: Option<usize>,
    /// Where to say so.
    pub done: Answer<bool>,
}

/// Frames that gather for the next group.
pub struct Gathering {
    /// The group.
    pub group: Group,
    /// Whose frames they are.
    pub pending: Vec<Pending>,
    /// Memory of the group.
    pub charge: Charge,
}

/// A frame that waits for its commit.
pub struct Pending {
    /// Whose.
    pub tenant: TenantId,
    /// Where its payload is in the group.
    pub place: FramePos,
    /// Positions in the payload.
    pub index: BatchIndex,
    /// The acknowledgement.
    pub done: Answer<Result<(), IngestError>>,
}

impl Shard {
    /// Takes a part of a batch into the group that gathers now. The answer comes when the group is
    /// durable, or at once if there is no room.
    pub fn append(&self, part: IngestPart) {
        if let Err(refusal) = self.admit(&part) {
            // The receiver may have gone away; then nobody waits for the answer.
            let _ = part.done.send(Err(refusal));
            return;
        }
        let IngestPart { tenant, received_unix_nanos, batch, done } = part;
        let batch = self.within_limits(&tenant, &batch.bytes, &batch.index).unwrap_or(batch);
        self.gather(&tenant, received_unix_nanos, &batch.bytes, batch.index, done);
    }

    /// The same for a batch that this core owns whole, without copying it first.
    pub fn append_slice(
        &self,
        tenant: &TenantId,
        received_unix_nanos: u64,
        bytes: &[u8],
        index: BatchIndex,
    ) -> oneshot::Receiver<Result<(), IngestError>> {
        let (done, receiver) = oneshot::channel();
        if let Err(refusal) = self.admit_bytes(bytes.len()) {
            let _ = done.send(Err(refusal));
            return receiver;
        }
        match self.within_limits(tenant, bytes, &index) {
            None => self.gather(tenant, received_unix_nanos, bytes, index, done),
            Some(rest) => self.gather(tenant, received_unix_nanos, &rest.bytes, rest.index, done),
        }
        receiver
    }

    /// Puts what was let in into the group that gathers now.
    fn gather(
        &self,
        tenant: &TenantId,
        received_unix_nanos: u64,
        bytes: &[u8],
        index: BatchIndex,
        done: Answer<Result<(), IngestError>>,
    ) {
        if index.spans.is_empty() {
            // Limits have left nothing of it.
            let _ = done.send(Ok(()));
            return;
        }
        let header = FrameHeader {
            kind: FrameKind::OtlpTraces,
            received_unix_nanos,
            tenant: tenant.as_str().as_bytes(),
        };
        let mut gathering = self.gathering.borrow_mut();
        let place = gathering.append(&self.budget, &header, bytes);
        gathering.pending.push(Pending { tenant: tenant.clone(), place, index, done });
        self.commit_work.notify();
    }

    /// The limits of tenants now.
    pub fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits.borrow())
    }

    /// The limits of a tenant now.
    pub fn limits_of(&self, tenant: &TenantId) -> Arc<TenantLimits> {
        Arc::clone(self.limits.borrow().of(tenant))
    }

    /// What holds for the blocks of a tenant.
    pub fn keeping_of(&self, tenant: &TenantId) -> TenantKeeping {
        self.settings.keeping(self.limits.borrow().of(tenant))
    }

    /// The attributes of a tenant that have a column of their own in new blocks.
    pub fn dedicated_columns(&self, tenant: &TenantId) -> Vec<DedicatedColumn> {
        let limits = self.limits_of(tenant);
        match limits.dedicated_columns.as_slice() {
            [] => self.settings.block.dedicated_columns.clone(),
            own => own.to_vec(),
        }
    }

    /// In which form live data of a tenant will come back from its blocks.
    pub fn stored_form(&self, tenant: &TenantId) -> StoredForm {
        StoredForm::new(self.settings.block.version, &self.dedicated_columns(tenant))
    }

    fn admit(&self, part: &IngestPart) -> Result<(), IngestError> {
        self.admit_bytes(part.batch.bytes.len())
    }

    /// Whether a payload of this size may be taken now.
    fn admit_bytes(&self, bytes: usize) -> Result<(), IngestError> {
        let limit = self.group_bytes_max();
        let frame_max = bytes + limits::TENANT_BYTES_MAX + 1024;
        if frame_max > limit {
            return Err(IngestError::TooLarge { bytes, limit });
        }
        let gathering = self.gathering.borrow();
        if gathering.group.bytes_on_disk() + frame_max > limit {
            return Err(self.overloaded("the write-ahead log does not keep up"));
        }
        // The group's memory as it grows, and about as much again for the index.
        let growth = gathering.growth(frame_max).unwrap_or(0) as u64;
        if !self.budget.has_room(growth + 2 * bytes as u64) {
            self.request_seal();
            return Err(self.overloaded("memory budget of the core is used up"));
        }
        Ok(())
    }

    fn group_bytes_max(&self) -> usize {
        // The header page and the group's own header leave the rest of the segment.
        let segment = self.settings.segment_bytes as usize - 2 * 4096;
        limits::GROUP_BYTES_MAX.min(segment)
    }

    /// A refusal with the configured hint.
    pub fn overloaded(&self, what: &'static str) -> IngestError {
        IngestError::Overloaded { what, retry_after: self.settings.retry_after }
    }

    /// Takes what has gathered, leaving an empty group; `None` if nothing has.
    pub fn take_gathered(&self) -> Option<Gathering> {
        let mut gathering = self.gathering.borrow_mut();
        if gathering.pending.is_empty() {
            return None;
        }
        // The next group is likely to be about as large; memory far beyond it would stay unused in
        // the image for as long as the segment lives.
        let likely = gathering.group.bytes_on_disk() / 4 * 5;
        let segment = gathering.group.segment_id();
        let fresh = empty_gathering(&self.budget, segment, likely);
        Some(std::mem::replace(&mut *gathering, fresh))
    }

    /// Asks the commit loop to seal the active segment.
    pub fn request_seal(&self) {
        if self.sealed.borrow().is_empty() && !self.active.borrow().is_empty() {
            self.seal_requested.set(true);
            self.commit_work.notify();
        }
    }

    /// Whether the active segment is old, large, or holds too much of the budget.
    pub fn seal_is_due(&self) -> bool {
        let active = self.active.borrow();
        let Some(first) = active.first_frame else { return false };
        let age = self.clock.monotonic().saturating_sub(first);
        let live_max = self.budget.share(limits::LIVE_BUDGET_SHARE);
        age >= self.settings.block_age_max
            || active.payload_bytes() >= self.settings.block_bytes_max
            || active.memory_bytes() >= live_max
    }

    /// Moves the active segment to the sealed ones and puts `next` in its place. Flush requests
    /// that waited for this learn how many segments go before them.
    pub fn seal_into(&self, next: LiveSegment) {
        let sealed = self.active.replace(next);
        self.seal_requested.set(false);
        if !sealed.is_empty() {
            self.sealed.borrow_mut().push_back(Rc::new(sealed));
        }
        self.settle_flush_requests();
    }

    /// Lets flush requests wait for the segments that are sealed now.
    pub fn settle_flush_requests(&self) {
        let ahead = self.sealed.borrow().len();
        for request in self.flushes.borrow_mut().iter_mut() {
            request.segments_ahead.get_or_insert(ahead);
        }
        self.encode_work.notify();
    }

    /// Whether the tenant has live data or blocks.
    pub fn knows(&self, tenant: &TenantId) -> bool {
        !self.blocks.borrow().of(tenant).is_empty()
            || self.live_segments().iter().any(|segment| segment.tenant(tenant).is_some())
            || self.active.borrow().tenant(tenant).is_some()
    }

    /// Which of these traces have live spans here.
    pub fn live_has(&self, tenant: &TenantId, ids: &[TraceId]) -> Vec<bool> {
        let (sealed, active) = (self.live_segments(), self.active.borrow());
        let segments = sealed.iter().map(Rc::as_ref).chain([&*active]);
        let indexes: Vec<_> = segments.filter_map(|segment| segment.tenant(tenant)).collect();
        ids.iter().map(|id| indexes.iter().any(|index| index.contains(id))).collect()
    }

    /// Sealed segments, oldest first.
    pub fn live_segments(&self) -> Vec<Rc<LiveSegment>> {
        self.sealed.borrow().iter().cloned().collect()
    }

    /// Live traces (a trace in two segments counts twice) and bytes of every tenant that has or
    /// had any.
    pub fn live_by_tenant(&self) -> Vec<(TenantId, usize, u64)> {
        let mut sums: HashMap<TenantId, (usize, u64)> = HashMap::new();
        let mut add = |segment: &LiveSegment| {
            for (tenant, index) in segment.tenants() {
                let sum = sums.entry(tenant.clone()).or_default();
                *sum = (sum.0 + index.traces(), sum.1 + index.payload_bytes());
            }
        };
        self.live_segments().iter().for_each(|segment| add(segment));
        add(&self.active.borrow());
        for tenant in self.blocks.borrow().tenants().map(|(tenant, _)| tenant) {
            sums.entry(tenant.clone()).or_default();
        }
        sums.into_iter().map(|(tenant, (traces, bytes))| (tenant, traces, bytes)).collect()
    }

    /// An account for the next live segment.
    pub fn live_charge(&self) -> Charge {
        self.budget.charge(Use::Live, 0)
    }

    /// Time since some fixed point.
    pub fn now(&self) -> Duration {
        self.clock.monotonic()
    }
}

/// An empty group for `segment`, in memory that was used before if there is some, for about
/// `likely_bytes`.
pub fn empty_gathering(budget: &Rc<Budget>, segment: Uuid, likely_bytes: usize) -> Gathering {
    let fresh = || AlignedBuf::with_capacity(likely_bytes.min(limits::GROUP_BYTES_MIN));
    let group = Group::reuse(segment, budget.take_spare(likely_bytes).unwrap_or_else(fresh));
    let charge = budget.charge(Use::Live, group.capacity_bytes() as u64);
    Gathering { group, pending: Vec::new(), charge }
}

impl Gathering {
    fn append(&mut self, budget: &Budget, header: &FrameHeader<'_>, payload: &[u8]) -> FramePos {
        let needed = self.group.bytes_on_disk_with(header.tenant.len(), payload.len());
        if let Some(bytes) = self.growth(needed - self.group.bytes_on_disk()) {
            self.charge.resize((self.group.capacity_bytes() + bytes) as u64);
            let fresh = || AlignedBuf::with_capacity(bytes);
            self.move_into(budget.take_spare(bytes).unwrap_or_else(fresh), budget);
        }
        self.group.append(header, payload)
    }

    /// Memory that a group needs which outgrows its own with `more` bytes: twice as much as now.
    fn growth(&self, more: usize) -> Option<usize> {
        let (needed, held) = (self.group.bytes_on_disk() + more, self.group.capacity_bytes());
        (needed > held).then(|| needed.max(2 * held))
    }

    fn move_into(&mut self, buf: AlignedBuf, budget: &Budget) {
        let before = self.group.move_into(buf);
        self.charge.resize(self.group.capacity_bytes() as u64);
        budget.keep_spare(before);
    }

    /// Before it is written: moves the group to memory of its size, if its own is far too large.
    pub fn fit_memory(&mut self, budget: &Budget) {
        if self.group.wastes_memory()
            && let Some(buf) = budget.take_spare(self.group.bytes_on_disk())
        {
            self.move_into(buf, budget);
        }
    }
}

/// A part that this core owns, for the mesh.
pub fn part_for(
    tenant: &TenantId,
    received_unix_nanos: u64,
    batch: SubBatch,
) -> (IngestPart, oneshot::Receiver<Result<(), IngestError>>) {
    let (done, receiver) = oneshot::channel();
    (IngestPart { tenant: tenant.clone(), received_unix_nanos, batch, done }, receiver)
}
