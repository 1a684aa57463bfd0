//! The traces of the contract's section 0, as a source of columns.

use stringendo_traceql::{
    AttributeScope, Field, Intrinsic, Predicate, SearchPlan, SpanColumns, SpanList, SpanSet, Value,
    ValueRef, compile_search,
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
    events: Vec<Item>,
    links: Vec<Item>,
}

/// An event or a link.
struct Item {
    /// Name of the event, id of the linked trace.
    name: &'static str,
    /// Since the start of the span.
    time_ms: u64,
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
        events: Vec::new(),
        links: Vec::new(),
    }
}

fn item(name: &'static str, time_ms: u64, attributes: Attributes) -> Item {
    Item { name, time_ms, attributes }
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

    fn with(mut self, events: Vec<Item>, links: Vec<Item>) -> Self {
        (self.events, self.links) = (events, links);
        self
    }

    fn items(&self, list: SpanList) -> &[Item] {
        match list {
            SpanList::Events => &self.events,
            SpanList::Links => &self.links,
        }
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
    let events = vec![
        item("exception", 10, vec![("type", s("IOErr")), ("n", 1.into())]),
        item("retry", 20, vec![("type", s("Second")), ("n", 2.into())]),
    ];
    let links =
        vec![item("b2", 0, vec![("rel", s("follows"))]), item("b3", 0, vec![("rel", s("second"))])];
    let (d, e) = (vec![("foo", s("bar"))], vec![("foo", 1.into()), ("x", 5.into())]);
    let f = vec![("foo", 1.5.into()), ("x", 7.into())];
    let spans = vec![
        span("A", "", &front, a).is(2, 1, 1_000).at([1, 12, -1], 2),
        failed,
        span("C", "B", &front, c).is(1, 0, 100).at([3, 4, 2], 0).with(events, links),
        span("D", "A", &front, d).is(3, 0, 300).at([6, 11, 1], 2),
        span("E", "D", &back, e)
            .is(2, 0, 50)
            .at([7, 8, 6], 0)
            .with(vec![item("plain", 0, Vec::new())], Vec::new()),
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
pub struct Columns {
    /// Per span, what it has once: a value per field.
    rows: Vec<Vec<Value>>,
    /// Per span, its events and its links.
    items: Vec<[Vec<Vec<Value>>; 2]>,
    lists: Vec<Option<SpanList>>,
}

impl SpanColumns for Columns {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn value(&self, span: usize, field: usize) -> ValueRef<'_> {
        assert_eq!(self.lists[field], None, "a field of items was asked of the span");
        self.rows[span][field].as_ref()
    }

    fn items(&self, span: usize, list: SpanList) -> usize {
        self.items[span][list as usize].len()
    }

    fn item_value(&self, span: usize, item: usize, field: usize) -> ValueRef<'_> {
        let list = self.lists[field].expect("a field of the span was asked of an item");
        self.items[span][list as usize][item][field].as_ref()
    }
}

impl Columns {
    pub fn of(trace: &Trace, fields: &[Field]) -> Self {
        let row = |span: &Span| fields.iter().map(|field| value(trace, span, field)).collect();
        let items = |span: &Span, list| {
            let item_row = |item| fields.iter().map(|field| item_value(item, field)).collect();
            span.items(list).iter().map(item_row).collect()
        };
        let both = |span| [SpanList::Events, SpanList::Links].map(|list| items(span, list));
        Self {
            rows: trace.spans.iter().map(row).collect(),
            items: trace.spans.iter().map(both).collect(),
            lists: fields.iter().map(Field::list).collect(),
        }
    }

    /// Whether a predicate holds for a span, as a source judges it that leaves spans out.
    fn satisfies(&self, span: usize, predicate: &Predicate) -> bool {
        let field = predicate.field();
        match self.lists[field] {
            None => predicate.accepts(self.value(span, field)),
            Some(list) => (0..self.items(span, list))
                .any(|item| predicate.accepts(self.item_value(span, item, field))),
        }
    }
}

fn item_value(item: &Item, field: &Field) -> Value {
    use Intrinsic as I;
    match field {
        Field::Intrinsic(I::EventName | I::LinkTraceId) => s(item.name),
        Field::Intrinsic(I::EventTimeSinceStart) => Value::Duration(item.time_ms * 1_000_000),
        Field::Intrinsic(I::LinkSpanId) => span_id(item.name),
        Field::Intrinsic(_) => Value::Missing,
        Field::Attribute { name, .. } => {
            let found = item.attributes.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        }
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

/// What a plan finds in all traces: the trace, its columns and each set of spans. Checks on the
/// way that what the plan offers for pruning would lose none of them.
#[allow(clippy::type_complexity, reason = "only tests look at it")]
pub fn found(plan: &SearchPlan) -> Result<Vec<(Trace, Columns, Vec<SpanSet>)>, String> {
    let mut found = Vec::new();
    for trace in traces() {
        let columns = Columns::of(&trace, plan.fields());
        let mut sets = Vec::new();
        plan.spansets(&columns, &mut sets).map_err(|error| error.to_string())?;
        check_sets(&sets);
        check_pruning(plan, &columns, &sets);
        found.push((trace, columns, sets));
    }
    Ok(found)
}

/// Names of the spans of a set.
pub fn names(trace: &Trace, set: &SpanSet) -> String {
    set.spans.iter().map(|index| trace.spans[*index as usize].name).collect()
}

/// Names of the matching spans of all traces, such as `ABK`.
pub fn matching(plan: &SearchPlan) -> String {
    let found = match found(plan) {
        Ok(found) => found,
        Err(error) => return error,
    };
    let mut matching = String::new();
    for (trace, _, sets) in &found {
        let mut spans: Vec<u32> = sets.iter().flat_map(|set| set.spans.clone()).collect();
        spans.sort_unstable();
        spans.dedup();
        matching += &names(trace, &SpanSet { spans, attributes: Vec::new() });
    }
    matching
}

fn check_sets(sets: &[SpanSet]) {
    for set in sets {
        assert!(!set.spans.is_empty());
        assert!(set.spans.is_sorted_by(|a, b| a < b), "{:?}", set.spans);
    }
}

fn check_pruning(plan: &SearchPlan, columns: &Columns, sets: &[SpanSet]) {
    for predicate in plan.required() {
        assert!(!plan.fields()[predicate.field()].is_of_whole_trace());
        for span in sets.iter().flat_map(|set| &set.spans) {
            assert!(columns.satisfies(*span as usize, predicate), "{predicate:?}");
        }
    }
    if sets.is_empty() {
        return;
    }
    assert!(!plan.matches_nothing());
    for need in plan.needs() {
        let satisfies = |span| need.iter().all(|test| columns.satisfies(span, test));
        assert!((0..columns.len()).any(satisfies), "{need:?}");
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

/// Queries with the names of the spans that they find.
#[allow(dead_code, reason = "not every test file searches with TraceQL")]
pub fn check(examples: &[(&str, &str)]) {
    let wrong: Vec<String> = examples
        .iter()
        .map(|(query, expected)| (query, *expected, search(query)))
        .filter(|(_, expected, found)| expected != found)
        .map(|(query, expected, found)| format!("{query} → {found:?}, not {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The sets that a query finds, each as `ABK` and, in brackets, what stages said of it; sorted.
#[allow(dead_code, reason = "not every test file looks at sets")]
pub fn sets(query: &str) -> Vec<String> {
    let plan = compile_search(query).expect(query);
    let found = found(&plan).expect(query);
    let text = |trace: &Trace, set: &SpanSet| {
        let said: Vec<String> =
            set.attributes.iter().map(|(key, value)| format!("{key}={}", said(value))).collect();
        format!("{} [{}]", names(trace, set), said.join(" "))
    };
    let of_trace = |(trace, _, sets): &(Trace, Columns, Vec<SpanSet>)| {
        sets.iter().map(|set| text(trace, set)).collect::<Vec<_>>()
    };
    let mut texts: Vec<String> = found.iter().flat_map(of_trace).collect();
    texts.sort();
    texts
}

fn said(value: &Value) -> String {
    match value {
        Value::Missing => "nil".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Bool(truth) => truth.to_string(),
        Value::Str(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        Value::Duration(nanos) => format!("{}ms", *nanos as f64 / 1e6),
        other => format!("{other:?}"),
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
        let read: Vec<Field> = fields.iter().chain(&attributes).cloned().collect();
        let offset = |span: &Span| {
            let known = START_OFFSETS_MS.iter().find(|(name, _)| *name == span.name);
            known.expect("every span has a start").1
        };
        TimedTrace {
            id: u128::from_str_radix(trace.id, 16).expect("an id").to_be_bytes(),
            start_offsets_ms: trace.spans.iter().map(offset).collect(),
            columns: Columns::of(&trace, &read),
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
