//! The newest candidates first: a search that wants some traces need not look at all of them.
//!
//! From: the starts of the candidates' traces. To: `engine`, which scans some candidates, and then
//! those of the others that may still be among the newest.

use std::cmp::Reverse;
use std::ops::Range;

use super::rows::RowSet;
use super::sift::Candidates;
use super::{BlockReader, Fetched, ReadError, ScanRequest};
use crate::read::join_ranges;
use crate::read::stream::DecodeBudget;

/// When the traces of candidates start.
#[derive(Clone, Debug, Default)]
pub struct NewestFirst {
    candidates: Candidates,
    /// Starts and rows, newest first.
    rows: Vec<(u64, u32)>,
    taken: usize,
    read_bytes: u64,
}

impl NewestFirst {
    /// How many candidates are left.
    pub fn left(&self) -> usize {
        self.rows.len() - self.taken
    }

    /// The next `count` candidates, or so many as there are, that start then or later. None if
    /// there is no such candidate.
    pub fn next(&mut self, count: usize, start_unix_nanos: u64) -> Option<Candidates> {
        let wanted = self.rows[self.taken..].iter().take(count);
        let wanted = wanted.take_while(|(start, _)| *start >= start_unix_nanos);
        let mut rows = RowSet::default();
        let before = self.taken;
        wanted.for_each(|(_, row)| {
            rows.insert(u64::from(*row));
            self.taken += 1;
        });
        (self.taken > before).then(|| self.candidates.only(rows))
    }

    /// Bytes of the file that were decoded.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> u64 {
        size_of_val(self.rows.as_slice()) as u64 + self.candidates.memory_bytes()
    }
}

impl BlockReader {
    /// When the last trace of a row group starts, as far as statistics say.
    pub fn latest_start_unix_nanos(&self, row_group: usize) -> Option<u64> {
        self.inner_time_bounds(row_group).0
    }

    /// Ranges to fetch before [`BlockReader::newest_first`].
    pub fn newest_first_ranges(
        &self,
        row_group: usize,
        request: &ScanRequest,
        candidates: &Candidates,
    ) -> Vec<Range<u64>> {
        if !self.may_hold_time(row_group, request) || candidates.is_empty() {
            return Vec::new();
        }
        let column = self.columns.start;
        join_ranges(match &candidates.rows {
            None => self.chunk_range(row_group, column).into_iter().collect(),
            Some(rows) => self.ranges_of_rows(row_group, column, |range| rows.any_in(range)),
        })
    }

    /// The order of candidates, without those that start after the requested time. At most
    /// `decoded_bytes_max` are decoded at a time, what is given included.
    ///
    /// # Errors
    /// Ranges missing from `fetched`, damaged columns, or too little memory.
    pub fn newest_first(
        &self,
        row_group: usize,
        request: &ScanRequest,
        candidates: &Candidates,
        fetched: &Fetched,
        decoded_bytes_max: u64,
    ) -> Result<NewestFirst, ReadError> {
        if !self.may_hold_time(row_group, request) || candidates.is_empty() {
            return Ok(NewestFirst::default());
        }
        let mut budget = DecodeBudget::within(decoded_bytes_max);
        let wants = |range: &Range<u64>| candidates.rows.as_ref().is_none_or(|r| r.any_in(range));
        let mut stream = self.stream_of_rows(row_group, self.columns.start, wants, fetched)?;
        let (total, mut rows) = (self.rows(row_group)?, Vec::new());
        let mut next = candidates.next(0);
        while let Some(row) = next.filter(|row| *row < total) {
            stream.seek(row, &mut budget)?;
            let end = stream.page_rows().map_or(row + 1, |(first, rows)| first + rows as u64);
            budget.take(size_of::<(u64, u32)>() * (end - row) as usize)?;
            let slice = stream.rows(&(row..end));
            let starts = slice.as_ref().map_or(0..0, |slice| slice.value_range());
            let mut at = Some(row);
            while let Some(row_at) = at.filter(|row_at| *row_at < end) {
                let value = starts.start + (row_at - row) as usize;
                let start = slice.as_ref().map_or(0, |slice| slice.values.int(value)) as u64;
                if start <= request.end_unix_nanos {
                    rows.push((start, row_at as u32));
                }
                at = candidates.next(row_at + 1);
            }
            next = at;
        }
        rows.sort_unstable_by_key(|(start, row)| (Reverse(*start), *row));
        let (candidates, read_bytes) = (candidates.clone(), budget.read_bytes);
        Ok(NewestFirst { candidates, rows, taken: 0, read_bytes })
    }
}
