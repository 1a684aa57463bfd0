//! Whatever the query and whatever the values, evaluation ends with sets that make sense, and what
//! a plan offers for leaving spans out would lose none of them.

mod generate;

use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;
use stringendo_traceql::ast::Query;
use stringendo_traceql::{
    Field, FilterMasks, Judged, Predicate, SearchPlan, SpanColumns, SpanList, SpanMask, SpanSet,
    Value, ValueRef, plan, validate,
};

/// Values that sources might lend, odd ones too; fields need not have the type that they should.
fn values() -> Vec<Value> {
    vec![
        Value::Missing,
        Value::Missing,
        Value::Int(1),
        Value::Int(1),
        Value::Int(2),
        Value::Bool(true),
        "x".into(),
        Value::Int(0),
        Value::Int(i64::MIN),
        Value::Int(i64::MAX),
        Value::Float(0.5),
        Value::Float(f64::NAN),
        Value::Float(f64::NEG_INFINITY),
        Value::Bool(true),
        Value::Bool(false),
        "x".into(),
        "".into(),
        Value::Str([0xff, 0x00].into()),
        Value::Duration(u64::MAX),
        Value::Duration(1),
        Value::Status(-1),
        Value::Kind(99),
        Value::IntArray([1, 2].into()),
        Value::FloatArray([f64::NAN].into()),
        Value::BoolArray([].into()),
        Value::strings(["x", "y", ""]),
        Value::Unsupported,
    ]
}

/// A trace whose values are drawn by chance, the same each time.
struct Chance {
    seed: u64,
    spans: usize,
    values: Vec<Value>,
    lists: Vec<Option<SpanList>>,
}

impl Chance {
    fn of(fields: &[Field], seed: u64, spans: usize) -> Self {
        let lists = fields.iter().map(Field::list).collect();
        Self { seed, spans, values: values(), lists }
    }

    fn draw(&self, what: impl Hash) -> usize {
        let mut hasher = DefaultHasher::new();
        (self.seed, what).hash(&mut hasher);
        hasher.finish() as usize
    }

    fn pick(&self, what: impl Hash) -> ValueRef<'_> {
        self.values[self.draw(what) % self.values.len()].as_ref()
    }

    fn satisfies(&self, span: usize, predicate: &Predicate) -> bool {
        let field = predicate.field();
        match self.lists[field] {
            None => predicate.accepts(self.value(span, field)),
            Some(list) => (0..self.items(span, list))
                .any(|item| predicate.accepts(self.item_value(span, item, field))),
        }
    }
}

impl SpanColumns for Chance {
    fn len(&self) -> usize {
        self.spans
    }

    fn value(&self, span: usize, field: usize) -> ValueRef<'_> {
        assert!(span < self.spans && self.lists[field].is_none());
        self.pick((span, field))
    }

    fn items(&self, span: usize, list: SpanList) -> usize {
        self.draw((span, list)) % 4
    }

    fn item_value(&self, span: usize, item: usize, field: usize) -> ValueRef<'_> {
        assert!(item < self.items(span, self.lists[field].expect("a field of items")));
        self.pick((span, item, field))
    }
}

fn check_sets(plan: &SearchPlan, trace: &Chance, sets: &[SpanSet]) {
    for set in sets {
        assert!(!set.spans.is_empty());
        assert!(set.spans.is_sorted_by(|a, b| a < b));
        for span in &set.spans {
            for (field, _) in plan.echoed() {
                let _ = plan.shown_value(trace, *span, field);
            }
            assert!(plan.required().iter().all(|test| trace.satisfies(*span as usize, test)));
        }
    }
    if !sets.is_empty() {
        assert!(!plan.matches_nothing());
        for need in plan.needs() {
            let meets = |span| need.iter().all(|test| trace.satisfies(span, test));
            assert!((0..trace.spans).any(meets), "{need:?}");
        }
    }
}

fn evaluate(query: &Query, seed: u64, spans: usize) {
    let Ok(plan) = plan(query) else { return };
    let trace = Chance::of(plan.fields(), seed, spans);
    let mut sets = Vec::new();
    if plan.spansets(&trace, &mut sets).is_ok() {
        check_sets(&plan, &trace, &sets);
    }
}

proptest! {
    #[test]
    fn no_query_makes_evaluation_panic(
        query in generate::query(),
        seed in any::<u64>(),
        spans in 0..12_usize,
    ) {
        // Not validated: what validation refuses must be harmless, too.
        evaluate(&query, seed, spans);
    }

    #[test]
    fn pruning_loses_nothing_and_sets_make_sense(
        query in generate::search(generate::condition().boxed()),
        seed in any::<u64>(),
        spans in 0..12_usize,
    ) {
        if validate(&query).is_ok() {
            evaluate(&query, seed, spans);
        }
    }
}

/// Some of the spans as a trace, with what filters said of all of them or without.
struct Part<'a> {
    all: &'a Chance,
    spans: std::ops::Range<usize>,
    masks: Option<&'a FilterMasks>,
}

impl SpanColumns for Part<'_> {
    fn len(&self) -> usize {
        self.spans.len()
    }

    fn value(&self, span: usize, field: usize) -> ValueRef<'_> {
        self.all.value(self.spans.start + span, field)
    }

    fn judged(&self) -> Option<Judged<'_>> {
        self.masks.map(|masks| Judged { masks, first_span: self.spans.start })
    }

    fn items(&self, span: usize, list: SpanList) -> usize {
        self.all.items(self.spans.start + span, list)
    }

    fn item_value(&self, span: usize, item: usize, field: usize) -> ValueRef<'_> {
        self.all.item_value(self.spans.start + span, item, field)
    }
}

/// Judges spans one by one and together; `knows` says of which fields the source can judge.
fn compare_judgements(query: &Query, seed: u64, ends: [usize; 3], knows: impl Fn(usize) -> bool) {
    let Ok(plan) = plan(query) else { return };
    let all = Chance::of(plan.fields(), seed, ends.iter().sum());
    let masks = plan.judge(all.spans, &mut |predicate| {
        assert_eq!(all.lists[predicate.field()], None);
        knows(predicate.field())
            .then(|| SpanMask::of(all.spans, |span| all.satisfies(span, predicate)))
    });
    let mut start = 0;
    for count in ends {
        let spans = start..start + count;
        start = spans.end;
        let (mut together, mut one_by_one) = (Vec::new(), Vec::new());
        let judge = |masks, sets: &mut Vec<SpanSet>| {
            plan.spansets(&Part { all: &all, spans: spans.clone(), masks }, sets)
        };
        let outcome = judge(Some(&masks), &mut together);
        assert_eq!(outcome, judge(None, &mut one_by_one));
        // As text, in which NaN equals NaN.
        assert_eq!(format!("{together:?}"), format!("{one_by_one:?}"));
        let may_match = plan.may_match(&masks, &spans);
        assert!(may_match || outcome.is_ok() && together.is_empty());
    }
}

proptest! {
    #[test]
    fn spans_judged_together_are_judged_as_one_by_one(
        query in generate::search(generate::condition().boxed()),
        seed in any::<u64>(),
        counts in [0..70_usize, 0..9_usize, 0..140_usize],
        known in any::<u8>(),
    ) {
        if validate(&query).is_ok() {
            compare_judgements(&query, seed, counts, |field| known >> (field % 8) & 3 != 0);
        }
    }
}
