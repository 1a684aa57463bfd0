//! All traces of the fixture taken in at once, as blocks are.

use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::Range;

use stringendo_traceql::metrics::{
    Accumulator, BatchSpans, KnownGroups, Leg, MetricsPlan, NO_CODE, TimeAxis,
};
use stringendo_traceql::{SpanColumns, SpanList, SpanMask, ValueRef};

use super::support::{TimedTrace, timed_traces};

/// The spans of all traces, one after the other.
struct AllSpans(Vec<(Range<usize>, TimedTrace)>);

impl AllSpans {
    fn of(leg: &Leg) -> Self {
        let mut first = 0;
        let behind = |trace: TimedTrace| {
            let spans = first..first + trace.columns.len();
            first = spans.end;
            (spans, trace)
        };
        Self(timed_traces(leg.search().fields()).into_iter().map(behind).collect())
    }

    fn at(&self, span: usize) -> (&TimedTrace, usize) {
        let trace = self.0.iter().find(|(spans, _)| spans.contains(&span));
        let (spans, trace) = trace.expect("a span");
        (trace, span - spans.start)
    }

    /// The spans that the plan finds trace by trace.
    fn matching(&self, leg: &Leg) -> SpanMask {
        let (mut sets, mut found) = (Vec::new(), Vec::new());
        for (spans, trace) in &self.0 {
            leg.search().spansets(&trace.columns, &mut sets).expect("evaluates");
            let here = sets.iter().flat_map(|set| &set.spans);
            found.extend(here.map(|span| spans.start + *span as usize));
        }
        SpanMask::of(self.len(), |span| found.contains(&span))
    }

    /// A code per distinct value of each label; some values have none.
    fn codes(&self, leg: &Leg) -> Option<Vec<Vec<u32>>> {
        let of_field = |field: Option<usize>| {
            let Some(field) = field else { return Some(vec![0; self.len()]) };
            let mut known: HashMap<String, u32> = HashMap::new();
            let mut code = |value: ValueRef<'_>| match value {
                ValueRef::Float(_) | ValueRef::Array(_) => NO_CODE,
                value => {
                    let next = known.len() as u32;
                    *known.entry(format!("{value:?}")).or_insert(next)
                }
            };
            let is_of_items = leg.search().fields()[field].list().is_some();
            (!is_of_items).then(|| (0..self.len()).map(|at| code(self.value(at, field))).collect())
        };
        leg.label_fields().map(of_field).collect()
    }
}

impl SpanColumns for AllSpans {
    fn len(&self) -> usize {
        self.0.last().map_or(0, |(spans, _)| spans.end)
    }

    fn value(&self, span: usize, field: usize) -> ValueRef<'_> {
        let (trace, span) = self.at(span);
        trace.columns.value(span, field)
    }

    fn items(&self, span: usize, list: SpanList) -> usize {
        let (trace, span) = self.at(span);
        trace.columns.items(span, list)
    }

    fn item_value(&self, span: usize, item: usize, field: usize) -> ValueRef<'_> {
        let (trace, span) = self.at(span);
        trace.columns.item_value(span, item, field)
    }
}

/// The accumulators of a plan, if all of its legs judge spans one by one.
pub fn accumulate(plan: &MetricsPlan, axis: TimeAxis, base: u64) -> Option<Vec<Accumulator>> {
    let one = |leg| {
        let mut sum = Accumulator::new(leg, axis, plan.exemplars(0, 100));
        let all = AllSpans::of(leg);
        let starts = all.0.iter().flat_map(|(_, trace)| &trace.start_offsets_ms);
        let starts: Vec<u64> = starts.map(|offset| base + offset * 1_000_000).collect();
        let (matching, codes) = (all.matching(leg), all.codes(leg));
        let batch = BatchSpans {
            columns: &all,
            matching: &matching,
            start_unix_nanos: &starts,
            codes: codes.as_deref(),
        };
        let traces = all.0.iter().map(|(spans, trace)| (trace.id, spans.clone()));
        let (mut known, mut charged) = (KnownGroups::default(), 0);
        let mut grow = |bytes| {
            charged += bytes;
            Ok::<(), Infallible>(())
        };
        let Ok(()) = sum.observe_batch(&batch, traces, &mut known, &mut grow);
        assert!(sum.memory_bytes() + known.charged_bytes() <= charged + empty_bytes(leg, axis));
        sum
    };
    let alone = |leg: &Leg| !leg.judges_whole_traces() && !leg.compares_attributes();
    plan.legs().iter().all(|leg| alone(leg)).then(|| plan.legs().iter().map(one).collect())
}

fn empty_bytes(leg: &std::sync::Arc<Leg>, axis: TimeAxis) -> u64 {
    Accumulator::new(leg, axis, 0).memory_bytes()
}
