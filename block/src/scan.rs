//! Search over a row group: the columns that a query needs, trace by trace.
//!
//! From: `engine`, which maps a plan's fields to [`ScanField`]s and fetches. To: `engine`, which
//! hands [`ScanBatch`] to the evaluation as columns.
//!
//! Only the columns that the fields need are decoded, and of those only the pages that hold a trace
//! of the requested time; columns of attribute values only where an attribute of a wanted key is.

use std::ops::Range;
use std::sync::Arc;

use stringendo_proto::TraceId;

use crate::read::columns::Columns;
use crate::read::{BlockReader, Fetched, ReadError, join_ranges};

mod attributes;
mod items;
mod lookup;
mod needs;
mod pages;
mod plan;
mod probe;
mod row;
mod rows;
mod sift;
mod spans;

pub use lookup::Lookup;
pub use needs::{Accepts, Needs, Scalar, ScanNeed, ScanTest, ValueTypes, Wanted};
pub use pages::SiftCounts;
use plan::Plan;
use row::Streams;
pub use sift::{Candidates, Sift};

/// A batch ends with the trace that brings it to this many spans: about a millisecond of work.
const BATCH_SPANS: usize = 1024;
/// A batch ends after this many traces, wanted or not.
const BATCH_ROWS: u64 = 4096;

/// A value per span, event or link that a query reads.
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
    /// Name of an event.
    EventName,
    /// Event − span start, nanoseconds, wrapping.
    EventTimeSinceStart,
    /// Trace id of a link, as it was sent.
    LinkTraceId,
    /// Span id of a link, as it was sent.
    LinkSpanId,
    /// An attribute.
    Attribute {
        /// Where.
        scope: AttributeScope,
        /// Its key.
        key: String,
    },
}

impl ScanField {
    /// The list that it is read from, of whose items a span has any number.
    pub fn list(&self) -> Option<ItemList> {
        match self {
            Self::EventName | Self::EventTimeSinceStart => Some(ItemList::Events),
            Self::LinkTraceId | Self::LinkSpanId => Some(ItemList::Links),
            Self::Attribute { scope, .. } => scope.list(),
            _ => None,
        }
    }
}

/// Lists that a span holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ItemList {
    /// Events.
    Events,
    /// Links.
    Links,
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
    /// Attributes of an event.
    Event,
    /// Attributes of a link.
    Link,
}

impl AttributeScope {
    fn list(self) -> Option<ItemList> {
        match self {
            Self::Event => Some(ItemList::Events),
            Self::Link => Some(ItemList::Links),
            Self::Span | Self::Resource | Self::Scope => None,
        }
    }
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
    /// What a trace must hold; only [`BlockReader::look_up`] and [`BlockReader::sift`] look at it.
    pub needs: Needs,
}

impl ScanRequest {
    fn wants(&self, start_unix_nanos: u64, end_unix_nanos: u64) -> bool {
        start_unix_nanos <= self.end_unix_nanos && end_unix_nanos >= self.start_unix_nanos
    }
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
    /// Which needs it may satisfy, as far as is known: bit `i` is the need of number `i` (of the
    /// first 64).
    pub needs_met: u64,
}

/// Some traces of a row group with the requested columns.
#[derive(Clone, Debug, Default)]
pub struct ScanBatch {
    /// Traces in order of id that are within the requested time.
    pub traces: Vec<ScannedTrace>,
    /// Per requested field one column: a value per span, or per item where the field has a
    /// [`ScanField::list`].
    pub columns: Vec<Vec<ColumnValue>>,
    /// Per span how many events it and the spans before it have; empty if no field needs them.
    pub event_ends: Vec<u32>,
    /// Per span how many links it and the spans before it have; empty if no field needs them.
    pub link_ends: Vec<u32>,
    /// Always there: span ids.
    pub span_ids: Vec<[u8; 8]>,
    /// Always there: span starts, nanoseconds since the Unix epoch.
    pub span_start_unix_nanos: Vec<u64>,
    /// Always there: span durations in nanoseconds.
    pub span_duration_nanos: Vec<u64>,
}

impl ScanBatch {
    /// The items of a span: positions in the columns of the list's fields. Empty if no such field
    /// was requested.
    pub fn items(&self, list: ItemList, span: usize) -> Range<usize> {
        let ends = self.ends(list);
        let Some(end) = ends.get(span) else { return 0..0 };
        let start = span.checked_sub(1).map_or(0, |before| ends[before]);
        start as usize..*end as usize
    }

    fn ends(&self, list: ItemList) -> &[u32] {
        match list {
            ItemList::Events => &self.event_ends,
            ItemList::Links => &self.link_ends,
        }
    }

    /// Appends the items of a trace's spans; `ends` count from the trace's first item.
    fn append_items(&mut self, list: ItemList, ends: &[u32]) {
        let all = match list {
            ItemList::Events => &mut self.event_ends,
            ItemList::Links => &mut self.link_ends,
        };
        let before = all.last().copied().unwrap_or(0);
        all.extend(ends.iter().map(|end| before + end));
    }
}

/// A scan under way; gives batches of bounded size, so that the caller can yield between them. (A
/// trace is never split, so one with very many spans makes a batch as large.)
pub struct RowGroupScan {
    columns: Arc<Columns>,
    request: ScanRequest,
    plan: Plan,
    streams: Streams,
    candidates: Candidates,
    next_row: u64,
    rows: u64,
    spans: u64,
}

impl RowGroupScan {
    /// Begins at `row` (a [`RowGroupScan::next_row`] of another scan of the same rows) and holds at
    /// most `decoded_bytes_max` decoded at a time, the batch at hand included. To be called before
    /// the first batch.
    #[must_use]
    pub fn within(mut self, row: u64, decoded_bytes_max: u64) -> Self {
        self.next_row = row;
        self.streams.limit(decoded_bytes_max);
        self
    }

    /// The first row that no batch held yet.
    pub fn next_row(&self) -> u64 {
        self.next_row
    }

    /// Bytes that were held decoded at most.
    pub fn peak_bytes(&self) -> u64 {
        self.streams.peak_bytes()
    }

    /// The next batch (about a millisecond of work); `None` at the end. A batch may be empty. The
    /// batch before it counts as given up.
    ///
    /// # Errors
    /// Damaged columns. With [`ReadError::NeedsMemory`] the scan is over, and another one may go on
    /// from [`RowGroupScan::next_row`].
    pub fn next_batch(&mut self) -> Result<Option<ScanBatch>, ReadError> {
        let first_row = self.next_row;
        let outcome = self.read_batch();
        if outcome.is_err() {
            self.next_row = first_row;
        }
        outcome
    }

    fn read_batch(&mut self) -> Result<Option<ScanBatch>, ReadError> {
        self.streams.let_go();
        if self.next_row >= self.rows {
            return Ok(None);
        }
        let mut batch = ScanBatch::default();
        batch.columns.resize_with(self.request.fields.len(), Vec::new);
        let mut rows = 0;
        while rows < BATCH_ROWS && batch.span_ids.len() < BATCH_SPANS {
            let Some(row) = self.next_candidate() else {
                self.next_row = self.rows;
                break;
            };
            rows += 1;
            self.next_row = row + 1;
            self.scan_row(row, &mut batch)?;
        }
        self.spans += batch.span_ids.len() as u64;
        Ok(Some(batch))
    }

    /// Spans and bytes decoded so far.
    pub fn inspected(&self) -> (u64, u64) {
        (self.spans, self.streams.read_bytes())
    }

    fn next_candidate(&self) -> Option<u64> {
        let row = match &self.candidates.rows {
            None => Some(self.next_row),
            Some(candidates) => candidates.next(self.next_row),
        };
        row.filter(|row| *row < self.rows)
    }

    fn scan_row(&mut self, row: u64, batch: &mut ScanBatch) -> Result<(), ReadError> {
        let start = self.streams.trace_int(self.columns.start, row)? as u64;
        let end = self.streams.trace_int(self.columns.end, row)? as u64;
        if !self.request.wants(start, end) {
            return Ok(());
        }
        let first_span = batch.span_ids.len();
        spans::append(&mut self.plan, &self.columns, &mut self.streams, row, batch)?;
        batch.traces.push(ScannedTrace {
            trace_id: row::trace_id(&mut self.streams, self.columns.trace_id, row)?,
            start_unix_nanos: start,
            end_unix_nanos: end,
            root_name: self.streams.trace_bytes(self.columns.root_name, row)?,
            root_service: self.streams.trace_bytes(self.columns.root_service, row)?,
            service_stats: row::service_stats(&mut self.streams, &self.columns, row)?,
            spans: first_span..batch.span_ids.len(),
            needs_met: self.candidates.needs_met(row),
        });
        Ok(())
    }
}

impl BlockReader {
    /// Ranges to fetch before [`BlockReader::scan`]; empty if the row group cannot hold a trace in
    /// the requested time (a scan then gives no batch and needs no bytes).
    pub fn scan_ranges(&self, row_group: usize, request: &ScanRequest) -> Vec<Range<u64>> {
        self.candidate_ranges(row_group, request, &Candidates::all())
    }

    /// The same for candidates alone: only pages that hold one.
    pub fn candidate_ranges(
        &self,
        row_group: usize,
        request: &ScanRequest,
        candidates: &Candidates,
    ) -> Vec<Range<u64>> {
        if !self.may_hold_time(row_group, request) || candidates.is_empty() {
            return Vec::new();
        }
        let plan = Plan::new(&self.columns, &request.fields);
        let ranges =
            plan.needed(&self.columns).into_iter().flat_map(|column| match &candidates.rows {
                None => self.chunk_range(row_group, column).into_iter().collect(),
                Some(rows) => self.ranges_of_rows(row_group, column, |range| rows.any_in(range)),
            });
        join_ranges(ranges.collect())
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
        self.scan_candidates(row_group, request, &Candidates::all(), fetched)
    }

    /// Begins a scan of candidates alone, from the bytes of [`BlockReader::candidate_ranges`].
    ///
    /// # Errors
    /// Ranges missing from `fetched`, or damaged columns.
    pub fn scan_candidates(
        &self,
        row_group: usize,
        request: &ScanRequest,
        candidates: &Candidates,
        fetched: &Fetched,
    ) -> Result<RowGroupScan, ReadError> {
        let rows = self.rows(row_group)?;
        let has_rows = self.may_hold_time(row_group, request) && !candidates.is_empty();
        let rows = if has_rows { rows } else { 0 };
        let plan = Plan::new(&self.columns, &request.fields);
        let mut streams = Streams::default();
        if rows > 0 {
            for column in plan.needed(&self.columns) {
                let stream = match &candidates.rows {
                    None => self.stream(row_group, column, fetched)?,
                    Some(rows) => {
                        let wants = |range: &Range<u64>| rows.any_in(range);
                        self.stream_of_rows(row_group, column, wants, fetched)?
                    }
                };
                streams.insert(column, stream);
            }
        }
        Ok(RowGroupScan {
            columns: Arc::clone(&self.columns),
            request: request.clone(),
            plan,
            streams,
            candidates: candidates.clone(),
            next_row: 0,
            rows,
            spans: 0,
        })
    }

    fn may_hold_time(&self, row_group: usize, request: &ScanRequest) -> bool {
        let (start, end) = self.time_bounds(row_group);
        request.wants(start.unwrap_or(0), end.unwrap_or(u64::MAX))
    }
}
