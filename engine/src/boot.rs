//! Starts a core's part of the engine: state, tasks, recovery, and the answers to other cores.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use stringendo_ring::{
    Class, Clock, CoreContext, JoinHandle, Notify, sleep, spawn, spawn_detached,
};
use uuid::Uuid;

use crate::backend::Backend;
use crate::block_changes;
use crate::block_list::{BlockChange, BlockEntry, BlockList};
use crate::block_poll::BlockPoll;
use crate::block_store::BlockStore;
use crate::budget::{Budget, Use};
use crate::commit::Committer;
use crate::compaction::conductor::Conductor;
use crate::compaction::{job, report};
use crate::error::QueryError;
use crate::live::LiveSegment;
use crate::message::{Answer, Message};
use crate::metrics::{Metrics, families as family};
use crate::next_segment::{self, NextSegment};
use crate::node::Node;
use crate::outer_cache::OuterCaches;
use crate::query::memory::{Charged, PartAnswer, part};
use crate::query::tags::part as tags;
use crate::query::tags::summaries::TagSummaries;
use crate::query::{
    block_search, block_trace, block_traces, id_filters, live_search, live_trace, metrics,
};
use crate::recent::RecentTraces;
use crate::recovery::{self, RecoveryError};
use crate::retention::Retention;
use crate::settings::EngineSettings;
use crate::shard::{FlushRequest, Shard, empty_gathering};
use crate::tenant::TenantId;
use crate::tenant_limits::Limits;
use crate::wal_dir::WalDir;
use crate::{encode_job, filter_job, limits_reload, live_counts, user_limits};

/// Between two looks whether all cores are ready.
const READY_PAUSE: Duration = Duration::from_millis(100);

/// Why a core did not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// A directory or file was refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The log could not be read back.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
}

/// A started core.
pub struct Booted {
    /// Its handle.
    pub node: Node,
    /// Ends only when the log has failed; the process must then end.
    pub log_failure: JoinHandle<String>,
}

/// Starts the engine on this core. It serves other cores at once; [`recover`] makes it ready.
///
/// # Errors
/// When a directory cannot be opened.
pub async fn start(
    context: CoreContext<Message>,
    settings: Arc<EngineSettings>,
    clock: Clock,
) -> Result<Booted, BootError> {
    let shard = new_shard(&context, settings, clock).await?;
    let node = Node::new(Rc::clone(&shard), context.mesh);
    spawn_detached(Class::Ack, serve_mesh(node.clone()));
    spawn_detached(Class::Ack, live_counts::run(node.clone()));
    spawn_detached(Class::Flush, encode_job::run(node.clone()));
    spawn_detached(Class::Background, filter_job::run(Rc::clone(&shard)));
    let committer = Committer::new(shard);
    let log_failure = spawn(Class::Ack, async move {
        committer.run().await.err().map_or_else(String::new, |error| error.to_string())
    });
    Ok(Booted { node, log_failure })
}

/// Lists the blocks (on core 0) and reads back this core's share of the log.
///
/// # Errors
/// When the log cannot be read back or the backend not be listed.
pub async fn recover(node: &Node) -> Result<(), BootError> {
    if node.shard().core.0 == 0 {
        let mut poll = BlockPoll::new(node.clone());
        poll.first().await?;
        spawn_detached(Class::Background, poll.run());
        spawn_detached(Class::Background, limits_reload::run(node.clone()));
        if let Some(settings) = node.settings().user_limits.clone() {
            spawn_detached(Class::Background, user_limits::run(node.clone(), settings));
        }
        spawn_detached(Class::Background, keep(node.clone()));
    }
    let shard = node.shard();
    let segments = shard.wal.segments().await?;
    shard.wal.adopt_free().await?;
    if !shard.settings.compaction.alone {
        spawn_detached(Class::Ack, next_segment::keep_ready(Rc::clone(shard)));
    }
    // Whatever the process is for now: what an earlier one has acknowledged becomes blocks.
    recovery::recover_all(shard, segments).await?;
    node.shard().ready.set(true);
    Ok(())
}

/// Merges and deletes blocks, as soon as all cores have read back their log: only then is it known
/// which blocks are still live, too.
async fn keep(node: Node) {
    report::begin(node.counters());
    if node.settings().compaction.disabled {
        return;
    }
    while node.ready().await.is_err() {
        sleep(READY_PAUSE).await;
    }
    spawn_detached(Class::Background, Retention::new(node.clone()).run());
    Conductor::new(node).run().await;
}

async fn new_shard(
    context: &CoreContext<Message>,
    settings: Arc<EngineSettings>,
    clock: Clock,
) -> Result<Rc<Shard>, BootError> {
    let budget = match settings.compaction.alone {
        true => Budget::of_merging_alone(settings.budget_bytes_per_core),
        false => Budget::new(settings.budget_bytes_per_core),
    };
    let backend = Backend::open(&settings.backend).await?;
    let segment_bytes = settings.segment_bytes;
    let wal = WalDir::open(&settings.wal_path, segment_bytes, context.id, context.cores).await?;
    let metrics = Metrics::default();
    let parts = (clock, metrics.clone(), &budget);
    let outer = OuterCaches::start(&settings.outer_caches, context.cores, parts);
    let nothing = LiveSegment::new(Uuid::nil(), Default::default(), budget.charge(Use::Live, 0));
    Ok(Rc::new(Shard {
        core: context.id,
        cores: context.cores,
        clock,
        metrics,
        wal,
        next_segment: NextSegment::default(),
        images: RefCell::default(),
        store: BlockStore::new(backend, outer, &budget),
        filter_work: Default::default(),
        tags: TagSummaries::new(&budget),
        blocks: RefCell::default(),
        block_changes: Default::default(),
        limits: RefCell::new(Arc::clone(&settings.limits.initial)),
        list_charge: RefCell::new(budget.charge(Use::BlockList, 0)),
        damaged: Default::default(),
        keeping: Default::default(),
        user_limits: Default::default(),
        rates: RefCell::default(),
        recent: RefCell::new(RecentTraces::new(settings.trace_idle, budget.charge(Use::Live, 0))),
        warned: RefCell::default(),
        gathering: RefCell::new(empty_gathering(&budget, Uuid::nil(), 0)),
        commit_work: Notify::new(),
        active: RefCell::new(nothing),
        sealed: RefCell::new(VecDeque::new()),
        flushes: RefCell::default(),
        encode_work: Notify::new(),
        seal_requested: Cell::new(false),
        stopping: Cell::new(false),
        ready: Cell::new(false),
        settings,
        budget,
    }))
}

/// Answers other cores. Ingest is handled on the spot; what takes longer gets a task of its class.
async fn serve_mesh(node: Node) {
    while let Some((_, message)) = node.mesh().recv().await {
        serve(&node, message);
    }
}

fn serve(node: &Node, message: Message) {
    let (shard, asked) = (Rc::clone(node.shard()), node.clone());
    match message {
        Message::Ingest(part) => shard.append(part),
        Message::LiveTrace(tenant, id, answer) => {
            query(node, answer, async move { live_trace::pieces(&shard, &tenant, &id).await })
        }
        Message::BlockTrace(blocks, id, answer) => {
            query(node, answer, async move { block_trace::pieces(&asked, &blocks, &id).await })
        }
        Message::BlockTraces(job, answer) => {
            query(node, answer, async move { block_traces::run(&asked, &job).await })
        }
        Message::LiveSearch(job, answer) => {
            query(node, answer, async move { live_search::run(&asked, &job).await });
        }
        Message::BlockSearch(job, answer) => {
            query(node, answer, async move { block_search::run(&asked, &job).await });
        }
        Message::LiveMetrics(job, answer) => {
            query(node, answer, async move { metrics::live::run(&asked, &job).await });
        }
        Message::BlockMetrics(job, answer) => {
            query(node, answer, async move { metrics::blocks::run(&asked, &job).await });
        }
        Message::WholeMetrics(job, answer) => {
            query(node, answer, async move { metrics::whole::run(&asked, &job).await });
        }
        Message::IdFilters(blocks, answer) => {
            let filters = async move { id_filters::filters(&asked, &blocks).await };
            reply(node, Class::Query, answer, filters);
        }
        Message::KeepIdFilter(block_id, filter) => shard.store.keep_id_filter(block_id, filter),
        Message::LiveHas(tenant, ids, answer) => tell(answer, shard.live_has(&tenant, &ids)),
        Message::LiveTags(job, answer) => {
            query(node, answer, async move { tags::live(&asked, &job).await });
        }
        Message::BlockTags(job, answer) => {
            query(node, answer, async move { tags::blocks(&asked, &job).await });
        }
        Message::AddBlock(entry, answer) => {
            block_changes::change(node, vec![BlockChange::Added(entry)], answer);
        }
        Message::ChangeBlocks(changes, answer) => block_changes::change(node, changes, answer),
        Message::Damaged(report) => shard.damaged.add(report, shard.now()),
        Message::Doubt(cache_id, answer) => doubt(&shard, &cache_id, answer),
        Message::SetBlocks(list, answer) => set_blocks(&shard, list, answer),
        Message::TakeRate(tenant, bytes, answer) => tell(answer, shard.lend_rate(&tenant, bytes)),
        Message::LiveCounts(core, news) => {
            shard.recent.borrow_mut().heard(usize::from(core.0), &news, shard.now());
        }
        Message::UserLimits(tenant, call, answer) => shard.user_limits.take(tenant, call, answer),
        Message::SetLimits(limits, answer) => set_limits(&shard, limits, answer),
        Message::Compact(job, answer) => {
            let work = async move { job::run(&asked, &job).await };
            reply(node, Class::Background, answer, work);
        }
        Message::LiveNow(answer) => tell(answer, asked.live_now()),
        Message::Flush(tenant, answer) => request_flush(&shard, tenant.as_ref(), answer),
        Message::Metrics(answer) => {
            refresh_gauges(&shard);
            tell(answer, shard.metrics.snapshot());
        }
        Message::Heartbeat(answer) => tell(answer, shard.ready.get()),
        Message::Stop(answer) => stop(&shard, answer),
    }
}

/// A block is damaged, and may be mended.
fn doubt(shard: &Shard, cache_id: &Uuid, answer: Answer<()>) {
    shard.store.forget(cache_id);
    tell(answer, ());
}

/// The process is going down: the core is not ready from now on, and begins no more merging.
fn stop(shard: &Shard, answer: Answer<()>) {
    shard.stopping.set(true);
    shard.keeping.ending.ask();
    tell(answer, ());
}

/// Runs a part of a query.
fn query<T: 'static>(
    node: &Node,
    answer: PartAnswer<T>,
    compute: impl Future<Output = Result<Charged<T>, QueryError>> + 'static,
) {
    let shard = Rc::clone(node.shard());
    reply(node, Class::Query, answer, async move { part(&shard, compute).await });
}

/// Answers, unless whoever asked has gone away.
fn tell<T>(answer: Answer<T>, what: T) {
    let _ = answer.send(what);
}

/// Computes an answer in a task, unless nobody waits for it any more.
fn reply<T: 'static>(
    node: &Node,
    class: Class,
    mut answer: Answer<T>,
    compute: impl Future<Output = T> + 'static,
) {
    let shard = Rc::clone(node.shard());
    spawn_detached(class, async move {
        let cancelled = answer.cancellation();
        futures_util::pin_mut!(compute);
        match futures_util::future::select(compute, cancelled).await {
            futures_util::future::Either::Left((value, _)) => {
                let _ = answer.send(value);
            }
            futures_util::future::Either::Right(_) => {
                shard.metrics.add(&family::CANCELLED_PARTS, &[], 1.0);
            }
        }
    });
}

/// Snapshots may overtake each other while lanes are full; the newest wins.
fn set_blocks(shard: &Shard, list: Arc<BlockList>, answer: Answer<()>) {
    if list.version() >= shard.blocks.borrow().version() {
        shard.blocks.replace(list);
    }
    let _ = answer.send(());
}

/// As with blocks, the newest wins.
fn set_limits(shard: &Shard, limits: Arc<Limits>, answer: Answer<()>) {
    if limits.version >= shard.limits.borrow().version {
        shard.limits.replace(limits);
    }
    let _ = answer.send(());
}

fn request_flush(shard: &Shard, tenant: Option<&TenantId>, answer: Answer<bool>) {
    if tenant.is_some_and(|tenant| !shard.knows(tenant)) {
        let _ = answer.send(false);
        return;
    }
    shard.flushes.borrow_mut().push(FlushRequest { segments_ahead: None, done: answer });
    shard.seal_requested.set(true);
    shard.commit_work.notify();
}

/// Counts requests to an object store, which all cores share.
fn refresh_requests(shard: &Shard) {
    let Some(store) = shard.store.backend().store() else { return };
    for (operation, status, sample) in store.requests().samples() {
        let labels = [operation, status.as_str()];
        let counts = sample.counts.to_vec();
        shard.metrics.set_buckets(&family::BACKEND_REQUESTS, &labels, counts, sample.seconds);
    }
    let hedged = store.requests().hedged() as f64;
    shard.metrics.set(&family::BACKEND_HEDGED, &[], hedged);
}

/// Gauges are computed when they are asked for.
fn refresh_gauges(shard: &Shard) {
    for usage in Use::ALL {
        let used = shard.budget.used_for(usage) as f64;
        shard.metrics.set(&family::MEMORY_USED, &[usage.name()], used);
    }
    let spare = shard.budget.spare_bytes() as f64;
    shard.metrics.set(&family::MEMORY_USED, &["spare"], spare);
    shard.metrics.set(&family::MEMORY_BUDGET, &[], shard.settings.budget_bytes_per_core as f64);
    for (tenant, traces, bytes) in shard.live_by_tenant() {
        shard.metrics.set(&family::LIVE_TRACES, &[tenant.as_str()], traces as f64);
        shard.metrics.set(&family::LIVE_TRACE_BYTES, &[tenant.as_str()], bytes as f64);
    }
    if shard.core.0 == 0 {
        shard.store.outer().refresh_gauges();
        shard.limits().show(&shard.metrics);
        refresh_block_gauges(shard);
        shard.damaged.refresh_gauge(&shard.blocks.borrow(), &shard.metrics);
        refresh_requests(shard);
    }
}

fn refresh_block_gauges(shard: &Shard) {
    let list = Arc::clone(&shard.blocks.borrow());
    for (tenant, blocks) in list.tenants() {
        let length = blocks.len() as f64;
        for gauge in [&family::BLOCKLIST_LENGTH, &family::BLOCKLIST_LENGTH_ALIAS] {
            shard.metrics.set(gauge, &[tenant.as_str()], length);
        }
        let compacted = list.compacted_of(tenant).iter().map(|block| &block.entry);
        for (status, sizes) in [("live", sizes(blocks.iter())), ("compacted", sizes(compacted))] {
            let labels = [tenant.as_str(), status];
            shard.metrics.set(&family::BACKEND_OBJECTS, &labels, sizes.0 as f64);
            shard.metrics.set(&family::BACKEND_BYTES, &labels, sizes.1 as f64);
        }
    }
}

/// Traces and bytes of some blocks, as far as their metas are right.
fn sizes<'a>(blocks: impl Iterator<Item = &'a Arc<BlockEntry>>) -> (u64, u64) {
    blocks.map(|block| &block.meta).fold((0_u64, 0_u64), |(traces, bytes), meta| {
        (traces.saturating_add(meta.total_objects), bytes.saturating_add(meta.size))
    })
}
