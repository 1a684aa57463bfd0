//! Names and values on the live spans that a plan finds.

use std::collections::HashMap;

use stringendo_block::tags::{DistinctValues, TagNamesFound, TagScope};
use stringendo_proto::TraceId;
use stringendo_ring::yield_if_due;
use stringendo_traceql::{Field, SearchPlan, SpanSet};

use super::blocks::Growing;
use super::blocks_narrowed::numbered;
use super::fields::add_span;
use super::gather::Gathered;
use super::others;
use super::part::{LiveTagsJob, TagsJob, What};
use crate::budget::Charge;
use crate::error::QueryError;
use crate::limits::TAG_VALUES_BYTES_MAX;
use crate::live::LiveSegment;
use crate::live::columns::{self, LiveColumns, LiveFields};
use crate::live::span::{
    self, EVENT_ATTRIBUTES, LINK_ATTRIBUTES, RESOURCE_ATTRIBUTES, SCOPE_ATTRIBUTES,
    SPAN_ATTRIBUTES, SPAN_EVENTS, SPAN_LINKS, SpanView,
};
use crate::live::view::LiveView;
use crate::node::Node;
use crate::query::elsewhere::{Elsewhere, LiveTimes, Places};
use crate::query::memory::grow;
use crate::query::split::{LiveSplit, held_by_strays};
use crate::query::touch::may_be_taken;
use crate::shard::Shard;
use crate::tenant::TenantId;

/// Memory for the views and columns of one trace; more is asked for when a trace needs more.
const TRACE_BYTES: u64 = 64 << 10;

/// Memory of a trace in a table that is being doubled, in a list, and in a set.
const LISTED_BYTES: u64 = 6 * size_of::<(TraceId, Times)>() as u64;

/// Adds what the job asks for; what is live of a trace on this core counts as the trace.
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
    let memory = memory_to_read(shard, tenant).await?;
    let mut view = LiveView::of(shard);
    let (traces, _) = traces(shard, &view, tenant, job);
    let form = shard.stored_form(tenant);
    let fields = LiveFields::of(plan, &form);
    let mut look = Look::new(shard, tenant, job, plan, fields, memory);
    look.all(&mut view, traces, None, gathered).await.map(drop)
}

/// Adds what the job asks for, and notes traces that may have pieces elsewhere.
///
/// # Errors
/// There is no memory.
pub(super) async fn add_whole(
    node: &Node,
    part: &LiveTagsJob,
    plan: &SearchPlan,
    gathered: &mut Gathered,
) -> Result<LiveTimes, QueryError> {
    let (shard, tenant, job) = (node.shard(), &part.tenant, &part.job);
    let bounds = (job.start_unix_nanos, job.end_unix_nanos);
    let form = shard.stored_form(tenant);
    // This is the live data.
    let mut elsewhere = Elsewhere::new(node, Places::of(node, tenant, bounds, Vec::new()));
    loop {
        let memory = memory_to_read(shard, tenant).await?;
        // Without a pause between them, every span of this core is in the view or a listed block.
        let mut view = LiveView::of(shard);
        elsewhere.refresh();
        let own = view.blocks(tenant);
        let (traces, mut times) = traces(shard, &view, tenant, job);
        let owners = node.owners();
        times.has_stray = traces.iter().any(|(id, _)| owners.of(&id.0) != shard.core);
        let ids: Vec<TraceId> = traces.iter().map(|(id, _)| *id).collect();
        let astray = held_by_strays(node, tenant, &part.strays, &ids).await?;
        if elsewhere.refresh() {
            continue;
        }
        let split = LiveSplit::new(node, &elsewhere, &own, times, astray);
        let fields = LiveFields::of(plan, &form);
        let mut look = Look::new(shard, tenant, job, plan, fields, memory);
        if look.all(&mut view, traces, Some(&split), gathered).await? {
            gathered.read.add(elsewhere.cost());
            return Ok(times);
        }
        // All memory to read with is given back. What was added is in already.
        drop(look);
        elsewhere.learn(times.start_unix_nanos, times.end_unix_nanos).await?;
    }
}

async fn memory_to_read(shard: &Shard, tenant: &TenantId) -> Result<Charge, QueryError> {
    let of = |segment: &LiveSegment| segment.tenant(tenant).map_or(0, |index| index.traces());
    let sealed: usize = shard.live_segments().iter().map(|segment| of(segment)).sum();
    // A trace in two segments counts twice.
    let traces = (sealed + of(&shard.active.borrow())) as u64;
    shard.memory_to_read(traces * LISTED_BYTES + TRACE_BYTES).await
}

/// When a trace is, and how many spans it has.
#[derive(Clone, Copy, Default)]
struct Times {
    start: u64,
    end: u64,
    spans: u64,
}

/// The traces in the requested time, and the time of all.
fn traces(
    shard: &Shard,
    view: &LiveView,
    tenant: &TenantId,
    job: &TagsJob,
) -> (Vec<(TraceId, Times)>, LiveTimes) {
    let mut traces: HashMap<TraceId, Times> = HashMap::new();
    for segment in view.segments(&shard.active.borrow()) {
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
    let mut all = LiveTimes::none(shard.core);
    traces.values().for_each(|times| all.add(times.start, times.end));
    traces
        .retain(|_, times| times.start <= job.end_unix_nanos && times.end >= job.start_unix_nanos);
    (traces.into_iter().collect(), all)
}

struct Look<'a> {
    shard: &'a Shard,
    tenant: &'a TenantId,
    plan: &'a SearchPlan,
    source: LiveFields<'a>,
    found: Found<'a>,
    sets: Vec<SpanSet>,
    /// Memory for the trace at hand, and how much of it that is.
    to_read: (Charge, u64),
}

impl<'a> Look<'a> {
    fn new(
        shard: &'a Shard,
        tenant: &'a TenantId,
        job: &'a TagsJob,
        plan: &'a SearchPlan,
        source: LiveFields<'a>,
        memory: Charge,
    ) -> Self {
        let (found, sets) = (Found::new(job, plan), Vec::new());
        Self { shard, tenant, plan, source, found, sets, to_read: (memory, TRACE_BYTES) }
    }

    /// Looks at the traces, and adds what was found. `split` says which have pieces elsewhere;
    /// `false` if that has to be learned first.
    async fn all(
        &mut self,
        view: &mut LiveView,
        traces: Vec<(TraceId, Times)>,
        split: Option<&LiveSplit<'_, '_>>,
        gathered: &mut Gathered,
    ) -> Result<bool, QueryError> {
        let mut is_known = true;
        for (id, times) in traces {
            view.refresh(self.shard);
            is_known = self.trace(view, &id, times, split, gathered)?;
            self.found.charge(gathered)?;
            if self.found.values.is_full() || !is_known {
                break;
            }
            yield_if_due().await;
        }
        self.found.give(gathered)?;
        Ok(is_known)
    }

    fn trace(
        &mut self,
        view: &LiveView,
        id: &TraceId,
        times: Times,
        split: Option<&LiveSplit<'_, '_>>,
        gathered: &mut Gathered,
    ) -> Result<bool, QueryError> {
        let active = self.shard.active.borrow();
        let spans = columns::spans(view.parts(&active, self.tenant, id));
        let needed = times.spans * (size_of::<SpanView<'_>>() as u64 + 64)
            + self.source.memory_bytes(&spans);
        grow(&mut self.to_read.0, needed.saturating_sub(self.to_read.1))?;
        self.to_read.1 = self.to_read.1.max(needed);
        gathered.read.traces += 1;
        gathered.read.spans += spans.len() as u64;
        gathered.read.bytes += spans.iter().map(|span| span.body.len() as u64).sum::<u64>();
        let columns = LiveColumns::read(id, &spans, &self.source);
        let evaluated = self.plan.spansets(&columns, &mut self.sets);
        if let Some(split) = split {
            let matters =
                evaluated.is_err() || !self.sets.is_empty() || may_be_taken(self.plan, &columns);
            match matters.then(|| split.of(id)) {
                None => return Ok(true),
                Some(None) => return Ok(false),
                Some(Some(true)) => {
                    others::note(gathered, (*id, (times.start, times.end)))?;
                    return Ok(true);
                }
                Some(Some(false)) => {}
            }
        }
        evaluated?;
        self.found.add(&columns, &spans, &self.sets);
        Ok(true)
    }
}

/// What was found on spans that are in memory as wire bytes.
pub(super) struct Found<'a> {
    what: &'a What,
    fields: Vec<(usize, &'a Field)>,
    names: TagNamesFound,
    values: DistinctValues,
    held: Growing,
}

impl<'a> Found<'a> {
    pub(super) fn new(job: &'a TagsJob, plan: &SearchPlan) -> Self {
        Self {
            what: &job.what,
            fields: numbered(plan, &job.what),
            names: TagNamesFound::default(),
            values: DistinctValues::new(job.bytes_max().min(TAG_VALUES_BYTES_MAX)),
            held: Growing::default(),
        }
    }

    pub(super) fn add(
        &mut self,
        columns: &LiveColumns<'_>,
        spans: &[SpanView<'_>],
        sets: &[SpanSet],
    ) {
        for number in sets.iter().flat_map(|set| &set.spans) {
            match self.what {
                What::Values(_) => add_span(columns, *number, &self.fields, &mut self.values),
                What::Names(scopes) => {
                    add_names(&spans[*number as usize], scopes, &mut self.names);
                }
            }
        }
    }

    /// Charges what has come to it.
    pub(super) fn charge(&mut self, gathered: &mut Gathered) -> Result<(), QueryError> {
        let bytes = self.names.memory_bytes() + self.values.memory_bytes();
        self.held.grow(gathered.memory(), bytes)
    }

    /// Adds it to what was gathered.
    pub(super) fn give(&self, gathered: &mut Gathered) -> Result<(), QueryError> {
        gathered.add_names(&self.names.sorted())?;
        gathered.add_values(&self.values.sorted())
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
