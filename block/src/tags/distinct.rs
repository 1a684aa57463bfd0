//! The distinct values of one column: its dictionary, where the file says that all pages are coded
//! with it, else the values of every page.

use std::ops::Range;

use crate::read::columns::Column;
use crate::read::stream::{ColumnStream, DecodeBudget};
use crate::read::values::Values;
use crate::read::{BlockReader, Fetched, ReadError};

/// A column being read, a dictionary or a page at a time.
pub(super) struct DistinctColumn {
    stream: ColumnStream,
    is_dictionary: bool,
    next_row: u64,
    rows: u64,
}

impl BlockReader {
    /// What to fetch before [`DistinctColumn::open`].
    pub(super) fn distinct_range(&self, row_group: usize, column: Column) -> Option<Range<u64>> {
        let dictionary = self.whole_dictionary_range(row_group, column);
        dictionary.or_else(|| self.chunk_range(row_group, column))
    }
}

impl DistinctColumn {
    pub(super) fn open(
        reader: &BlockReader,
        row_group: usize,
        column: Column,
        fetched: &Fetched,
    ) -> Result<Self, ReadError> {
        let dictionary = reader.whole_dictionary_range(row_group, column);
        let is_dictionary = dictionary.is_some();
        let stream = match dictionary {
            Some(range) => reader.dictionary_stream(row_group, column, range, fetched)?,
            None => reader.stream(row_group, column, fetched)?,
        };
        Ok(Self { stream, is_dictionary, next_row: 0, rows: reader.rows(row_group)? })
    }

    /// Gives the next values to `note`, which says whether it has seen enough. Returns whether
    /// there is more to read.
    pub(super) fn step(
        &mut self,
        budget: &mut DecodeBudget,
        note: impl FnOnce(&Values) -> bool,
    ) -> Result<bool, ReadError> {
        if self.is_dictionary {
            note(&self.stream.take_dictionary(budget)?);
            return Ok(false);
        }
        if self.next_row >= self.rows {
            return Ok(false);
        }
        self.stream.seek(self.next_row, budget)?;
        let (first, count) = self.stream.page_rows().unwrap_or((self.next_row, 1));
        self.next_row = first + count.max(1) as u64;
        let enough = self.stream.page_values().is_some_and(note);
        Ok(!enough && self.next_row < self.rows)
    }

    /// Gives back what is held.
    pub(super) fn close(self, budget: &mut DecodeBudget) {
        self.stream.release(budget);
    }
}
