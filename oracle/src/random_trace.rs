//! Random traces of small vocabularies, so that queries of the same vocabularies match something.

use crate::dice::Dice;
use crate::rows::{Attributes, Event, Link, Scope, Span, Trace, Value};

const MILLISECOND: u64 = 1_000_000;

/// Names of spans.
pub const NAMES: [&str; 5] = ["A", "B", "GET /", "query", ""];
/// Services; the empty one stands for a resource without a name.
pub const SERVICES: [&str; 4] = ["front", "back", "db", ""];
/// Values of string attributes.
pub const WORDS: [&str; 6] = ["bar", "foo", "GET", "x", "", "500"];
/// Values of integer attributes.
pub const INTS: [i64; 7] = [0, 1, 2, 5, 200, 500, -1];
/// Values of floating-point attributes, sums of which are exact.
pub const FLOATS: [f64; 5] = [0.5, 1.0, 1.5, 2.0, -0.25];
/// Durations of spans in milliseconds.
pub const DURATIONS_MS: [u64; 7] = [0, 1, 10, 100, 250, 1000, 2000];
/// Names of events.
pub const EVENTS: [&str; 3] = ["exception", "retry", "plain"];

/// Traces of a seed; ids and times are their own.
pub fn traces(dice: &mut Dice, count: usize, base_unix_nanos: u64) -> Vec<Trace> {
    let start = |number: usize| base_unix_nanos + number as u64 * 10_000 * MILLISECOND;
    (0..count).map(|number| trace(dice, number as u64 + 1, start(number))).collect()
}

/// The id of a trace: every other one begins with zeros.
pub fn trace_id(number: u64) -> [u8; 16] {
    let high = if number.is_multiple_of(2) { 0 } else { 0xab00_0000_0000_0000_u64 };
    ((u128::from(high) << 64) | u128::from(number)).to_be_bytes()
}

/// The id of a span of a trace: some begin with zeros.
pub fn span_id(number: u64) -> u64 {
    if number.is_multiple_of(3) { number } else { 0xc0de_0000_0000_0000 + number }
}

/// How the spans of a trace hang together.
#[derive(Clone, Copy, Debug)]
enum Shape {
    OneRoot,
    TwoRoots,
    NoRoot,
    Orphans,
    /// Client and server with one id.
    SharedIds,
    /// A span below itself.
    Cycle,
}

fn shape(dice: &mut Dice) -> Shape {
    match dice.below(20) {
        0..12 => Shape::OneRoot,
        12..14 => Shape::TwoRoots,
        14..16 => Shape::NoRoot,
        16..18 => Shape::Orphans,
        18 => Shape::SharedIds,
        _ => Shape::Cycle,
    }
}

fn trace(dice: &mut Dice, number: u64, start_unix_nanos: u64) -> Trace {
    let id = trace_id(number);
    let most = if dice.percent(20) { 14 } else { 6 };
    let count = 1 + dice.below(most);
    let origins: Vec<(Attributes, Scope)> =
        (0..=dice.below(3)).map(|_| (resource(dice), scope(dice))).collect();
    let shape = shape(dice);
    let mut spans: Vec<Span> = Vec::new();
    for nth in 0..count as u64 {
        let mut span = span(dice, &id);
        span.id = span_id(nth + 1);
        span.start_unix_nanos =
            start_unix_nanos + nth * 10 * MILLISECOND + dice.below(9) as u64 * MILLISECOND;
        span.parent = parent(dice, shape, nth);
        let (resource, scope) = &origins[dice.below(origins.len())];
        (span.resource, span.scope) = (resource.clone(), scope.clone());
        spans.push(span);
    }
    if matches!(shape, Shape::SharedIds) && spans.len() > 2 {
        (spans[1].kind, spans[2].kind) = (3, 2);
        spans[2].id = spans[1].id;
    }
    Trace::new(id, spans)
}

fn parent(dice: &mut Dice, shape: Shape, nth: u64) -> u64 {
    let earlier = |dice: &mut Dice| span_id(1 + dice.below(nth.max(1) as usize) as u64);
    match (shape, nth) {
        (Shape::NoRoot, 0) => span_id(77),
        (_, 0) => 0,
        (Shape::TwoRoots, 1) => 0,
        (Shape::Orphans, _) if dice.percent(30) => span_id(77),
        (Shape::Cycle, 1) => span_id(2),
        (Shape::Cycle, _) if dice.percent(20) => span_id(nth + 2),
        _ => earlier(dice),
    }
}

fn span(dice: &mut Dice, trace_id: &[u8; 16]) -> Span {
    Span {
        name: dice.pick(&NAMES).to_owned(),
        kind: dice.below(6) as i32,
        status: dice.below(3) as i32,
        message: if dice.percent(20) { "boom" } else { "" }.to_owned(),
        duration_nanos: dice.pick(&DURATIONS_MS) * MILLISECOND,
        attributes: span_attributes(dice),
        events: (0..dice.below(6).saturating_sub(2)).map(|_| event(dice)).collect(),
        links: (0..dice.below(6).saturating_sub(3)).map(|_| link(dice, trace_id)).collect(),
        ..Span::default()
    }
}

fn word(dice: &mut Dice) -> Value {
    dice.pick(&WORDS).into()
}

fn int(dice: &mut Dice) -> Value {
    dice.pick(&INTS).into()
}

/// A value of any type.
fn anything(dice: &mut Dice) -> Value {
    match dice.below(4) {
        0 => int(dice),
        1 => dice.pick(&FLOATS).into(),
        _ => word(dice),
    }
}

fn some(dice: &mut Dice, most: usize, item: fn(&mut Dice) -> Value) -> Value {
    Value::Array((0..dice.below(most + 1)).map(|_| item(dice)).collect())
}

/// A key, in how many of 100 cases it is there, and its values.
type Chance = (&'static str, usize, fn(&mut Dice) -> Value);

/// Attributes, each there in so many of 100 cases.
fn maybe(dice: &mut Dice, list: &[Chance]) -> Attributes {
    let mut attributes = Attributes::new();
    for (key, percent, value) in list {
        if dice.percent(*percent) {
            attributes.insert((*key).to_owned(), value(dice));
        }
    }
    attributes
}

fn span_attributes(dice: &mut Dice) -> Attributes {
    maybe(
        dice,
        &[
            ("foo", 60, anything),
            ("x", 40, int),
            ("ratio", 30, |dice| dice.pick(&FLOATS).into()),
            ("flag", 40, |dice| dice.percent(50).into()),
            ("dup", 20, word),
            ("foo bar", 20, word),
            ("tags", 20, |dice| some(dice, 3, word)),
            ("nums", 20, |dice| some(dice, 3, int)),
            ("odd", 5, |_| Value::Map),
            ("http.method", 40, |dice| if dice.percent(90) { word(dice) } else { int(dice) }),
            ("http.status_code", 40, |dice| if dice.percent(90) { int(dice) } else { word(dice) }),
            ("url.path", 10, |dice| some(dice, 2, word)),
        ],
    )
}

fn resource(dice: &mut Dice) -> Attributes {
    let mut resource = maybe(
        dice,
        &[
            ("cluster", 60, word),
            ("num", 40, int),
            ("dup", 40, word),
            ("foo", 20, anything),
            ("k8s.pod.name", 40, word),
        ],
    );
    let service = dice.pick(&SERVICES);
    if !service.is_empty() {
        resource.insert("service.name".to_owned(), service.into());
    }
    resource
}

fn scope(dice: &mut Dice) -> Scope {
    let (name, version) = dice.pick(&[("libA", "1.0"), ("libB", ""), ("", "")]);
    let attributes = match name {
        "libA" => Attributes::from([("lang".to_owned(), "go".into())]),
        _ => Attributes::new(),
    };
    Scope { name: name.to_owned(), version: version.to_owned(), attributes }
}

fn event(dice: &mut Dice) -> Event {
    Event {
        name: dice.pick(&EVENTS).to_owned(),
        since_start_nanos: dice.pick(&DURATIONS_MS) * MILLISECOND,
        attributes: maybe(dice, &[("type", 50, word), ("n", 50, int), ("ok", 20, |_| true.into())]),
    }
}

fn link(dice: &mut Dice, own: &[u8; 16]) -> Link {
    let mut attributes = maybe(dice, &[("rel", 60, word), ("n", 30, int)]);
    if dice.percent(10) {
        attributes.insert("opentracing.ref_type".to_owned(), "child_of".into());
    }
    let other = trace_id(1 + dice.below(8) as u64);
    Link {
        trace_id: if dice.percent(30) { *own } else { other },
        span_id: span_id(1 + dice.below(5) as u64),
        attributes,
    }
}
