//! One probe, asked of the data pages of its column.
//!
//! From: [`super::sift`]. To: sets of rows. Values are looked at without levels first; only pages
//! where one passes have their levels decoded.

use std::ops::Range;
use std::sync::Arc;

use super::keys::KeyMatcher;
use super::lookup::NumberRange;
use super::needs::Scalar;
use super::probe::{CodeSet, Keyed, Probe};
use super::rows::RowSet;
use crate::read::ReadError;
use crate::read::levels::Levels;
use crate::read::page::{ColumnKind, PageKind, RawPage, open_page};
use crate::read::stream::{ColumnStream, DecodeBudget, FoundPage, Parts, RowSlice};
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
    probe: &'a Probe,
    numbers: Option<NumberRange>,
    keys: Option<Keys<'a>>,
}

/// The keys that values belong to.
struct Keys<'a> {
    keyed: &'a Keyed,
    stream: ColumnStream,
    matcher: KeyMatcher,
}

impl<'a> PageSift<'a> {
    pub(super) fn new(
        name: Arc<str>,
        kind: ColumnKind,
        parts: Parts,
        probe: &'a Probe,
        keys: Option<ColumnStream>,
    ) -> Self {
        let keys = probe.keyed.as_ref().zip(keys).map(|(keyed, stream)| Keys {
            keyed,
            stream,
            matcher: KeyMatcher::of(keyed.key.clone()),
        });
        let numbers = probe.numbers.as_ref();
        let numbers = numbers.map(|(range, unsigned)| NumberRange::new(range, *unsigned));
        Self { name, kind, parts, next_row: 0, probe, numbers, keys }
    }

    /// Gives back what it held.
    pub(super) fn end(self, budget: &mut DecodeBudget) {
        if let Some(keys) = self.keys {
            keys.stream.release(budget);
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
        self.next_row += rows?;
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
        let bad = |bad| self.damaged(bad);
        let raw = open_page(&self.kind, &page.header, &page.body).map_err(bad)?;
        let matches = match (raw.present(), page.header.rows) {
            (Some(present), Some(rows)) => {
                let matches = self.matches(&raw, present).map_err(bad)?;
                if matches.is_empty() {
                    return Ok(rows as u64);
                }
                Some((present, matches))
            }
            _ => None,
        };
        let levels = raw.levels(&self.kind).map_err(bad)?;
        if page.header.rows.is_some_and(|rows| rows != levels.rows()) {
            return Err(bad(BadPage("rows are not as many as the header says")));
        }
        let matches = match matches {
            Some((present, matches)) if present == levels.present() => matches,
            Some(_) => return Err(bad(BadPage("values are not as many as the header says"))),
            None => self.matches(&raw, levels.present()).map_err(bad)?,
        };
        self.mark(&levels, &matches, within, out, budget)?;
        Ok(levels.rows() as u64)
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
                let may_pass = |int| self.numbers.is_none_or(|numbers| numbers.contains(int));
                positions(&ints, |int| may_pass(*int) && accepts(Scalar::Int(*int)))
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
        matches: &[u32],
        within: Option<&RowSet>,
        out: &mut RowSet,
        budget: &mut DecodeBudget,
    ) -> Result<(), ReadError> {
        let mut left = matches;
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
                None => true,
                Some(keys) => keys.any(levels, at, of_row, row, budget)?,
            };
            if passes {
                // A damaged header can claim any number of rows.
                budget.take(out.growth(row))?;
                out.insert(row);
            }
        }
        Ok(())
    }
}

impl Keys<'_> {
    /// Whether one of the values `of_row` belongs to the key.
    fn any(
        &mut self,
        levels: &Levels,
        row_in_page: usize,
        of_row: &[u32],
        row: u64,
        budget: &mut DecodeBudget,
    ) -> Result<bool, ReadError> {
        self.stream.seek(row, budget)?;
        let keys = self.stream.row(row);
        let contradiction = || {
            let name = self.stream.name();
            ReadError::Damaged(format!("row {row}: column {name} contradicts the values"))
        };
        let keys = keys.ok_or_else(contradiction)?;
        self.matcher.prepare(keys.values);
        let entries = levels.row_levels[row_in_page]..levels.row_levels[row_in_page + 1];
        let entries = entries.start as usize..entries.end as usize;
        let first_value = levels.row_values[row_in_page];
        let level = self.keyed.level;
        any_of_key(levels, entries, first_value, of_row, &keys, &self.matcher, level)
            .ok_or_else(contradiction)
    }
}

/// Whether one of the values (by number in the page, ascending) in `entries` belongs to a wanted
/// key; `None` if there are fewer keys than values.
fn any_of_key(
    levels: &Levels,
    entries: Range<usize>,
    first_value: u32,
    values: &[u32],
    keys: &RowSlice<'_>,
    matcher: &KeyMatcher,
    level: u8,
) -> Option<bool> {
    let (mut attributes, mut value) = (0_usize, first_value);
    let (mut key_entry, mut key_value) = (0_usize, keys.first_value);
    let mut wanted = values.iter().peekable();
    for at in entries {
        attributes += usize::from(levels.rep[at] <= level);
        if levels.def[at] != level + 1 {
            continue;
        }
        if wanted.next_if(|wanted| **wanted == value).is_some() {
            // The first entry of a row begins an attribute.
            let entry = attributes.checked_sub(1)?;
            let between = keys.def.get(key_entry..entry)?;
            key_value += between.iter().filter(|def| **def == level).count();
            key_entry = entry;
            if *keys.def.get(entry)? == level && matcher.key(keys.values, key_value).is_some() {
                return Some(true);
            }
        }
        value += 1;
    }
    Some(false)
}

fn positions<T>(values: &[T], passes: impl Fn(&T) -> bool) -> Vec<u32> {
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
    let mut found = Vec::new();
    for (number, chunk) in codes.chunks(CHUNK).enumerate() {
        let any = match set.count {
            0 => false,
            1 => chunk.iter().fold(false, |any, code| any | (*code == set.some)),
            _ => chunk.iter().any(|code| set.passes[*code as usize]),
        };
        if any {
            let passing = chunk.iter().enumerate();
            let passing = passing.filter(|(_, code)| set.passes[**code as usize]);
            found.extend(passing.map(|(at, _)| (number * CHUNK + at) as u32));
        }
    }
    Ok(found)
}
