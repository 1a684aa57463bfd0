//! Requests to send.

use bytes::Bytes;
use prost::Message;
use stringendo_proto::otlp::{
    AnyValue, KeyValue, Resource, ResourceSpans, ScopeSpans, Span, TracesData, Value,
};

use super::wait::unix_nanos;

/// The bytes of a trace id with this number in it.
pub fn trace_id(number: u64) -> [u8; 16] {
    let mut id = [0x5e; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    id
}

/// Its text.
pub fn hex(number: u64) -> String {
    format!("5e5e5e5e5e5e5e5e{number:016x}")
}

/// A request with one span that starts now, of service `shop`, named `GET /`.
pub fn request(trace_id: &[u8], span_id: &[u8]) -> Vec<u8> {
    of_service("shop", trace_id, span_id)
}

/// The same of another service.
pub fn of_service(service: &str, trace_id: &[u8], span_id: &[u8]) -> Vec<u8> {
    let now = unix_nanos();
    let span = Span {
        trace_id: Bytes::copy_from_slice(trace_id),
        span_id: Bytes::copy_from_slice(span_id),
        name: Bytes::from_static(b"GET /"),
        kind: 2,
        start_time_unix_nano: now,
        end_time_unix_nano: now + 1_500_000,
        ..Span::default()
    };
    let service = KeyValue {
        key: Bytes::from_static(b"service.name"),
        value: Some(AnyValue {
            value: Some(Value::String(Bytes::copy_from_slice(service.as_bytes()))),
        }),
    };
    let resource = Resource { attributes: vec![service], ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans =
        ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    TracesData { resource_spans: vec![resource_spans] }.encode_to_vec()
}

/// A request with one span of the trace with this number.
pub fn numbered(number: u64) -> Vec<u8> {
    request(&trace_id(number), &(number + 1).to_be_bytes())
}
