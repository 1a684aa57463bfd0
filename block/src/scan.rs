//! Search over a row group: the columns that a query needs, trace by trace.
//!
//! From: `engine`, which maps a plan's fields to [`ScanField`]s and fetches. To: `engine`, which
//! hands [`ScanBatch`] to the evaluation as columns.

use std::ops::Range;

use stringendo_proto::TraceId;

use crate::read::{BlockReader, Fetched, ReadError};

/// A value per span that a query reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ScanField {
    /// Span name.
    Name,
    /// End − start, nanoseconds.
    Duration,
    /// Status code.
    Status,
    /// Status message.
    StatusMessage,
    /// Kind.
    Kind,
    /// 8 bytes.
    SpanId,
    /// 8 bytes; empty for a root.
    ParentId,
    /// Direct children.
    ChildCount,
    /// Nested set.
    NestedSetLeft,
    /// Nested set.
    NestedSetRight,
    /// Nested set; −1 = root.
    NestedSetParent,
    /// Whole trace, nanoseconds.
    TraceDuration,
    /// Name of the root span.
    RootName,
    /// Service of the root span.
    RootService,
    /// 16 bytes.
    TraceId,
    /// Instrumentation scope's name.
    ScopeName,
    /// Instrumentation scope's version.
    ScopeVersion,
    /// An attribute.
    Attribute {
        /// Where.
        scope: AttributeScope,
        /// Its key.
        key: String,
    },
}

/// Where an attribute is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeScope {
    /// Span attributes.
    Span,
    /// Resource attributes.
    Resource,
    /// Attributes of the instrumentation scope.
    Scope,
}

/// What a search reads.
#[derive(Clone, Debug, Default)]
pub struct ScanRequest {
    /// Fields, by number.
    pub fields: Vec<ScanField>,
    /// Traces that end before this are left out (nanoseconds since the Unix epoch, inclusive).
    pub start_unix_nanos: u64,
    /// Traces that start after this are left out (inclusive).
    pub end_unix_nanos: u64,
}

/// The value of a field of a span. Of several values of one attribute key the last counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ColumnValue {
    /// Absent.
    #[default]
    Missing,
    /// Text or bytes of an id.
    Bytes(bytes::Bytes),
    /// Integer (durations, codes and counts too).
    Int(i64),
    /// Double.
    Float(f64),
    /// Boolean.
    Bool(bool),
    /// Array of strings.
    BytesArray(Vec<bytes::Bytes>),
    /// Array of integers.
    IntArray(Vec<i64>),
    /// Array of doubles.
    FloatArray(Vec<f64>),
    /// Array of booleans.
    BoolArray(Vec<bool>),
    /// Present, of a type that no comparison takes.
    Unsupported,
}

/// One trace of a batch.
#[derive(Clone, Debug)]
pub struct ScannedTrace {
    /// Id.
    pub trace_id: TraceId,
    /// Earliest span start.
    pub start_unix_nanos: u64,
    /// Latest span end.
    pub end_unix_nanos: u64,
    /// Name of the root span, or empty.
    pub root_name: bytes::Bytes,
    /// Service of the root span, or empty.
    pub root_service: bytes::Bytes,
    /// Spans and errors by service.
    pub service_stats: Vec<(bytes::Bytes, u32, u32)>,
    /// Its spans in [`ScanBatch`].
    pub spans: Range<usize>,
}

/// Some traces of a row group with the requested columns.
#[derive(Clone, Debug, Default)]
pub struct ScanBatch {
    /// Traces in order of id that are within the requested time.
    pub traces: Vec<ScannedTrace>,
    /// Per requested field one column, a value per span.
    pub columns: Vec<Vec<ColumnValue>>,
    /// Always there: span ids.
    pub span_ids: Vec<[u8; 8]>,
    /// Always there: span starts, nanoseconds since the Unix epoch.
    pub span_start_unix_nanos: Vec<u64>,
    /// Always there: span durations in nanoseconds.
    pub span_duration_nanos: Vec<u64>,
}

/// A scan under way; gives batches of bounded size, so that the caller can yield between them.
pub struct RowGroupScan {
    _private: (),
}

impl RowGroupScan {
    /// The next batch (about a millisecond of work); `None` at the end.
    ///
    /// # Errors
    /// Damaged columns.
    pub fn next_batch(&mut self) -> Result<Option<ScanBatch>, ReadError> {
        todo!()
    }

    /// Spans and bytes decoded so far.
    pub fn inspected(&self) -> (u64, u64) {
        todo!()
    }
}

impl BlockReader {
    /// Ranges to fetch before [`BlockReader::scan`]; empty if the row group cannot hold a trace in
    /// the requested time.
    pub fn scan_ranges(&self, row_group: usize, request: &ScanRequest) -> Vec<Range<u64>> {
        let _ = (row_group, request);
        todo!()
    }

    /// Begins a scan of one row group.
    ///
    /// # Errors
    /// Ranges missing from `fetched`, or damaged columns.
    pub fn scan(
        &self,
        row_group: usize,
        request: &ScanRequest,
        fetched: &Fetched,
    ) -> Result<RowGroupScan, ReadError> {
        let _ = (row_group, request, fetched);
        todo!()
    }
}
