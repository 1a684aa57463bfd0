//! The columns of a scan, some rows at a time.
//!
//! From: [`crate::read::stream`]. To: [`super::spans`], [`super::attributes`] and [`super::facts`].

use std::ops::Range;

use crate::read::ReadError;
use crate::read::columns::Column;
use crate::read::stream::{ColumnStream, DecodeBudget, RowSlice};

/// Most entries of one column in one trace: 4 million are 250,000 spans of 16 attributes.
const ROW_ENTRIES_MAX: usize = 4 << 20;

/// Streams by leaf number.
#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: Vec<Option<ColumnStream>>,
    budget: DecodeBudget,
    /// Of the budget, what the batch at hand holds.
    batch_bytes: usize,
}

impl Streams {
    pub(super) fn insert(&mut self, column: Column, stream: ColumnStream) {
        if self.streams.len() <= column {
            self.streams.resize_with(column + 1, || None);
        }
        self.streams[column] = Some(stream);
    }

    /// Has these streams read on account of `other`.
    pub(super) fn with_budget_of<T>(
        &mut self,
        other: &mut Self,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        std::mem::swap(&mut self.budget, &mut other.budget);
        let outcome = read(self);
        std::mem::swap(&mut self.budget, &mut other.budget);
        outcome
    }

    /// Limits what may be held decoded; to be called first.
    pub(super) fn limit(&mut self, decoded_bytes_max: u64) {
        self.budget = DecodeBudget::within(decoded_bytes_max);
    }

    /// Bytes that were held at most.
    pub(super) fn peak_bytes(&self) -> u64 {
        self.budget.peak_bytes()
    }

    /// Counts `bytes` more for the batch at hand.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), ReadError> {
        self.budget.take(bytes)?;
        self.batch_bytes += bytes;
        Ok(())
    }

    /// The batch was given away.
    pub(super) fn let_go(&mut self) {
        self.budget.give_back(std::mem::take(&mut self.batch_bytes));
    }

    pub(super) fn read_bytes(&self) -> u64 {
        self.budget.read_bytes
    }

    /// Decodes the page with `row`; gives the end of the page's rows.
    pub(super) fn seek(&mut self, column: Column, row: u64) -> Result<u64, ReadError> {
        let Some(Some(stream)) = self.streams.get_mut(column) else { return Err(missing(row)) };
        stream.seek(row, &mut self.budget)?;
        let (first, rows) = stream.page_rows().ok_or_else(|| missing(row))?;
        Ok(first + rows as u64)
    }

    /// The end of the rows from the one that was sought on that have `entries` entries at most.
    pub(super) fn rows_within(&self, column: Column, row: u64, entries: usize) -> u64 {
        let stream = self.streams.get(column).and_then(Option::as_ref);
        stream.map_or(row + 1, |stream| stream.rows_within(row, entries))
    }

    /// Rows of the page that was sought last in this column.
    pub(super) fn get(&self, column: Column, rows: &Range<u64>) -> Result<RowSlice<'_>, ReadError> {
        let stream = self.streams.get(column).and_then(Option::as_ref);
        let stream = stream.ok_or_else(|| missing(rows.start))?;
        let slice = stream.rows(rows).ok_or_else(|| missing(rows.start))?;
        let most = ROW_ENTRIES_MAX.saturating_mul((rows.end - rows.start) as usize);
        if slice.rep.len() > most {
            let (row, name) = (rows.start, stream.name());
            return Err(ReadError::Damaged(format!("row {row}: column {name} is too long")));
        }
        Ok(slice)
    }

    pub(super) fn seek_get(
        &mut self,
        column: Column,
        rows: &Range<u64>,
    ) -> Result<RowSlice<'_>, ReadError> {
        self.seek(column, rows.start)?;
        self.get(column, rows)
    }

    /// The error of columns whose levels contradict each other.
    pub(super) fn contradiction(&self, column: Column, rows: &Range<u64>) -> ReadError {
        let stream = self.streams.get(column).and_then(Option::as_ref);
        let (row, name) = (rows.start, stream.map_or("", ColumnStream::name));
        ReadError::Damaged(format!(
            "row {row} or behind it: column {name} contradicts the other columns"
        ))
    }

    /// The value of a column that has one per trace.
    pub(super) fn trace_int(&mut self, column: Column, row: u64) -> Result<i64, ReadError> {
        let slice = self.seek_get(column, &(row..row + 1))?;
        Ok(slice.values.int(slice.first_value))
    }
}

fn missing(row: u64) -> ReadError {
    ReadError::Damaged(format!("row {row} is missing from a column"))
}
