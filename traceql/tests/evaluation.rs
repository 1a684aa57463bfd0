//! Whatever the query and whatever the values, evaluation ends with sets that make sense, and what
//! a plan offers for leaving spans out would lose none of them.

mod generate;

use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;
use stringendo_traceql::ast::Query;
use stringendo_traceql::{
    Field, Predicate, SearchPlan, SpanColumns, SpanList, SpanSet, Value, ValueRef, plan, validate,
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
