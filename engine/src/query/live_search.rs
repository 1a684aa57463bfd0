//! Searches the live data of one core, newest traces first.
//!
//! All live pieces of a trace on this core are put together before the plan sees it.

use std::collections::HashMap;
use std::rc::Rc;

use stringendo_proto::TraceId;
use stringendo_ring::yield_if_due;

use super::SearchRequest;
use super::collect::{Findings, FoundTrace, Newest, SearchCost, copy_spans};
use super::echo::{self, SpanFacts};
use super::memory::{AnswerMemory, Charged, grow};
use crate::budget::Charge;
use crate::error::QueryError;
use crate::live::LiveSegment;
use crate::live::columns::{self, LiveColumns, LiveFields};
use crate::live::facts;
use crate::live::span::SpanView;
use crate::live::value::Cell;
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
    let mut room = TraceRoom { memory, trace_bytes: TRACE_BYTES };
    let sealed = shard.live_segments();
    let mut newest = Newest::new(job.request.limit, shard.answer_memory());
    let mut cost = SearchCost::default();
    let mut matching = Vec::new();
    let fields = LiveFields::of(&job.request.plan, &shard.settings.block.dedicated_columns);
    for Candidate { trace_id, start, spans } in candidates(shard, &sealed, job) {
        // Newest come first, so nothing later is newer than what is there.
        if newest.is_full() && !newest.wants(start) {
            break;
        }
        room.make_for(spans, job.request.plan.fields().len())?;
        {
            let active = shard.active.borrow();
            let segments = sealed.iter().map(Rc::as_ref).chain([&*active]);
            look_at(segments, job, &fields, &trace_id, &mut matching, &mut cost, &mut newest)?;
        }
        yield_if_due().await;
    }
    Ok(newest.into_findings(cost))
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
    fn make_for(&mut self, spans: u32, fields: usize) -> Result<(), QueryError> {
        // A view of a span, its place in a set of those seen and in the tree, and its cells.
        let span_bytes = size_of::<SpanView<'_>>() + 64 + fields * size_of::<Cell<'_>>();
        let needed = u64::from(spans) * span_bytes as u64;
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

fn look_at<'a>(
    segments: impl Iterator<Item = &'a LiveSegment>,
    job: &LiveSearchJob,
    fields: &LiveFields<'_>,
    id: &TraceId,
    matching: &mut Vec<u32>,
    cost: &mut SearchCost,
    newest: &mut Newest,
) -> Result<(), QueryError> {
    let parts = segments.filter_map(|segment| Some((segment, segment.tenant(&job.tenant)?)));
    let parts = parts.flat_map(|(segment, index)| {
        index.spans_of(id).map(move |(_, part)| (segment.chunks(), part))
    });
    let spans = columns::spans(parts);
    cost.traces += 1;
    cost.spans += spans.len() as u64;
    cost.bytes += spans.iter().map(|span| span.body.len() as u64).sum::<u64>();
    let columns = LiveColumns::read(id, &spans, fields);
    matching.clear();
    job.request.plan.matching_spans(&columns, matching);
    if matching.is_empty() {
        return Ok(());
    }
    let found = found(id, &spans, &columns, matching, &job.request, newest.memory())?;
    newest.add(found)
}

fn found(
    id: &TraceId,
    spans: &[SpanView<'_>],
    columns: &LiveColumns<'_>,
    matching: &[u32],
    request: &SearchRequest,
    memory: &mut AnswerMemory,
) -> Result<FoundTrace, QueryError> {
    let facts = facts::of(id, spans);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let services = facts.services.iter().map(|(service, counts)| (text(service), *counts));
    let shown = matching.iter().take(request.spans_shown());
    let shown = shown.map(|number| {
        let span = &spans[*number as usize];
        let facts = SpanFacts {
            span_id: span.span_id.0,
            start_unix_nanos: span.start_unix_nanos,
            duration_nanos: span.duration_nanos(),
        };
        echo::span(&request.plan, columns, *number, &facts)
    });
    let spans = copy_spans(memory, shown)?;
    Ok(FoundTrace {
        trace_id: *id,
        root_service: text(facts.root_service),
        root_name: text(facts.root_name),
        start_unix_nanos: facts.start_unix_nanos,
        end_unix_nanos: facts.end_unix_nanos,
        services: services.collect(),
        spans,
        matched: matching.len() as u32,
    })
}
