//! A metrics query over the live data of one core.
//!
//! All live pieces of a trace on this core are put together before a plan sees them.

use std::collections::HashSet;

use stringendo_block::meta::DedicatedColumn;
use stringendo_proto::TraceId;
use stringendo_ring::yield_if_due;
use stringendo_traceql::metrics::{Accumulator, TraceSpans};
use stringendo_traceql::{AttributeScope, Field, SpanSet};

use super::view::{LiveView, SegmentGone};
use super::{MetricsFindings, MetricsRequest};
use crate::budget::Charge;
use crate::error::QueryError;
use crate::live::columns::{LiveColumns, LiveFields};
use crate::live::span::{self, RESOURCE_ATTRIBUTES, SCOPE_ATTRIBUTES, SPAN_ATTRIBUTES, SpanView};
use crate::query::collect::SearchCost;
use crate::query::memory::{AnswerMemory, Charged, grow};
use crate::shard::Shard;
use crate::tenant::TenantId;

/// A metrics query over live data.
#[derive(Clone, Debug)]
pub struct LiveMetricsJob {
    /// Whose data.
    pub tenant: TenantId,
    /// What for.
    pub request: MetricsRequest,
}

/// Memory for the columns of a trace; more is asked for when a trace needs more.
const TRACE_BYTES: u64 = 64 << 10;

/// Runs the job on this core.
///
/// # Errors
/// The query cannot be evaluated, or there is no memory.
pub async fn run(
    shard: &Shard,
    job: &LiveMetricsJob,
) -> Result<Charged<MetricsFindings>, QueryError> {
    loop {
        if let Ok(outcome) = attempt(shard, job).await {
            return outcome;
        }
    }
}

/// Runs the job, unless a segment that is looked at goes away: then its block is there.
async fn attempt(
    shard: &Shard,
    job: &LiveMetricsJob,
) -> Result<Result<Charged<MetricsFindings>, QueryError>, SegmentGone> {
    let ids_bytes = LiveView::of(shard).traces_max(shard, &job.tenant) * IDS_BYTES;
    let memory = match shard.memory_to_read(ids_bytes + TRACE_BYTES).await {
        Ok(memory) => memory,
        Err(error) => return Ok(Err(error)),
    };
    let mut view = LiveView::of(shard);
    let bounds = job.request.axis.bounds_unix_nanos();
    let mut live = LiveMetrics::new(shard, &job.request, memory);
    for id in view.traces(shard, &job.tenant, bounds) {
        view.follow(shard)?;
        let spans_max = view.spans_max(shard, &job.tenant, &id);
        let outcome = live.make_room(spans_max, 0);
        let look = |spans: &[SpanView<'_>]| live.take(&id, spans);
        if let Err(error) = outcome.and_then(|()| view.spans(shard, &job.tenant, &id, look)) {
            return Ok(Err(error));
        }
        yield_if_due().await;
    }
    Ok(Ok(live.into_findings(view.blocks(&job.tenant))))
}

/// Memory of an id in a list that is being doubled.
const IDS_BYTES: u64 = 2 * size_of::<TraceId>() as u64;

struct LiveMetrics<'a> {
    dedicated: &'a [DedicatedColumn],
    legs: Vec<Leg<'a>>,
    starts: Vec<u64>,
    sets: Vec<SpanSet>,
    cost: SearchCost,
    /// Memory for the columns of the trace at hand, and how much of it that is.
    to_read: (Charge, u64),
    memory: AnswerMemory,
}

struct Leg<'a> {
    plan: &'a stringendo_traceql::metrics::Leg,
    fields: LiveFields<'a>,
    sum: Accumulator,
}

impl<'a> LiveMetrics<'a> {
    fn new(shard: &'a Shard, request: &'a MetricsRequest, to_read: Charge) -> Self {
        let dedicated = shard.settings.block.dedicated_columns.as_slice();
        let legs = request.plan.legs().iter().zip(request.accumulators());
        let legs = legs.map(|(plan, sum)| Leg {
            plan,
            fields: LiveFields::of(plan.search(), dedicated),
            sum,
        });
        Self {
            dedicated,
            legs: legs.collect(),
            starts: Vec::new(),
            sets: Vec::new(),
            cost: SearchCost::default(),
            to_read: (to_read, TRACE_BYTES),
            memory: shard.answer_memory(),
        }
    }

    /// Grows without waiting, since this is memory to read with.
    fn make_room(&mut self, spans: usize, columns_bytes: u64) -> Result<(), QueryError> {
        // A view of a span, its start, and its place in a set of those seen and in the tree.
        let span_bytes = size_of::<SpanView<'_>>() + 72;
        let needed = (spans * span_bytes) as u64 + columns_bytes;
        let more = needed.saturating_sub(self.to_read.1);
        grow(&mut self.to_read.0, more)?;
        self.to_read.1 += more;
        Ok(())
    }

    fn take(&mut self, id: &TraceId, spans: &[SpanView<'_>]) -> Result<(), QueryError> {
        self.cost.traces += 1;
        self.cost.spans += spans.len() as u64;
        self.cost.bytes += spans.iter().map(|span| span.body.len() as u64).sum::<u64>();
        self.starts.clear();
        self.starts.extend(spans.iter().map(|span| span.start_unix_nanos));
        for leg in 0..self.legs.len() {
            if self.legs[leg].plan.compares_attributes() {
                self.compare(leg, id, spans)?;
            } else {
                let bytes = self.legs[leg].fields.memory_bytes(spans);
                self.make_room(spans.len(), bytes)?;
                let leg = &mut self.legs[leg];
                let columns = LiveColumns::read(id, spans, &leg.fields);
                leg.plan.search().spansets(&columns, &mut self.sets)?;
                let trace = TraceSpans {
                    columns: &columns,
                    start_unix_nanos: &self.starts,
                    trace_id: id.0,
                    attributes: &[],
                    again: false,
                };
                leg.sum.observe(&trace, &self.sets, &mut |bytes| self.memory.grow(bytes))?;
            }
        }
        Ok(())
    }

    /// The same with all attributes of the spans.
    fn compare(
        &mut self,
        leg: usize,
        id: &TraceId,
        spans: &[SpanView<'_>],
    ) -> Result<(), QueryError> {
        let plan = self.legs[leg].plan;
        let attributes = attributes(spans);
        let fields = [plan.search().fields(), &attributes].concat();
        let fields = LiveFields::of_fields(&fields, self.dedicated);
        self.make_room(spans.len(), fields.memory_bytes(spans))?;
        let columns = LiveColumns::read(id, spans, &fields);
        plan.search().spansets(&columns, &mut self.sets)?;
        let trace = TraceSpans {
            columns: &columns,
            start_unix_nanos: &self.starts,
            trace_id: id.0,
            attributes: &attributes,
            again: false,
        };
        let sum = &mut self.legs[leg].sum;
        sum.observe(&trace, &self.sets, &mut |bytes| self.memory.grow(bytes))
    }

    fn into_findings(self, blocks_done: Vec<uuid::Uuid>) -> Charged<MetricsFindings> {
        let accumulators = self.legs.into_iter().map(|leg| leg.sum).collect();
        let value = MetricsFindings { accumulators, cost: self.cost, blocks_done };
        Charged { value, memory: self.memory }
    }
}

/// Every attribute of the spans, their resources and scopes; the order does not matter.
fn attributes(spans: &[SpanView<'_>]) -> Vec<Field> {
    let mut known: HashSet<(AttributeScope, &[u8])> = HashSet::new();
    for span in spans {
        let lists = [
            (AttributeScope::Span, span.body, SPAN_ATTRIBUTES),
            (AttributeScope::Resource, span.resource, RESOURCE_ATTRIBUTES),
            (AttributeScope::Instrumentation, span.scope, SCOPE_ATTRIBUTES),
        ];
        for (scope, body, number) in lists {
            known.extend(span::attributes(body, number).map(|(key, _)| (scope, key)));
        }
    }
    let field = |(scope, key): (AttributeScope, &[u8])| {
        // Queries cannot name other keys.
        Some(Field::attribute(scope, std::str::from_utf8(key).ok()?))
    };
    known.into_iter().filter_map(field).collect()
}
