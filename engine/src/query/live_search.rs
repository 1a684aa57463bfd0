//! Searches the live data of one core, newest traces first.
//!
//! All live pieces of a trace on this core are put together before the plan sees it.

use std::collections::HashMap;
use std::rc::Rc;

use stringendo_proto::TraceId;
use stringendo_ring::yield_if_due;

use super::SearchRequest;
use super::collect::{Findings, Newest, SearchCost};
use super::judge::Judge;
use super::memory::{Charged, grow};
use crate::budget::Charge;
use crate::error::QueryError;
use crate::live::LiveSegment;
use crate::live::columns;
use crate::live::span::SpanView;
use crate::shard::Shard;
use crate::tenant::TenantId;

/// A search of live data.
#[derive(Clone, Debug)]
pub struct LiveSearchJob {
    /// Whose data.
    pub tenant: TenantId,
    /// What for.
    pub request: SearchRequest,
}

/// Runs the job on this core.
///
/// # Errors
/// There is no memory.
pub async fn run(shard: &Shard, job: &LiveSearchJob) -> Result<Charged<Findings>, QueryError> {
    let candidates_bytes = live_traces(shard, job) * CANDIDATE_BYTES;
    let memory = shard.memory_to_read(candidates_bytes + TRACE_BYTES).await?;
    let sealed = shard.live_segments();
    let mut search = LiveSearch {
        tenant: &job.tenant,
        judge: Judge::new(&job.request, &shard.settings.block.dedicated_columns),
        newest: Newest::new(job.request.limit, shard.answer_memory()),
        cost: SearchCost::default(),
        room: TraceRoom { memory, trace_bytes: TRACE_BYTES },
    };
    for Candidate { trace_id, start, spans } in candidates(shard, &sealed, job) {
        // Newest come first, so nothing later is newer than what is there.
        if search.newest.is_full() && !search.newest.wants(start) {
            break;
        }
        search.room.make_for(spans as usize, 0)?;
        {
            let active = shard.active.borrow();
            search.look_at(sealed.iter().map(Rc::as_ref).chain([&*active]), &trace_id)?;
        }
        yield_if_due().await;
    }
    Ok(search.newest.into_findings(search.cost))
}

struct LiveSearch<'a> {
    tenant: &'a TenantId,
    judge: Judge<'a>,
    newest: Newest,
    cost: SearchCost,
    room: TraceRoom,
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
    spans: u32,
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

/// Traces in the requested time, newest first.
fn candidates(shard: &Shard, sealed: &[Rc<LiveSegment>], job: &LiveSearchJob) -> Vec<Candidate> {
    let mut times: HashMap<TraceId, TraceTimes> = HashMap::new();
    let active = shard.active.borrow();
    for segment in sealed.iter().map(Rc::as_ref).chain([&*active]) {
        let Some(index) = segment.tenant(&job.tenant) else { continue };
        for id in index.trace_ids() {
            let known = times.entry(*id).or_insert(TraceTimes::NONE);
            *known = index.spans_of(id).fold(*known, |times, (span, _)| {
                times.add(span.start_unix_nano, span.end_unix_nano)
            });
        }
    }
    let request = &job.request;
    times.retain(|_, TraceTimes { start, end, .. }| {
        *start <= request.end_unix_nanos && *end >= request.start_unix_nanos
    });
    let candidate =
        |(trace_id, TraceTimes { start, spans, .. })| Candidate { trace_id, start, spans };
    let mut ordered: Vec<_> = times.into_iter().map(candidate).collect();
    ordered.sort_unstable_by_key(|found| (std::cmp::Reverse(found.start), found.trace_id));
    ordered
}

impl LiveSearch<'_> {
    fn look_at<'a>(
        &mut self,
        segments: impl Iterator<Item = &'a LiveSegment>,
        id: &TraceId,
    ) -> Result<(), QueryError> {
        let parts = segments.filter_map(|segment| Some((segment, segment.tenant(self.tenant)?)));
        let parts = parts.flat_map(|(segment, index)| {
            index.spans_of(id).map(move |(_, part)| (segment.chunks(), part))
        });
        let spans = columns::spans(parts);
        self.cost.traces += 1;
        self.cost.spans += spans.len() as u64;
        self.cost.bytes += spans.iter().map(|span| span.body.len() as u64).sum::<u64>();
        self.room.make_for(spans.len(), self.judge.memory_bytes(&spans))?;
        match self.judge.judge(id, &spans, self.newest.memory())? {
            Some(found) => self.newest.add(found),
            None => Ok(()),
        }
    }
}
