//! Batches to send.

use bytes::Bytes;
use prost::Message;
use stringendo_proto::otlp::{
    AnyValue, KeyValue, Resource, ResourceSpans, ScopeSpans, Span, TracesData, Value,
};

/// A batch with one span of this trace, of service `shop`, named `GET /`, at this time.
pub fn batch(trace_id: [u8; 16], span_id: u8, start_unix_nanos: u64) -> Vec<u8> {
    let service = KeyValue {
        key: Bytes::from_static(b"service.name"),
        value: Some(AnyValue { value: Some(Value::String(Bytes::from_static(b"shop"))) }),
    };
    let span = Span {
        trace_id: Bytes::copy_from_slice(&trace_id),
        span_id: Bytes::copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, span_id]),
        name: Bytes::from_static(b"GET /"),
        kind: 2,
        start_time_unix_nano: start_unix_nanos,
        end_time_unix_nano: start_unix_nanos + 1_500_000,
        ..Span::default()
    };
    let resource = Resource { attributes: vec![service], ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans =
        ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    TracesData { resource_spans: vec![resource_spans] }.encode_to_vec()
}
