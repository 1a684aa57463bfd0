//! A trace for language models (contract http-api.md §3.2): grouped by service, attributes as plain
//! JSON values, ids in hex.

use std::collections::BTreeMap;

use crate::json::{Object, put_array, put_f64, put_integer, put_string};
use crate::otlp::{
    AnyValue, Event, KeyValue, Link, ResourceSpans, ScopeSpans, Span, Status, TracesData, Value,
};
use crate::otlp_json::{SPAN_KINDS, STATUS_CODES};

pub(super) fn put_trace(out: &mut Vec<u8>, trace: &TracesData) {
    let mut object = Object::begin(out);
    if let Some(id) = trace_id(trace) {
        put_hex(object.key("traceId"), id);
        put_array(object.key("services"), &trace.resource_spans, put_service);
    }
    object.end();
}

fn trace_id(trace: &TracesData) -> Option<&[u8]> {
    let scopes = trace.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).map(|span| &span.trace_id[..]).next()
}

fn put_service(out: &mut Vec<u8>, spans: &ResourceSpans) {
    let attributes = spans.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
    let mut object = Object::begin(out);
    put_string(object.key("serviceName"), service_name(attributes));
    put_attributes(object.key("resource"), attributes);
    put_array(object.key("scopes"), &spans.scope_spans, put_scope);
    object.end();
}

fn service_name(attributes: &[KeyValue]) -> &[u8] {
    let named = attributes.iter().rev().find(|attribute| &attribute.key[..] == b"service.name");
    match named.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::String(name)) => name,
        _ => b"",
    }
}

fn put_scope(out: &mut Vec<u8>, spans: &ScopeSpans) {
    let mut object = Object::begin(out);
    if let Some(scope) = &spans.scope {
        object.string_unless_empty("name", &scope.name);
        object.string_unless_empty("version", &scope.version);
    }
    put_array(object.key("spans"), &spans.spans, put_span);
    object.end();
}

fn put_span(out: &mut Vec<u8>, span: &Span) {
    let mut object = Object::begin(out);
    put_hex(object.key("spanId"), &span.span_id);
    put_string(object.key("name"), &span.name);
    if !span.parent_span_id.is_empty() {
        put_hex(object.key("parentSpanId"), &span.parent_span_id);
    }
    object.enum_unless_zero("kind", span.kind, &SPAN_KINDS);
    object.u64_unless_zero("startTimeUnixNano", span.start_time_unix_nano);
    object.u64_unless_zero("endTimeUnixNano", span.end_time_unix_nano);
    let nanos = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
    put_f64(object.key("durationMs"), nanos as f64 / 1e6);
    put_attributes_unless_empty(&mut object, &span.attributes);
    object.list_unless_empty("events", &span.events, put_event);
    object.list_unless_empty("links", &span.links, put_link);
    object.message_if_set("status", span.status.as_ref(), put_status);
    object.end();
}

fn put_event(out: &mut Vec<u8>, event: &Event) {
    let mut object = Object::begin(out);
    object.u64_unless_zero("timeUnixNano", event.time_unix_nano);
    object.string_unless_empty("name", &event.name);
    put_attributes_unless_empty(&mut object, &event.attributes);
    object.end();
}

fn put_link(out: &mut Vec<u8>, link: &Link) {
    let mut object = Object::begin(out);
    put_hex(object.key("traceId"), &link.trace_id);
    put_hex(object.key("spanId"), &link.span_id);
    object.string_unless_empty("traceState", &link.trace_state);
    put_attributes_unless_empty(&mut object, &link.attributes);
    object.end();
}

fn put_status(out: &mut Vec<u8>, status: &Status) {
    let mut object = Object::begin(out);
    object.enum_unless_zero("code", status.code, &STATUS_CODES);
    object.string_unless_empty("message", &status.message);
    object.end();
}

fn put_attributes_unless_empty(object: &mut Object<'_>, attributes: &[KeyValue]) {
    if !attributes.is_empty() {
        put_attributes(object.key("attributes"), attributes);
    }
}

/// Keys in order, each once: of several values the last one counts.
fn put_attributes(out: &mut Vec<u8>, attributes: &[KeyValue]) {
    let values: BTreeMap<_, _> =
        attributes.iter().map(|attribute| (&attribute.key, &attribute.value)).collect();
    let mut object = Object::begin(out);
    for (key, value) in values {
        put_value(object.key(&String::from_utf8_lossy(key)), value.as_ref());
    }
    object.end();
}

fn put_value(out: &mut Vec<u8>, value: Option<&AnyValue>) {
    match value.and_then(|value| value.value.as_ref()) {
        None => out.extend_from_slice(b"null"),
        Some(Value::String(text)) => put_string(out, text),
        Some(Value::Bool(truth)) => out.extend_from_slice(truth.to_string().as_bytes()),
        Some(Value::Int(number)) => put_integer(out, number),
        Some(Value::Double(number)) => put_f64(out, *number),
        Some(Value::Array(list)) => put_array(out, &list.values, |out, value| {
            put_value(out, Some(value));
        }),
        Some(Value::Kvlist(list)) => put_attributes(out, &list.values),
        Some(Value::Bytes(bytes)) => put_hex(out, bytes),
    }
}

fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    put_string(out, const_hex::encode(bytes).as_bytes());
}
