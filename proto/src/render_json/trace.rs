//! OTLP messages, in the order of fields that Tempo sends.

use crate::json::{Object, put_base64, put_f64, put_quoted, put_string};
use crate::otlp::{
    AnyValue, Event, InstrumentationScope, KeyValue, Link, Resource, ResourceSpans, ScopeSpans,
    Span, Status, TracesData, Value,
};
use crate::otlp_json::{SPAN_KINDS, STATUS_CODES};

pub(super) fn put_trace(out: &mut Vec<u8>, trace: &TracesData, list_key: &str) {
    let mut object = Object::begin(out);
    object.list_unless_empty(list_key, &trace.resource_spans, put_resource_spans);
    object.end();
}

fn put_resource_spans(out: &mut Vec<u8>, spans: &ResourceSpans) {
    let mut object = Object::begin(out);
    object.message_if_set("resource", spans.resource.as_ref(), put_resource);
    object.list_unless_empty("scopeSpans", &spans.scope_spans, put_scope_spans);
    object.string_unless_empty("schemaUrl", &spans.schema_url);
    object.end();
}

fn put_resource(out: &mut Vec<u8>, resource: &Resource) {
    let mut object = Object::begin(out);
    put_attributes(&mut object, &resource.attributes, resource.dropped_attributes_count);
    object.end();
}

fn put_scope_spans(out: &mut Vec<u8>, spans: &ScopeSpans) {
    let mut object = Object::begin(out);
    object.message_if_set("scope", spans.scope.as_ref(), put_scope);
    object.list_unless_empty("spans", &spans.spans, put_span);
    object.string_unless_empty("schemaUrl", &spans.schema_url);
    object.end();
}

fn put_scope(out: &mut Vec<u8>, scope: &InstrumentationScope) {
    let mut object = Object::begin(out);
    object.string_unless_empty("name", &scope.name);
    object.string_unless_empty("version", &scope.version);
    put_attributes(&mut object, &scope.attributes, scope.dropped_attributes_count);
    object.end();
}

fn put_span(out: &mut Vec<u8>, span: &Span) {
    let mut object = Object::begin(out);
    object.base64_unless_empty("traceId", &span.trace_id);
    object.base64_unless_empty("spanId", &span.span_id);
    object.string_unless_empty("traceState", &span.trace_state);
    object.base64_unless_empty("parentSpanId", &span.parent_span_id);
    object.u32_unless_zero("flags", span.flags);
    object.string_unless_empty("name", &span.name);
    object.enum_unless_zero("kind", span.kind, &SPAN_KINDS);
    object.u64_unless_zero("startTimeUnixNano", span.start_time_unix_nano);
    object.u64_unless_zero("endTimeUnixNano", span.end_time_unix_nano);
    put_attributes(&mut object, &span.attributes, span.dropped_attributes_count);
    object.list_unless_empty("events", &span.events, put_event);
    object.u32_unless_zero("droppedEventsCount", span.dropped_events_count);
    object.list_unless_empty("links", &span.links, put_link);
    object.u32_unless_zero("droppedLinksCount", span.dropped_links_count);
    object.message_if_set("status", span.status.as_ref(), put_status);
    object.end();
}

fn put_event(out: &mut Vec<u8>, event: &Event) {
    let mut object = Object::begin(out);
    object.u64_unless_zero("timeUnixNano", event.time_unix_nano);
    object.string_unless_empty("name", &event.name);
    put_attributes(&mut object, &event.attributes, event.dropped_attributes_count);
    object.end();
}

fn put_link(out: &mut Vec<u8>, link: &Link) {
    let mut object = Object::begin(out);
    object.base64_unless_empty("traceId", &link.trace_id);
    object.base64_unless_empty("spanId", &link.span_id);
    object.string_unless_empty("traceState", &link.trace_state);
    put_attributes(&mut object, &link.attributes, link.dropped_attributes_count);
    object.u32_unless_zero("flags", link.flags);
    object.end();
}

fn put_status(out: &mut Vec<u8>, status: &Status) {
    let mut object = Object::begin(out);
    object.string_unless_empty("message", &status.message);
    object.enum_unless_zero("code", status.code, &STATUS_CODES);
    object.end();
}

fn put_attributes(object: &mut Object<'_>, attributes: &[KeyValue], dropped: u32) {
    object.list_unless_empty("attributes", attributes, put_key_value);
    object.u32_unless_zero("droppedAttributesCount", dropped);
}

pub(super) fn put_key_value(out: &mut Vec<u8>, attribute: &KeyValue) {
    let mut object = Object::begin(out);
    object.string_unless_empty("key", &attribute.key);
    object.message_if_set("value", attribute.value.as_ref(), put_any_value);
    object.end();
}

/// Appends the JSON of one value: `{"stringValue":"x"}`; `{}` for a value without a type. Blocks
/// hold values that have no column of their own in this form (contract blocks.md §10).
pub fn put_any_value(out: &mut Vec<u8>, value: &AnyValue) {
    let mut object = Object::begin(out);
    match &value.value {
        None => {}
        Some(Value::String(text)) => put_string(object.key("stringValue"), text),
        Some(Value::Bool(true)) => object.key("boolValue").extend_from_slice(b"true"),
        Some(Value::Bool(false)) => object.key("boolValue").extend_from_slice(b"false"),
        Some(Value::Int(number)) => put_quoted(object.key("intValue"), number),
        Some(Value::Double(number)) => put_f64(object.key("doubleValue"), *number),
        Some(Value::Array(list)) => {
            put_values(object.key("arrayValue"), &list.values, put_any_value);
        }
        Some(Value::Kvlist(list)) => {
            put_values(object.key("kvlistValue"), &list.values, put_key_value);
        }
        Some(Value::Bytes(bytes)) => put_base64(object.key("bytesValue"), bytes),
    }
    object.end();
}

/// `ArrayValue` and `KeyValueList` both have this one field.
fn put_values<T>(out: &mut Vec<u8>, values: &[T], put: fn(&mut Vec<u8>, &T)) {
    let mut object = Object::begin(out);
    object.list_unless_empty("values", values, put);
    object.end();
}
