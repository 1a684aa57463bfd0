//! Which pages of a column a scan reads: those that hold a candidate, and its dictionary unless
//! that is known already.
//!
//! From: [`super::Candidates`]. To: ranges to fetch, and streams of what was fetched.

use std::ops::Range;
use std::sync::Arc;

use super::rows::RowSet;
use super::{BlockReader, Fetched, KnownDictionaries, ReadError};
use crate::read::columns::Column;
use crate::read::stream::ColumnStream;
use crate::read::values::Dictionary;
use crate::read::{PartRange, page_parts};

impl BlockReader {
    /// Where the pages of a column with these rows are (`None`: all).
    pub(super) fn ranges_of(
        &self,
        row_group: usize,
        column: Column,
        rows: Option<&RowSet>,
        known: &dyn KnownDictionaries,
    ) -> impl Iterator<Item = Range<u64>> {
        let is_known = self.known_dictionary(row_group, column, known).is_some();
        self.parts_of(row_group, column, rows, is_known).into_iter().map(|part| part.range)
    }

    /// These pages as a stream.
    pub(super) fn stream_with(
        &self,
        row_group: usize,
        column: Column,
        rows: Option<&RowSet>,
        fetched: &Fetched,
    ) -> Result<ColumnStream, ReadError> {
        let known = fetched.dictionaries();
        let known = known.and_then(|known| self.known_dictionary(row_group, column, &*known));
        let parts = self.parts_of(row_group, column, rows, known.is_some());
        Ok(self.stream_of(row_group, column, &parts, fetched)?.with_dictionary(known))
    }

    /// Where the dictionary of a column is, if it has one that is not known.
    pub(super) fn unknown_dictionary(
        &self,
        row_group: usize,
        column: Column,
        known: &dyn KnownDictionaries,
    ) -> Option<Range<u64>> {
        let range = self.dictionary_range(row_group, column)?;
        known.get(range.start).is_none().then_some(range)
    }

    fn known_dictionary(
        &self,
        row_group: usize,
        column: Column,
        known: &dyn KnownDictionaries,
    ) -> Option<Arc<Dictionary>> {
        let range = self.dictionary_range(row_group, column)?;
        Some(known.get(range.start)?.dictionary)
    }

    fn parts_of(
        &self,
        row_group: usize,
        column: Column,
        rows: Option<&RowSet>,
        is_dictionary_known: bool,
    ) -> Vec<PartRange> {
        let Some(group) = self.footer.row_groups.get(row_group) else { return Vec::new() };
        let chunk = &group.chunks[column];
        let mut parts = match rows {
            None => vec![PartRange { range: chunk.range.clone(), first_row: Some(0) }],
            Some(rows) => page_parts(chunk, group.rows, |range| rows.any_in(range)),
        };
        if let Some(dictionary) = chunk.dictionary.as_ref().filter(|_| is_dictionary_known) {
            parts.retain(|part| part.first_row.is_some());
            for part in parts.iter_mut().filter(|part| part.range.start == dictionary.start) {
                part.range.start = dictionary.end;
            }
        }
        parts
    }
}
