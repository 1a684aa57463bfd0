//! Takes traces that are in memory as wire bytes into accumulators.
//!
//! From: [`super::live`], with what is live of a trace, and [`super::whole`], with traces that were
//! read from all places. To: [`MetricsFindings`](super::MetricsFindings).

use std::collections::HashSet;

use stringendo_block::StoredForm;
use stringendo_proto::TraceId;
use stringendo_traceql::metrics::{Accumulator, Leg, TraceSpans};
use stringendo_traceql::{AttributeScope, EvalError, Field, SpanSet};

use super::MetricsRequest;
use crate::error::QueryError;
use crate::live::columns::{LiveColumns, LiveFields};
use crate::live::span::{self, RESOURCE_ATTRIBUTES, SCOPE_ATTRIBUTES, SPAN_ATTRIBUTES, SpanView};
use crate::query::collect::SearchCost;
use crate::query::memory::AnswerMemory;
use crate::query::touch::may_be_taken;
use crate::shard::Shard;

/// What became of the spans of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// They count, or do not matter.
    Done,
    /// There are more pieces of the trace elsewhere, without which it cannot be judged.
    Split,
    /// It is not known whether there are more pieces.
    Unknown,
}

/// Accumulators of all legs of a query, and what they hold.
pub struct Observer<'a> {
    form: StoredForm,
    legs: Vec<LegSum<'a>>,
    starts: Vec<u64>,
    sets: Vec<SpanSet>,
    memory: AnswerMemory,
    /// What was looked at.
    pub cost: SearchCost,
}

struct LegSum<'a> {
    plan: &'a Leg,
    fields: LiveFields<'a>,
    sum: Accumulator,
}

impl<'a> Observer<'a> {
    /// Nothing was taken in, yet.
    pub fn new(shard: &'a Shard, form: StoredForm, request: &'a MetricsRequest) -> Self {
        let legs = request.plan.legs().iter().zip(request.accumulators());
        let legs = legs.map(|(plan, sum)| LegSum {
            plan,
            fields: LiveFields::of(plan.search(), &form),
            sum,
        });
        Self {
            legs: legs.collect(),
            form,
            starts: Vec::new(),
            sets: Vec::new(),
            memory: shard.answer_memory(),
            cost: SearchCost::default(),
        }
    }

    /// Number of legs.
    pub fn legs(&self) -> usize {
        self.legs.len()
    }

    /// Memory of what was found.
    pub fn memory(&mut self) -> &mut AnswerMemory {
        &mut self.memory
    }

    /// Begins with the next trace.
    pub fn begin(&mut self, spans: &[SpanView<'_>]) {
        self.cost.traces += 1;
        self.cost.spans += spans.len() as u64;
        self.cost.bytes += spans.iter().map(|span| span.body.len() as u64).sum::<u64>();
        self.starts.clear();
        self.starts.extend(spans.iter().map(|span| span.start_unix_nanos));
    }

    /// Takes the spans of the trace in for one leg. `room` is told what memory their columns take;
    /// `is_split` is asked of legs that judge whole traces, if the trace may matter.
    ///
    /// # Errors
    /// The query cannot be evaluated, or there is no memory.
    pub fn take(
        &mut self,
        leg: usize,
        (id, spans): (&TraceId, &[SpanView<'_>]),
        room: impl FnOnce(u64) -> Result<(), QueryError>,
        is_split: impl FnOnce() -> Option<bool>,
    ) -> Result<Seen, QueryError> {
        let LegSum { plan, fields, sum } = &mut self.legs[leg];
        let (attributes, all);
        let (fields, attributes) = if plan.compares_attributes() {
            attributes = attributes_of(spans);
            all = [plan.search().fields(), &attributes].concat();
            (&LiveFields::of_fields(&all, &self.form), attributes.as_slice())
        } else {
            (&*fields, [].as_slice())
        };
        room(fields.memory_bytes(spans))?;
        let columns = LiveColumns::read(id, spans, fields);
        let evaluated = plan.search().spansets(&columns, &mut self.sets);
        if plan.judges_whole_traces() {
            let matters = || {
                evaluated.is_err() || !self.sets.is_empty() || may_be_taken(plan.search(), &columns)
            };
            match matters().then(is_split) {
                Some(Some(false)) => {}
                Some(Some(true)) => return Ok(Seen::Split),
                Some(None) => return Ok(Seen::Unknown),
                None => return Ok(Seen::Done),
            }
        }
        evaluated?;
        let trace = TraceSpans {
            columns: &columns,
            start_unix_nanos: &self.starts,
            trace_id: id.0,
            attributes,
            again: false,
        };
        sum.observe(&trace, &self.sets, &mut |bytes| self.memory.grow(bytes))?;
        Ok(Seen::Done)
    }

    /// What the legs have come to, what it cost, and their memory.
    pub fn finish(self) -> (Vec<Accumulator>, SearchCost, AnswerMemory) {
        (self.legs.into_iter().map(|leg| leg.sum).collect(), self.cost, self.memory)
    }
}

/// Every attribute of the spans, their resources and scopes; the order does not matter.
fn attributes_of(spans: &[SpanView<'_>]) -> Vec<Field> {
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

/// Memory of sets of spans.
pub fn sets_bytes(sets: &Result<Vec<SpanSet>, EvalError>) -> u64 {
    let bytes = |set: &SpanSet| (size_of::<SpanSet>() + 4 * set.spans.capacity()) as u64;
    sets.iter().flatten().map(bytes).sum()
}
