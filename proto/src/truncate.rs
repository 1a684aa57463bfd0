//! Cuts attribute keys and string values that are too long (contract receivers.md §2.2), and
//! merges messages that were sent in pieces (see [`crate::walk`]).
//! Rare, so it may allocate and decode.
//!
//! From: a batch for which the walk said that it is needed. To: the walk again.

use bytes::Bytes;
use prost::Message;

use crate::otlp::{AnyValue, KeyValue, ResourceSpans, ScopeSpans, Span, TracesData, Value};

/// How many attributes were cut, by scope. One whose key and value were cut counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truncated {
    /// Resource attributes.
    pub resource: u64,
    /// Scope attributes.
    pub scope: u64,
    /// Span attributes.
    pub span: u64,
    /// Event attributes.
    pub event: u64,
    /// Link attributes.
    pub link: u64,
}

/// Returns `batch`, which [`crate::walk::walk`] has accepted, with every attribute key and string
/// value of more than `attribute_bytes_max` bytes cut to that many bytes, never inside a character:
/// Tempo cuts there too, and then answers with protobuf that clients must refuse, since its strings
/// are not UTF-8. 0 cuts nothing. Fields that OTLP did not have when this was written are lost.
///
/// # Panics
/// If the batch was never accepted and does not decode.
pub fn truncate(batch: &[u8], attribute_bytes_max: usize) -> (Vec<u8>, Truncated) {
    let shared = Bytes::copy_from_slice(batch);
    let mut data = TracesData::decode(shared).expect("whatever the walk accepts decodes");
    let mut truncated = Truncated::default();
    if attribute_bytes_max > 0 {
        for resource_spans in &mut data.resource_spans {
            cut_resource_spans(resource_spans, attribute_bytes_max, &mut truncated);
        }
    }
    (data.encode_to_vec(), truncated)
}

fn cut_resource_spans(spans: &mut ResourceSpans, max: usize, truncated: &mut Truncated) {
    if let Some(resource) = &mut spans.resource {
        truncated.resource += cut_attributes(&mut resource.attributes, max);
    }
    for scope_spans in &mut spans.scope_spans {
        cut_scope_spans(scope_spans, max, truncated);
    }
}

fn cut_scope_spans(spans: &mut ScopeSpans, max: usize, truncated: &mut Truncated) {
    if let Some(scope) = &mut spans.scope {
        truncated.scope += cut_attributes(&mut scope.attributes, max);
    }
    for span in &mut spans.spans {
        cut_span(span, max, truncated);
    }
}

fn cut_span(span: &mut Span, max: usize, truncated: &mut Truncated) {
    truncated.span += cut_attributes(&mut span.attributes, max);
    for event in &mut span.events {
        truncated.event += cut_attributes(&mut event.attributes, max);
    }
    for link in &mut span.links {
        truncated.link += cut_attributes(&mut link.attributes, max);
    }
}

/// Cuts what is too long; how many attributes that were.
fn cut_attributes(attributes: &mut [KeyValue], max: usize) -> u64 {
    attributes.iter_mut().map(|attribute| u64::from(cut_attribute(attribute, max))).sum()
}

fn cut_attribute(attribute: &mut KeyValue, max: usize) -> bool {
    let key_cut = cut_text(&mut attribute.key, max);
    let value_cut = match &mut attribute.value {
        Some(AnyValue { value: Some(Value::String(text)) }) => cut_text(text, max),
        _ => false,
    };
    key_cut || value_cut
}

fn cut_text(text: &mut Bytes, max: usize) -> bool {
    if text.len() <= max {
        return false;
    }
    text.truncate(boundary(&text[..max]));
    true
}

/// Length of `head` without the character that its end splits, if it is UTF-8 until there.
fn boundary(head: &[u8]) -> usize {
    match std::str::from_utf8(head) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => head.len(),
    }
}

#[cfg(test)]
#[path = "truncate_tests.rs"]
mod tests;
