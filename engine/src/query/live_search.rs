//! Searches the live data of one core, newest traces first.
//!
//! All live pieces of a trace on this core are put together before the plan sees it.

use std::collections::HashMap;
use std::sync::Arc;

use stringendo_proto::TraceId;
use stringendo_ring::yield_if_due;
use uuid::Uuid;

use super::SearchRequest;
use super::bound::SearchBound;
use super::collect::{Findings, LiveCover, Newest, SearchCost};
use super::elsewhere::{Elsewhere, LiveTimes, Piece, Places};
use super::judge::Judge;
use super::memory::{Charged, grow};
use super::pending::Pending;
use crate::budget::Charge;
use crate::encode_job::block_id;
use crate::error::QueryError;
use crate::live::LiveSegment;
use crate::live::columns;
use crate::live::span::SpanView;
use crate::live::view::LiveView;
use crate::node::Node;
use crate::shard::Shard;
use crate::tenant::TenantId;

/// A search of live data.
#[derive(Clone, Debug)]
pub struct LiveSearchJob {
    /// Whose data.
    pub tenant: TenantId,
    /// What for.
    pub request: SearchRequest,
    /// How new traces must be.
    pub bound: Arc<SearchBound>,
}

/// Runs the job on this core.
///
/// # Errors
/// There is no memory, or the query cannot be evaluated.
pub async fn run(node: &Node, job: &LiveSearchJob) -> Result<Charged<Findings>, QueryError> {
    let bounds = (job.request.start_unix_nanos, job.request.end_unix_nanos);
    // This is the live data.
    let places = Places::of(node, &job.tenant, bounds, Vec::new());
    let mut elsewhere = Elsewhere::new(node, places);
    loop {
        match attempt(node, job, &mut elsewhere).await? {
            Attempt::Done(findings) => return Ok(*findings),
            // All memory to read with was given back. At most once, since then all is known.
            Attempt::MustLearn { start, end } => elsewhere.learn(start, end).await?,
        }
    }
}

/// How far a search came.
enum Attempt {
    Done(Box<Charged<Findings>>),
    /// What blocks of this time hold must be known.
    MustLearn {
        start: u64,
        end: u64,
    },
}

async fn attempt(
    node: &Node,
    job: &LiveSearchJob,
    elsewhere: &mut Elsewhere<'_>,
) -> Result<Attempt, QueryError> {
    let shard = node.shard();
    let candidates_bytes = live_traces(shard, job) * CANDIDATE_BYTES;
    let memory = shard.memory_to_read(candidates_bytes + TRACE_BYTES).await?;
    let mut view = LiveView::of(shard);
    let Candidates { traces, times } = candidates(node, &view, job);
    let bound = Arc::clone(&job.bound);
    let mut search = LiveSearch {
        node,
        tenant: &job.tenant,
        judge: Judge::new(&job.request, &shard.stored_form(&job.tenant)),
        newest: Newest::new(job.request.limit, shard.answer_memory(), bound),
        pending: Pending::default(),
        cost: SearchCost::default(),
        room: TraceRoom { memory, trace_bytes: TRACE_BYTES },
    };
    for candidate in traces {
        // Newest come first, so nothing later is newer than what is there.
        if !search.newest.wants(candidate.start) {
            break;
        }
        search.room.make_for(candidate.spans as usize, 0)?;
        view.refresh(shard);
        search.look_at(&view, &shard.active.borrow(), &candidate)?;
        if search.pending.is_full() {
            let (start, end) = search.pending.times();
            if !elsewhere.knows(start, end) {
                return Ok(Attempt::MustLearn {
                    start: times.start_unix_nanos,
                    end: times.end_unix_nanos,
                });
            }
            search.settle(elsewhere, &own_blocks(&view, job)).await?;
        }
        yield_if_due().await;
    }
    view.refresh(shard);
    let own = own_blocks(&view, job);
    let mut findings = search.finish(elsewhere, &own).await?;
    findings.value.live = Some(LiveCover { blocks: own, times });
    Ok(Attempt::Done(Box::new(findings)))
}

/// The blocks that are or will be made of what is seen.
fn own_blocks(view: &LiveView, job: &LiveSearchJob) -> Vec<Uuid> {
    view.ids().map(|segment| block_id(segment, &job.tenant)).collect()
}

struct LiveSearch<'a> {
    node: &'a Node,
    tenant: &'a TenantId,
    judge: Judge<'a>,
    newest: Newest,
    pending: Pending,
    cost: SearchCost,
    room: TraceRoom,
}

impl LiveSearch<'_> {
    fn look_at(
        &mut self,
        view: &LiveView,
        active: &LiveSegment,
        candidate: &Candidate,
    ) -> Result<(), QueryError> {
        let id = &candidate.trace_id;
        let spans = columns::spans(view.parts(active, self.tenant, id));
        self.cost.traces += 1;
        self.cost.spans += spans.len() as u64;
        self.cost.bytes += spans.iter().map(|span| span.body.len() as u64).sum::<u64>();
        self.room.make_for(spans.len(), self.judge.memory_bytes(&spans))?;
        let verdict = self.judge.judge(id, &spans, self.newest.memory())?;
        let piece = Piece {
            trace_id: *id,
            start_unix_nanos: candidate.start,
            end_unix_nanos: candidate.end,
        };
        if verdict.touches || is_stray(self.node, &piece) {
            self.pending.add(piece, verdict.judged);
        }
        Ok(())
    }

    /// Gives back what it reads with, and settles what is left.
    async fn finish(
        self,
        elsewhere: &mut Elsewhere<'_>,
        own: &[Uuid],
    ) -> Result<Charged<Findings>, QueryError> {
        let Self { node, mut newest, mut pending, mut cost, room, .. } = self;
        drop(room);
        let (start, end) = pending.times();
        if !pending.is_empty() {
            elsewhere.learn(start, end).await?;
            pending
                .settle(elsewhere, own, false, |piece| is_stray(node, piece), &mut newest)
                .await?;
        }
        cost.add(elsewhere.cost());
        Ok(newest.into_findings(cost))
    }

    async fn settle(&mut self, elsewhere: &Elsewhere<'_>, own: &[Uuid]) -> Result<(), QueryError> {
        let (node, newest) = (self.node, &mut self.newest);
        self.pending.settle(elsewhere, own, false, |piece| is_stray(node, piece), newest).await
    }
}

/// Whether the rest of the trace may be live on another core.
fn is_stray(node: &Node, piece: &Piece) -> bool {
    node.owners().of(&piece.trace_id.0) != node.shard().core
}

/// Memory of a candidate: an entry of a table that is being doubled, and one of a list.
const CANDIDATE_BYTES: u64 =
    4 * size_of::<(TraceId, TraceTimes)>() as u64 + size_of::<Candidate>() as u64;

/// Memory for the columns of a trace; more is asked for when a trace needs more.
const TRACE_BYTES: u64 = 64 << 10;

/// Memory for the columns of the trace at hand.
struct TraceRoom {
    memory: Charge,
    trace_bytes: u64,
}

impl TraceRoom {
    /// Grows without waiting, since this is memory to read with.
    fn make_for(&mut self, spans: usize, columns_bytes: u64) -> Result<(), QueryError> {
        // A view of a span, and its place in a set of those seen and in the tree.
        let span_bytes = size_of::<SpanView<'_>>() + 64;
        let needed = (spans * span_bytes) as u64 + columns_bytes;
        let more = needed.saturating_sub(self.trace_bytes);
        grow(&mut self.memory, more)?;
        self.trace_bytes += more;
        Ok(())
    }
}

/// Traces of the tenant; one in two segments counts twice.
fn live_traces(shard: &Shard, job: &LiveSearchJob) -> u64 {
    let of = |segment: &LiveSegment| {
        segment.tenant(&job.tenant).map_or(0, |index| index.traces() as u64)
    };
    let sealed: u64 = shard.live_segments().iter().map(|segment| of(segment)).sum();
    sealed + of(&shard.active.borrow())
}

/// A trace in the requested time.
struct Candidate {
    trace_id: TraceId,
    start: u64,
    end: u64,
    spans: u32,
}

/// What is live of a tenant.
struct Candidates {
    /// Traces in the requested time, newest first.
    traces: Vec<Candidate>,
    /// Of all traces.
    times: LiveTimes,
}

/// When a trace is, and how many spans it has.
#[derive(Clone, Copy)]
struct TraceTimes {
    start: u64,
    end: u64,
    spans: u32,
}

impl TraceTimes {
    const NONE: Self = Self { start: u64::MAX, end: 0, spans: 0 };

    fn add(self, start: u64, end: u64) -> Self {
        Self {
            start: self.start.min(start),
            end: self.end.max(end),
            spans: self.spans.saturating_add(1),
        }
    }
}

fn candidates(node: &Node, view: &LiveView, job: &LiveSearchJob) -> Candidates {
    let mut times: HashMap<TraceId, TraceTimes> = HashMap::new();
    let (shard, owners) = (node.shard(), node.owners());
    let mut has_stray = false;
    for segment in view.segments(&shard.active.borrow()) {
        let Some(index) = segment.tenant(&job.tenant) else { continue };
        for id in index.trace_ids() {
            has_stray |= owners.of(&id.0) != shard.core;
            let known = times.entry(*id).or_insert(TraceTimes::NONE);
            *known = index.spans_of(id).fold(*known, |times, (span, _)| {
                times.add(span.start_unix_nano, span.end_unix_nano)
            });
        }
    }
    let mut all = LiveTimes { has_stray, ..LiveTimes::none(shard.core) };
    times.values().for_each(|one| all.add(one.start, one.end));
    let request = &job.request;
    times.retain(|_, TraceTimes { start, end, .. }| {
        *start <= request.end_unix_nanos && *end >= request.start_unix_nanos
    });
    let candidate =
        |(trace_id, TraceTimes { start, end, spans })| Candidate { trace_id, start, end, spans };
    let mut traces: Vec<_> = times.into_iter().map(candidate).collect();
    traces.sort_unstable_by_key(|found| (std::cmp::Reverse(found.start), found.trace_id));
    Candidates { traces, times: all }
}
