//! Which values of generic attributes belong to a wanted key.
//!
//! From: [`super::pages`], with values that pass. Where the page of keys has the rows and the
//! repetition of the page of values, entries of both are the same attributes, and one look at
//! definition levels and codes tells; else keys are looked at row by row.

use std::ops::Range;
use std::sync::Arc;

use super::keys::KeyMatcher;
use super::probe::{CodeSet, Keyed};
use crate::read::ReadError;
use crate::read::levels::{Levels, count};
use crate::read::page::{ColumnKind, PageKind, RawPage, has_same_repetition, open_page};
use crate::read::stream::{ColumnStream, DecodeBudget, FoundPage, Parts, RowSlice};
use crate::read::values::BadPage;

/// The keys that values belong to.
pub(super) struct KeyPages<'a> {
    keyed: &'a Keyed,
    kind: ColumnKind,
    parts: Parts,
    /// The page at hand, and its rows.
    page: Option<(FoundPage, Range<u64>)>,
    next_row: u64,
    /// The same column row by row.
    stream: ColumnStream,
    matcher: KeyMatcher,
}

/// A page of values.
#[derive(Clone, Copy)]
pub(super) struct ValuePage<'p> {
    pub(super) kind: &'p ColumnKind,
    pub(super) raw: &'p RawPage,
    pub(super) rows: &'p Range<u64>,
}

impl<'a> KeyPages<'a> {
    pub(super) fn new(
        keyed: &'a Keyed,
        kind: ColumnKind,
        parts: Parts,
        stream: ColumnStream,
    ) -> Self {
        let matcher = KeyMatcher::of(keyed.key.clone());
        Self { keyed, kind, parts, page: None, next_row: 0, stream, matcher }
    }

    /// Gives back what it held.
    pub(super) fn release(self, budget: &mut DecodeBudget) {
        self.stream.release(budget);
    }

    /// Those of the values (by number in the page, ascending) that belong to the key; `None` if
    /// that is not known without a look at each row.
    pub(super) fn of_page(
        &mut self,
        values: ValuePage<'_>,
        wanted: &[u32],
        budget: &mut DecodeBudget,
    ) -> Result<Option<Vec<u32>>, ReadError> {
        let found = self.find(values.rows, budget).map_err(|bad| self.damaged(bad))?;
        let Some((page, _)) = self.page.as_ref().filter(|_| found) else { return Ok(None) };
        let Some(keys) = &self.keyed.codes else { return Ok(None) };
        let bytes = page.header.memory_bytes();
        budget.take(bytes)?;
        let outcome = open_page(&self.kind, &page.header, &page.body)
            .and_then(|raw| of_key(values, wanted, (&self.kind, &raw), (keys, self.keyed.level)));
        budget.give_back(bytes);
        outcome.map_err(|bad| self.damaged(bad))
    }

    fn damaged(&self, BadPage(what): BadPage) -> ReadError {
        let (row, name) = (self.next_row, self.stream.name());
        ReadError::Damaged(format!("column {name} before row {row}: {what}"))
    }

    /// Finds the page with exactly these rows, which are behind those asked for before.
    fn find(&mut self, rows: &Range<u64>, budget: &mut DecodeBudget) -> Result<bool, BadPage> {
        while self.next_row <= rows.start {
            let Some(page) = self.parts.take_page()? else { break };
            if !matches!(page.header.kind, PageKind::DataV1 | PageKind::DataV2) {
                continue;
            }
            let Some(count) = page.header.rows else { return Ok(false) };
            let first = page.first_row.unwrap_or(self.next_row);
            self.next_row = first + count as u64;
            if first == rows.start {
                budget.read_bytes += page.bytes as u64;
            }
            self.page = Some((page, first..self.next_row));
        }
        Ok(self.page.as_ref().is_some_and(|(_, found)| found == rows))
    }

    /// Whether one of the values `of_row` belongs to the key.
    pub(super) fn any_in_row(
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
        let rows = &levels.rep.rows;
        let entries = rows[row_in_page] as usize..rows[row_in_page + 1] as usize;
        let first_value = levels.row_values[row_in_page];
        let level = self.keyed.level;
        any_of_key(levels, entries, first_value, of_row, &keys, &self.matcher, level)
            .ok_or_else(contradiction)
    }
}

/// Those of the values that belong to a key of the set; `None` if entries of the two pages are not
/// the same attributes, or contradict their headers.
fn of_key(
    values: ValuePage<'_>,
    wanted: &[u32],
    (key_kind, keys): (&ColumnKind, &RawPage),
    (set, level): (&Arc<CodeSet>, u8),
) -> Result<Option<Vec<u32>>, BadPage> {
    let is_aligned = has_same_repetition((values.kind, values.raw), (key_kind, keys));
    let (Some(present), Some(keys_present)) = (values.raw.present(), keys.present()) else {
        return Ok(None);
    };
    if !is_aligned || !keys.has_codes() || key_kind.max_def != level {
        return Ok(None);
    }
    let (value_def, key_def) = (values.raw.definitions(values.kind)?, keys.definitions(key_kind)?);
    let max_def = values.kind.max_def;
    if count(&value_def, max_def) != present || count(&key_def, level) != keys_present {
        return Ok(None);
    }
    let codes = keys.codes(keys_present)?;
    let is_wanted = |key: usize| {
        let code = codes.get(key).and_then(|code| set.passes.get(*code as usize));
        code.copied().ok_or(BadPage("code beyond the dictionary"))
    };
    let (mut entries, mut own) = (Places::of(&value_def, max_def), Vec::new());
    let has_gaps = keys_present < key_def.len();
    let (mut key, mut before) = (0, 0);
    for value in wanted {
        let Some(entry) = entries.entry_of(*value as usize) else { return Ok(None) };
        key = match has_gaps {
            true => key + count(&key_def[before..entry], level),
            false => entry,
        };
        before = entry;
        if key_def[entry] == level && is_wanted(key)? {
            own.push(*value);
        }
    }
    Ok(Some(own))
}

/// Which entries have values.
struct Places<'l> {
    def: &'l [u8],
    max_def: u8,
    entry: usize,
    /// How many values there are before `entry`.
    values: usize,
}

impl<'l> Places<'l> {
    fn of(def: &'l [u8], max_def: u8) -> Self {
        Self { def, max_def, entry: 0, values: 0 }
    }

    /// The entry of a value, which is not before one that was asked for.
    fn entry_of(&mut self, value: usize) -> Option<usize> {
        /// So many levels are stepped over at once.
        const CHUNK: usize = 128;
        while let Some(chunk) = self.def.get(self.entry..self.entry + CHUNK) {
            let values = count(chunk, self.max_def);
            if self.values + values > value {
                break;
            }
            self.values += values;
            self.entry += CHUNK;
        }
        let rest = self.def[self.entry..].iter();
        for has_value in rest.map(|def| *def == self.max_def) {
            self.entry += 1;
            self.values += usize::from(has_value);
            if self.values > value {
                return Some(self.entry - 1);
            }
        }
        None
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
        attributes += usize::from(levels.rep.levels[at] <= level);
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
