//! Rows as columns of a plan, for tests of plan and evaluation without a stored form.

use stringendo_traceql::{Predicate, SearchPlan, SpanColumns, SpanList, Value, ValueRef};

use crate::naive::{Items, TraceView, Value as Naive};

/// The columns of one trace.
pub struct RowColumns {
    /// By span and field.
    values: Vec<Vec<Value>>,
    /// By span, item and field.
    events: Vec<Vec<Vec<Value>>>,
    links: Vec<Vec<Vec<Value>>>,
    lists: Vec<Option<SpanList>>,
}

impl RowColumns {
    /// The fields of `plan`, read from all spans.
    pub fn of(plan: &SearchPlan, trace: &TraceView<'_>) -> Self {
        let row = |span: usize, items: Items| {
            let fields = plan.fields().iter();
            fields.map(|field| value(&trace.field(span, items, field))).collect::<Vec<_>>()
        };
        let rows = &trace.rows.spans;
        let each = |count: fn(&crate::rows::Span) -> usize, items: fn(usize) -> Items| {
            let of_span = |span: usize| {
                (0..count(&rows[span])).map(|item| row(span, items(item))).collect::<Vec<_>>()
            };
            (0..rows.len()).map(of_span).collect::<Vec<_>>()
        };
        Self {
            values: (0..rows.len()).map(|span| row(span, Items::default())).collect(),
            events: each(|span| span.events.len(), |n| Items { event: Some(n), link: None }),
            links: each(|span| span.links.len(), |n| Items { event: None, link: Some(n) }),
            lists: plan.fields().iter().map(|field| field.list()).collect(),
        }
    }

    /// Whether a span passes a test: with its value, or with that of some event or link.
    pub fn accepts(&self, span: usize, test: &Predicate) -> bool {
        let field = test.field();
        match self.lists[field] {
            None => test.accepts(self.value(span, field)),
            Some(list) => (0..self.items(span, list))
                .any(|item| test.accepts(self.item_value(span, item, field))),
        }
    }
}

impl SpanColumns for RowColumns {
    fn len(&self) -> usize {
        self.values.len()
    }

    fn value(&self, span: usize, field: usize) -> ValueRef<'_> {
        assert_eq!(self.lists[field], None, "a field of a list has no value of its own");
        self.values[span][field].as_ref()
    }

    fn items(&self, span: usize, list: SpanList) -> usize {
        match list {
            SpanList::Events => self.events[span].len(),
            SpanList::Links => self.links[span].len(),
        }
    }

    fn item_value(&self, span: usize, item: usize, field: usize) -> ValueRef<'_> {
        match self.lists[field].expect("a field of a list") {
            SpanList::Events => self.events[span][item][field].as_ref(),
            SpanList::Links => self.links[span][item][field].as_ref(),
        }
    }
}

fn value(value: &Naive) -> Value {
    match value {
        Naive::Nil => Value::Missing,
        Naive::Int(value) => Value::Int(*value),
        Naive::Float(value) => Value::Float(*value),
        Naive::Str(bytes) => Value::Str(bytes.as_slice().into()),
        Naive::Bool(value) => Value::Bool(*value),
        Naive::Duration(nanos) => Value::Duration(nanos.unsigned_abs()),
        Naive::Status(code) => Value::Status(*code),
        Naive::Kind(code) => Value::Kind(*code),
        Naive::Opaque => Value::Unsupported,
        Naive::Array(items) => array(items),
    }
}

fn array(items: &[Naive]) -> Value {
    fn all<T>(items: &[Naive], read: impl Fn(&Naive) -> Option<T>) -> Option<Vec<T>> {
        items.iter().map(read).collect()
    }
    let ints = all(items, |item| if let Naive::Int(v) = item { Some(*v) } else { None });
    let floats = all(items, |item| if let Naive::Float(v) = item { Some(*v) } else { None });
    let bools = all(items, |item| if let Naive::Bool(v) = item { Some(*v) } else { None });
    let strings = all(items, |item| if let Naive::Str(v) = item { Some(v.clone()) } else { None });
    let array = strings.map(Value::strings).or(ints.map(|v| Value::IntArray(v.into())));
    let array = array.or(floats.map(|v| Value::FloatArray(v.into())));
    array.or(bools.map(|v| Value::BoolArray(v.into()))).unwrap_or(Value::Unsupported)
}
