//! Traces of a row group as OTLP messages: one by its id, or many in one pass.
//!
//! From: fetched pages of the columns that are wanted ([`RowContent`]). To: `engine`. A pass builds
//! the streams of the columns once and takes rows in ascending order, so every page is decoded once
//! at most, and pages without a wanted row are neither fetched nor decoded. Of a page with few
//! wanted rows only what is theirs is unpacked.

use std::cmp::Ordering;
use std::ops::Range;
use std::rc::Rc;

use stringendo_proto::TraceId;
use stringendo_proto::otlp::TracesData;

use super::assemble::assemble;
use super::columns::Column;
use super::content::{Groups, RowContent};
use super::cursor::{BadRow, RowCursors};
use super::stream::{ColumnStream, DecodeBudget};
use super::{
    BlockReader, DECODED_BYTES_MAX, Fetched, IdProbe, ReadError, damaged, join_ranges, page_parts,
};

/// What a value that is present may add to the structures of a decoded trace: at most an attribute
/// with its value.
pub(super) const ENTRY_BYTES: usize = size_of::<stringendo_proto::otlp::KeyValue>() / 2;

impl BlockReader {
    /// The row of `trace_id` in the probed row group.
    ///
    /// # Errors
    /// Damaged column, or ranges missing from `fetched`.
    pub fn find_row(
        &self,
        probe: &IdProbe,
        trace_id: &TraceId,
        fetched: &Fetched,
    ) -> Result<Option<u64>, ReadError> {
        self.find_row_within(probe, trace_id, fetched, DECODED_BYTES_MAX)
    }

    /// The same with at most `decoded_bytes_max` decoded at a time.
    ///
    /// # Errors
    /// Also if that does not suffice.
    pub fn find_row_within(
        &self,
        probe: &IdProbe,
        trace_id: &TraceId,
        fetched: &Fetched,
        decoded_bytes_max: u64,
    ) -> Result<Option<u64>, ReadError> {
        let ids = std::slice::from_ref(trace_id);
        let rows = self.find_rows_within(probe.row_group, ids, fetched, decoded_bytes_max)?;
        Ok(rows.first().copied().flatten())
    }

    /// The rows of these traces, ascending by id, in a row group whose probe they share.
    ///
    /// # Errors
    /// Damaged column, or ranges missing from `fetched`, or `decoded_bytes_max` does not suffice.
    pub fn find_rows_within(
        &self,
        row_group: usize,
        trace_ids: &[TraceId],
        fetched: &Fetched,
        decoded_bytes_max: u64,
    ) -> Result<Vec<Option<u64>>, ReadError> {
        let rows = self.rows(row_group)?;
        let mut stream = self.stream(row_group, self.columns.trace_id, fetched)?;
        let mut budget = DecodeBudget::within(decoded_bytes_max);
        let mut found = Vec::with_capacity(trace_ids.len());
        let mut page = 0..0;
        for trace_id in trace_ids {
            while page.end < rows && (page.is_empty() || is_behind(&stream, &page, trace_id)) {
                stream.seek(page.end, &mut budget)?;
                let (first, count) = stream.page_rows().unwrap_or((page.end, 1));
                page = page.end..(first + count as u64).min(rows);
            }
            found.push(search_page(&stream, page.clone(), trace_id));
        }
        Ok(found)
    }

    /// Ranges to fetch before [`BlockReader::read_row`]: with an offset index only the pages that
    /// hold the row, else whole column chunks.
    ///
    /// # Errors
    /// No such row group or row.
    pub fn row_ranges(&self, row_group: usize, row: u64) -> Result<Vec<Range<u64>>, ReadError> {
        self.pass_ranges(row_group, &RowContent::ALL, &[row])
    }

    /// One trace as OTLP (contract blocks.md §17).
    ///
    /// # Errors
    /// Damaged columns, or ranges missing from `fetched`.
    pub fn read_row(
        &self,
        row_group: usize,
        row: u64,
        fetched: &Fetched,
    ) -> Result<TracesData, ReadError> {
        self.read_row_within(row_group, row, fetched, DECODED_BYTES_MAX)
    }

    /// The same with at most `decoded_bytes_max` for what is decoded, the trace's own structures
    /// included. The trace shares the memory of the pages that it was read from.
    ///
    /// # Errors
    /// Also if that does not suffice.
    pub fn read_row_within(
        &self,
        row_group: usize,
        row: u64,
        fetched: &Fetched,
        decoded_bytes_max: u64,
    ) -> Result<TracesData, ReadError> {
        self.pass(row_group, &RowContent::ALL, &[row], fetched, decoded_bytes_max)?.row(row)
    }

    /// Ranges to fetch before a [`BlockReader::pass`] over these rows, which ascend.
    ///
    /// # Errors
    /// No such row group or row.
    pub fn pass_ranges(
        &self,
        row_group: usize,
        content: &RowContent,
        rows: &[u64],
    ) -> Result<Vec<Range<u64>>, ReadError> {
        let group = self.row_group(row_group)?;
        if let Some(row) = rows.last().filter(|row| **row >= group.rows) {
            return Err(damaged(format!("row group {row_group} has no row {row}")));
        }
        let mut ranges = Vec::new();
        for column in content.columns(&self.columns) {
            let parts = page_parts(&group.chunks[column], group.rows, |page| holds(page, rows));
            ranges.extend(parts.into_iter().map(|part| part.range));
        }
        Ok(join_ranges(ranges))
    }

    /// Reads these rows, which ascend, one after the other, with at most `decoded_bytes_max` for
    /// what is decoded at a time.
    ///
    /// # Errors
    /// No such row group, or ranges missing from `fetched`.
    pub fn pass<'a>(
        &'a self,
        row_group: usize,
        content: &'a RowContent,
        rows: &[u64],
        fetched: &Fetched,
        decoded_bytes_max: u64,
    ) -> Result<RowPass<'a>, ReadError> {
        let group = self.row_group(row_group)?;
        let columns = content.columns(&self.columns);
        let groups = Groups::new(&self.columns, &columns);
        let (mut streams, wanted) = (Vec::with_capacity(columns.len()), Rc::from(rows));
        for column in columns {
            let parts = page_parts(&group.chunks[column], group.rows, |page| holds(page, rows));
            let stream = self.stream_of(row_group, column, &parts, fetched)?;
            streams.push((column, stream.wanting(&wanted)));
        }
        let budget = DecodeBudget::within(decoded_bytes_max);
        let taken_bytes = 0;
        Ok(RowPass { reader: self, row_group, content, groups, streams, budget, taken_bytes })
    }
}

/// Some rows of a row group, read in ascending order.
pub struct RowPass<'a> {
    reader: &'a BlockReader,
    row_group: usize,
    content: &'a RowContent,
    groups: Groups,
    streams: Vec<(Column, ColumnStream)>,
    budget: DecodeBudget,
    /// By the structures of the last trace.
    taken_bytes: usize,
}

impl RowPass<'_> {
    /// The trace in `row`, which is one of the pass and behind those asked for before, the last of
    /// which is dropped by now. It shares the memory of the pages that it was read from.
    ///
    /// # Errors
    /// Damaged columns, or the memory does not suffice; then the pass is of no use any more.
    pub fn row(&mut self, row: u64) -> Result<TracesData, ReadError> {
        self.budget.give_back(std::mem::take(&mut self.taken_bytes));
        for (_, stream) in &mut self.streams {
            stream.seek(row, &mut self.budget)?;
            let bytes = stream.row(row).map_or(0, |slice| slice.present) * ENTRY_BYTES;
            self.budget.take(bytes)?;
            self.taken_bytes += bytes;
        }
        let (columns, row_group) = (&self.reader.columns, self.row_group);
        let streams = self.streams.iter().map(|(column, stream)| (*column, stream));
        RowCursors::new(self.reader.footer.leaves.len(), streams, row)
            .and_then(|cursors| assemble(columns, (self.content, &self.groups), cursors))
            .map_err(|BadRow(what)| {
                damaged(format!("data.parquet: row group {row_group}, row {row}: {what}"))
            })
    }
}

/// Whether a page with rows `page` holds any of `rows`, which ascend.
fn holds(page: &Range<u64>, rows: &[u64]) -> bool {
    let at = rows.partition_point(|row| *row < page.start);
    rows.get(at).is_some_and(|row| *row < page.end)
}

/// Whether the trace is behind the page at hand.
fn is_behind(stream: &ColumnStream, page: &Range<u64>, trace_id: &TraceId) -> bool {
    id_at(stream, page.end - 1) < &trace_id.0[..]
}

pub(super) fn id_at(stream: &ColumnStream, row: u64) -> &[u8] {
    match stream.row(row) {
        Some(slice) => slice.values.byte_slice(slice.first_value),
        None => &[],
    }
}

/// Binary search among rows of the current page.
fn search_page(stream: &ColumnStream, rows: Range<u64>, trace_id: &TraceId) -> Option<u64> {
    let (mut low, mut high) = (rows.start, rows.end);
    while low < high {
        let middle = low + (high - low) / 2;
        match id_at(stream, middle).cmp(&trace_id.0[..]) {
            Ordering::Equal => return Some(middle),
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
        }
    }
    None
}
