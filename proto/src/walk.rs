//! One pass over an OTLP batch: check it, and say where every span is. No allocation per span.
//!
//! From: `net` (a received request) or `wal` (a recovered frame). To: [`crate::cut`], then the live
//! index of `engine`, which keeps the positions found here.

use crate::TraceId;

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
    /// Greatest nesting of `AnyValue` (arrays and key-value lists).
    pub value_depth_max: u32,
    /// Longest key or string value before truncation is called for; 0 = no limit.
    pub attribute_bytes_max: u32,
}

/// What the walk found beside positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalkSummary {
    /// Some attribute key or string value is longer than `attribute_bytes_max`;
    /// [`crate::truncate`] must rewrite the batch.
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
    let _ = (batch, limits, index);
    todo!()
}
