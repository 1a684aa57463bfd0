//! Rows as OTLP requests.

use bytes::Bytes;
use prost::Message;
use stringendo_proto::otlp::{self as proto, AnyValue, KeyValue};

use crate::rows::{Attributes, Event, Link, Span, Trace, Value};

/// One request with these traces.
pub fn request<'t>(traces: impl IntoIterator<Item = &'t Trace>) -> Bytes {
    let mut resource_spans: Vec<proto::ResourceSpans> = Vec::new();
    for trace in traces {
        // Groups of one trace do not mix with those of another.
        let from = resource_spans.len();
        for span in &trace.spans {
            add(&mut resource_spans, from, trace, span);
        }
    }
    proto::TracesData { resource_spans }.encode_to_vec().into()
}

fn add(groups: &mut Vec<proto::ResourceSpans>, from: usize, trace: &Trace, span: &Span) {
    let resource =
        Some(proto::Resource { attributes: key_values(&span.resource), ..Default::default() });
    let known = groups[from..].iter().position(|group| group.resource == resource);
    let at = known.map_or(groups.len(), |known| from + known);
    if at == groups.len() {
        groups.push(proto::ResourceSpans { resource, ..Default::default() });
    }
    let scopes = &mut groups[at].scope_spans;
    let scope = Some(proto::InstrumentationScope {
        name: text(&span.scope.name),
        version: text(&span.scope.version),
        attributes: key_values(&span.scope.attributes),
        ..Default::default()
    });
    let known = scopes.iter().position(|group| group.scope == scope);
    let at = known.unwrap_or(scopes.len());
    if at == scopes.len() {
        scopes.push(proto::ScopeSpans { scope, ..Default::default() });
    }
    scopes[at].spans.push(otlp_span(&trace.id, span));
}

fn otlp_span(trace_id: &[u8; 16], span: &Span) -> proto::Span {
    let id = |id: u64| Bytes::copy_from_slice(&id.to_be_bytes());
    proto::Span {
        trace_id: Bytes::copy_from_slice(trace_id),
        span_id: id(span.id),
        parent_span_id: if span.parent == 0 { Bytes::new() } else { id(span.parent) },
        name: text(&span.name),
        kind: span.kind,
        start_time_unix_nano: span.start_unix_nanos,
        end_time_unix_nano: span.end_unix_nanos(),
        attributes: key_values(&span.attributes),
        events: span.events.iter().map(|event| otlp_event(span, event)).collect(),
        links: span.links.iter().map(otlp_link).collect(),
        status: Some(proto::Status { code: span.status, message: text(&span.message) }),
        ..Default::default()
    }
}

fn otlp_event(span: &Span, event: &Event) -> proto::Event {
    proto::Event {
        time_unix_nano: span.start_unix_nanos + event.since_start_nanos,
        name: text(&event.name),
        attributes: key_values(&event.attributes),
        ..Default::default()
    }
}

fn otlp_link(link: &Link) -> proto::Link {
    proto::Link {
        trace_id: Bytes::copy_from_slice(&link.trace_id),
        span_id: Bytes::copy_from_slice(&link.span_id.to_be_bytes()),
        attributes: key_values(&link.attributes),
        ..Default::default()
    }
}

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn key_values(attributes: &Attributes) -> Vec<KeyValue> {
    let pair =
        |(key, value): (&String, &Value)| KeyValue { key: text(key), value: Some(any(value)) };
    attributes.iter().map(pair).collect()
}

/// A value in OTLP's form.
pub fn any(value: &Value) -> AnyValue {
    let value = match value {
        Value::Str(value) => proto::Value::String(text(value)),
        Value::Int(value) => proto::Value::Int(*value),
        Value::Float(value) => proto::Value::Double(*value),
        Value::Bool(value) => proto::Value::Bool(*value),
        Value::Array(items) => {
            proto::Value::Array(proto::ArrayValue { values: items.iter().map(any).collect() })
        }
        Value::Map => {
            let entry = KeyValue { key: text("k"), value: Some(any(&Value::Int(1))) };
            proto::Value::Kvlist(proto::KeyValueList { values: vec![entry] })
        }
    };
    AnyValue { value: Some(value) }
}
