use proptest::prelude::*;
use stringendo_proto::otlp::{AnyValue, InstrumentationScope, Resource, Value};

use super::*;

fn span(id: u64, kind: i32, start: u64) -> Span {
    Span {
        span_id: Bytes::copy_from_slice(&id.to_be_bytes()),
        kind,
        start_time_unix_nano: start,
        ..Span::default()
    }
}

fn child(id: u64, kind: i32, parent: u64) -> Span {
    Span { parent_span_id: Bytes::copy_from_slice(&parent.to_be_bytes()), ..span(id, kind, id) }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Value::String(Bytes::copy_from_slice(value.as_bytes()));
    KeyValue {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Some(AnyValue { value: Some(value) }),
    }
}

fn piece(attributes: &[(&str, &str)], scope: &str, spans: Vec<Span>) -> TracesData {
    let attributes = attributes.iter().map(|(key, value)| attribute(key, value)).collect();
    let name = Bytes::copy_from_slice(scope.as_bytes());
    let scope = InstrumentationScope { name, ..InstrumentationScope::default() };
    TracesData {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes, dropped_attributes_count: 0 }),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans, schema_url: Bytes::new() }],
            schema_url: Bytes::new(),
        }],
    }
}

fn ids(trace: &TracesData) -> Vec<u64> {
    spans(trace).map(|span| id(&span.span_id)).collect()
}

fn id(bytes: &Bytes) -> u64 {
    u64::from_be_bytes(bytes[..].try_into().expect("eight bytes"))
}

#[test]
fn nothing_combines_to_nothing() {
    assert_eq!(combine(Vec::new()), TracesData::default());
}

#[test]
fn the_first_copy_of_a_span_stays() {
    let mut late = span(1, SERVER, 5);
    late.name = Bytes::from_static(b"late");
    let first = piece(&[], "", vec![span(1, SERVER, 5), span(1, SERVER, 5)]);
    let trace = combine(vec![first, piece(&[], "", vec![late])]);
    assert_eq!(ids(&trace), [1]);
    assert!(spans(&trace).all(|span| span.name.is_empty()));
}

#[test]
fn spans_that_share_an_id_but_not_the_kind_both_stay() {
    let trace = combine(vec![piece(&[], "", vec![span(1, CLIENT, 5), span(1, SERVER, 6)])]);
    assert_eq!(ids(&trace), [1, 1]);
}

#[test]
fn resources_that_differ_in_the_order_of_attributes_are_merged() {
    let a = piece(&[("a", "1"), ("b", "2")], "lib", vec![span(1, 0, 2)]);
    let b = piece(&[("b", "2"), ("a", "1")], "lib", vec![span(2, 0, 1)]);
    let trace = combine(vec![a, b]);
    assert_eq!(trace.resource_spans.len(), 1);
    assert_eq!(trace.resource_spans[0].scope_spans.len(), 1);
    assert_eq!(ids(&trace), [2, 1]);
}

#[test]
fn resources_and_scopes_are_sorted_by_their_first_span() {
    let a = piece(&[("a", "1")], "x", vec![span(1, 0, 30)]);
    let b = piece(&[("a", "2")], "y", vec![span(2, 0, 20), span(3, 0, 10)]);
    let c = piece(&[("a", "1")], "z", vec![span(4, 0, 5)]);
    assert_eq!(ids(&combine(vec![a, b, c])), [4, 1, 3, 2]);
}

#[test]
fn scopes_that_lost_all_their_spans_are_dropped() {
    let a = piece(&[("a", "1")], "x", vec![span(1, 0, 30)]);
    let b = piece(&[("a", "2")], "y", vec![span(1, 0, 30)]);
    let trace = combine(vec![a, b, piece(&[("a", "3")], "z", Vec::new())]);
    assert_eq!(trace.resource_spans.len(), 1);
}

#[test]
fn a_server_span_that_shares_its_clients_id_gets_the_first_unused_one() {
    let spans_in = vec![child(1, 1, 0), child(7, CLIENT, 1), child(7, SERVER, 1), child(9, 1, 7)];
    let mut trace = piece(&[], "", spans_in);
    split_shared_ids(&mut trace);
    let ids: Vec<(u64, u64)> =
        spans(&trace).map(|span| (id(&span.span_id), id(&span.parent_span_id))).collect();
    assert_eq!(ids, [(1, 0), (7, 1), (2, 7), (9, 2)]);
}

#[test]
fn a_chain_of_shared_ids_keeps_its_order() {
    let spans_in =
        vec![child(7, CLIENT, 0), child(7, SERVER, 0), child(8, CLIENT, 7), child(8, SERVER, 7)];
    let mut trace = piece(&[], "", spans_in);
    split_shared_ids(&mut trace);
    let ids: Vec<(u64, u64)> =
        spans(&trace).map(|span| (id(&span.span_id), id(&span.parent_span_id))).collect();
    assert_eq!(ids, [(7, 0), (1, 7), (8, 1), (2, 8)]);
}

#[test]
fn ids_that_are_not_shared_by_client_and_server_stay() {
    let mut trace = piece(&[], "", vec![child(1, SERVER, 0), child(2, CLIENT, 1)]);
    let before = trace.clone();
    split_shared_ids(&mut trace);
    assert_eq!(trace, before);
}

fn any_piece() -> impl Strategy<Value = TracesData> {
    let spans = prop::collection::vec((1_u64..20, 1..4_i32), 0..6);
    let attributes = prop::sample::select(vec!["1", "2"]);
    let scope = prop::sample::select(vec!["x", "y"]);
    // Copies of a span are equal and belong to the same resource and scope wherever they come from.
    (spans, attributes, scope).prop_map(|(spans, value, scope)| {
        let part = u64::from(value == "1") * 2 + u64::from(scope == "x");
        let spans = spans.into_iter().map(|(id, kind)| span(id * 4 + part, kind, id % 5)).collect();
        piece(&[("a", value)], scope, spans)
    })
}

proptest! {
    #[test]
    fn the_order_of_pieces_does_not_matter(
        pieces in prop::collection::vec(any_piece(), 0..6),
        shuffled in any::<prop::sample::Index>(),
    ) {
        let mut other = pieces.clone();
        if !other.is_empty() {
            let by = shuffled.index(other.len());
            other.rotate_left(by);
            other.reverse();
        }
        prop_assert_eq!(combine(pieces), combine(other));
    }

    #[test]
    fn combining_twice_changes_nothing(pieces in prop::collection::vec(any_piece(), 0..6)) {
        let once = combine(pieces);
        prop_assert_eq!(combine(vec![once.clone(), once.clone()]), once);
    }
}
