//! A span's fields, read from its wire bytes without copying. Free functions over slices.

use stringendo_proto::SpanId;
use stringendo_proto::wire::{Fields, Value, WireError};

/// Field number of attributes in `Span`.
pub const SPAN_ATTRIBUTES: u32 = 9;
/// Field number of events in `Span`.
pub const SPAN_EVENTS: u32 = 11;
/// Field number of links in `Span`.
pub const SPAN_LINKS: u32 = 13;
/// Field number of attributes in `Event`.
pub const EVENT_ATTRIBUTES: u32 = 3;
/// Field number of attributes in `Link`.
pub const LINK_ATTRIBUTES: u32 = 4;
/// Field number of attributes in `Resource`.
pub const RESOURCE_ATTRIBUTES: u32 = 1;
/// Field number of attributes in `InstrumentationScope`.
pub const SCOPE_ATTRIBUTES: u32 = 3;

/// What a search looks at in a span.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanView<'a> {
    /// Body of the `Span` message.
    pub body: &'a [u8],
    /// Body of its `Resource`.
    pub resource: &'a [u8],
    /// Body of its `InstrumentationScope`.
    pub scope: &'a [u8],
    /// Id.
    pub span_id: SpanId,
    /// Parent's id; zero for a root.
    pub parent_id: SpanId,
    /// Name.
    pub name: &'a [u8],
    /// OTLP's number.
    pub kind: i32,
    /// OTLP's number.
    pub status: i32,
    /// Status message.
    pub status_message: &'a [u8],
    /// Nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// Nanoseconds since the Unix epoch.
    pub end_unix_nanos: u64,
}

impl SpanView<'_> {
    /// End − start, wrapping as Tempo stores it.
    pub fn duration_nanos(&self) -> u64 {
        self.end_unix_nanos.wrapping_sub(self.start_unix_nanos)
    }

    /// Whether the span has no parent.
    pub fn is_root(&self) -> bool {
        self.parent_id == SpanId::default()
    }
}

/// Reads the body of a `Span`.
///
/// # Errors
/// When it is not well-formed, which an accepted batch is not.
pub fn view<'a>(
    resource: &'a [u8],
    scope: &'a [u8],
    body: &'a [u8],
) -> Result<SpanView<'a>, WireError> {
    let mut span = SpanView { body, resource, scope, ..SpanView::default() };
    for field in Fields::new(body) {
        match field? {
            (2, Value::Bytes(id)) => span.span_id = span_id(id),
            (4, Value::Bytes(id)) => span.parent_id = span_id(id),
            (5, Value::Bytes(name)) => span.name = name,
            (6, Value::Varint(kind)) => span.kind = kind as i32,
            (7, Value::Fixed64(nanos)) => span.start_unix_nanos = nanos,
            (8, Value::Fixed64(nanos)) => span.end_unix_nanos = nanos,
            (15, Value::Bytes(status)) => read_status(&mut span, status)?,
            _ => {}
        }
    }
    Ok(span)
}

fn read_status<'a>(span: &mut SpanView<'a>, status: &'a [u8]) -> Result<(), WireError> {
    for field in Fields::new(status) {
        match field? {
            (2, Value::Bytes(message)) => span.status_message = message,
            (3, Value::Varint(code)) => span.status = code as i32,
            _ => {}
        }
    }
    Ok(())
}

fn span_id(bytes: &[u8]) -> SpanId {
    SpanId(bytes.try_into().unwrap_or_default())
}

/// The attributes of a message whose attributes are its field `number`: key and body of `AnyValue`
/// (empty when there is none).
pub fn attributes(body: &[u8], number: u32) -> impl Iterator<Item = (&[u8], &[u8])> {
    messages(body, number).map(key_value)
}

/// The bodies of all messages in field `number`.
pub fn messages(body: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    Fields::new(body).filter_map(move |field| match field {
        Ok((found, Value::Bytes(body))) if found == number => Some(body),
        _ => None,
    })
}

fn key_value(body: &[u8]) -> (&[u8], &[u8]) {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    for field in Fields::new(body) {
        match field {
            Ok((1, Value::Bytes(bytes))) => key = bytes,
            Ok((2, Value::Bytes(bytes))) => value = bytes,
            _ => {}
        }
    }
    (key, value)
}

/// The string value of an attribute; `None` if it is absent or of another type. Of several the
/// last counts.
pub fn string_attribute<'a>(body: &'a [u8], number: u32, key: &[u8]) -> Option<&'a [u8]> {
    let found = attributes(body, number).filter(|(name, _)| *name == key).last();
    found.and_then(|(_, value)| string_value(value))
}

/// The string in an `AnyValue`.
pub fn string_value(any: &[u8]) -> Option<&[u8]> {
    match Fields::new(any).last() {
        Some(Ok((1, Value::Bytes(text)))) => Some(text),
        _ => None,
    }
}
