//! Levels of some rows of a page: where few are wanted, only theirs are unpacked. Those before them
//! are counted, since they say where the rows and their values begin.
//!
//! From: [`super::page`]. To: the same. Columns of one list repeat their levels: what was found
//! last is known by its bytes.

use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::levels::{Levels, Repetition, bit_width, check_max};
use super::page::ColumnKind;
use super::parts::Part;
use super::rle::{Stretch, Stretches, decode_hybrid_ranges};
use super::values::BadPage;

/// Ranges of rows of a page, which ascend.
pub(crate) type Rows = Rc<[Range<usize>]>;

/// Some rows of a page, as its repetition levels show them.
#[derive(Debug)]
struct RowWindow {
    /// Their levels among all, for each range of rows.
    levels: Vec<Range<usize>>,
    rep: Arc<Repetition>,
    /// How many rows the page has.
    page_rows: usize,
}

impl RowWindow {
    /// Finds ranges of rows, which ascend, among `count` levels. What is behind them is not looked
    /// at: that the page has `page_rows` is believed then.
    fn find(
        column: &ColumnKind,
        rep: &Part,
        count: usize,
        rows: &[Range<usize>],
        page_rows: usize,
    ) -> Result<Self, BadPage> {
        const MISSING: BadPage = BadPage("row is missing");
        if column.max_rep == 0 {
            let rep = Arc::new(Repetition::of(vec![0; rows.iter().map(Range::len).sum()], 0));
            let window = Self { levels: rows.to_vec(), rep, page_rows: count };
            let is_there = rows.last().is_none_or(|last| last.end <= count);
            return is_there.then_some(window).ok_or(MISSING);
        }
        let (width, rep) = (bit_width(column.max_rep), &rep.levels()?);
        let mut places = Places::of(rows);
        let mut stretches = Stretches::new(rep, width, count)?;
        let page_rows = loop {
            if places.next().is_none() {
                break page_rows;
            }
            let Some(stretch) = stretches.next()? else { break places.row };
            if places.level == 0 && stretch.count(width, 0..1, 0) == 0 {
                return Err(BadPage("page begins inside a row"));
            }
            places.take(&stretch, width);
        };
        let levels = places.ranges(count).ok_or(MISSING)?;
        let mut rep_levels = Vec::new();
        decode_hybrid_ranges(rep, width, count, &levels, &mut rep_levels)?;
        let highest = check_max(&rep_levels, column.max_rep)?;
        Ok(Self { levels, rep: Arc::new(Repetition::of(rep_levels, highest)), page_rows })
    }
}

/// Where rows begin among levels, found stretch by stretch.
struct Places<'r> {
    rows: &'r [Range<usize>],
    /// Levels at which ranges of rows begin and end, in turn.
    found: Vec<usize>,
    level: usize,
    row: usize,
    unpacked: Vec<u8>,
}

impl<'r> Places<'r> {
    /// So many packed levels are unpacked where a row begins among them.
    const STEP: usize = 256;

    fn of(rows: &'r [Range<usize>]) -> Self {
        let found = Vec::with_capacity(2 * rows.len());
        Self { rows, found, level: 0, row: 0, unpacked: Vec::new() }
    }

    /// The row whose place is looked for.
    fn next(&self) -> Option<usize> {
        let range = self.rows.get(self.found.len() / 2)?;
        Some(if self.found.len().is_multiple_of(2) { range.start } else { range.end })
    }

    fn take(&mut self, stretch: &Stretch<'_>, width: u8) {
        let length = stretch.length();
        if let Stretch::Run { value, .. } = stretch {
            let begun = if *value == 0 { length } else { 0 };
            while let Some(row) = self.next().filter(|row| *row < self.row + begun) {
                self.found.push(self.level + row - self.row);
            }
            self.level += length;
            self.row += begun;
            return;
        }
        for from in (0..length).step_by(Self::STEP) {
            let part = from..length.min(from + Self::STEP);
            let begun = stretch.count(width, part.clone(), 0);
            if self.next().is_some_and(|row| row < self.row + begun) {
                self.unpacked.clear();
                stretch.expand(width, part.clone(), &mut self.unpacked);
                self.find(begun);
            }
            self.level += part.len();
            self.row += begun;
        }
    }

    /// Notes the places of those rows that begin among what is unpacked.
    fn find(&mut self, begun: usize) {
        let unpacked = std::mem::take(&mut self.unpacked);
        for (row, at) in (self.row..).zip(memchr::memchr_iter(0, &unpacked)) {
            // A range may begin where another ends.
            while self.next() == Some(row) {
                self.found.push(self.level + at);
            }
        }
        debug_assert!(self.next().is_none_or(|row| row >= self.row + begun));
        self.unpacked = unpacked;
    }

    /// The ranges of levels, once all `count` levels were looked at.
    fn ranges(mut self, count: usize) -> Option<Vec<Range<usize>>> {
        while self.next() == Some(self.row) {
            self.found.push(count);
        }
        let (pairs, _) = self.found.as_chunks::<2>();
        let ranges: Vec<_> = pairs.iter().map(|[start, end]| *start..*end).collect();
        (ranges.len() == self.rows.len()).then_some(ranges)
    }
}

/// The levels of some rows of a page, and where their values are.
#[derive(Debug)]
pub(super) struct LevelWindow {
    /// Of those rows alone.
    pub(super) levels: Arc<Levels>,
    /// Their values among those of the page.
    pub(super) values: Vec<Range<usize>>,
    /// How many values the page has, if all were counted.
    pub(super) page_values: Option<usize>,
    /// How many rows it has.
    pub(super) page_rows: usize,
}

impl LevelWindow {
    /// Decodes the definition levels of the rows, and counts those before them; those behind them,
    /// too, unless it is known how many values there are.
    fn decode(
        column: &ColumnKind,
        rows: &RowWindow,
        def: &Part,
        (count, counts_all): (usize, bool),
    ) -> Result<Self, BadPage> {
        let (max, page_rows, rep) = (column.max_def, rows.page_rows, Arc::clone(&rows.rep));
        if max == 0 {
            let def = vec![0; rep.levels.len()];
            let (levels, values) = (Arc::new(Levels::new(rep, def, max)), rows.levels.clone());
            return Ok(Self { levels, values, page_values: Some(count), page_rows });
        }
        let (width, def) = (bit_width(max), &def.levels()?);
        let mut stretches = Stretches::new(def, width, count)?;
        let (mut values, mut window) = (Vec::with_capacity(rows.levels.len()), Vec::new());
        // Levels and values before the stretch; where the values of the range at hand begin.
        let (mut at, mut present, mut first_value) = (0, 0, 0);
        let mut left = rows.levels.as_slice();
        let page_values = loop {
            if left.is_empty() && !counts_all {
                break None;
            }
            let Some(stretch) = stretches.next()? else { break Some(present) };
            let (length, mut counted) = (stretch.length(), 0);
            let mut count_to = |end: usize| {
                present += stretch.count(width, counted..end, max);
                counted = end;
                present
            };
            while let Some(range) = left.first().filter(|range| range.start < at + length) {
                let first = range.start.max(at) - at;
                if range.start >= at {
                    first_value = count_to(first);
                }
                let end = (range.end - at).min(length);
                stretch.expand(width, first..end, &mut window);
                if range.end > at + length {
                    break;
                }
                values.push(first_value..count_to(end));
                left = &left[1..];
            }
            if !left.is_empty() || counts_all {
                count_to(length);
            }
            at += length;
        };
        check_max(&window, max)?;
        let levels = Arc::new(Levels::new(rep, window, max));
        Ok(Self { levels, values, page_values, page_rows })
    }
}

/// Levels in a page, and all that rows among them depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    part: Part,
    max: u8,
    count: usize,
    rows: Rows,
    page_rows: usize,
    counts_all: bool,
}

/// Windows that were found last.
#[derive(Debug, Default)]
pub(crate) struct KnownWindows {
    rows: VecDeque<(Key, Rc<RowWindow>)>,
    levels: VecDeque<((Key, Key), Rc<LevelWindow>)>,
}

impl KnownWindows {
    /// A whole row has columns of one list some way apart.
    const KEPT: usize = 16;

    /// The levels of `rows` of a page of `count` entries, decoded or known; `page` says how many
    /// rows it has, and whether all of its values are to be counted.
    pub(super) fn levels(
        &mut self,
        column: &ColumnKind,
        (rep, def): (&Part, &Part),
        count: usize,
        (rows, page): (&Rows, (usize, bool)),
    ) -> Result<Rc<LevelWindow>, BadPage> {
        let (page_rows, counts_all) = page;
        let key = |part: &Part, max| {
            let (part, rows) = (part.clone(), Rc::clone(rows));
            Key { part, max, count, rows, page_rows, counts_all }
        };
        let key = (key(rep, column.max_rep), key(def, column.max_def));
        if let Some((_, known)) = self.levels.iter().find(|(known, _)| *known == key) {
            return Ok(Rc::clone(known));
        }
        let window = self.rows(column, &key.0)?;
        let window = Rc::new(LevelWindow::decode(column, &window, def, (count, counts_all))?);
        self.levels.truncate(Self::KEPT - 1);
        self.levels.push_front((key, Rc::clone(&window)));
        Ok(window)
    }

    fn rows(&mut self, column: &ColumnKind, key: &Key) -> Result<Rc<RowWindow>, BadPage> {
        if let Some((_, known)) = self.rows.iter().find(|(known, _)| known == key) {
            return Ok(Rc::clone(known));
        }
        let window = RowWindow::find(column, &key.part, key.count, &key.rows, key.page_rows)?;
        let window = Rc::new(window);
        self.rows.truncate(Self::KEPT - 1);
        self.rows.push_front((key.clone(), Rc::clone(&window)));
        Ok(window)
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
