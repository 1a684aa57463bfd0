//! Group commit: while one group is written and synced, the next gathers.
//!
//! From: [`crate::shard`] (frames of [`crate::ingest`]). To: the acknowledgement, and the live
//! segment, in which spans are visible from that moment. One task per core owns the log's writer,
//! so it also seals: a segment ends where this loop begins the next.

use std::rc::Rc;
use std::time::Duration;

use stringendo_ring::{Class, sleep, spawn_detached};
use stringendo_wal::segment::Commit;
use stringendo_wal::{CommittedGroup, SegmentWriter, WalError};
use uuid::Uuid;

use crate::live::LiveSegment;
use crate::live::index::Placement;
use crate::metrics::families as family;
use crate::settings::Durability;
use crate::shard::{Gathering, Pending, Shard};
use crate::wal_dir::SegmentOnDisk;

/// The commit loop's own state.
pub struct Committer {
    shard: Rc<Shard>,
    writer: Option<SegmentWriter<SegmentOnDisk>>,
    unsynced_since: Option<Duration>,
}

impl Committer {
    /// A loop that has begun no segment yet.
    pub fn new(shard: Rc<Shard>) -> Self {
        Self { shard, writer: None, unsynced_since: None }
    }

    /// Commits until the end of the process.
    ///
    /// # Errors
    /// When a write or sync failed: what was not acknowledged then never is, and the process must
    /// end (a restart recovers what was).
    pub async fn run(mut self) -> Result<(), WalError> {
        spawn_detached(Class::Ack, tick(Rc::clone(&self.shard)));
        loop {
            self.shard.commit_work.wait().await;
            self.turn().await?;
        }
    }

    async fn turn(&mut self) -> Result<(), WalError> {
        while let Some(gathered) = self.shard.take_gathered() {
            self.commit(gathered).await?;
        }
        self.sync_if_due().await?;
        if self.shard.seal_requested.get() || self.shard.seal_is_due() {
            self.seal().await?;
        }
        Ok(())
    }

    async fn commit(&mut self, mut gathered: Gathering) -> Result<(), WalError> {
        let needed = gathered.group.bytes_on_disk() as u64;
        if self.writer.as_ref().is_none_or(|writer| writer.bytes_left() < needed) {
            self.seal().await?;
            if let Err(error) = self.begin().await {
                self.refuse(gathered, &error);
                return Ok(());
            }
        }
        let Some(writer) = self.writer.as_mut() else { return Err(WalError::GivenUp) };
        gathered.group.set_segment(writer.header().segment_id);
        gathered.fit_memory(&self.shard.budget);
        let mode = commit_mode(self.shard.settings.durability);
        let begun = self.shard.now();
        let committed = writer.write(gathered.group, mode).await?;
        let took = self.shard.now().saturating_sub(begun);
        self.unsynced_since.get_or_insert(begun);
        self.count(took, committed.pages.as_pages().len());
        // From here on the memory is charged to the live segment.
        drop(gathered.charge);
        publish(&self.shard, committed, gathered.pending);
        Ok(())
    }

    fn count(&self, took: Duration, bytes: usize) {
        let metrics = &self.shard.metrics;
        metrics.add(&family::WAL_BYTES, &[], bytes as f64);
        metrics.add(&family::WAL_GROUPS, &[], 1.0);
        metrics.observe(&family::WAL_COMMIT, &[], took.as_secs_f64());
    }

    /// Nothing can be begun (disk full): says so to the clients and goes on; queries are answered
    /// all the while, and ingest comes back by itself.
    fn refuse(&self, gathered: Gathering, error: &WalError) {
        tracing::error!(%error, "no new WAL segment; refusing spans until there is room");
        let refusal = self.shard.overloaded("no room for a new WAL segment");
        for pending in gathered.pending {
            // A client that hung up does not wait for its answer.
            let _ = pending.done.send(Err(refusal.clone()));
        }
    }

    /// Begins a segment; only called when the active one holds nothing.
    async fn begin(&mut self) -> Result<(), WalError> {
        let shard = &self.shard;
        let prepared = shard.next_segment.take().await?;
        let (path, writer) = shard.wal.begin(prepared).await?;
        let id = writer.header().segment_id;
        self.writer = Some(writer);
        shard.active.replace(LiveSegment::new(id, path, shard.live_charge()));
        Ok(())
    }

    /// Ends the active segment, if it holds anything. The next one begins with the next group.
    async fn seal(&mut self) -> Result<(), WalError> {
        if self.shard.active.borrow().is_empty() {
            self.shard.seal_requested.set(false);
            self.shard.settle_flush_requests();
            return Ok(());
        }
        self.sync().await?;
        self.writer = None;
        let nothing = LiveSegment::new(Uuid::nil(), Default::default(), self.shard.live_charge());
        self.shard.seal_into(nothing);
        Ok(())
    }

    async fn sync_if_due(&mut self) -> Result<(), WalError> {
        let Durability::Interval(interval) = self.shard.settings.durability else { return Ok(()) };
        let due = |since: Duration| self.shard.now().saturating_sub(since) >= interval;
        if self.unsynced_since.is_some_and(due) { self.sync().await } else { Ok(()) }
    }

    async fn sync(&mut self) -> Result<(), WalError> {
        let unsynced = self.unsynced_since.take().is_some();
        let interval = matches!(self.shard.settings.durability, Durability::Interval(_));
        match &self.writer {
            Some(writer) if unsynced && interval => writer.sync().await,
            _ => Ok(()),
        }
    }
}

fn commit_mode(durability: Durability) -> Commit {
    match durability {
        Durability::Sync => Commit::Durable,
        Durability::Interval(_) | Durability::Os => Commit::Written,
    }
}

/// Makes a committed group visible to queries, then acknowledges it.
fn publish(shard: &Shard, committed: CommittedGroup, pending: Vec<Pending>) {
    {
        let mut active = shard.active.borrow_mut();
        active.first_frame.get_or_insert(shard.now());
        let chunk = active.add_chunk(committed.bytes(), committed.pages.capacity());
        shard.images.borrow_mut().add(active.id, committed.pages);
        for frame in &pending {
            let place = Placement { chunk, payload_offset: frame.place.payload_offset };
            let new = active.add_frame(&frame.tenant, place, frame.place.payload_len, &frame.index);
            let tenant = frame.tenant.as_str();
            shard.metrics.add(&family::TRACES_CREATED, &[tenant], new as f64);
            let bytes = f64::from(frame.place.payload_len);
            shard.metrics.add(&family::INGESTER_BYTES, &[tenant, "trace"], bytes);
        }
        active.recharge();
    }
    for frame in pending {
        // A client that hung up does not wait for its answer.
        let _ = frame.done.send(Ok(()));
    }
}

/// Wakes the commit loop now and then: for age, and for the sync interval.
async fn tick(shard: Rc<Shard>) {
    let period = match shard.settings.durability {
        Durability::Interval(interval) => interval.min(Duration::from_millis(250)),
        _ => Duration::from_millis(250),
    };
    loop {
        sleep(period.max(Duration::from_millis(1))).await;
        shard.commit_work.notify();
    }
}
