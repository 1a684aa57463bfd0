//! Names and values on the live spans that a plan finds.

use std::collections::HashMap;
use std::rc::Rc;

use stringendo_block::tags::{DistinctValues, TagNamesFound, TagScope};
use stringendo_proto::TraceId;
use stringendo_ring::yield_if_due;
use stringendo_traceql::{Field, SearchPlan, SpanSet};

use super::blocks::Growing;
use super::blocks_narrowed::numbered;
use super::fields::add_span;
use super::gather::Gathered;
use super::part::{TagsJob, What};
use crate::error::QueryError;
use crate::limits::TAG_VALUES_BYTES_MAX;
use crate::live::LiveSegment;
use crate::live::columns::{self, LiveColumns, LiveFields};
use crate::live::span::{
    self, EVENT_ATTRIBUTES, LINK_ATTRIBUTES, RESOURCE_ATTRIBUTES, SCOPE_ATTRIBUTES,
    SPAN_ATTRIBUTES, SPAN_EVENTS, SPAN_LINKS, SpanView,
};
use crate::query::memory::grow;
use crate::shard::Shard;
use crate::tenant::TenantId;

/// Memory for the views and columns of one trace; more is asked for when a trace needs more.
const TRACE_BYTES: u64 = 64 << 10;

/// Adds what the job asks for.
///
/// # Errors
/// There is no memory.
pub(super) async fn add(
    shard: &Shard,
    tenant: &TenantId,
    job: &TagsJob,
    plan: &SearchPlan,
    gathered: &mut Gathered,
) -> Result<(), QueryError> {
    let list_bytes = live_traces(shard, tenant) * (4 * size_of::<(TraceId, Times)>()) as u64;
    let mut memory = shard.memory_to_read(list_bytes + TRACE_BYTES).await?;
    let mut room = TRACE_BYTES;
    let sealed = shard.live_segments();
    let mut look = Look {
        plan,
        source: LiveFields::of(plan, &shard.settings.block.dedicated_columns),
        what: &job.what,
        fields: numbered(plan, &job.what),
        sets: Vec::new(),
        names: TagNamesFound::default(),
        values: DistinctValues::new(job.bytes_max().min(TAG_VALUES_BYTES_MAX)),
    };
    let mut held = Growing::default();
    for (id, times) in traces(shard, &sealed, tenant, job) {
        let needed = times.spans * (size_of::<SpanView<'_>>() as u64 + 64);
        {
            let active = shard.active.borrow();
            let segments = sealed.iter().map(Rc::as_ref).chain([&*active]);
            let spans = spans(segments, tenant, &id);
            let needed = needed + look.source.memory_bytes(&spans);
            grow(&mut memory, needed.saturating_sub(room))?;
            room = room.max(needed);
            gathered.read.traces += 1;
            gathered.read.spans += spans.len() as u64;
            gathered.read.bytes += spans.iter().map(|span| span.body.len() as u64).sum::<u64>();
            look.trace(&id, &spans)?;
        }
        let found_bytes = look.names.memory_bytes() + look.values.memory_bytes();
        held.grow(gathered.memory(), found_bytes)?;
        if look.values.is_full() {
            break;
        }
        yield_if_due().await;
    }
    gathered.add_names(&look.names.sorted())?;
    gathered.add_values(&look.values.sorted())
}

/// When a trace is, and how many spans it has.
#[derive(Clone, Copy, Default)]
struct Times {
    start: u64,
    end: u64,
    spans: u64,
}

/// Traces of the tenant; one in two segments counts twice.
fn live_traces(shard: &Shard, tenant: &TenantId) -> u64 {
    let of = |segment: &LiveSegment| segment.tenant(tenant).map_or(0, |index| index.traces());
    let sealed: usize = shard.live_segments().iter().map(|segment| of(segment)).sum();
    (sealed + of(&shard.active.borrow())) as u64
}

/// The traces in the requested time.
fn traces(
    shard: &Shard,
    sealed: &[Rc<LiveSegment>],
    tenant: &TenantId,
    job: &TagsJob,
) -> HashMap<TraceId, Times> {
    let mut traces: HashMap<TraceId, Times> = HashMap::new();
    let active = shard.active.borrow();
    for segment in sealed.iter().map(Rc::as_ref).chain([&*active]) {
        let Some(index) = segment.tenant(tenant) else { continue };
        for id in index.trace_ids() {
            let times = traces.entry(*id).or_insert(Times { start: u64::MAX, end: 0, spans: 0 });
            for (span, _) in index.spans_of(id) {
                times.start = times.start.min(span.start_unix_nano);
                times.end = times.end.max(span.end_unix_nano);
                times.spans += 1;
            }
        }
    }
    traces
        .retain(|_, times| times.start <= job.end_unix_nanos && times.end >= job.start_unix_nanos);
    traces
}

fn spans<'a>(
    segments: impl Iterator<Item = &'a LiveSegment>,
    tenant: &TenantId,
    id: &TraceId,
) -> Vec<SpanView<'a>> {
    let parts = segments.filter_map(|segment| Some((segment, segment.tenant(tenant)?)));
    let parts = parts.flat_map(|(segment, index)| {
        index.spans_of(id).map(move |(_, part)| (segment.chunks(), part))
    });
    columns::spans(parts)
}

struct Look<'a> {
    plan: &'a SearchPlan,
    source: LiveFields<'a>,
    what: &'a What,
    fields: Vec<(usize, &'a Field)>,
    sets: Vec<SpanSet>,
    names: TagNamesFound,
    values: DistinctValues,
}

impl Look<'_> {
    fn trace(&mut self, id: &TraceId, spans: &[SpanView<'_>]) -> Result<(), QueryError> {
        let columns = LiveColumns::read(id, spans, &self.source);
        self.plan.spansets(&columns, &mut self.sets)?;
        for number in self.sets.iter().flat_map(|set| &set.spans) {
            match self.what {
                What::Values(_) => add_span(&columns, *number, &self.fields, &mut self.values),
                What::Names(scopes) => {
                    add_names(&spans[*number as usize], scopes, &mut self.names);
                }
            }
        }
        Ok(())
    }
}

fn add_names(span: &SpanView<'_>, scopes: &[TagScope], found: &mut TagNamesFound) {
    for scope in scopes {
        let mut add = |body: &[u8], number: u32| {
            for (key, _) in span::attributes(body, number) {
                found.insert(*scope, key);
            }
        };
        match scope {
            TagScope::Resource => add(span.resource, RESOURCE_ATTRIBUTES),
            TagScope::Instrumentation => add(span.scope, SCOPE_ATTRIBUTES),
            TagScope::Span => add(span.body, SPAN_ATTRIBUTES),
            TagScope::Event => span::messages(span.body, SPAN_EVENTS)
                .for_each(|event| add(event, EVENT_ATTRIBUTES)),
            TagScope::Link => {
                span::messages(span.body, SPAN_LINKS).for_each(|link| add(link, LINK_ATTRIBUTES))
            }
        }
    }
}
