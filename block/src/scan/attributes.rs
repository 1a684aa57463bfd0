//! Values of wanted attribute keys, per owner (resource, scope, span, event or link)
//! of a run of traces.
//!
//! From: [`super::row`]. To: [`super::spans`]. An attribute can be in the generic Attrs, in a
//! dedicated column, or in the static service name; later ones win, as when read back to OTLP
//! (contract blocks.md §17). Columns of values are read as long as an attribute of a wanted key has
//! no value: most keys have values of one type.

use std::ops::Range;

use bytes::Bytes;
use stringendo_proto::otlp::Value;

use super::AttributeScope;
use super::batch::{Pool, ScanCell};
use super::keys::KeyMatcher;
use super::plan::OwnColumn;
use super::row::Streams;
use super::spans::cells_or_missing;
use crate::read::ReadError;
use crate::read::columns::{AttrColumns, Column, DedicatedLeaf};
use crate::read::levels::count;
use crate::read::stream::RowSlice;
use crate::read::texts::{Comparable, TextForm};

/// Wanted attributes of one kind of owner.
#[derive(Debug)]
pub(super) struct AttrGroup {
    pub(super) scope: AttributeScope,
    /// Repetition level of an owner.
    owner_level: u8,
    attrs: AttrColumns,
    /// Whether generic attributes may have a wanted key.
    has_generic: bool,
    service_name: Option<Column>,
    matcher: KeyMatcher,
    own_columns: Vec<OwnColumn>,
    /// Number of the key that the service name answers.
    service_name_key: Option<usize>,
    /// Of the present run, by key and owner.
    values: Vec<Vec<ScanCell>>,
    matches: Vec<Match>,
    found: Vec<(u32, u32)>,
}

/// An attribute of a wanted key in the present run.
#[derive(Debug)]
struct Match {
    owner: usize,
    key: usize,
    /// Number of the attribute among the entries of the run.
    entry: usize,
    /// Number of its key among the keys of the run.
    value: usize,
    is_array: bool,
    first: ScanCell,
    more: Vec<ScanCell>,
}

impl Match {
    fn push(&mut self, value: ScanCell) {
        match self.first {
            ScanCell::Missing => self.first = value,
            _ => self.more.push(value),
        }
    }

    /// Nothing that is stored can change its value any more.
    fn is_settled(&self) -> bool {
        self.first != ScanCell::Missing
    }
}

impl AttrGroup {
    pub(super) fn new(
        scope: AttributeScope,
        owner_level: u8,
        attrs: AttrColumns,
        service_name: Option<Column>,
    ) -> Self {
        Self {
            scope,
            owner_level,
            attrs,
            has_generic: true,
            service_name,
            matcher: KeyMatcher::default(),
            own_columns: Vec::new(),
            service_name_key: None,
            values: Vec::new(),
            matches: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Number of `key` in the group.
    pub(super) fn add_key(&mut self, key: Bytes, dedicated: &[DedicatedLeaf]) -> usize {
        if let Some(known) = self.matcher.keys.iter().position(|known| *known == key) {
            return known;
        }
        let number = self.matcher.keys.len();
        let own = dedicated.iter().filter(|leaf| leaf.key == key);
        self.own_columns.extend(own.map(|leaf| OwnColumn { key: number, column: leaf.column }));
        if self.service_name.is_some() && key == "service.name" {
            self.service_name_key = Some(number);
        }
        self.matcher.keys.push(key);
        self.values.push(Vec::new());
        number
    }

    /// Generic attributes have no wanted key.
    pub(super) fn leave_out_generic(&mut self) {
        self.has_generic = false;
    }

    /// The column of keys of generic attributes, and the keys that are wanted.
    pub(super) fn keys(&self) -> (Column, &[Bytes]) {
        (self.attrs.key, &self.matcher.keys)
    }

    /// Columns that are read of every trace.
    pub(super) fn scanned(&self) -> impl Iterator<Item = Column> {
        let own = self.own_columns.iter().map(|own| own.column);
        let service = self.service_name.filter(|_| self.service_name_key.is_some());
        let keys = self.has_generic.then_some(self.attrs.key);
        keys.into_iter().chain(own).chain(service)
    }

    /// Every column that may be read.
    pub(super) fn needed(&self) -> impl Iterator<Item = Column> {
        let generic = self.attrs.all().filter(|_| self.has_generic);
        generic.chain(self.scanned())
    }

    /// The values of a key at the owners of the present run.
    pub(super) fn values(&self, key: usize) -> &[ScanCell] {
        &self.values[key]
    }

    /// Reads the values of rows that have `owners` owners (entries, empty ones included).
    pub(super) fn read(
        &mut self,
        streams: &mut Streams,
        pool: &mut Pool,
        rows: &Range<u64>,
        owners: usize,
    ) -> Result<(), ReadError> {
        for values in &mut self.values {
            values.clear();
            values.resize(owners, ScanCell::Missing);
        }
        if self.has_generic {
            self.read_generic(streams, pool, rows, owners)?;
        }
        for own in 0..self.own_columns.len() {
            self.read_own(self.own_columns[own], streams, pool, rows)?;
        }
        match (self.service_name, self.service_name_key) {
            (Some(column), Some(key)) => self.read_service_name(column, key, streams, pool, rows),
            _ => Ok(()),
        }
    }

    fn read_generic(
        &mut self,
        streams: &mut Streams,
        pool: &mut Pool,
        rows: &Range<u64>,
        owners: usize,
    ) -> Result<(), ReadError> {
        let keys = streams.seek_get(self.attrs.key, rows)?;
        if owners_in(keys.rep, self.owner_level) != owners {
            return Err(streams.contradiction(self.attrs.key, rows));
        }
        self.find_matches(&keys);
        if self.matches.is_empty() {
            return Ok(());
        }
        self.read_flags(streams, rows)?;
        for column in self.attrs.values.into_iter().flatten() {
            if !self.matches.iter().all(Match::is_settled) {
                self.read_values(column, streams, pool, rows)?;
            }
        }
        for at in 0..self.attrs.texts.len() {
            if !self.matches.iter().all(Match::is_settled) {
                self.read_texts(self.attrs.texts[at], streams, pool, rows)?;
            }
        }
        for mut found in self.matches.drain(..) {
            let value = match (found.is_array, found.first) {
                (true, ScanCell::Missing) => pool.array(&[]),
                (true, first) => {
                    found.more.insert(0, first);
                    pool.array(&found.more)
                }
                (false, first) => first,
            };
            // One without any value does not count when traces are read, either.
            if value != ScanCell::Missing {
                self.values[found.key][found.owner] = value;
            }
        }
        Ok(())
    }

    /// Finds the attributes of wanted keys.
    fn find_matches(&mut self, keys: &RowSlice<'_>) {
        self.matches.clear();
        self.found.clear();
        self.matcher.prepare(keys.values);
        self.matcher.find(keys.values, keys.value_range(), &mut self.found);
        let has_gaps = keys.present != keys.def.len();
        let (mut entry, mut value, mut owners) = (0, 0, 0);
        for (at, key) in &self.found {
            let wanted = *at as usize - keys.first_value;
            let from = entry;
            entry = match has_gaps {
                false => wanted + 1,
                true => from + entries_of(&keys.def[from..], self.attrs.level, wanted + 1 - value),
            };
            value = wanted + 1;
            owners += owners_in(&keys.rep[from..entry], self.owner_level);
            self.matches.push(Match {
                owner: owners - 1,
                key: *key as usize,
                entry: entry - 1,
                value: wanted,
                is_array: false,
                first: ScanCell::Missing,
                more: Vec::new(),
            });
        }
    }

    /// IsArray has a value for each key.
    fn read_flags(&mut self, streams: &mut Streams, rows: &Range<u64>) -> Result<(), ReadError> {
        let Some(column) = self.attrs.is_array else { return Ok(()) };
        let (mut row, mut matches) = (rows.start, self.matches.iter_mut().peekable());
        let first_value = streams.get(self.attrs.key, rows)?.first_value;
        while row < rows.end {
            let part = row..streams.seek(column, row)?.min(rows.end);
            let keys = streams.get(self.attrs.key, &part)?;
            let flags = streams.get(column, &part)?;
            if !flags.has_levels_of(&keys) {
                return Err(streams.contradiction(column, &part));
            }
            let before = keys.first_value - first_value;
            let is_here = |found: &&mut Match| found.value < before + flags.present;
            while let Some(found) = matches.next_if(is_here) {
                let at = flags.first_value + (found.value - before);
                found.is_array = flags.values.bool(at);
            }
            row = part.end;
        }
        Ok(())
    }

    /// Gives the values of a column of lists to the matches.
    fn read_values(
        &mut self,
        column: Column,
        streams: &mut Streams,
        pool: &mut Pool,
        rows: &Range<u64>,
    ) -> Result<(), ReadError> {
        let (mut row, mut entries) = (rows.start, 0);
        while row < rows.end {
            let part = row..streams.seek(column, row)?.min(rows.end);
            let slice = streams.get(column, &part)?;
            let found = &mut self.matches;
            entries = sweep(&slice, self.attrs.level, entries, pool, found);
            row = part.end;
        }
        match entries == streams.get(self.attrs.key, rows)?.rep.len() {
            true => Ok(()),
            false => Err(streams.contradiction(column, rows)),
        }
    }

    /// Gives the values that are kept as texts to the matches that have no other.
    fn read_texts(
        &mut self,
        column: Column,
        streams: &mut Streams,
        pool: &mut Pool,
        rows: &Range<u64>,
    ) -> Result<(), ReadError> {
        let (mut row, mut entries) = (rows.start, 0);
        let (form, mut found) = (self.attrs.form, Vec::new());
        let mut matches = self.matches.iter().enumerate().peekable();
        while row < rows.end {
            let part = row..streams.seek(column, row)?.min(rows.end);
            let keys = streams.get(self.attrs.key, &part)?;
            let slice = streams.get(column, &part)?;
            if slice.rep != keys.rep {
                return Err(streams.contradiction(column, &part));
            }
            // A text is optional, or there is one for each key.
            let present = self.attrs.level + u8::from(form != TextForm::Message);
            let end = entries + slice.def.len();
            let (mut entry, mut value) = (0, slice.first_value);
            while let Some((at, of)) = matches.next_if(|(_, found)| found.entry < end) {
                let (from, place) = (entry, of.entry - entries);
                value += count(&slice.def[from..place], present);
                entry = place;
                if slice.def[place] == present && !of.is_array && !of.is_settled() {
                    let comparable = form.comparable(&slice.values.bytes(value));
                    found.extend(comparable.map(|value| (at, value)));
                }
            }
            (row, entries) = (part.end, end);
        }
        self.settle(found, pool);
        Ok(())
    }

    /// Gives values to matches, by their numbers.
    fn settle(&mut self, values: Vec<(usize, Comparable)>, pool: &mut Pool) {
        let scalars = values.iter().flat_map(|(_, value)| value.scalars());
        let texts = pool.texts_of(scalars);
        let mut text = 0;
        for (at, value) in values {
            let found = &mut self.matches[at];
            found.is_array = matches!(value, Comparable::List(_));
            for scalar in value.scalars() {
                found.push(scalar_cell(scalar, texts, &mut text));
            }
            if value == Comparable::Nothing {
                found.first = ScanCell::Unsupported;
            }
        }
    }

    /// A dedicated column: `repeated` below its owner.
    fn read_own(
        &mut self,
        own: OwnColumn,
        streams: &mut Streams,
        pool: &mut Pool,
        rows: &Range<u64>,
    ) -> Result<(), ReadError> {
        let slice = streams.seek_get(own.column, rows)?;
        let out = &mut self.values[own.key];
        if owners_in(slice.rep, self.owner_level) != out.len() {
            return Err(streams.contradiction(own.column, rows));
        }
        let (present, cells) = (self.owner_level + 1, pool.cells(slice.values));
        let set = |owner: &mut ScanCell, cell| {
            if cell != ScanCell::Missing {
                *owner = cell;
            }
        };
        if slice.rep.len() == out.len() {
            let values = cells_or_missing(&slice, present, &cells);
            out.iter_mut().zip(values).for_each(|(owner, cell)| set(owner, cell));
            return Ok(());
        }
        // Some owners have arrays.
        let (mut at, mut value, mut elements) = (0, slice.first_value, Vec::new());
        for owner in out {
            elements.clear();
            loop {
                if slice.def[at] == present {
                    elements.push(cells.get(value));
                    value += 1;
                }
                at += 1;
                if slice.rep.get(at).is_none_or(|rep| *rep <= self.owner_level) {
                    break;
                }
            }
            match elements.as_slice() {
                [] => {}
                [single] => *owner = *single,
                several => *owner = pool.array(several),
            }
        }
        Ok(())
    }

    fn read_service_name(
        &mut self,
        column: Column,
        key: usize,
        streams: &mut Streams,
        pool: &mut Pool,
        rows: &Range<u64>,
    ) -> Result<(), ReadError> {
        let slice = streams.seek_get(column, rows)?;
        let out = &mut self.values[key];
        if slice.rep.len() != out.len() {
            return Err(streams.contradiction(column, rows));
        }
        let cells = pool.cells(slice.values);
        let mut value = slice.first_value;
        for (owner, def) in out.iter_mut().zip(slice.def) {
            if *def == self.owner_level {
                if !slice.values.byte_slice(value).is_empty() {
                    *owner = cells.get(value);
                }
                value += 1;
            }
        }
        Ok(())
    }
}

/// The cell of a scalar; `text` counts the strings of the table.
pub(super) fn scalar_cell(value: &Value, table: u32, text: &mut u32) -> ScanCell {
    match value {
        Value::String(_) => {
            *text += 1;
            ScanCell::Text { table, at: *text - 1 }
        }
        Value::Int(value) => ScanCell::Int(*value),
        Value::Double(value) => ScanCell::Float(*value),
        Value::Bool(value) => ScanCell::Bool(*value),
        _ => ScanCell::Unsupported,
    }
}

/// How many owners begin.
fn owners_in(rep: &[u8], owner_level: u8) -> usize {
    rep.iter().filter(|rep| **rep <= owner_level).count()
}

/// How many entries there are up to and with the `values`-th that has a value.
fn entries_of(def: &[u8], level: u8, values: usize) -> usize {
    let mut left = values;
    for (at, def) in def.iter().enumerate() {
        left -= usize::from(*def >= level);
        if left == 0 {
            return at + 1;
        }
    }
    def.len()
}

/// Gives the values of a column of lists to the matches (which are in order of their entries);
/// returns the number of attribute entries up to here, of which `entries` were there before.
fn sweep(
    slice: &RowSlice<'_>,
    attr_level: u8,
    mut entries: usize,
    pool: &mut Pool,
    matches: &mut [Match],
) -> usize {
    if slice.present == 0 {
        return entries + owners_in(slice.rep, attr_level);
    }
    let first = matches.partition_point(|found| found.entry < entries);
    let mut matches = matches[first..].iter_mut();
    let (mut next, cells) = (matches.next(), pool.cells(slice.values));
    let mut value = slice.first_value;
    for (rep, def) in slice.rep.iter().zip(slice.def) {
        entries += usize::from(*rep <= attr_level);
        if *def != attr_level + 1 {
            continue;
        }
        while next.as_ref().is_some_and(|found| found.entry + 1 < entries) {
            next = matches.next();
        }
        if let Some(found) = next.as_mut().filter(|found| found.entry + 1 == entries) {
            found.push(cells.get(value));
        }
        value += 1;
    }
    entries
}
