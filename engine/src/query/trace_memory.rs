//! Memory of a decoded trace: its structures, and the bytes that they share.

use prost::Message;
use stringendo_proto::otlp::{
    AnyValue, Event, KeyValue, Link, ResourceSpans, ScopeSpans, Span, TracesData, Value,
};

/// Bytes that `trace` holds: what its texts share counts as long as its encoded form.
pub fn memory_bytes(trace: &TracesData) -> u64 {
    let structures = vec_bytes(&trace.resource_spans, resource_spans);
    (structures + trace.encoded_len()) as u64
}

/// Of a list and what its elements hold.
fn vec_bytes<T>(list: &Vec<T>, held: impl Fn(&T) -> usize) -> usize {
    list.capacity() * size_of::<T>() + list.iter().map(held).sum::<usize>()
}

fn resource_spans(resource_spans: &ResourceSpans) -> usize {
    let resource = resource_spans.resource.as_ref();
    resource.map_or(0, |resource| attributes_bytes(&resource.attributes))
        + vec_bytes(&resource_spans.scope_spans, scope_spans)
}

fn scope_spans(scope_spans: &ScopeSpans) -> usize {
    let scope = scope_spans.scope.as_ref();
    scope.map_or(0, |scope| attributes_bytes(&scope.attributes))
        + vec_bytes(&scope_spans.spans, span_lists)
}

/// What a span holds, without its texts.
pub fn span_bytes(span: &Span) -> u64 {
    (size_of::<Span>() + span_lists(span)) as u64
}

fn span_lists(span: &Span) -> usize {
    attributes_bytes(&span.attributes)
        + vec_bytes(&span.events, |event: &Event| attributes_bytes(&event.attributes))
        + vec_bytes(&span.links, |link: &Link| attributes_bytes(&link.attributes))
}

/// What attributes hold, without their texts.
pub fn attributes_bytes(attributes: &Vec<KeyValue>) -> usize {
    vec_bytes(attributes, |attribute| attribute.value.as_ref().map_or(0, value))
}

/// Nesting is limited where the trace was decoded.
fn value(any: &AnyValue) -> usize {
    match &any.value {
        Some(Value::Array(array)) => vec_bytes(&array.values, value),
        Some(Value::Kvlist(list)) => attributes_bytes(&list.values),
        _ => 0,
    }
}
