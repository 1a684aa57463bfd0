//! The values of one attribute key among the generic attributes: entries whose key has the wanted
//! code, and the values at those entries.

use bytes::Bytes;
use stringendo_proto::otlp::Value;

use super::sets::DistinctValues;
use crate::read::columns::{AttrColumns, Column};
use crate::read::stream::{ColumnStream, DecodeBudget, RowSlice};
use crate::read::texts::{Comparable, TextForm};
use crate::read::values::{ByteValues, Values};
use crate::read::{BlockReader, Fetched, ReadError};

/// Entries looked at in one step, about.
const STEP_ENTRIES: usize = 16 << 10;

/// Values of one key being read.
pub(super) struct PairsScan {
    level: u8,
    wanted: Vec<u8>,
    key: ColumnStream,
    values: Vec<ColumnStream>,
    /// Of values that are kept as texts and can be compared.
    texts: Vec<ColumnStream>,
    form: TextForm,
    key_code: KeyCode,
    seen: SeenCodes,
    /// Numbers of the entries of the present row that have the key.
    entries: Vec<usize>,
    next_row: u64,
    rows: u64,
}

impl PairsScan {
    pub(super) fn open(
        reader: &BlockReader,
        row_group: usize,
        attrs: &AttrColumns,
        wanted: &[u8],
        fetched: &Fetched,
    ) -> Result<Self, ReadError> {
        let stream = |column: &Column| reader.stream(row_group, *column, fetched);
        let streams = |columns: &[Column]| columns.iter().map(stream).collect::<Result<_, _>>();
        Ok(Self {
            level: attrs.level,
            wanted: wanted.to_vec(),
            key: stream(&attrs.key)?,
            values: streams(attrs.values.as_ref().map_or(&[], |values| &values[..]))?,
            texts: streams(comparable_texts(attrs))?,
            form: attrs.form,
            key_code: KeyCode::default(),
            seen: SeenCodes::default(),
            entries: Vec::new(),
            next_row: 0,
            rows: reader.rows(row_group)?,
        })
    }

    /// Reads on for about a millisecond; whether there is more to read.
    pub(super) fn step(
        &mut self,
        budget: &mut DecodeBudget,
        found: &mut DistinctValues,
    ) -> Result<bool, ReadError> {
        let mut looked_at = 0;
        while self.next_row < self.rows && looked_at < STEP_ENTRIES && !found.is_full() {
            looked_at += 16 + self.row(self.next_row, budget, found)?;
            self.next_row += 1;
        }
        Ok(self.next_row < self.rows && !found.is_full())
    }

    /// Reads a row; how many entries it has.
    fn row(
        &mut self,
        row: u64,
        budget: &mut DecodeBudget,
        found: &mut DistinctValues,
    ) -> Result<usize, ReadError> {
        self.key.seek(row, budget)?;
        let keys = row_of(&self.key, row)?;
        self.entries.clear();
        let mut value = keys.first_value;
        for (entry, def) in keys.def.iter().enumerate() {
            if *def >= self.level {
                if self.key_code.is_wanted(keys.values, value, &self.wanted) {
                    self.entries.push(entry);
                }
                value += 1;
            }
        }
        let entries = keys.rep.len();
        if self.entries.is_empty() {
            return Ok(entries);
        }
        for stream in &mut self.values {
            stream.seek(row, budget)?;
            let slice = row_of(stream, row)?;
            if sweep(&slice, self.level, &self.entries, &mut self.seen, found) != entries {
                return Err(contradiction(stream, row));
            }
        }
        for stream in &mut self.texts {
            stream.seek(row, budget)?;
            let (slice, mut wanted) = (row_of(stream, row)?, self.entries.iter().peekable());
            let note = |entry, text: &Bytes| {
                while wanted.next_if(|wanted| **wanted < entry).is_some() {}
                if wanted.peek() == Some(&&entry) {
                    let value = self.form.comparable(text);
                    value.iter().flat_map(Comparable::scalars).for_each(|v| add_scalar(v, found));
                }
            };
            if each_text(&slice, stream.max_def(), note) != entries {
                return Err(contradiction(stream, row));
            }
        }
        Ok(entries)
    }
}

/// The columns that are read for values of generic attributes.
pub(super) fn columns(attrs: &AttrColumns) -> Vec<Column> {
    let values = attrs.values.iter().flatten().chain(comparable_texts(attrs));
    [attrs.key].into_iter().chain(values.copied()).collect()
}

/// Columns of texts that hold what can be compared.
pub(super) fn comparable_texts(attrs: &AttrColumns) -> &[Column] {
    if attrs.form == TextForm::Rest { &[] } else { &attrs.texts }
}

/// Gives every text of a row with the number of its entry to `note`; returns how many entries there
/// are.
pub(super) fn each_text(
    slice: &RowSlice<'_>,
    present: u8,
    mut note: impl FnMut(usize, &Bytes),
) -> usize {
    let mut value = slice.first_value;
    for (entry, def) in slice.def.iter().enumerate() {
        if *def == present {
            note(entry, &slice.values.bytes(value));
            value += 1;
        }
    }
    slice.def.len()
}

pub(super) fn add_scalar(value: &Value, found: &mut DistinctValues) {
    match value {
        Value::String(text) => found.string(text),
        Value::Int(int) => found.int(*int),
        Value::Double(float) => found.float(*float),
        Value::Bool(truth) => found.bool(*truth),
        _ => {}
    }
}

/// The row that was sought.
pub(super) fn row_of(stream: &ColumnStream, row: u64) -> Result<RowSlice<'_>, ReadError> {
    stream.row(row).ok_or_else(|| contradiction(stream, row))
}

pub(super) fn contradiction(stream: &ColumnStream, row: u64) -> ReadError {
    let name = stream.name();
    ReadError::Damaged(format!("row {row}: column {name} contradicts the other columns"))
}

/// Gives the values of the wanted entries to `found`; returns how many entries there are.
fn sweep(
    slice: &RowSlice<'_>,
    attr_level: u8,
    wanted: &[usize],
    seen: &mut SeenCodes,
    found: &mut DistinctValues,
) -> usize {
    let mut entries = 0_usize;
    let mut value = slice.first_value;
    let mut wanted = wanted.iter().peekable();
    for (rep, def) in slice.rep.iter().zip(slice.def) {
        entries += usize::from(*rep <= attr_level);
        if *def <= attr_level {
            continue;
        }
        while wanted.next_if(|entry| **entry + 1 < entries).is_some() {}
        if wanted.peek().is_some_and(|entry| **entry + 1 == entries) {
            add(slice.values, value, seen, found);
        }
        value += 1;
    }
    entries
}

fn add(values: &Values, at: usize, seen: &mut SeenCodes, found: &mut DistinctValues) {
    match values {
        Values::Codes { codes, dictionary } => {
            if seen.is_first(dictionary, codes[at]) {
                found.string(dictionary.get(codes[at] as usize));
            }
        }
        Values::Bytes(_) => found.string(values.byte_slice(at)),
        Values::Int(ints) => found.int(ints[at]),
        Values::Float(floats) => found.float(floats[at]),
        Values::Bool(bools) => found.bool(bools[at]),
    }
}

/// The code of the wanted key, looked up once in a column's only dictionary.
#[derive(Default)]
struct KeyCode(Option<Option<u32>>);

impl KeyCode {
    fn is_wanted(&mut self, keys: &Values, at: usize, wanted: &[u8]) -> bool {
        match keys {
            Values::Codes { codes, dictionary } => {
                let find = || (0..dictionary.len()).find(|at| dictionary.get(*at) == wanted);
                let code = *self.0.get_or_insert_with(|| find().map(|code| code as u32));
                code == Some(codes[at])
            }
            other => other.byte_slice(at) == wanted,
        }
    }
}

/// Which entries of a column's only dictionary were seen.
#[derive(Default)]
pub(super) struct SeenCodes(Vec<bool>);

impl SeenCodes {
    /// Whether the code comes up for the first time.
    pub(super) fn is_first(&mut self, dictionary: &ByteValues, code: u32) -> bool {
        if self.0.is_empty() {
            self.0.resize(dictionary.len(), false);
        }
        !std::mem::replace(&mut self.0[code as usize], true)
    }
}
