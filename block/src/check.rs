//! What must hold of a block, looked at from end to end (contract blocks.md §6, §12, §13, §18).
//!
//! From: whoever fetches ([`BlockReader::check_parts`], [`RowsCheck`]). To: the same, as
//! [`Findings`]. Searches trust what they need not look at; this looks at everything: every page of
//! every column is decoded, every trace is read, and what is stored twice is held against itself.

use std::ops::Range;

use stringendo_proto::TraceId;

use crate::meta::BlockMeta;
use crate::nested_set::{NestedSets, Node};
use crate::read::stream::DecodeBudget;
use crate::read::{BlockReader, DECODED_BYTES_MAX, Fetched, ReadError, RowContent};
use crate::scan::TraceFacts;
use crate::scan::{RowGroupScan, ScanBatch, ScanField, ScanRequest, ScanValue, ScannedTrace};

/// So many findings are told; the rest is counted.
const TOLD_MAX: usize = 100;
/// Bytes of a column that are fetched at a time, about.
const PART_BYTES: u64 = 16 << 20;
/// OTLP's status code of an error.
const STATUS_ERROR: i64 = 2;

/// What is wrong with a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// One sentence each.
    pub told: Vec<String>,
    /// How many more there are.
    pub untold: u64,
}

impl Findings {
    /// Notes that something is wrong.
    pub fn add(&mut self, what: String) {
        match self.told.len() < TOLD_MAX {
            true => self.told.push(what),
            false => self.untold += 1,
        }
    }

    /// Notes it unless it holds.
    pub fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.add(what());
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }
}

/// Rows of a column.
#[derive(Clone, Debug)]
pub struct CheckPart {
    row_group: usize,
    column: usize,
    rows: Range<u64>,
}

impl BlockReader {
    /// The reader with the offset indexes of all columns, from what was fetched of the file's end.
    #[must_use]
    pub fn for_check(self, fetched: &Fetched) -> Self {
        self.of_all_columns(fetched)
    }

    /// Every column of a row group, also those that nobody reads, in parts of some MB.
    pub fn check_parts(&self, row_group: usize) -> Vec<CheckPart> {
        let Some(group) = self.footer.row_groups.get(row_group) else { return Vec::new() };
        let mut parts = Vec::new();
        for (column, chunk) in group.chunks.iter().enumerate() {
            let bytes = chunk.range.end - chunk.range.start;
            let step = (group.rows * PART_BYTES / bytes.max(1)).max(1);
            let mut start = 0;
            while start < group.rows {
                let end = (start + step).min(group.rows);
                parts.push(CheckPart { row_group, column, rows: start..end });
                start = end;
            }
        }
        parts
    }

    /// Ranges to fetch before [`BlockReader::check_part`].
    pub fn check_ranges(&self, part: &CheckPart) -> Vec<Range<u64>> {
        let overlaps = |page: &Range<u64>| page.start < part.rows.end && page.end > part.rows.start;
        self.ranges_of_rows(part.row_group, part.column, overlaps)
    }

    /// Decodes every page that holds some of the rows.
    ///
    /// # Errors
    /// Says what is damaged, or what is missing from `fetched`.
    pub fn check_part(&self, part: &CheckPart, fetched: &Fetched) -> Result<(), ReadError> {
        let overlaps = |page: &Range<u64>| page.start < part.rows.end && page.end > part.rows.start;
        let mut budget = DecodeBudget::within(DECODED_BYTES_MAX);
        let mut stream = self.stream_of_rows(part.row_group, part.column, overlaps, fetched)?;
        let mut row = part.rows.start;
        while row < part.rows.end {
            stream.seek(row, &mut budget)?;
            let (first, rows) = stream.page_rows().unwrap_or((row, 1));
            row = (first + rows as u64).max(row + 1);
        }
        Ok(())
    }

    /// Name, bytes, encodings and codec of every column of a row group.
    pub fn column_sizes(&self, row_group: usize) -> Vec<ColumnSize> {
        let group = self.footer.row_groups.get(row_group);
        let chunks = group.map_or(&[][..], |group| &group.chunks);
        let leaves = self.footer.leaves.iter().zip(chunks);
        let size = |(leaf, chunk): (&crate::read::footer::Leaf, &crate::read::footer::Chunk)| {
            let bytes = chunk.range.end - chunk.range.start;
            let dictionary = chunk.dictionary.as_ref().map_or(0, |range| range.end - range.start);
            ColumnSize {
                path: leaf.path.to_string(),
                kind: leaf.physical.map_or("?", crate::read::values::Physical::name),
                codec: chunk.codec.map_or("?", crate::read::page::Codec::name),
                encodings: chunk.encodings.names(),
                bytes,
                dictionary_bytes: dictionary,
                entries: chunk.entries,
                pages: chunk.pages.as_ref().map(Vec::len),
            }
        };
        leaves.map(size).collect()
    }

    /// Spans of the block, about: entries of the column of span ids (a trace without spans has one,
    /// too).
    pub fn spans(&self) -> u64 {
        let chunks = self.footer.row_groups.iter().map(|group| &group.chunks);
        chunks.map(|chunks| chunks[self.columns.span.span_id].entries).sum()
    }

    /// Bytes of the footer, without the 8 behind it.
    pub fn footer_bytes(&self) -> u64 {
        self.footer_bytes
    }
}

/// What a column takes in a row group.
#[derive(Clone, Debug)]
pub struct ColumnSize {
    /// Path in the file.
    pub path: String,
    /// Parquet's type.
    pub kind: &'static str,
    /// Compression.
    pub codec: &'static str,
    /// Encodings of levels, values and dictionary, as the file says.
    pub encodings: Vec<&'static str>,
    /// Compressed bytes.
    pub bytes: u64,
    /// Of these, of the dictionary.
    pub dictionary_bytes: u64,
    /// Values, absent ones included.
    pub entries: u64,
    /// Data pages, where the file has an offset index.
    pub pages: Option<usize>,
}

/// Holds the traces of a block against what is said of them.
#[derive(Default)]
pub struct RowsCheck {
    last: Option<TraceId>,
    nested: NestedSets,
    /// Traces seen.
    pub traces: u64,
    /// Spans seen.
    pub spans: u64,
}

impl RowsCheck {
    /// What to scan.
    pub fn request() -> ScanRequest {
        use ScanField::{ChildCount, Duration, ParentId, SpanId, Status};
        use ScanField::{Kind, NestedSetLeft, NestedSetParent, NestedSetRight};
        let fields = vec![
            SpanId,
            ParentId,
            Kind,
            NestedSetLeft,
            NestedSetRight,
            NestedSetParent,
            ChildCount,
            Duration,
            Status,
        ];
        ScanRequest {
            fields,
            end_unix_nanos: u64::MAX,
            span_starts: true,
            facts: true,
            ..ScanRequest::default()
        }
    }

    /// Looks at the traces of a batch; gives their ids to `ids`.
    ///
    /// # Errors
    /// Damaged columns.
    pub fn batch(
        &mut self,
        scan: &mut RowGroupScan,
        batch: &ScanBatch,
        ids: &mut Vec<TraceId>,
        findings: &mut Findings,
    ) -> Result<(), ReadError> {
        for trace in &batch.traces {
            let id = trace.trace_id;
            findings.expect(self.last.is_none_or(|last| last < id), || {
                format!("trace {id} comes after a trace of the same or a greater id")
            });
            self.last = Some(id);
            self.traces += 1;
            self.spans += trace.spans.len() as u64;
            ids.push(id);
            self.times(trace, batch, findings);
            let facts = scan.facts(trace)?;
            stats(trace, batch, &facts, findings);
            self.nested_sets(trace, batch, findings);
        }
        Ok(())
    }

    fn times(&self, trace: &ScannedTrace, batch: &ScanBatch, findings: &mut Findings) {
        let id = trace.trace_id;
        let starts = batch.span_start_unix_nanos[trace.spans.clone()].iter().copied();
        let ends = trace.spans.clone().map(|span| {
            let start = batch.span_start_unix_nanos[span];
            start.wrapping_add(int(batch, DURATION, span) as u64)
        });
        let start = starts.filter(|start| *start > 0).min().unwrap_or(0);
        let end = ends.max().unwrap_or(0);
        let (found_start, found_end) = (trace.start_unix_nanos, trace.end_unix_nanos);
        findings.expect((start, end) == (found_start, found_end), || {
            format!(
                "trace {id} is said to last from {found_start} to {found_end}, its spans do from \
                 {start} to {end}"
            )
        });
    }

    fn nested_sets(&mut self, trace: &ScannedTrace, batch: &ScanBatch, findings: &mut Findings) {
        let nodes: Vec<Node> = trace.spans.clone().map(|span| node(batch, span)).collect();
        let has_root = nodes.iter().any(|node| node.parent.is_none());
        let places = self.nested.place(&nodes);
        for (span, place) in trace.spans.clone().zip(places) {
            let found = [LEFT, RIGHT, PARENT].map(|field| int(batch, field, span));
            let expected = [place.left, place.right, place.parent].map(i64::from);
            let children = int(batch, CHILDREN, span);
            let is_right = found == expected
                // Without a root it is not defined.
                && (!has_root || children == i64::from(place.children));
            if !is_right {
                findings.add(format!(
                    "trace {}: span {:016x} has nested set {found:?} and {children} children, \
                     expected {expected:?} and {}",
                    trace.trace_id,
                    nodes[span - trace.spans.start].id,
                    place.children
                ));
                return;
            }
        }
    }
}

const SPAN_ID: usize = 0;
const PARENT_ID: usize = 1;
const KIND: usize = 2;
const LEFT: usize = 3;
const RIGHT: usize = 4;
const PARENT: usize = 5;
const CHILDREN: usize = 6;
const DURATION: usize = 7;
const STATUS: usize = 8;

fn int(batch: &ScanBatch, field: usize, span: usize) -> i64 {
    match batch.value(field, span) {
        ScanValue::Int(value) => value,
        _ => 0,
    }
}

fn node(batch: &ScanBatch, span: usize) -> Node {
    let number = |field| match batch.value(field, span) {
        ScanValue::Bytes(id) => id.iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte)),
        _ => 0,
    };
    let has_parent = matches!(batch.value(PARENT_ID, span), ScanValue::Bytes(id) if !id.is_empty());
    let parent = has_parent.then(|| number(PARENT_ID));
    Node { id: number(SPAN_ID), parent, kind: int(batch, KIND, span) as i32 }
}

fn stats(trace: &ScannedTrace, batch: &ScanBatch, facts: &TraceFacts, findings: &mut Findings) {
    let spans: u64 = facts.service_stats.iter().map(|stat| u64::from(stat.1)).sum();
    let errors: u64 = facts.service_stats.iter().map(|stat| u64::from(stat.2)).sum();
    let failed = trace.spans.clone().filter(|span| int(batch, STATUS, *span) == STATUS_ERROR);
    let expected = (trace.spans.len() as u64, failed.count() as u64);
    findings.expect((spans, errors) == expected, || {
        format!(
            "trace {}: services have {spans} spans and {errors} errors, expected {} and {}",
            trace.trace_id, expected.0, expected.1
        )
    });
}

/// Holds a meta against the place where it lies and the file that it is of.
pub fn check_meta(
    meta: &BlockMeta,
    (tenant, block_id): (&str, &uuid::Uuid),
    data_bytes: u64,
    reader: &BlockReader,
    findings: &mut Findings,
) {
    let mut equal = |what: &str, found: String, expected: String| {
        findings.expect(found == expected, || {
            format!("meta.json: {what} is {found}, expected {expected}")
        });
    };
    equal("blockID", meta.block_id.to_string(), block_id.to_string());
    equal("tenantID", meta.tenant_id.clone(), tenant.to_owned());
    equal("size", meta.size.to_string(), data_bytes.to_string());
    if meta.footer_size != 0 {
        equal("footerSize", meta.footer_size.to_string(), reader.footer_bytes().to_string());
    }
    equal("totalRecords", meta.total_records.to_string(), reader.row_groups().to_string());
    let rows: u64 = (0..reader.row_groups()).filter_map(|group| reader.rows(group).ok()).sum();
    equal("totalObjects", meta.total_objects.to_string(), rows.to_string());
    let (start, end) = meta.time_range_unix_nanos();
    findings.expect(start <= end && (rows == 0 || end > 0), || {
        format!("meta.json: the time range {} to {} is none", meta.start_time, meta.end_time)
    });
}

/// Reads every trace of some rows of a row group as a query by id does; gives how many spans.
///
/// # Errors
/// Columns that contradict each other.
pub fn check_rows(
    reader: &BlockReader,
    row_group: usize,
    rows: &[u64],
    fetched: &Fetched,
) -> Result<u64, ReadError> {
    let mut pass = reader.pass(row_group, &RowContent::ALL, rows, fetched, DECODED_BYTES_MAX)?;
    let mut spans = 0;
    for row in rows {
        let trace = pass.row(*row)?;
        let scopes = trace.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        spans += scopes.map(|scope| scope.spans.len() as u64).sum::<u64>();
    }
    Ok(spans)
}
