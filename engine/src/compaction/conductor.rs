//! Core 0 plans compaction, hands jobs to cores, and makes of what they have done one change of the
//! list.
//!
//! Tenants are planned all at once, again and again; the next job is that of the tenant with the
//! largest backlog. A core has one job at a time. When a block is published, the list changes on
//! every core in one step: the new one is there, its inputs are not. Then the inputs are marked in
//! the backend. Inputs of a job that failed are left alone for a while, longer each time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt, LocalBoxFuture, pending};
use futures_util::stream::{FuturesUnordered, StreamExt};
use stringendo_block::BlockMeta;
use stringendo_ring::{CoreId, timeout, yield_if_due};
use uuid::Uuid;

use super::failures::Failures;
use super::fresh::Fresh;
use super::intents::Intents;
use super::job::{self, Compacted, CompactionJob, FailedJob, JobError};
use super::keeper::Keeper;
use super::keeping::BlockKey;
use super::plan::{Inputs, Rules, plan};
use super::report;
use crate::block_list::{BlockChange, BlockEntry};
use crate::budget::Use;
use crate::damaged_blocks::{Damage, DamageReport};
use crate::message::Message;
use crate::metrics::families as family;
use crate::node::Node;
use crate::tenant::TenantId;

/// However it is configured, plans are not made more often.
const CYCLE_MIN: Duration = Duration::from_millis(100);

/// A job that has ended; `None` if its core has.
struct Ended {
    core: CoreId,
    job: CompactionJob,
    outcome: Option<Result<Compacted, FailedJob>>,
}

/// What is planned for a tenant.
struct Backlog {
    tenant: TenantId,
    jobs: VecDeque<Inputs>,
    /// Inputs of these jobs.
    blocks: usize,
}

/// Plans, and has jobs done.
pub struct Conductor {
    node: Node,
    intents: Intents,
    keeper: Keeper,
    fresh: Fresh,
    failures: Failures,
    backlog: Vec<Backlog>,
    running: FuturesUnordered<LocalBoxFuture<'static, Ended>>,
    busy_cores: Vec<CoreId>,
    /// Jobs that have ended, and it is not known what became of their outputs.
    in_doubt: Vec<CompactionJob>,
    /// Notes of an earlier process are still to be looked at.
    has_old_notes: bool,
}

impl Conductor {
    /// For core 0.
    pub fn new(node: Node) -> Self {
        let intents = Intents::new(&node.settings().wal_path);
        let keeper = Keeper::new(node.clone());
        Self {
            node,
            intents,
            keeper,
            fresh: Fresh::default(),
            failures: Failures::default(),
            backlog: Vec::new(),
            running: FuturesUnordered::new(),
            busy_cores: Vec::new(),
            in_doubt: Vec::new(),
            has_old_notes: true,
        }
    }

    /// Plans, and works off what was planned, until the process goes down. Then nothing is left
    /// half done, as far as the backend lets it be.
    pub async fn run(mut self) {
        let shard = std::rc::Rc::clone(self.node.shard());
        shard.keeping.ending.before(self.work()).await;
        while let Some(ended) = self.running.next().await {
            self.end(ended).await;
        }
        self.keeper.leave().await;
        shard.keeping.ending.tell();
    }

    /// Makes up for what an earlier process has left. Then plans as often as configured.
    async fn work(&mut self) {
        self.settle_what_is_left().await;
        loop {
            let next = self.node.shard().now() + self.node.settings().compaction.cycle;
            self.work_until(next).await;
            self.plan().await;
        }
    }

    /// Plans once and does all of it; for tests.
    pub async fn run_once(&mut self) {
        self.plan().await;
        self.begin_jobs().await;
        while let Some(ended) = self.running.next().await {
            self.end(ended).await;
            self.begin_jobs().await;
        }
    }

    /// Plans for all tenants anew. Jobs under way go on.
    async fn plan(&mut self) {
        let shard = std::rc::Rc::clone(self.node.shard());
        self.settle_what_is_left().await;
        self.backlog.clear();
        if !self.keeper.keeps().await {
            self.count_nothing();
            return;
        }
        if !self.fresh.learn(&self.node).await {
            return;
        }
        let list = Arc::clone(&shard.blocks.borrow());
        self.failures.forget_old(shard.now());
        for (tenant, blocks) in list.tenants() {
            let backlog = self.plan_tenant(tenant, blocks);
            report::outstanding(&self.node, tenant, backlog.blocks);
            self.backlog.push(backlog);
            yield_if_due().await;
        }
        self.count_jobs();
    }

    /// Marks, removes and finds out what could not be before.
    async fn settle_what_is_left(&mut self) {
        if self.has_old_notes {
            self.has_old_notes = !self.intents.clean_up(&self.node).await;
        }
        for job in std::mem::take(&mut self.in_doubt) {
            match job::settle(&self.node, &job).await {
                Ok(published) => {
                    if let Some(meta) = published {
                        report::published_after_all(&job);
                        self.replace(&job, meta).await;
                    }
                    self.let_go(&job).await;
                }
                Err(error) => {
                    report::in_doubt(&job, &error);
                    self.in_doubt.push(job);
                }
            }
        }
        self.node.shard().keeping.pay_marks(&self.node).await;
    }

    /// Nothing of a job is left half done.
    async fn let_go(&self, job: &CompactionJob) {
        self.intents.remove(&job.output).await;
        let blocks = with_output(job, &keys(&job.tenant, &job.inputs));
        self.node.shard().keeping.release(&blocks);
    }

    fn plan_tenant(&self, tenant: &TenantId, blocks: &[Arc<BlockEntry>]) -> Backlog {
        let settings = self.node.settings();
        let own = self.node.shard().keeping_of(tenant);
        let mut jobs = Vec::new();
        if !own.disabled {
            let rules = Rules { window: own.window, ..settings.compaction.rules.clone() };
            let may = |block: &&Arc<BlockEntry>| self.may_merge(block);
            let now = self.node.clock().unix_nanos();
            jobs = plan(blocks.iter().filter(may), &rules, now);
            for job in &mut jobs {
                job.truncate(self.failures.inputs_max(&keys(tenant, job)));
            }
        }
        let blocks = jobs.iter().map(Vec::len).sum();
        jobs.truncate(settings.compaction.tenant_jobs_max);
        Backlog { tenant: tenant.clone(), jobs: jobs.into(), blocks }
    }

    fn may_merge(&self, block: &BlockEntry) -> bool {
        let keeping = &self.node.shard().keeping;
        let key = |id: &Uuid| (block.tenant.clone(), *id);
        let own = key(&block.meta.block_id);
        // Whose inputs still look live must stay, since it tells that they are not.
        let owes = block.meta.inputs.iter().any(|input| keeping.owes_mark(&key(input)));
        !block.no_compact
            && !owes
            && !keeping.is_busy(&own)
            && !self.node.shard().damaged.has(&own)
            && self.fresh.is_settled(block)
            && !self.failures.holds_back(&own, self.node.shard().now())
    }

    async fn work_until(&mut self, next: Duration) {
        loop {
            self.begin_jobs().await;
            let left = next.saturating_sub(self.node.shard().now());
            let running = &mut self.running;
            let ended = async {
                match running.next().await {
                    Some(ended) => ended,
                    None => pending().await,
                }
            };
            // A clock that stands still must not make this loop spin.
            match timeout(left.max(CYCLE_MIN), ended).await {
                Some(ended) => self.end(ended).await,
                None => return,
            }
        }
    }

    /// Gives jobs to cores that have none, first of the tenant with the largest backlog.
    async fn begin_jobs(&mut self) {
        while let Some(core) = self.free_core() {
            let Some((tenant, inputs)) = self.next_inputs() else { break };
            if !self.begin(core, tenant, inputs).await {
                // The next one could not be noted either.
                break;
            }
        }
        self.count_jobs();
    }

    fn free_core(&self) -> Option<CoreId> {
        let cores = usize::from(self.node.mesh().cores());
        let most = match self.node.settings().compaction.jobs_max {
            0 => cores,
            jobs => jobs.min(cores),
        };
        if self.busy_cores.len() >= most {
            return None;
        }
        // Core 0 has other duties.
        self.node.cores().filter(|core| !self.busy_cores.contains(core)).last()
    }

    fn next_inputs(&mut self) -> Option<(TenantId, Inputs)> {
        loop {
            let has_work = |backlog: &&mut Backlog| !backlog.jobs.is_empty();
            let largest = self.backlog.iter_mut().filter(has_work);
            let backlog = largest.max_by_key(|backlog| backlog.blocks)?;
            let inputs = backlog.jobs.pop_front()?;
            backlog.blocks -= inputs.len().min(backlog.blocks);
            let tenant = backlog.tenant.clone();
            report::outstanding(&self.node, &tenant, backlog.blocks);
            if self.are_listed(&tenant, &inputs) {
                return Some((tenant, inputs));
            }
            let labels = [tenant.as_str(), report::COMPACTION];
            self.node.counters().add(&family::JOBS_DROPPED, &labels, 1.0);
        }
    }

    /// Retention may have come between.
    fn are_listed(&self, tenant: &TenantId, inputs: &Inputs) -> bool {
        let list = Arc::clone(&self.node.shard().blocks.borrow());
        let listed = list.of(tenant);
        inputs
            .iter()
            .all(|input| listed.iter().any(|entry| entry.meta.block_id == input.meta.block_id))
    }

    /// Has a core do a job; `false` if it could not be noted.
    async fn begin(&mut self, core: CoreId, tenant: TenantId, inputs: Inputs) -> bool {
        let settings = &self.node.settings().compaction;
        let keys = keys(&tenant, &inputs);
        let most = if settings.jobs_max == 0 {
            self.node.mesh().cores() as usize
        } else {
            settings.jobs_max
        };
        let job = CompactionJob {
            tenant,
            inputs,
            output: Uuid::new_v4(),
            bytes_per_second: settings.bytes_per_second.div_ceil(most as u64),
            tenure: self.node.shard().keeping.tenure.clone(),
            memory_bytes_min: self.failures.memory_needed(&keys),
        };
        // Before the note is there: who cleans up must not take it for one of an earlier process.
        self.node.shard().keeping.claim(with_output(&job, &keys));
        if let Err(error) = self.intents.write(&job).await {
            tracing::error!(%error, "a compaction job could not be noted; will try again");
            self.node.counters().add(&family::COMPACTION_ERRORS, &[], 1.0);
            self.node.counters().add(&family::COMPACTION_FAILURES, &["log"], 1.0);
            self.node.shard().keeping.release(&with_output(&job, &keys));
            self.failures.add(keys, self.node.shard().now());
            return false;
        }
        self.busy_cores.push(core);
        report::begun(&self.node, &job);
        let (node, asked) = (self.node.clone(), job.clone());
        self.running.push(
            async move {
                let outcome = node.ask(core, |answer| Message::Compact(asked, answer)).await;
                Ended { core, job, outcome }
            }
            .boxed_local(),
        );
        true
    }

    async fn end(&mut self, ended: Ended) {
        let Ended { core, job, outcome } = ended;
        self.busy_cores.retain(|busy| *busy != core);
        let keys = keys(&job.tenant, &job.inputs);
        match outcome {
            // The process is going down; what was written is removed by the next one.
            None => return,
            Some(Ok(compacted)) => {
                report::done(&self.node, &job, &compacted);
                self.failures.forgive(&keys);
                self.replace(&job, compacted.meta).await;
            }
            Some(Err(FailedJob { error, in_doubt })) => {
                let again_at_once = self.fail(&job, &error, &keys);
                report::failed(&self.node, &job, &error, again_at_once);
                if in_doubt {
                    // Until it is known, nobody touches its inputs.
                    self.in_doubt.push(job);
                    return;
                }
            }
        }
        self.let_go(&job).await;
    }

    /// The new block takes the place of its inputs.
    async fn replace(&self, job: &CompactionJob, meta: BlockMeta) {
        let entry = Arc::new(BlockEntry::new(job.tenant.clone(), meta));
        let keys = keys(&job.tenant, &job.inputs);
        let now = self.node.clock().unix_nanos();
        let gone = keys.iter().map(|(tenant, id)| BlockChange::Compacted(tenant.clone(), *id, now));
        let changes: Vec<_> = std::iter::once(BlockChange::Added(entry)).chain(gone).collect();
        let keeping = &self.node.shard().keeping;
        keeping.owe_marks(keys.iter().cloned());
        let change = |answer| Message::ChangeBlocks(changes, answer);
        if self.node.ask(CoreId(0), change).await.is_some() {
            keeping.pay_marks(&self.node).await;
        }
    }

    /// Whether it is tried again with the next plan.
    fn fail(&mut self, job: &CompactionJob, error: &JobError, keys: &[BlockKey]) -> bool {
        let now = self.node.shard().now();
        self.note_damage(job, error);
        match (error.input(), error.memory_needed()) {
            (Some(block), _) => self.failures.add([(job.tenant.clone(), block)], now),
            (None, Some(bytes)) => {
                let limit = self.node.shard().budget.limit_for(Use::Compact);
                return self.failures.add_memory(keys, bytes, limit, now);
            }
            (None, None) if error.is_harmless() => return true,
            (None, None) => self.failures.add(keys.iter().cloned(), now),
        }
        false
    }

    /// Notes the input that could not be read, if that is why the job has failed.
    fn note_damage(&self, job: &CompactionJob, error: &JobError) {
        let is_gone = matches!(error, JobError::Gone(_));
        let Some(block) = error.input().filter(|_| !is_gone) else { return };
        let shard = self.node.shard();
        if let Some(input) = job.inputs.iter().find(|input| input.meta.block_id == block) {
            let labels = [job.tenant.as_str(), Damage::Corrupt.reason()];
            shard.metrics.add(&family::DAMAGED_READS, &labels, 1.0);
            shard.damaged.add(DamageReport::new(input, Damage::Corrupt, error), shard.now());
        }
    }

    /// Another server has the work.
    fn count_nothing(&self) {
        let list = Arc::clone(&self.node.shard().blocks.borrow());
        list.tenants().for_each(|(tenant, _)| report::outstanding(&self.node, tenant, 0));
        self.count_jobs();
    }

    fn count_jobs(&self) {
        let pending: usize = self.backlog.iter().map(|backlog| backlog.jobs.len()).sum();
        let metrics = self.node.counters();
        metrics.set(&family::JOBS_PENDING, &[], pending as f64);
        metrics.set(&family::JOBS_ACTIVE, &[], self.running.len() as f64);
    }
}

/// The blocks that a job has to itself.
fn with_output(job: &CompactionJob, inputs: &[BlockKey]) -> Vec<BlockKey> {
    let output = (job.tenant.clone(), job.output);
    inputs.iter().cloned().chain([output]).collect()
}

fn keys(tenant: &TenantId, inputs: &Inputs) -> Vec<BlockKey> {
    inputs.iter().map(|input| (tenant.clone(), input.meta.block_id)).collect()
}
