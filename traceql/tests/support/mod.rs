//! The traces of the contract's section 0, as a source of columns.

use stringendo_traceql::{
    AttributeScope, Field, Intrinsic, SearchPlan, SpanColumns, SpanList, Value, ValueRef,
    compile_search,
};

type Attributes = Vec<(&'static str, Value)>;

/// A resource with its instrumentation scope.
#[derive(Clone, Default)]
struct Origin {
    resource: Attributes,
    scope: &'static str,
    version: &'static str,
    scope_attributes: Attributes,
}

struct Span {
    name: &'static str,
    parent: &'static str,
    kind: i32,
    status: i32,
    message: &'static str,
    duration_ms: u64,
    /// Left, right, parent.
    nested_set: [i64; 3],
    children: Value,
    origin: Origin,
    attributes: Attributes,
}

pub struct Trace {
    id: &'static str,
    duration_ms: u64,
    root_name: &'static str,
    root_service: &'static str,
    spans: Vec<Span>,
}

fn s(text: &str) -> Value {
    text.into()
}

fn span(name: &'static str, parent: &'static str, origin: &Origin, attributes: Attributes) -> Span {
    Span {
        name,
        parent,
        kind: 0,
        status: 0,
        message: "",
        duration_ms: 0,
        nested_set: [0; 3],
        children: Value::Missing,
        origin: origin.clone(),
        attributes,
    }
}

impl Span {
    fn is(mut self, kind: i32, status: i32, duration_ms: u64) -> Self {
        (self.kind, self.status, self.duration_ms) = (kind, status, duration_ms);
        self
    }

    fn at(mut self, nested_set: [i64; 3], children: i64) -> Self {
        (self.nested_set, self.children) = (nested_set, children.into());
        self
    }

    fn attribute(&self, scope: AttributeScope, key: &str) -> Option<&Value> {
        let list = match scope {
            AttributeScope::Span => &self.attributes,
            AttributeScope::Resource => &self.origin.resource,
            AttributeScope::Instrumentation => &self.origin.scope_attributes,
            AttributeScope::Unscoped => {
                let span = self.attribute(AttributeScope::Span, key);
                return span.or_else(|| self.attribute(AttributeScope::Resource, key));
            }
            AttributeScope::Event | AttributeScope::Link => return None,
        };
        list.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }
}

fn first_trace() -> Trace {
    let front = Origin {
        resource: vec![
            ("service.name", s("front")),
            ("cluster", s("c1")),
            ("region", s("eu")),
            ("num", 5.into()),
            ("dup", s("res-front")),
        ],
        scope: "libA",
        version: "1.0",
        scope_attributes: vec![("lang", s("go"))],
    };
    let back = Origin {
        resource: vec![("service.name", s("back")), ("cluster", s("c2")), ("dup", s("res-back"))],
        scope: "libB",
        ..Origin::default()
    };
    let a = vec![
        ("code", 200.into()),
        ("method", s("GET")),
        ("flag", true.into()),
        ("ratio", 0.5.into()),
        ("tags", Value::strings(["x", "y"])),
        ("nums", Value::IntArray([1, 2, 3].into())),
        ("dup", s("span")),
        ("bytes", 10.into()),
        ("none", Value::strings::<&str>([])),
        ("map", Value::Unsupported),
    ];
    let b = vec![("code", s("500")), ("foo", s("bar")), ("bytes", 20.into())];
    let c = vec![("foo", 1.into()), ("flag", false.into()), ("bytes", 2.5.into())];
    let mut failed = span("B", "A", &front, b).is(3, 2, 400).at([2, 5, 1], 1);
    failed.message = "boom";
    let (d, e) = (vec![("foo", s("bar"))], vec![("foo", 1.into()), ("x", 5.into())]);
    let f = vec![("foo", 1.5.into()), ("x", 7.into())];
    let spans = vec![
        span("A", "", &front, a).is(2, 1, 1_000).at([1, 12, -1], 2),
        failed,
        span("C", "B", &front, c).is(1, 0, 100).at([3, 4, 2], 0),
        span("D", "A", &front, d).is(3, 0, 300).at([6, 11, 1], 2),
        span("E", "D", &back, e).is(2, 0, 50).at([7, 8, 6], 0),
        span("F", "D", &back, f).is(2, 2, 60).at([9, 10, 6], 0),
    ];
    Trace {
        id: "00000000000000000000000000000001",
        duration_ms: 1_000,
        root_name: "A",
        root_service: "front",
        spans,
    }
}

fn other_traces() -> [Trace; 3] {
    let of = |service: &'static str| vec![("service.name", s(service))];
    let orphaned = Origin { resource: of("orph"), ..Origin::default() };
    let mut multi = Origin { resource: of("multi"), ..Origin::default() };
    multi.resource.push(("cluster", s("c1")));
    let with_foo = |value: &str| vec![("foo", s(value))];
    let second = vec![
        span("G", "-", &orphaned, with_foo("orphan")).is(0, 0, 100),
        span("H", "G", &orphaned, with_foo("orphan")).is(0, 0, 50),
    ];
    let mut i = with_foo("r");
    i.push(("code", 404.into()));
    let third = vec![
        span("I", "", &multi, i).is(0, 0, 2_000).at([1, 2, -1], 0),
        span("J", "", &multi, with_foo("r")).is(0, 0, 100).at([3, 6, -1], 1),
        span("K", "J", &multi, with_foo("leaf")).is(0, 0, 10).at([4, 5, 3], 0),
    ];
    let fourth = vec![span("L", "", &Origin::default(), Vec::new()).at([1, 2, -1], 0)];
    let trace = |id, duration_ms, root_name, root_service, spans| Trace {
        id,
        duration_ms,
        root_name,
        root_service,
        spans,
    };
    [
        trace("000000000000000000000000000000b2", 100, "", "", second),
        trace("000000000000000000000000000000b3", 2_000, "J", "multi", third),
        trace("000000000000000000000000000000b4", 0, "L", "", fourth),
    ]
}

pub fn traces() -> Vec<Trace> {
    std::iter::once(first_trace()).chain(other_traces()).collect()
}

/// Owned rows, as a source might hold them.
pub struct Columns(Vec<Vec<Value>>);

impl SpanColumns for Columns {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn value(&self, span: usize, field: usize) -> ValueRef<'_> {
        self.0[span][field].as_ref()
    }

    // Plans do not ask for events and links yet.
    fn items(&self, _span: usize, _list: SpanList) -> usize {
        0
    }

    fn item_value(&self, _span: usize, _item: usize, _field: usize) -> ValueRef<'_> {
        ValueRef::Missing
    }
}

/// The name's letter as an id.
fn span_id(name: &str) -> Value {
    let letter = name.bytes().next().unwrap_or(0);
    Value::Str(format!("{letter:016x}").into_bytes().into())
}

fn value(trace: &Trace, span: &Span, field: &Field) -> Value {
    use Intrinsic as I;
    let millis = |count: u64| Value::Duration(count * 1_000_000);
    let intrinsic = match field {
        Field::Attribute { scope, name } => {
            let absent = || if field.is_service_name() { s("") } else { Value::Missing };
            return span.attribute(*scope, name).cloned().unwrap_or_else(absent);
        }
        Field::Intrinsic(intrinsic) => intrinsic,
    };
    match intrinsic {
        I::Name => s(span.name),
        I::Duration => millis(span.duration_ms),
        I::Status => Value::Status(span.status),
        I::StatusMessage if span.message.is_empty() => Value::Missing,
        I::StatusMessage => s(span.message),
        I::Kind => Value::Kind(span.kind),
        I::SpanId => span_id(span.name),
        I::ParentId => span_id(span.parent),
        I::ChildCount => span.children.clone(),
        I::TraceDuration => millis(trace.duration_ms),
        I::RootName => s(trace.root_name),
        I::RootService => s(trace.root_service),
        I::TraceId => s(trace.id),
        I::InstrumentationName => s(span.origin.scope),
        I::InstrumentationVersion => s(span.origin.version),
        I::NestedSetLeft => span.nested_set[0].into(),
        I::NestedSetRight => span.nested_set[1].into(),
        I::NestedSetParent => span.nested_set[2].into(),
        I::EventName | I::EventTimeSinceStart | I::LinkTraceId | I::LinkSpanId => Value::Missing,
    }
}

/// Names of the matching spans of all traces, such as `ABK`. Checks on the way that what the plan
/// offers for pruning would lose none of them.
pub fn matching(plan: &SearchPlan) -> String {
    let mut names = String::new();
    let mut found = Vec::new();
    for trace in traces() {
        let row = |span: &Span| plan.fields().iter().map(|f| value(&trace, span, f)).collect();
        let columns = Columns(trace.spans.iter().map(row).collect());
        plan.matching_spans(&columns, &mut found);
        check_pruning(plan, &columns, &found);
        names.extend(found.iter().map(|index| trace.spans[*index as usize].name));
    }
    names
}

fn check_pruning(plan: &SearchPlan, columns: &Columns, found: &[u32]) {
    for predicate in plan.required() {
        for span in found {
            assert!(predicate.accepts(columns.value(*span as usize, predicate.field())));
        }
    }
    if found.is_empty() {
        return;
    }
    assert!(!plan.matches_nothing());
    for need in plan.needs() {
        let satisfies =
            |span: &usize| need.iter().all(|test| test.accepts(columns.value(*span, test.field())));
        assert!((0..columns.len()).any(|span| satisfies(&span)), "{need:?}");
    }
}

/// Runs a query over all traces.
#[allow(dead_code, reason = "not every test file searches with TraceQL")]
pub fn search(query: &str) -> String {
    match compile_search(query) {
        Ok(plan) => matching(&plan),
        Err(error) => format!("{query}: {error}"),
    }
}

/// When each span starts, in milliseconds after the fixture's base.
const START_OFFSETS_MS: [(&str, u64); 12] = [
    ("A", 0),
    ("B", 100),
    ("C", 150),
    ("D", 500),
    ("E", 550),
    ("F", 600),
    ("G", 2_000),
    ("H", 2_010),
    ("I", 4_000),
    ("J", 4_100),
    ("K", 4_150),
    ("L", 8_000),
];

/// A trace of the fixture for metrics queries.
#[allow(dead_code, reason = "not every test file asks for metrics")]
pub struct TimedTrace {
    pub id: [u8; 16],
    /// Offsets from the fixture's base.
    pub start_offsets_ms: Vec<u64>,
    /// The wanted fields, and behind them `attributes`.
    pub columns: Columns,
    /// Every attribute of its spans, resources and scopes.
    pub attributes: Vec<Field>,
}

/// The traces with columns for these fields.
#[allow(dead_code, reason = "not every test file asks for metrics")]
pub fn timed_traces(fields: &[Field]) -> Vec<TimedTrace> {
    let timed = |trace: Trace| {
        let attributes = attributes(&trace);
        let row = |span: &Span| {
            fields.iter().chain(&attributes).map(|f| value(&trace, span, f)).collect()
        };
        let offset = |span: &Span| {
            let known = START_OFFSETS_MS.iter().find(|(name, _)| *name == span.name);
            known.expect("every span has a start").1
        };
        TimedTrace {
            id: u128::from_str_radix(trace.id, 16).expect("an id").to_be_bytes(),
            start_offsets_ms: trace.spans.iter().map(offset).collect(),
            columns: Columns(trace.spans.iter().map(row).collect()),
            attributes,
        }
    };
    traces().into_iter().map(timed).collect()
}

fn attributes(trace: &Trace) -> Vec<Field> {
    let mut fields = Vec::new();
    for span in &trace.spans {
        let lists = [
            (AttributeScope::Span, &span.attributes),
            (AttributeScope::Resource, &span.origin.resource),
            (AttributeScope::Instrumentation, &span.origin.scope_attributes),
        ];
        for (scope, list) in lists {
            fields.extend(list.iter().map(|(name, _)| Field::attribute(scope, *name)));
        }
    }
    fields.sort_by_key(ToString::to_string);
    fields.dedup();
    fields
}
