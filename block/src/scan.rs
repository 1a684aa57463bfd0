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

use crate::read::columns::{Column, Columns};
use crate::read::{
    BlockReader, Fetched, KnownDictionaries, NoDictionaries, ReadError, join_ranges,
};

mod attributes;
mod batch;
mod facts;
mod items;
mod keys;
mod links;
mod lookup;
mod needs;
mod newest;
mod page_keys;
mod pages;
mod parts;
mod plan;
mod probe;
mod row;
mod rows;
mod sift;
mod spans;

use batch::Pool;
pub use batch::{ColumnValue, ScanArray, ScanBatch, ScanCell, ScanValue, ScannedTrace, TextTable};
pub use facts::TraceFacts;
pub use lookup::Lookup;
pub use needs::{Accepts, Needs, Scalar, ScanNeed, ScanTest, ValueTypes, Wanted};
pub use newest::NewestFirst;
pub use pages::SiftCounts;
use plan::Plan;
use row::Streams;
pub use sift::{Candidates, Sift};
use spans::Run;

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
    /// Whether batches have the start of every span.
    pub span_starts: bool,
    /// Whether [`RowGroupScan::facts`] will be asked.
    pub facts: bool,
}

impl ScanRequest {
    fn wants(&self, start_unix_nanos: u64, end_unix_nanos: u64) -> bool {
        start_unix_nanos <= self.end_unix_nanos && end_unix_nanos >= self.start_unix_nanos
    }
}

/// A scan under way; gives batches of bounded size, so that the caller can yield between them. (A
/// trace is never split, so one with very many spans makes a batch as large.)
pub struct RowGroupScan {
    columns: Arc<Columns>,
    request: ScanRequest,
    plan: Plan,
    streams: Streams,
    /// Columns of [`RowGroupScan::facts`], which lag behind; on account of `streams`.
    facts: Streams,
    candidates: Candidates,
    /// Columns that are read of every trace.
    scanned: Vec<Column>,
    /// Whether every trace is of the requested time.
    is_within_time: bool,
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
        let (mut batch, mut pool) = (ScanBatch::default(), Pool::default());
        batch.columns.resize_with(self.request.fields.len(), Vec::new);
        let mut rows = 0;
        while rows < BATCH_ROWS && batch.spans < BATCH_SPANS {
            let Some(row) = self.next_candidate(self.next_row) else {
                self.next_row = self.rows;
                break;
            };
            rows += 1;
            self.next_row = row + 1;
            if self.is_wanted(row)? {
                let run = self.run(row, BATCH_ROWS - rows, BATCH_SPANS - batch.spans)?;
                rows += run.end - self.next_row;
                self.next_row = run.end;
                self.scan_run(run, &mut batch, &mut pool)?;
            }
        }
        (batch.tables, batch.arrays) = (pool.tables, pool.arrays);
        self.spans += batch.spans as u64;
        Ok(Some(batch))
    }

    /// Spans and bytes decoded so far.
    pub fn inspected(&self) -> (u64, u64) {
        (self.spans, self.streams.read_bytes())
    }

    fn next_candidate(&self, row: u64) -> Option<u64> {
        self.candidates.next(row).filter(|row| *row < self.rows)
    }

    /// Whether the trace in `row` is of the requested time.
    fn is_wanted(&mut self, row: u64) -> Result<bool, ReadError> {
        if self.is_within_time {
            return Ok(true);
        }
        let start = self.streams.trace_int(self.columns.start, row)? as u64;
        let end = self.streams.trace_int(self.columns.end, row)? as u64;
        Ok(self.request.wants(start, end))
    }

    /// `row` and wanted rows right behind it that are in the same pages: at most `more` of them,
    /// with some `spans` together.
    fn run(&mut self, row: u64, more: u64, spans: usize) -> Result<Range<u64>, ReadError> {
        let mut most = row + 1 + more;
        for column in &self.scanned {
            most = most.min(self.streams.seek(*column, row)?);
        }
        most = most.min(self.streams.rows_within(self.plan.head, row, spans));
        let mut end = row + 1;
        if self.is_within_time && self.candidates.rows.is_none() {
            return Ok(row..most.min(self.rows).max(end));
        }
        while end < most && self.next_candidate(end) == Some(end) && self.is_wanted(end)? {
            end += 1;
        }
        Ok(row..end)
    }

    fn scan_run(
        &mut self,
        rows: Range<u64>,
        batch: &mut ScanBatch,
        pool: &mut Pool,
    ) -> Result<(), ReadError> {
        let first_span = batch.spans;
        let (plan, columns, streams) = (&mut self.plan, &*self.columns, &mut self.streams);
        let mut run = Run { plan, columns, streams, pool, rows: rows.clone() };
        let ends = run.append(batch)?;
        self.streams.seek(self.columns.trace_id, rows.start)?;
        let ids = self.streams.get(self.columns.trace_id, &rows)?;
        let starts = self.streams.get(self.columns.start, &rows)?;
        let times = self.streams.get(self.columns.end, &rows)?;
        let mut first = first_span;
        for (at, (row, end)) in rows.zip(ends).enumerate() {
            let id = ids.values.byte_slice(ids.first_value + at).try_into().map(TraceId);
            let wrong = |_| ReadError::Damaged(format!("row {row}: trace id is not of 16 bytes"));
            let spans = first..first_span + end as usize;
            first = spans.end;
            batch.traces.push(ScannedTrace {
                row,
                trace_id: id.map_err(wrong)?,
                start_unix_nanos: starts.values.int(starts.first_value + at) as u64,
                end_unix_nanos: times.values.int(times.first_value + at) as u64,
                spans,
                needs_met: self.candidates.needs_met(row),
            });
        }
        Ok(())
    }
}

impl BlockReader {
    /// Ranges to fetch before [`BlockReader::scan`]; empty if the row group cannot hold a trace in
    /// the requested time (a scan then gives no batch and needs no bytes).
    pub fn scan_ranges(&self, row_group: usize, request: &ScanRequest) -> Vec<Range<u64>> {
        self.candidate_ranges(row_group, request, &Candidates::all(), &NoDictionaries)
    }

    /// The same for candidates alone: only pages that hold one, and no dictionaries that are known.
    pub fn candidate_ranges(
        &self,
        row_group: usize,
        request: &ScanRequest,
        candidates: &Candidates,
        known: &dyn KnownDictionaries,
    ) -> Vec<Range<u64>> {
        if !self.may_hold_time(row_group, request) || candidates.is_empty() {
            return Vec::new();
        }
        let plan = Plan::new(&self.columns, request, &candidates.absent);
        let (needed, rows) = (plan.needed(&self.columns), candidates.rows.as_ref());
        let ranges = needed.iter().flat_map(|it| self.ranges_of(row_group, *it, rows, known));
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
        let plan = Plan::new(&self.columns, request, &candidates.absent);
        let wanted = candidates.rows.as_ref();
        let stream = |column| self.stream_with(row_group, column, wanted, fetched);
        let (mut streams, mut facts) = (Streams::default(), Streams::default());
        for column in plan.read(&self.columns).into_iter().filter(|_| rows > 0) {
            streams.insert(column, stream(column)?);
        }
        for column in plan.shown(&self.columns).iter().filter(|_| rows > 0) {
            facts.insert(*column, stream(*column)?);
        }
        Ok(RowGroupScan {
            columns: Arc::clone(&self.columns),
            request: request.clone(),
            scanned: plan.scanned(&self.columns),
            plan,
            streams,
            facts,
            candidates: candidates.clone(),
            is_within_time: self.is_within_time(row_group, request),
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
