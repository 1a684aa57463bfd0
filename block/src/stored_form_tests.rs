use stringendo_proto::otlp::{ArrayValue, InstrumentationScope, KeyValueList};

use super::*;
use crate::meta::default_dedicated_columns;

fn attribute(key: &str, value: Option<Value>) -> KeyValue {
    KeyValue { key: Bytes::copy_from_slice(key.as_bytes()), value: Some(AnyValue { value }) }
}

fn string(text: &'static str) -> Option<Value> {
    Some(Value::String(Bytes::from_static(text.as_bytes())))
}

fn array(values: Vec<Option<Value>>) -> Option<Value> {
    let values = values.into_iter().map(|value| AnyValue { value }).collect();
    Some(Value::Array(ArrayValue { values }))
}

fn kept(attributes: Vec<KeyValue>) -> Vec<KeyValue> {
    let mut attributes = attributes;
    StoredForm::new(Version::V5, &default_dedicated_columns()).span.keep(&mut attributes);
    attributes
}

#[test]
fn attributes_with_columns_come_last_and_once_in_the_order_of_the_columns() {
    let sent = vec![
        attribute("url.path", string("/a")),
        attribute("k", string("1")),
        attribute("http.request.method", string("GET")),
        attribute("k", string("2")),
        attribute("url.path", string("/b")),
    ];
    let expected = [
        attribute("k", string("1")),
        attribute("k", string("2")),
        attribute("http.request.method", string("GET")),
        attribute("url.path", string("/b")),
    ];
    assert_eq!(kept(sent), expected);
}

#[test]
fn arrays_in_columns_of_their_own_lose_being_arrays() {
    let sent = vec![
        attribute("url.path", array(vec![string("/a")])),
        attribute("url.route", array(vec![string("/a"), string("/b")])),
        attribute("server.address", string("replaced")),
        attribute("server.address", array(vec![])),
        attribute("http.route", array(vec![string("x"), Some(Value::Int(1))])),
        attribute("k", array(vec![])),
        attribute("k", array(vec![string("x")])),
    ];
    let expected = [sent[4].clone(), sent[5].clone(), sent[6].clone()];
    let expected = expected.into_iter().chain([attribute("url.path", string("/a"))]);
    let expected: Vec<_> = expected.chain([sent[1].clone()]).collect();
    assert_eq!(kept(sent), expected);
}

#[test]
fn values_kept_as_json_have_a_value_everywhere_and_only_utf8() {
    let broken = || Some(Value::String(Bytes::from_static(b"a\xff\xfe")));
    let entry = |key: &'static [u8], value: Option<AnyValue>| KeyValue { key: key.into(), value };
    let list = |entries| Some(Value::Kvlist(KeyValueList { values: entries }));
    let sent = vec![
        KeyValue { key: "none".into(), value: None },
        attribute("text", broken()),
        attribute("map", list(vec![entry(b"\xff", None)])),
        attribute("mixed", array(vec![broken(), None])),
    ];
    let replaced = string("a\u{fffd}\u{fffd}");
    let expected = [
        attribute("none", None),
        attribute("text", broken()),
        attribute("map", list(vec![entry("\u{fffd}".as_bytes(), Some(AnyValue::default()))])),
        attribute("mixed", array(vec![replaced, None])),
    ];
    assert_eq!(kept(sent), expected);
}

#[test]
fn scopes_of_one_name_in_one_entry_are_the_first_of_them() {
    let scope = |version: &'static str, key: &str| ScopeSpans {
        scope: Some(InstrumentationScope {
            version: version.into(),
            attributes: vec![attribute(key, string("v"))],
            ..InstrumentationScope::default()
        }),
        spans: vec![Span::default()],
        schema_url: "https://schema".into(),
    };
    let entry = |scope_spans| ResourceSpans { scope_spans, ..ResourceSpans::default() };
    let first = entry(vec![scope("1", "a"), scope("2", "b"), scope("1", "c")]);
    let trace = TracesData { resource_spans: vec![first, entry(vec![scope("1", "c")])] };
    let stored = StoredForm::new(Version::V5, &[]).of(trace);
    assert_eq!(stored.resource_spans.len(), 1);
    let scopes = stored.resource_spans[0].scope_spans.iter().map(|scope_spans| {
        assert_eq!(scope_spans.schema_url, "");
        let scope = scope_spans.scope.as_ref().expect("always there");
        (scope.attributes[0].key.clone(), scope_spans.spans.len())
    });
    let expected = [("a".into(), 2), ("b".into(), 1), ("c".into(), 1)];
    assert_eq!(scopes.collect::<Vec<_>>(), expected);
}

#[test]
fn the_last_service_name_that_is_a_string_counts_and_an_empty_one_is_none() {
    let of = |values: Vec<Option<Value>>| {
        let attributes = values.into_iter().map(|value| attribute("service.name", value)).collect();
        let mut resource = Resource { attributes, dropped_attributes_count: 3 };
        StoredForm::new(Version::V5, &[]).resource(&mut resource);
        resource.attributes
    };
    assert_eq!(of(vec![string("a"), string("b")]), [attribute("service.name", string("b"))]);
    assert_eq!(of(vec![string("a"), string("")]), []);
    let number = Some(Value::Int(12));
    assert_eq!(of(vec![number.clone()]), [attribute("service.name", number)]);
}
