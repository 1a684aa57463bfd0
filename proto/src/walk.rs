//! One pass over an OTLP batch: check it, and say where every span is. No allocation per span.
//!
//! From: `net` (a received request) or `wal` (a recovered frame). To: [`crate::cut`], then the live
//! index of `engine`, which keeps the positions found here.
//!
//! What is accepted here decodes with [`crate::otlp::TracesData`] and with every other reader that
//! follows these rules, which are protobuf's:
//! - Fields may come in any order: a resource after its spans counts for them all the same.
//! - Unknown fields are skipped; groups, which proto3 does not have, are refused.
//! - A number or string that is sent twice: the last one counts.
//! - A message that may occur once and is sent twice (resource, scope, status, an attribute's
//!   value), and an `AnyValue` with several members, mean their merge. No encoder does this, so the
//!   walk only asks for [`crate::truncate`], which writes the merged message;
//!   whoever reads accepted bytes need not know of it.
//!
//! `walk/span.rs` reads spans, events and links; `walk/attribute.rs` reads attributes.

mod attribute;
mod span;

use crate::TraceId;
use crate::wire::{Reader, Tag, WireError, WireType};

/// No nesting of values beyond this is accepted, whatever the limits say: prost decodes at most
/// 100 messages inside each other, a level of key-value lists takes three of them, and seven are
/// around an event's attribute in a query's answer.
pub const VALUE_DEPTH_LIMIT: u32 = 30;
const _: () = assert!(VALUE_DEPTH_LIMIT * 3 + 7 < 100);

/// A byte range inside a batch. Batches are at most 4 GiB − 1, so 32 bits are enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slice32 {
    /// First byte, counted from the start of the batch.
    pub offset: u32,
    /// Number of bytes.
    pub len: u32,
}

impl Slice32 {
    /// The bytes of this range.
    pub fn of<'a>(&self, batch: &'a [u8]) -> &'a [u8] {
        &batch[self.offset as usize..self.offset as usize + self.len as usize]
    }

    /// Whether this stands for a field that was not sent. One that was sent empty has an offset:
    /// its tag and length lie before it.
    pub fn is_absent(&self) -> bool {
        self.offset == 0
    }

    /// The unread part of `body`, whose positions are those of the batch.
    fn rest_of(body: &Reader<'_>) -> Self {
        // `walk` refuses batches whose positions do not fit.
        Self { offset: body.pos() as u32, len: body.rest().len() as u32 }
    }
}

/// Where one span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanPos {
    /// Trace the span belongs to.
    pub trace_id: TraceId,
    /// Body of the `Span` message (without its tag and length).
    pub body: Slice32,
    /// Index into [`BatchIndex::scopes`].
    pub scope: u32,
    /// Start, nanoseconds since the Unix epoch (0 if not sent).
    pub start_unix_nano: u64,
    /// End, nanoseconds since the Unix epoch (0 if not sent).
    pub end_unix_nano: u64,
}

/// Where the resource and the scope of a run of spans are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopePos {
    /// Body of the `Resource` message; empty when absent.
    pub resource: Slice32,
    /// Body of the `InstrumentationScope` message; empty when absent.
    pub scope: Slice32,
    /// `ResourceSpans.schema_url`; empty when absent.
    pub resource_schema_url: Slice32,
    /// `ScopeSpans.schema_url`; empty when absent.
    pub scope_schema_url: Slice32,
    /// Which `ResourceSpans` of the batch this was in, counted from 0.
    pub resource_spans: u32,
}

/// What a batch holds, by position. Reuse one value for many batches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchIndex {
    /// Spans in wire order.
    pub spans: Vec<SpanPos>,
    /// (resource, scope) pairs in wire order.
    pub scopes: Vec<ScopePos>,
}

/// Limits that a batch must keep.
#[derive(Clone, Copy, Debug)]
pub struct WalkLimits {
    /// Greatest nesting of `AnyValue` (arrays and key-value lists); 0 = neither of them. More than
    /// [`VALUE_DEPTH_LIMIT`] counts as that.
    pub value_depth_max: u32,
    /// Longest key or string value before truncation is called for; 0 = no limit.
    pub attribute_bytes_max: u32,
}

impl WalkLimits {
    /// For batches that were accepted before, under limits that may have changed since: a frame of
    /// the log must never be refused on recovery.
    pub const ACCEPTED_BEFORE: Self =
        Self { value_depth_max: VALUE_DEPTH_LIMIT, attribute_bytes_max: 0 };
}

/// What the walk found beside positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalkSummary {
    /// Some attribute key or string value is longer than `attribute_bytes_max`, or (rare, see the
    /// module) a message is sent in pieces: [`crate::truncate`] must rewrite the batch, and the
    /// result be walked again. The index of this walk is of no use then.
    pub needs_truncation: bool,
}

/// Why a batch was refused. `offset` is the byte position in the batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    /// Not well-formed protobuf, or a known field with the wrong wire type.
    #[error("error unmarshalling request: {what} at byte {offset}")]
    Malformed {
        /// What is wrong, naming message and field.
        what: &'static str,
        /// Where.
        offset: u32,
    },
    /// A trace id that is absent or all zero (`bits` = 0).
    #[error("trace ids must be 128 bit, received {bits} bits")]
    TraceId {
        /// Bits received.
        bits: u32,
        /// Spans of the request, all of which are refused.
        spans: u32,
    },
    /// A span id that is absent or all zero.
    #[error("span ids must be 64 bit and not all zero, received {bits} bits")]
    SpanId {
        /// Bits received.
        bits: u32,
        /// Spans of the request, all of which are refused.
        spans: u32,
    },
}

/// Walks `batch` (an `ExportTraceServiceRequest`), filling `index` (cleared first).
///
/// # Errors
/// See [`WalkError`]; `index` then holds what was found before the error and must not be used.
pub fn walk(
    batch: &[u8],
    limits: &WalkLimits,
    index: &mut BatchIndex,
) -> Result<WalkSummary, WalkError> {
    index.spans.clear();
    index.scopes.clear();
    if u32::try_from(batch.len()).is_err() {
        return Err(WalkError::Malformed { what: "batch of more than 4 GiB", offset: 0 });
    }
    let mut walker = Walker::new(limits, index);
    walker.request(Reader::new(batch))?;
    walker.finish()
}

impl From<WireError> for WalkError {
    fn from(error: WireError) -> Self {
        Self::Malformed { what: error.what, offset: error.at as u32 }
    }
}

/// An id without which a span cannot be stored.
#[derive(Clone, Copy)]
enum MissingId {
    Trace,
    Span,
}

/// State of one walk.
struct Walker<'i> {
    index: &'i mut BatchIndex,
    value_depth_max: u32,
    /// Longest key or string value; `usize::MAX` without limit.
    attribute_bytes_max: usize,
    needs_rewrite: bool,
    /// The first span's without an id. Bytes that do not decode count more, so the walk goes on.
    missing_id: Option<MissingId>,
}

impl<'i> Walker<'i> {
    fn new(limits: &WalkLimits, index: &'i mut BatchIndex) -> Self {
        let attribute_bytes_max = match limits.attribute_bytes_max {
            0 => usize::MAX,
            max => max as usize,
        };
        Self {
            index,
            value_depth_max: limits.value_depth_max.min(VALUE_DEPTH_LIMIT),
            attribute_bytes_max,
            needs_rewrite: false,
            missing_id: None,
        }
    }

    fn finish(self) -> Result<WalkSummary, WalkError> {
        let spans = self.index.spans.len() as u32;
        match self.missing_id {
            Some(MissingId::Trace) => Err(WalkError::TraceId { bits: 0, spans }),
            Some(MissingId::Span) => Err(WalkError::SpanId { bits: 0, spans }),
            None => Ok(WalkSummary { needs_truncation: self.needs_rewrite }),
        }
    }

    /// `ExportTraceServiceRequest`.
    fn request(&mut self, mut r: Reader<'_>) -> Result<(), WireError> {
        const RESOURCE_SPANS: u32 = bytes_tag(1);
        let mut ordinal = 0;
        while let Some(tag) = r.tag()? {
            match tag.0 {
                RESOURCE_SPANS => {
                    self.resource_spans(r.message()?, ordinal)?;
                    ordinal += 1;
                }
                _ => skip(&mut r, tag, 1 << 1, "wrong wire type in ExportTraceServiceRequest")?,
            }
        }
        Ok(())
    }

    fn resource_spans(&mut self, mut r: Reader<'_>, ordinal: u32) -> Result<(), WireError> {
        const RESOURCE: u32 = bytes_tag(1);
        const SCOPE_SPANS: u32 = bytes_tag(2);
        const SCHEMA_URL: u32 = bytes_tag(3);
        let first = self.index.scopes.len();
        let mut resource = Slice32::default();
        let mut schema_url = Slice32::default();
        while let Some(tag) = r.tag()? {
            match tag.0 {
                RESOURCE => {
                    let body = r.message()?;
                    self.needs_rewrite |= !resource.is_absent();
                    resource = Slice32::rest_of(&body);
                    self.resource(body)?;
                }
                SCOPE_SPANS => self.scope_spans(r.message()?)?,
                SCHEMA_URL => schema_url = Slice32::rest_of(&r.message()?),
                _ => skip(&mut r, tag, 0b1110, "wrong wire type in ResourceSpans")?,
            }
        }
        for scope in &mut self.index.scopes[first..] {
            scope.resource = resource;
            scope.resource_schema_url = schema_url;
            scope.resource_spans = ordinal;
        }
        Ok(())
    }

    fn resource(&mut self, mut r: Reader<'_>) -> Result<(), WireError> {
        const ATTRIBUTE: u32 = bytes_tag(1);
        const DROPPED: u32 = varint_tag(2);
        while let Some(tag) = r.tag()? {
            match tag.0 {
                ATTRIBUTE => self.attributes::<ATTRIBUTE>(&mut r)?,
                DROPPED => _ = r.varint()?,
                _ => skip(&mut r, tag, 0b110, "wrong wire type in Resource")?,
            }
        }
        Ok(())
    }

    fn scope_spans(&mut self, mut r: Reader<'_>) -> Result<(), WireError> {
        const SCOPE: u32 = bytes_tag(1);
        const SPAN: u32 = bytes_tag(2);
        const SCHEMA_URL: u32 = bytes_tag(3);
        let at = self.index.scopes.len();
        let mut pos = ScopePos::default();
        self.index.scopes.push(pos);
        while let Some(tag) = r.tag()? {
            match tag.0 {
                SPAN => self.span(r.message()?, at as u32)?,
                SCOPE => {
                    let body = r.message()?;
                    self.needs_rewrite |= !pos.scope.is_absent();
                    pos.scope = Slice32::rest_of(&body);
                    self.instrumentation_scope(body)?;
                }
                SCHEMA_URL => pos.scope_schema_url = Slice32::rest_of(&r.message()?),
                _ => skip(&mut r, tag, 0b1110, "wrong wire type in ScopeSpans")?,
            }
        }
        self.index.scopes[at] = pos;
        Ok(())
    }

    fn instrumentation_scope(&mut self, mut r: Reader<'_>) -> Result<(), WireError> {
        const NAME: u32 = bytes_tag(1);
        const VERSION: u32 = bytes_tag(2);
        const ATTRIBUTE: u32 = bytes_tag(3);
        const DROPPED: u32 = varint_tag(4);
        while let Some(tag) = r.tag()? {
            match tag.0 {
                NAME | VERSION => _ = r.bytes()?,
                ATTRIBUTE => self.attributes::<ATTRIBUTE>(&mut r)?,
                DROPPED => _ = r.varint()?,
                _ => skip(&mut r, tag, 0b11110, "wrong wire type in InstrumentationScope")?,
            }
        }
        Ok(())
    }
}

const fn bytes_tag(field: u32) -> u32 {
    Tag::new(field, WireType::Bytes).0
}

const fn varint_tag(field: u32) -> u32 {
    Tag::new(field, WireType::Varint).0
}

/// Skips the value of a field that no message arm took. Bit n of `known` says that field n is one
/// of the message's: then only its wire type can be wrong, which `what` says.
#[cold]
fn skip(r: &mut Reader<'_>, tag: Tag, known: u32, what: &'static str) -> Result<(), WireError> {
    let is_known = tag.field() < 32 && known >> tag.field() & 1 == 1;
    if is_known { Err(r.error(what)) } else { r.value(tag).map(|_| ()) }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
