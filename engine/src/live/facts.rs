//! What holds for a whole trace: times, root, services (contract blocks.md §13).

use std::collections::BTreeMap;

use stringendo_proto::TraceId;

use super::span::{self, LINK_ATTRIBUTES, RESOURCE_ATTRIBUTES, SPAN_LINKS, SpanView};
use stringendo_proto::wire::{Fields, Value};

/// Facts about a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceFacts<'a> {
    /// Earliest start (0 counts as unset), nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// Latest end.
    pub end_unix_nanos: u64,
    /// Name of the root span, or empty.
    pub root_name: &'a [u8],
    /// Service of the root span, or empty.
    pub root_service: &'a [u8],
    /// Spans and errors per service.
    pub services: BTreeMap<&'a [u8], (u32, u32)>,
}

/// Looks at all spans of a trace.
pub fn of<'a>(trace_id: &TraceId, spans: &[SpanView<'a>]) -> TraceFacts<'a> {
    let mut facts = TraceFacts::default();
    for span in spans {
        let start = facts.start_unix_nanos;
        if start == 0 || (span.start_unix_nanos != 0 && span.start_unix_nanos < start) {
            facts.start_unix_nanos = span.start_unix_nanos;
        }
        facts.end_unix_nanos = facts.end_unix_nanos.max(span.end_unix_nanos);
        let service = service_name(span);
        let counts = facts.services.entry(service).or_default();
        counts.0 += 1;
        counts.1 += u32::from(span.status == 2);
        // The last root names the trace.
        if span.is_root() && !is_child_by_link(trace_id, span) {
            (facts.root_name, facts.root_service) = (span.name, service);
        }
    }
    facts
}

/// `service.name` of the span's resource, or empty.
pub fn service_name<'a>(span: &SpanView<'a>) -> &'a [u8] {
    span::string_attribute(span.resource, RESOURCE_ATTRIBUTES, b"service.name").unwrap_or(&[])
}

/// Whether a link to the same trace says that this root is a child.
fn is_child_by_link(trace_id: &TraceId, span: &SpanView<'_>) -> bool {
    span::messages(span.body, SPAN_LINKS).any(|link| {
        let same_trace = Fields::new(link)
            .any(|field| matches!(field, Ok((1, Value::Bytes(id))) if id == trace_id.0));
        let kind = span::string_attribute(link, LINK_ATTRIBUTES, b"opentracing.ref_type");
        same_trace && kind == Some(b"child_of")
    })
}
