//! One probe, asked of the data pages of its column.
//!
//! From: [`super::sift`]. To: sets of rows. Values are looked at without levels first; only pages
//! where one passes have their levels decoded. Whether they belong to the wanted key is asked of
//! whole pages ([`super::page_keys`]).

use std::sync::Arc;

use super::lookup::NumberRange;
use super::needs::Scalar;
use super::page_keys::{KeyPages, ValuePage};
use super::probe::{CodeSet, Probe};
use super::rows::RowSet;
use crate::read::ReadError;
use crate::read::levels::Levels;
use crate::read::page::{ColumnKind, PageKind, RawPage, open_page};
use crate::read::stream::{DecodeBudget, FoundPage, Parts};
use crate::read::values::{BadPage, Values};

/// What a sift looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiftCounts {
    /// Bytes of the file that were decoded.
    pub bytes: u64,
    /// Data pages that were decoded.
    pub pages: u64,
    /// Data pages that were stepped over because they hold no row that is wanted.
    pub pages_skipped: u64,
}

/// A probe under way.
pub(super) struct PageSift<'a> {
    name: Arc<str>,
    kind: ColumnKind,
    parts: Parts,
    next_row: u64,
    /// Rows of the pages that were decoded, and how many of them passed.
    asked: u64,
    passed: u64,
    probe: &'a Probe,
    numbers: Option<NumberRange>,
    keys: Option<KeyPages<'a>>,
}

/// After so many rows it is known whether a probe is worth its while.
const ASKED_MIN: u64 = 256;

impl<'a> PageSift<'a> {
    pub(super) fn new(
        name: Arc<str>,
        kind: ColumnKind,
        parts: Parts,
        probe: &'a Probe,
        keys: Option<KeyPages<'a>>,
    ) -> Self {
        let numbers = probe.numbers.as_ref();
        let numbers = numbers.map(|(range, unsigned)| NumberRange::new(range, *unsigned));
        Self { name, kind, parts, next_row: 0, asked: 0, passed: 0, probe, numbers, keys }
    }

    /// The first row that was not looked at, if so many pass that asking the rest would save less
    /// than it costs: a third of what it costs to read a row. Trace ids are random, so the first
    /// pages speak for all.
    pub(super) fn leaves_little_from(&self) -> Option<u64> {
        let passes_most = self.passed * 4 >= self.asked * 3;
        (self.asked >= ASKED_MIN && passes_most).then_some(self.next_row)
    }

    /// Gives back what it held.
    pub(super) fn end(self, budget: &mut DecodeBudget) {
        if let Some(keys) = self.keys {
            keys.release(budget);
        }
    }

    /// Looks at the next page: adds those of the rows `within` for which the probe passes. `false`
    /// if there is no page any more.
    pub(super) fn next(
        &mut self,
        within: Option<&RowSet>,
        out: &mut RowSet,
        budget: &mut DecodeBudget,
        counts: &mut SiftCounts,
    ) -> Result<bool, ReadError> {
        let Some(page) = self.parts.take_page().map_err(|bad| self.damaged(bad))? else {
            return Ok(false);
        };
        if !matches!(page.header.kind, PageKind::DataV1 | PageKind::DataV2) {
            return Ok(true);
        }
        self.next_row = page.first_row.unwrap_or(self.next_row);
        let rows = page.header.rows.map(|rows| self.next_row..self.next_row + rows as u64);
        if let Some(rows) = rows.filter(|rows| within.is_some_and(|within| !within.any_in(rows))) {
            self.next_row = rows.end;
            counts.pages_skipped += 1;
            return Ok(true);
        }
        let bytes = page.header.memory_bytes();
        budget.take(bytes)?;
        let rows = self.page(&page, within, out, budget);
        budget.give_back(bytes);
        budget.read_bytes += page.bytes as u64;
        counts.pages += 1;
        let rows = rows?;
        self.next_row += rows;
        self.asked += rows;
        Ok(true)
    }

    fn damaged(&self, BadPage(what): BadPage) -> ReadError {
        let (row, name) = (self.next_row, &self.name);
        ReadError::Damaged(format!("column {name} at or after row {row}: {what}"))
    }

    /// Returns how many rows the page has.
    fn page(
        &mut self,
        page: &FoundPage,
        within: Option<&RowSet>,
        out: &mut RowSet,
        budget: &mut DecodeBudget,
    ) -> Result<u64, ReadError> {
        let raw =
            open_page(&self.kind, &page.header, &page.body).map_err(|bad| self.damaged(bad))?;
        let known = match (raw.present(), page.header.rows) {
            (Some(present), Some(rows)) => {
                let matches = self.matches(&raw, present).map_err(|bad| self.damaged(bad))?;
                let matches = self.of_key(&raw, rows as u64, matches, budget)?;
                if matches.values.is_empty() {
                    return Ok(rows as u64);
                }
                Some((present, matches))
            }
            _ => None,
        };
        let levels = raw.levels(&self.kind, &mut budget.levels).map_err(|bad| self.damaged(bad))?;
        if page.header.rows.is_some_and(|rows| rows != levels.rows()) {
            return Err(self.damaged(BadPage("rows are not as many as the header says")));
        }
        let matches = match known {
            Some((present, matches)) if present == levels.present() => matches,
            Some(_) => {
                return Err(self.damaged(BadPage("values are not as many as the header says")));
            }
            None => {
                let values = self.matches(&raw, levels.present());
                let values = values.map_err(|bad| self.damaged(bad))?;
                Matches { values, are_of_key: false }
            }
        };
        self.mark(&levels, &matches, within, out, budget)?;
        Ok(levels.rows() as u64)
    }

    /// Leaves those that belong to the key, if that is known from the page as a whole.
    fn of_key(
        &mut self,
        raw: &RawPage,
        rows: u64,
        values: Vec<u32>,
        budget: &mut DecodeBudget,
    ) -> Result<Matches, ReadError> {
        let Some(keys) = self.keys.as_mut().filter(|_| !values.is_empty()) else {
            return Ok(Matches { values, are_of_key: false });
        };
        let rows = self.next_row..self.next_row + rows;
        let page = ValuePage { kind: &self.kind, raw, rows: &rows };
        Ok(match keys.of_page(page, &values, budget)? {
            Some(values) => Matches { values, are_of_key: true },
            None => Matches { values, are_of_key: false },
        })
    }

    /// Numbers of the values that pass, ascending.
    fn matches(&self, raw: &RawPage, present: usize) -> Result<Vec<u32>, BadPage> {
        let accepts = &self.probe.accepts;
        if raw.has_codes() {
            let codes = self.probe.codes.as_ref().ok_or(BadPage("dictionary page is missing"))?;
            return matching_codes(&raw.codes(present)?, codes);
        }
        Ok(match raw.values(&self.kind, present, None)? {
            Values::Int(ints) => {
                let range = self.numbers.unwrap_or(NumberRange::ALL);
                let mut codes = [None; CODES];
                positions(&ints, |int| {
                    let ask = || accepts(Scalar::Int(*int));
                    range.contains(*int)
                        && match usize::try_from(*int).ok().and_then(|int| codes.get_mut(int)) {
                            Some(known) => *known.get_or_insert_with(ask),
                            None => ask(),
                        }
                })
            }
            Values::Float(floats) => positions(&floats, |float| accepts(Scalar::Float(*float))),
            Values::Bool(bools) => positions(&bools, |truth| accepts(Scalar::Bool(*truth))),
            Values::Bytes(values) => {
                let passes = |at: &u32| accepts(Scalar::Bytes(values.get(*at as usize)));
                (0..values.len() as u32).filter(passes).collect()
            }
            Values::Codes { .. } => return Err(BadPage("codes without a dictionary")),
        })
    }

    /// Adds the rows of the values that pass.
    fn mark(
        &mut self,
        levels: &Levels,
        matches: &Matches,
        within: Option<&RowSet>,
        out: &mut RowSet,
        budget: &mut DecodeBudget,
    ) -> Result<(), ReadError> {
        let mut left = &*matches.values;
        for at in 0..levels.rows() {
            let Some(first) = left.first() else { return Ok(()) };
            let end = levels.row_values[at + 1];
            if *first >= end {
                continue;
            }
            let (of_row, rest) = left.split_at(left.partition_point(|value| *value < end));
            left = rest;
            let row = self.next_row + at as u64;
            if within.is_some_and(|within| !within.contains(row)) {
                continue;
            }
            let passes = match &mut self.keys {
                Some(keys) if !matches.are_of_key => {
                    keys.any_in_row(levels, at, of_row, row, budget)?
                }
                _ => true,
            };
            if passes {
                // A damaged header can claim any number of rows.
                budget.take(out.growth(row))?;
                out.insert(row);
                self.passed += 1;
            }
        }
        Ok(())
    }
}

/// Values that pass, by number in the page, ascending.
struct Matches {
    values: Vec<u32>,
    /// Whether it is known that they belong to the wanted key.
    are_of_key: bool,
}

/// Integers from 0 to here are codes more often than not, and asked once.
const CODES: usize = 16;

fn positions<T>(values: &[T], mut passes: impl FnMut(&T) -> bool) -> Vec<u32> {
    let passing = values.iter().enumerate().filter(|(_, value)| passes(value));
    passing.map(|(at, _)| at as u32).collect()
}

/// Positions of the codes that are in the set.
fn matching_codes(codes: &[u32], set: &CodeSet) -> Result<Vec<u32>, BadPage> {
    /// So many codes are looked at before it is asked where in them one passes.
    const CHUNK: usize = 128;
    let highest = codes.iter().max().map_or(0, |code| *code as usize + 1);
    if highest > set.passes.len() {
        return Err(BadPage("code beyond the dictionary"));
    }
    if set.count > 1 {
        return Ok(positions(codes, |code| set.passes[*code as usize]));
    }
    let mut found = Vec::new();
    for (number, chunk) in codes.chunks(CHUNK).enumerate().filter(|_| set.count == 1) {
        if chunk.iter().fold(false, |any, code| any | (*code == set.some)) {
            let here = positions(chunk, |code| *code == set.some);
            found.extend(here.iter().map(|at| (number * CHUNK) as u32 + at));
        }
    }
    Ok(found)
}
