//! The logs of received and of discarded spans (contract receivers.md §9): one line per span, at
//! level info.

use prost::Message;
use stringendo_proto::otlp::{AnyValue, KeyValue, Span, TracesData};
use stringendo_proto::render_json::put_any_value;

use crate::settings::SpanLog;

/// `STATUS_CODE_ERROR`.
const ERROR: i32 = 2;

const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];

const STATUSES: [&str; 3] = ["Unset", "Ok", "Error"];

/// Logs the spans of a stored batch.
pub fn log(settings: &SpanLog, body: &[u8]) {
    each(settings, body, |span, shared| log_span(settings, span, shared));
}

/// Logs the spans of a batch that were not stored, if that is switched on.
pub fn log_discarded(settings: &SpanLog, tenant: &str, body: &[u8]) {
    if settings.enabled {
        each(settings, body, |span, shared| log_discarded_span(settings, tenant, span, shared));
    }
}

/// Calls `log` with the spans that are to be logged, and the attributes of their resource.
fn each(settings: &SpanLog, body: &[u8], log: impl Fn(&Span, &[KeyValue])) {
    // What cannot be read was refused for that, and is no spans.
    let Ok(batch) = TracesData::decode(body) else { return };
    for resource in &batch.resource_spans {
        let shared = resource.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        let spans = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
        for span in spans.filter(|span| !settings.filter_by_status_error || status(span) == ERROR) {
            log(span, shared);
        }
    }
}

fn log_discarded_span(settings: &SpanLog, tenant: &str, span: &Span, shared: &[KeyValue]) {
    let spanid = const_hex::encode(&span.span_id);
    let traceid = const_hex::encode(&span.trace_id);
    if !settings.include_all_attributes {
        return tracing::info!(tenant, %spanid, %traceid, "discarded");
    }
    let nanos = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
    let attributes: Vec<String> = shared.iter().chain(&span.attributes).map(attribute).collect();
    tracing::info!(
        tenant,
        %spanid,
        %traceid,
        span_name = %String::from_utf8_lossy(&span.name),
        span_duration_seconds = nanos as f64 / 1e9,
        span_kind = word(&KINDS, span.kind),
        span_status = word(&STATUSES, status(span)),
        span_attributes = attributes.join(" "),
        "discarded"
    );
}

fn log_span(settings: &SpanLog, span: &Span, shared: &[KeyValue]) {
    let spanid = const_hex::encode(&span.span_id);
    let traceid = const_hex::encode(&span.trace_id);
    if !settings.include_all_attributes {
        return tracing::info!(%spanid, %traceid, "received");
    }
    let nanos = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
    let attributes: Vec<String> = shared.iter().chain(&span.attributes).map(attribute).collect();
    tracing::info!(
        %spanid,
        %traceid,
        span_name = %String::from_utf8_lossy(&span.name),
        span_duration_seconds = nanos as f64 / 1e9,
        span_kind = word(&KINDS, span.kind),
        span_status = word(&STATUSES, status(span)),
        span_attributes = attributes.join(" "),
        "received"
    );
}

fn status(span: &Span) -> i32 {
    span.status.as_ref().map_or(0, |status| status.code)
}

fn word(words: &[&'static str], code: i32) -> &'static str {
    usize::try_from(code).ok().and_then(|code| words.get(code)).unwrap_or(&"unknown")
}

/// `span_<key>=<value>`, the key in letters, digits and underscores.
fn attribute(attribute: &KeyValue) -> String {
    let key = String::from_utf8_lossy(&attribute.key);
    let key: String =
        key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let mut value = Vec::new();
    put_any_value(&mut value, attribute.value.as_ref().unwrap_or(&AnyValue::default()));
    format!("span_{key}={}", String::from_utf8_lossy(&value))
}
