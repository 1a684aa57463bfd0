//! Sets of rows of a row group.

use std::ops::Range;

/// A set of rows; grows with the highest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowSet {
    words: Vec<u64>,
}

const BITS: u64 = u64::BITS as u64;

impl RowSet {
    pub(crate) fn insert(&mut self, row: u64) {
        let word = (row / BITS) as usize;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (row % BITS);
    }

    /// Bytes of memory that it takes to insert `row`.
    pub(crate) fn growth(&self, row: u64) -> usize {
        let words = (row / BITS) as usize + 1;
        words.saturating_sub(self.words.len()) * size_of::<u64>()
    }

    /// Inserts those of `rows` that are `within`; all of them if that is `None`.
    pub(crate) fn insert_range(&mut self, rows: Range<u64>, within: Option<&Self>) {
        let Some(within) = within else { return self.insert_all(rows) };
        let mut next = within.next(rows.start);
        while let Some(row) = next.filter(|row| *row < rows.end) {
            self.insert(row);
            next = within.next(row + 1);
        }
    }

    /// By words: a damaged footer can claim any number of rows.
    fn insert_all(&mut self, rows: Range<u64>) {
        if rows.is_empty() {
            return;
        }
        let (whole, end) = (rows.start.next_multiple_of(BITS), rows.end - rows.end % BITS);
        if whole >= end {
            return rows.for_each(|row| self.insert(row));
        }
        let words = (whole / BITS) as usize..(end / BITS) as usize;
        self.words.resize(self.words.len().max(words.end), 0);
        self.words[words].fill(u64::MAX);
        (rows.start..whole).chain(end..rows.end).for_each(|row| self.insert(row));
    }

    pub(crate) fn contains(&self, row: u64) -> bool {
        self.words.get((row / BITS) as usize).is_some_and(|word| word >> (row % BITS) & 1 == 1)
    }

    /// The first of the set from `row` on.
    pub(crate) fn next(&self, row: u64) -> Option<u64> {
        let at = usize::try_from(row / BITS).ok()?;
        let first = self.words.get(at)? >> (row % BITS);
        if first != 0 {
            return Some(row + u64::from(first.trailing_zeros()));
        }
        let rest = self.words[at + 1..].iter().position(|word| *word != 0)?;
        let word = at + 1 + rest;
        Some(word as u64 * BITS + u64::from(self.words[word].trailing_zeros()))
    }

    /// Whether one of the rows is in the set.
    pub(crate) fn any_in(&self, rows: &Range<u64>) -> bool {
        self.next(rows.start).is_some_and(|row| row < rows.end)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(crate) fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Adds the other's rows.
    pub(crate) fn add(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
