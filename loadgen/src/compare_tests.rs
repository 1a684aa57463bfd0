use stringendo_proto::otlp::{AnyValue, ResourceSpans, ScopeSpans, Value};

use super::*;

fn key_value(key: &'static str, number: i64) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::Int(number)) });
    KeyValue { key: key.into(), value }
}

fn span(id: u8) -> Span {
    Span {
        trace_id: vec![9; 16].into(),
        span_id: vec![id; 8].into(),
        name: "work".into(),
        kind: 2,
        flags: 1,
        attributes: vec![key_value("b", 2), key_value("a", 1)],
        ..Default::default()
    }
}

fn sent(fates: &[Fate]) -> SentTrace {
    let mut trace = SentTrace::default();
    for (at, fate) in fates.iter().enumerate() {
        trace.add(*fate, None, None, span(at as u8 + 1));
    }
    trace
}

fn answer(spans: Vec<Span>) -> TracesData {
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] }
}

const ACKED: [Fate; 2] = [Fate::Acknowledged, Fate::Acknowledged];

#[test]
fn the_same_spans_in_another_order_and_without_flags_are_fine() {
    let stored = |id| Span {
        flags: 0,
        attributes: vec![key_value("a", 1), key_value("b", 2)],
        status: Some(Status::default()),
        ..span(id)
    };
    let verdict = sent(&ACKED).compare(answer(vec![stored(2), stored(1)]));
    assert_eq!(verdict, Verdict { found: 2, ..Verdict::default() });
}

#[test]
fn a_missing_a_repeated_and_a_foreign_span_are_told() {
    let verdict = sent(&ACKED).compare(answer(vec![span(1), span(1), span(7)]));
    let counts = (verdict.found, verdict.missing, verdict.duplicated, verdict.foreign);
    assert_eq!(counts, (1, 1, 1, 1));
    assert_eq!(verdict.problems.len(), 3);
}

#[test]
fn a_changed_attribute_is_told_by_name() {
    let mut changed = span(1);
    changed.attributes[0] = key_value("b", 3);
    let verdict = sent(&ACKED[..1]).compare(answer(vec![changed]));
    assert_eq!(verdict.altered, 1);
    assert!(verdict.problems[0].ends_with("an attribute differs"), "{:?}", verdict.problems);
}

#[test]
fn a_lost_attribute_and_another_parent_are_told() {
    let mut short = span(1);
    short.attributes.pop();
    let orphan = Span { parent_span_id: vec![3; 8].into(), ..span(2) };
    let verdict = sent(&ACKED).compare(answer(vec![short, orphan]));
    assert!(verdict.problems[0].ends_with("the number of attributes differs"));
    assert!(verdict.problems[1].ends_with("the parent differs"));
}

#[test]
fn unanswered_spans_may_be_there_or_not() {
    let trace = sent(&[Fate::Acknowledged, Fate::Unanswered, Fate::Refused]);
    assert_eq!(trace.acknowledged(), 1);
    assert!(trace.compare(answer(vec![span(1)])).problems.is_empty());
    let verdict = trace.compare(answer(vec![span(1), span(2), span(3)]));
    assert!(verdict.problems.is_empty());
    assert_eq!((verdict.unanswered_present, verdict.refused_present), (1, 1));
}
