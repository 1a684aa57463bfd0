//! Searches the live data of one core, newest traces first.
//!
//! All live pieces of a trace on this core are put together before the plan sees it.

use std::collections::HashMap;
use std::rc::Rc;

use stringendo_proto::TraceId;
use stringendo_ring::yield_if_due;

use super::SearchRequest;
use super::collect::{Findings, FoundTrace, Newest, SearchCost};
use super::echo::{self, SpanFacts};
use crate::error::QueryError;
use crate::live::columns::{self, LiveColumns, LiveFields};
use crate::live::facts;
use crate::live::span::SpanView;
use crate::live::{LiveSegment, index::TenantIndex};
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
/// None today; the type is that of all jobs.
pub async fn run(shard: &Shard, job: &LiveSearchJob) -> Result<Findings, QueryError> {
    let sealed = shard.live_segments();
    let mut newest = Newest::new(job.request.limit);
    let mut cost = SearchCost::default();
    let mut matching = Vec::new();
    let fields = LiveFields::of(&job.request.plan, &shard.settings.block.dedicated_columns);
    for (trace_id, start) in candidates(shard, &sealed, job) {
        // Newest come first, so nothing later is newer than what is there.
        if newest.is_full() && !newest.wants(start) {
            break;
        }
        if let Some(found) = {
            let active = shard.active.borrow();
            let segments = sealed.iter().map(Rc::as_ref).chain([&*active]);
            look_at(segments, job, &fields, &trace_id, &mut matching, &mut cost)
        } {
            newest.add(found);
        }
        yield_if_due().await;
    }
    Ok(Findings { traces: newest.into_traces(), cost })
}

/// Traces in the requested time, newest first.
fn candidates(
    shard: &Shard,
    sealed: &[Rc<LiveSegment>],
    job: &LiveSearchJob,
) -> Vec<(TraceId, u64)> {
    let mut times: HashMap<TraceId, (u64, u64)> = HashMap::new();
    let active = shard.active.borrow();
    for segment in sealed.iter().map(Rc::as_ref).chain([&*active]) {
        let Some(index) = segment.tenant(&job.tenant) else { continue };
        for id in index.trace_ids() {
            let (start, end) = trace_times(index, id);
            let known = times.entry(*id).or_insert((u64::MAX, 0));
            *known = (known.0.min(start), known.1.max(end));
        }
    }
    let request = &job.request;
    times.retain(|_, (start, end)| {
        *start <= request.end_unix_nanos && *end >= request.start_unix_nanos
    });
    let mut ordered: Vec<_> = times.into_iter().map(|(id, (start, _))| (id, start)).collect();
    ordered.sort_unstable_by_key(|(id, start)| (std::cmp::Reverse(*start), *id));
    ordered
}

fn trace_times(index: &TenantIndex, id: &TraceId) -> (u64, u64) {
    let times = index.spans_of(id).map(|(span, _)| (span.start_unix_nano, span.end_unix_nano));
    times.fold((u64::MAX, 0), |(first, last), (start, end)| (first.min(start), last.max(end)))
}

fn look_at<'a>(
    segments: impl Iterator<Item = &'a LiveSegment>,
    job: &LiveSearchJob,
    fields: &LiveFields<'_>,
    id: &TraceId,
    matching: &mut Vec<u32>,
    cost: &mut SearchCost,
) -> Option<FoundTrace> {
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
    (!matching.is_empty()).then(|| found(id, &spans, &columns, matching, &job.request))
}

fn found(
    id: &TraceId,
    spans: &[SpanView<'_>],
    columns: &LiveColumns<'_>,
    matching: &[u32],
    request: &SearchRequest,
) -> FoundTrace {
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
    FoundTrace {
        trace_id: *id,
        root_service: text(facts.root_service),
        root_name: text(facts.root_name),
        start_unix_nanos: facts.start_unix_nanos,
        end_unix_nanos: facts.end_unix_nanos,
        services: services.collect(),
        spans: shown.collect(),
        matched: matching.len() as u32,
    }
}
