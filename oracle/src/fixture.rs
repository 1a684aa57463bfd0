//! The traces T1–T4 of the contract's examples (traceql.md §0).

use crate::rows::{Attributes, Event, Link, Scope, Span, Trace, Value, attributes};

const MILLISECOND: u64 = 1_000_000;

/// Kinds in OTLP's numbers.
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

/// The four traces; all times count from `base_unix_nanos`.
pub fn traces(base_unix_nanos: u64) -> Vec<Trace> {
    let mut traces = [t1(), t2(), t3(), t4()];
    for span in traces.iter_mut().flat_map(|trace| &mut trace.spans) {
        span.start_unix_nanos += base_unix_nanos;
    }
    traces.into()
}

/// The letter of a span as its id, which the examples call it by.
pub fn span_id(letter: char) -> u64 {
    u64::from(u32::from(letter))
}

/// The span's letter.
pub fn letter(span_id: u64) -> char {
    u8::try_from(span_id).map_or('?', char::from)
}

fn trace_id(number: u8) -> [u8; 16] {
    let mut id = [0; 16];
    id[15] = number;
    id
}

/// A span of kind unspecified, status unset.
fn span(name: char, parent: Option<char>, times_ms: [u64; 2], own: Attributes) -> Span {
    Span {
        id: span_id(name),
        parent: parent.map_or(0, span_id),
        name: name.to_string(),
        start_unix_nanos: times_ms[0] * MILLISECOND,
        duration_nanos: times_ms[1] * MILLISECOND,
        attributes: own,
        ..Span::default()
    }
}

fn strings<const N: usize>(items: [&str; N]) -> Value {
    Value::Array(items.map(Value::from).into())
}

fn event(name: &str, at_ms: u64, own: Attributes) -> Event {
    Event { name: name.to_owned(), since_start_nanos: at_ms * MILLISECOND, attributes: own }
}

fn link(number: u8, rel: &str) -> Link {
    Link {
        trace_id: trace_id(0xa0 + number),
        span_id: u64::from(number),
        attributes: attributes([("rel", rel.into())]),
    }
}

fn t1() -> Trace {
    let mut spans = t1_front();
    spans.extend(t1_back());
    Trace { id: trace_id(1), spans }
}

fn t1_front() -> Vec<Span> {
    let mut a = span('A', None, [0, 1000], span_a());
    (a.kind, a.status) = (SERVER, 1);
    let of_b = [("code", "500".into()), ("foo", "bar".into()), ("bytes", 20.into())];
    let mut b = span('B', Some('A'), [100, 400], attributes(of_b));
    (b.kind, b.status, b.message) = (CLIENT, 2, "boom".to_owned());
    let of_c = [("foo", 1.into()), ("flag", false.into()), ("bytes", 2.5.into())];
    let mut c = span('C', Some('B'), [150, 100], attributes(of_c));
    c.kind = INTERNAL;
    c.events = vec![
        event("exception", 10, attributes([("type", "IOErr".into()), ("n", 1.into())])),
        event("retry", 20, attributes([("type", "Second".into()), ("n", 2.into())])),
    ];
    c.links = vec![link(1, "follows"), link(2, "second")];
    let mut d = span('D', Some('A'), [500, 300], attributes([("foo", "bar".into())]));
    d.kind = CLIENT;
    let resource = attributes([
        ("service.name", "front".into()),
        ("cluster", "c1".into()),
        ("region", "eu".into()),
        ("num", 5.into()),
        ("dup", "res-front".into()),
    ]);
    let scope = Scope {
        name: "libA".to_owned(),
        version: "1.0".to_owned(),
        attributes: attributes([("lang", "go".into())]),
    };
    of([a, b, c, d], &resource, &scope)
}

fn span_a() -> Attributes {
    attributes([
        ("code", 200.into()),
        ("method", "GET".into()),
        ("flag", true.into()),
        ("ratio", 0.5.into()),
        ("tags", strings(["x", "y"])),
        ("nums", Value::Array(vec![1.into(), 2.into(), 3.into()])),
        ("dup", "span".into()),
        ("bytes", 10.into()),
    ])
}

fn t1_back() -> Vec<Span> {
    let mut e = span('E', Some('D'), [550, 50], attributes([("foo", 1.into()), ("x", 5.into())]));
    e.kind = SERVER;
    e.events = vec![event("plain", 0, Attributes::new())];
    let mut f = span('F', Some('D'), [600, 60], attributes([("foo", 1.5.into()), ("x", 7.into())]));
    (f.kind, f.status) = (SERVER, 2);
    let resource = attributes([
        ("service.name", "back".into()),
        ("cluster", "c2".into()),
        ("dup", "res-back".into()),
    ]);
    let scope = Scope { name: "libB".to_owned(), ..Scope::default() };
    of([e, f], &resource, &scope)
}

fn t2() -> Trace {
    let orphan = || attributes([("foo", "orphan".into())]);
    let g = span('G', Some('?'), [2000, 100], orphan());
    let h = span('H', Some('G'), [2010, 50], orphan());
    let resource = attributes([("service.name", "orph".into())]);
    Trace { id: trace_id(2), spans: of([g, h], &resource, &Scope::default()) }
}

fn t3() -> Trace {
    let i = span('I', None, [4000, 2000], attributes([("foo", "r".into()), ("code", 404.into())]));
    let j = span('J', None, [4100, 100], attributes([("foo", "r".into())]));
    let k = span('K', Some('J'), [4150, 10], attributes([("foo", "leaf".into())]));
    let resource = attributes([("service.name", "multi".into()), ("cluster", "c1".into())]);
    Trace { id: trace_id(3), spans: of([i, j, k], &resource, &Scope::default()) }
}

fn t4() -> Trace {
    let l = span('L', None, [8000, 0], Attributes::new());
    Trace { id: trace_id(4), spans: vec![l] }
}

fn of<const N: usize>(mut spans: [Span; N], resource: &Attributes, scope: &Scope) -> Vec<Span> {
    for span in &mut spans {
        (span.resource, span.scope) = (resource.clone(), scope.clone());
    }
    spans.into()
}
