//! All columns of a row group, some pages at a time, for whoever reads a block from end to end.
//!
//! From: `merge`, which says what it needs and hands over what was fetched. To: [`ColumnStream`]s
//! that get their pages bit by bit, and single rows of them as OTLP.

use std::ops::Range;
use std::sync::Arc;

use stringendo_proto::otlp::TracesData;

use super::assemble::assemble;
use super::columns::Column;
use super::content::{Groups, RowContent};
use super::cursor::{BadRow, RowCursors};
use super::rows::ENTRY_BYTES;
use super::stream::{ColumnStream, Parts};
use super::values::Physical;
use super::{BlockReader, Fetched, PageSpot, PartRange, ReadError, damaged};

/// The columns that OTLP is made of.
#[derive(Debug)]
pub(crate) struct WholeRows {
    columns: Vec<Column>,
    groups: Groups,
}

impl BlockReader {
    /// The reader with offset indexes of all columns, as far as they were fetched.
    pub(crate) fn of_all_columns(mut self, fetched: &Fetched) -> Self {
        self.indexed_columns = (0..self.footer.leaves.len()).collect();
        (0..self.row_groups()).fold(self, |reader, number| reader.with_page_index(number, fetched))
    }

    /// The column at a path, with its type and levels.
    pub(crate) fn column_at(&self, path: &str) -> Option<(Column, Option<Physical>, (u8, u8))> {
        let mut leaves = self.footer.leaves.iter().enumerate();
        let (column, leaf) = leaves.find(|(_, leaf)| *leaf.path == *path)?;
        Some((column, leaf.physical, (leaf.max_rep, leaf.max_def)))
    }

    /// Compressed bytes of all columns of a row group.
    pub(crate) fn row_group_bytes(&self, row_group: usize) -> u64 {
        let group = self.footer.row_groups.get(row_group);
        let chunks = group.map_or(&[][..], |group| &group.chunks);
        chunks.iter().map(|chunk| chunk.range.end - chunk.range.start).sum()
    }

    /// The pages of a column that begin in `rows`: one part, behind its dictionary where they are
    /// the first. All of the chunk where it is not known where pages begin.
    pub(crate) fn parts_from(
        &self,
        row_group: usize,
        column: Column,
        rows: &Range<u64>,
    ) -> Vec<PartRange> {
        let Ok(group) = self.row_group(row_group) else { return Vec::new() };
        let chunk = &group.chunks[column];
        let Some(pages) = chunk.pages.as_deref().filter(|pages| !pages.is_empty()) else {
            let all = PartRange { range: chunk.range.clone(), first_row: Some(0) };
            return if rows.start == 0 { vec![all] } else { Vec::new() };
        };
        let first = pages.partition_point(|page| page.first_row() < rows.start);
        let end = pages.partition_point(|page| page.first_row() < rows.end);
        let mut parts = Vec::new();
        let dictionary = chunk.range.start..pages[0].offset;
        if rows.start == 0 && !dictionary.is_empty() {
            parts.push(PartRange { range: dictionary, first_row: None });
        }
        let end_of = |page: &PageSpot| page.offset + u64::from(page.length);
        if let [first, .., last] | [first @ last] = &pages[first..end] {
            let range = first.offset..end_of(last);
            parts.push(PartRange { range, first_row: Some(first.first_row()) });
        }
        parts
    }

    /// A column whose pages are still to come.
    pub(crate) fn empty_stream(
        &self,
        row_group: usize,
        column: Column,
    ) -> Result<ColumnStream, ReadError> {
        let kind = self.kind(row_group, column)?;
        let name = Arc::clone(&self.footer.leaves[column].path);
        Ok(ColumnStream::new(name, kind, Parts::default()).keeping_codes())
    }

    /// What [`BlockReader::whole_row`] needs.
    pub(crate) fn whole_rows(&self) -> WholeRows {
        let columns = RowContent::ALL.columns(&self.columns);
        let groups = Groups::new(&self.columns, &columns);
        WholeRows { columns, groups }
    }

    /// A row as OTLP, from streams of all columns, which were moved to it. The trace shares their
    /// memory.
    pub(crate) fn whole_row<'a>(
        &self,
        of: &WholeRows,
        stream: impl Fn(Column) -> Option<&'a ColumnStream>,
        (row_group, row): (usize, u64),
    ) -> Result<TracesData, ReadError> {
        let streams = of.columns.iter().filter_map(|column| Some((*column, stream(*column)?)));
        RowCursors::new(self.footer.leaves.len(), streams, row)
            .and_then(|cursors| assemble(&self.columns, (&RowContent::ALL, &of.groups), cursors))
            .map_err(|BadRow(what)| {
                damaged(format!("data.parquet: row group {row_group}, row {row}: {what}"))
            })
    }
}

impl WholeRows {
    /// Memory that a row's messages take at most, about.
    pub(crate) fn row_bytes<'a>(
        &self,
        stream: impl Fn(Column) -> Option<&'a ColumnStream>,
        row: u64,
    ) -> usize {
        let slices = self.columns.iter().filter_map(|column| stream(*column)?.row(row));
        slices.map(|slice| slice.present * ENTRY_BYTES).sum()
    }
}
