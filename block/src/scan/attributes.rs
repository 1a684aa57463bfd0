//! Values of wanted attribute keys, per owner (resource, instrumentation scope or span).
//!
//! From: [`super::row`]. To: [`super::spans`]. An attribute can be in the generic Attrs, in a
//! dedicated column, or in the static service name; later ones win, as when read back to OTLP
//! (contract blocks.md §17).

use std::sync::Arc;

use bytes::Bytes;

use super::plan::OwnColumn;
use super::row::Streams;
use super::{AttributeScope, ColumnValue};
use crate::meta::DedicatedType;
use crate::read::ReadError;
use crate::read::columns::{AttrColumns, Column, DedicatedLeaf};
use crate::read::stream::RowSlice;
use crate::read::values::Values;

/// Wanted attributes of one kind of owner.
#[derive(Debug)]
pub(super) struct AttrGroup {
    pub(super) scope: AttributeScope,
    /// Repetition level of an owner.
    owner_level: u8,
    attrs: AttrColumns,
    service_name: Option<Column>,
    matcher: KeyMatcher,
    own_columns: Vec<OwnColumn>,
    /// Number of the key that the service name answers.
    service_name_key: Option<usize>,
    /// Of the present row, by owner and key.
    values: Vec<ColumnValue>,
    matches: Vec<Match>,
}

/// An attribute of a wanted key in the present row.
#[derive(Debug)]
struct Match {
    owner: usize,
    key: usize,
    /// Number of the attribute among the entries of the row.
    entry: usize,
    is_array: bool,
    found: Found,
}

/// Values gathered for a match.
#[derive(Debug, Default)]
struct Found {
    first: ColumnValue,
    more: Vec<ColumnValue>,
}

impl Found {
    fn push(&mut self, value: ColumnValue) {
        match self.first {
            ColumnValue::Missing => self.first = value,
            _ => self.more.push(value),
        }
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
            service_name,
            matcher: KeyMatcher::default(),
            own_columns: Vec::new(),
            service_name_key: None,
            values: Vec::new(),
            matches: Vec::new(),
        }
    }

    /// Number of `key` in the group.
    pub(super) fn add_key(&mut self, key: Bytes, dedicated: &[DedicatedLeaf]) -> usize {
        if let Some(known) = self.matcher.keys.iter().position(|known| *known == key) {
            return known;
        }
        let number = self.matcher.keys.len();
        let own = dedicated.iter().filter(|leaf| leaf.key == key);
        self.own_columns.extend(own.map(|leaf| OwnColumn {
            key: number,
            kind: leaf.kind,
            column: leaf.column,
        }));
        if self.service_name.is_some() && key == "service.name" {
            self.service_name_key = Some(number);
        }
        self.matcher.keys.push(key);
        number
    }

    /// Every column that may be read.
    pub(super) fn needed(&self) -> Vec<Column> {
        let mut needed = self.attrs.all().to_vec();
        needed.extend(self.own_columns.iter().map(|own| own.column));
        needed.extend(self.service_name.filter(|_| self.service_name_key.is_some()));
        needed
    }

    /// The value of a key at an owner of the present row.
    pub(super) fn value(&self, owner: usize, key: usize) -> &ColumnValue {
        &self.values[owner * self.matcher.keys.len() + key]
    }

    /// Reads the values of a row that has `owners` owners (entries, empty ones included).
    pub(super) fn read(
        &mut self,
        streams: &mut Streams,
        row: u64,
        owners: usize,
    ) -> Result<(), ReadError> {
        self.values.clear();
        self.values.resize(owners * self.matcher.keys.len(), ColumnValue::Missing);
        self.read_generic(streams, row, owners)?;
        for own in 0..self.own_columns.len() {
            self.read_own(self.own_columns[own], streams, row, owners)?;
        }
        match (self.service_name, self.service_name_key) {
            (Some(column), Some(key)) => self.read_service_name(column, key, streams, row, owners),
            _ => Ok(()),
        }
    }

    fn set(&mut self, owner: usize, key: usize, value: ColumnValue) {
        self.values[owner * self.matcher.keys.len() + key] = value;
    }

    fn read_generic(
        &mut self,
        streams: &mut Streams,
        row: u64,
        owners: usize,
    ) -> Result<(), ReadError> {
        let keys = streams.seek_get(self.attrs.key, row)?;
        let counted = self.find_matches(&keys);
        if counted != owners {
            return Err(streams.contradiction(self.attrs.key, row));
        }
        if self.matches.is_empty() {
            return Ok(());
        }
        self.read_flags(streams, row)?;
        let attrs = &self.attrs;
        for column in [attrs.value, attrs.value_int, attrs.value_double, attrs.value_bool] {
            let slice = streams.seek_get(column, row)?;
            let entries = sweep(&slice, attrs.level, attrs.level + 1, &mut self.matches);
            if entries != streams.get(attrs.key, row)?.rep.len() {
                return Err(streams.contradiction(column, row));
            }
        }
        self.read_unsupported(streams, row)?;
        for found in std::mem::take(&mut self.matches) {
            let value = join(found.is_array, found.found);
            // One without any value does not count when traces are read, either.
            if value != ColumnValue::Missing {
                self.set(found.owner, found.key, value);
            }
        }
        Ok(())
    }

    /// Finds the attributes of wanted keys; returns the number of owners.
    fn find_matches(&mut self, keys: &RowSlice<'_>) -> usize {
        self.matches.clear();
        self.matcher.prepare(keys.values);
        let mut owners = 0;
        let mut value = keys.first_value;
        for (entry, (rep, def)) in keys.rep.iter().zip(keys.def).enumerate() {
            owners += usize::from(*rep <= self.owner_level);
            if *def < self.attrs.level {
                continue;
            }
            if let Some(key) = self.matcher.key(keys.values, value) {
                let owner = owners - 1;
                let found = Found::default();
                self.matches.push(Match { owner, key, entry, is_array: false, found });
            }
            value += 1;
        }
        owners
    }

    /// IsArray has a value for each key.
    fn read_flags(&mut self, streams: &mut Streams, row: u64) -> Result<(), ReadError> {
        streams.seek(self.attrs.is_array, row)?;
        let keys = streams.get(self.attrs.key, row)?;
        let flags = streams.get(self.attrs.is_array, row)?;
        if flags.rep != keys.rep || flags.def != keys.def {
            return Err(streams.contradiction(self.attrs.is_array, row));
        }
        let mut value = flags.first_value;
        let mut matches = self.matches.iter_mut().peekable();
        for (entry, def) in flags.def.iter().enumerate() {
            if let Some(found) = matches.next_if(|found| found.entry == entry) {
                found.is_array = flags.values.bool(value);
            }
            value += usize::from(*def == self.attrs.level);
        }
        Ok(())
    }

    fn read_unsupported(&mut self, streams: &mut Streams, row: u64) -> Result<(), ReadError> {
        let column = self.attrs.unsupported;
        streams.seek(column, row)?;
        let keys = streams.get(self.attrs.key, row)?;
        let slice = streams.get(column, row)?;
        if slice.rep != keys.rep {
            return Err(streams.contradiction(column, row));
        }
        for found in &mut self.matches {
            let present = slice.def[found.entry] > self.attrs.level;
            if present && !found.is_array && found.found.first == ColumnValue::Missing {
                found.found.first = ColumnValue::Unsupported;
            }
        }
        Ok(())
    }

    /// A dedicated column: `repeated` below its owner.
    fn read_own(
        &mut self,
        own: OwnColumn,
        streams: &mut Streams,
        row: u64,
        owners: usize,
    ) -> Result<(), ReadError> {
        let slice = streams.seek_get(own.column, row)?;
        let present = self.owner_level + 1;
        let mut owner = 0_usize;
        let mut value = slice.first_value;
        let mut found = Found::default();
        for at in 0..slice.rep.len() {
            if slice.def[at] == present {
                found.push(own_value(own.kind, slice.values, value));
                value += 1;
            }
            let ends = slice.rep.get(at + 1).is_none_or(|rep| *rep <= self.owner_level);
            if ends {
                let joined = join(!found.more.is_empty(), std::mem::take(&mut found));
                if owner < owners && joined != ColumnValue::Missing && !is_empty_array(&joined) {
                    self.set(owner, own.key, joined);
                }
                owner += 1;
            }
        }
        match owner == owners {
            true => Ok(()),
            false => Err(streams.contradiction(own.column, row)),
        }
    }

    fn read_service_name(
        &mut self,
        column: Column,
        key: usize,
        streams: &mut Streams,
        row: u64,
        owners: usize,
    ) -> Result<(), ReadError> {
        let slice = streams.seek_get(column, row)?;
        if slice.rep.len() != owners {
            return Err(streams.contradiction(column, row));
        }
        let mut value = slice.first_value;
        for (owner, def) in slice.def.iter().enumerate() {
            if *def == self.owner_level {
                let name = slice.values.bytes(value);
                value += 1;
                if !name.is_empty() {
                    self.set(owner, key, ColumnValue::Bytes(name));
                }
            }
        }
        Ok(())
    }
}

/// Gives the values of a column of lists to the matches (which are in order of their entries);
/// returns the number of attribute entries.
fn sweep(slice: &RowSlice<'_>, attr_level: u8, present: u8, matches: &mut [Match]) -> usize {
    let mut entries = 0_usize;
    let mut value = slice.first_value;
    let mut matches = matches.iter_mut();
    let mut next = matches.next();
    for (rep, def) in slice.rep.iter().zip(slice.def) {
        entries += usize::from(*rep <= attr_level);
        if *def != present {
            continue;
        }
        while next.as_ref().is_some_and(|found| found.entry + 1 < entries) {
            next = matches.next();
        }
        if let Some(found) = next.as_mut().filter(|found| found.entry + 1 == entries) {
            found.found.push(any_value(slice.values, value));
        }
        value += 1;
    }
    entries
}

fn any_value(values: &Values, at: usize) -> ColumnValue {
    match values {
        Values::Bytes(_) | Values::Codes { .. } => ColumnValue::Bytes(values.bytes(at)),
        Values::Int(ints) => ColumnValue::Int(ints[at]),
        Values::Float(floats) => ColumnValue::Float(floats[at]),
        Values::Bool(bools) => ColumnValue::Bool(bools[at]),
    }
}

fn own_value(kind: DedicatedType, values: &Values, at: usize) -> ColumnValue {
    match kind {
        DedicatedType::String => ColumnValue::Bytes(values.bytes(at)),
        DedicatedType::Int => ColumnValue::Int(values.int(at)),
    }
}

fn is_empty_array(value: &ColumnValue) -> bool {
    matches!(value, ColumnValue::BytesArray(values) if values.is_empty())
}

/// A scalar is its first value, an array all that have the first one's type (others cannot be).
fn join(is_array: bool, found: Found) -> ColumnValue {
    if !is_array {
        return found.first;
    }
    let all = std::iter::once(&found.first).chain(&found.more);
    match &found.first {
        ColumnValue::Int(_) => ColumnValue::IntArray(
            all.filter_map(|v| if let ColumnValue::Int(v) = v { Some(*v) } else { None }).collect(),
        ),
        ColumnValue::Float(_) => ColumnValue::FloatArray(
            all.filter_map(|v| if let ColumnValue::Float(v) = v { Some(*v) } else { None })
                .collect(),
        ),
        ColumnValue::Bool(_) => ColumnValue::BoolArray(
            all.filter_map(|v| if let ColumnValue::Bool(v) = v { Some(*v) } else { None })
                .collect(),
        ),
        _ => ColumnValue::BytesArray(
            all.filter_map(|v| if let ColumnValue::Bytes(v) = v { Some(v.clone()) } else { None })
                .collect(),
        ),
    }
}

/// Wanted keys, looked up in a dictionary once.
#[derive(Debug, Default)]
pub(super) struct KeyMatcher {
    keys: Vec<Bytes>,
    /// Address of the dictionary that `codes` are of; it lives as long as the scan.
    dictionary: Option<usize>,
    /// Per entry of the dictionary the wanted key, if it is one.
    codes: Vec<Option<u32>>,
}

impl KeyMatcher {
    /// For a single key.
    pub(super) fn of(key: Bytes) -> Self {
        Self { keys: vec![key], ..Self::default() }
    }

    pub(super) fn prepare(&mut self, values: &Values) {
        let Values::Codes { dictionary, .. } = values else { return };
        let address = Arc::as_ptr(dictionary) as usize;
        if self.dictionary == Some(address) {
            return;
        }
        self.dictionary = Some(address);
        let wanted = |at| self.position(dictionary.get(at)).map(|key| key as u32);
        self.codes = (0..dictionary.len()).map(wanted).collect();
    }

    fn position(&self, key: &[u8]) -> Option<usize> {
        self.keys.iter().position(|wanted| wanted == key)
    }

    pub(super) fn key(&self, values: &Values, at: usize) -> Option<usize> {
        match values {
            Values::Codes { codes, .. } => self.codes[codes[at] as usize].map(|key| key as usize),
            other => self.position(other.byte_slice(at)),
        }
    }
}
