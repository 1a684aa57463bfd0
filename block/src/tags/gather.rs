//! All keys and values of a row group, for the filters of a block that has none
//! ([`crate::filters`]).
//!
//! From: `engine`, which fetches, part by part. To: [`Gathered`], to which every row group is
//! added. As for other sets, reading may begin again with more memory and add to the same.

use std::ops::Range;

use bytes::Bytes;
use hashbrown::HashSet;
use stringendo_proto::otlp::Value;
use stringendo_proto::wire::WireError;

use super::columns::ScopeColumns;
use super::distinct::DistinctColumn;
use super::pairs::{comparable_texts, contradiction, each_text, row_of};
use super::{SERVICE_NAME, TagScope};
use crate::filters::gather::{Gathered, KeyNumber};
use crate::filters::hash::Place;
use crate::read::columns::{AttrColumns, Column};
use crate::read::links;
use crate::read::stream::{ColumnStream, DecodeBudget, RowSlice};
use crate::read::texts::{Comparable, TextForm};
use crate::read::values::Values;
use crate::read::{BlockReader, Fetched, ReadError, join_ranges};

/// Entries looked at in one step, about.
const STEP_ENTRIES: usize = 16 << 10;

/// What is read in one go.
#[derive(Clone, Debug)]
pub struct GatherPart {
    place: Place,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// A column whose values all belong to one key; of an attribute, any value makes it present,
    /// else one that is not empty does.
    Own { key: Vec<u8>, column: Column, is_attribute: bool },
    /// Keys of a scope, and their strings, integers, doubles and booleans; those that are kept as
    /// texts and can be compared.
    Pairs { level: u8, key: Column, values: Vec<Column>, texts: Vec<Column>, form: TextForm },
    /// Messages with the links of a span.
    Links(Column),
}

/// A part being read, some pages at a time.
pub struct GatherScan {
    reading: Reading,
    budget: DecodeBudget,
}

enum Reading {
    Own { place: Place, key: Vec<u8>, column: DistinctColumn, is_attribute: bool },
    Pairs(Pairs),
    Links(Place, DistinctColumn),
}

impl BlockReader {
    /// The parts of every row group.
    pub fn gather_parts(&self) -> Vec<GatherPart> {
        let columns = &self.columns;
        let own = |place, key: &[u8], column, is_attribute| GatherPart {
            place,
            what: What::Own { key: key.to_vec(), column, is_attribute },
        };
        let mut parts = vec![
            own(Place::Name, &[], columns.span.name, false),
            own(Place::EventName, &[], columns.event.name, false),
            own(Place::ScopeName, &[], columns.scope.name, false),
            own(Place::ScopeVersion, &[], columns.scope.version, false),
            own(Place::RootName, &[], columns.root_name, false),
            own(Place::RootService, &[], columns.root_service, false),
        ];
        for scope in TagScope::ALL {
            let (place, of_scope) = (Place::of_scope(scope), ScopeColumns::of(columns, scope));
            parts.extend(of_scope.attrs.map(|attrs| GatherPart { place, what: pairs_of(attrs) }));
            let dedicated = of_scope.dedicated.iter();
            parts.extend(dedicated.map(|leaf| own(place, &leaf.key, leaf.column, true)));
            let service = of_scope.service_name.into_iter();
            parts.extend(service.map(|column| own(place, SERVICE_NAME, column, false)));
            let links = of_scope.link_messages.map(What::Links);
            parts.extend(links.map(|what| GatherPart { place, what }));
        }
        parts
    }

    /// Ranges to fetch before [`BlockReader::gather`].
    pub fn gather_ranges(&self, row_group: usize, part: &GatherPart) -> Vec<Range<u64>> {
        let ranges = match &part.what {
            What::Own { column, .. } | What::Links(column) => {
                self.distinct_range(row_group, *column).into_iter().collect()
            }
            What::Pairs { key, values, texts, .. } => {
                let columns = std::iter::once(key).chain(values).chain(texts);
                columns.filter_map(|column| self.chunk_range(row_group, *column)).collect()
            }
        };
        join_ranges(ranges)
    }

    /// Begins to read a part of a row group, at most `decoded_bytes_max` decoded at a time.
    ///
    /// # Errors
    /// Ranges missing from `fetched`.
    pub fn gather(
        &self,
        row_group: usize,
        part: &GatherPart,
        fetched: &Fetched,
        decoded_bytes_max: u64,
    ) -> Result<GatherScan, ReadError> {
        let reading = match &part.what {
            What::Own { key, column, is_attribute } => Reading::Own {
                place: part.place,
                key: key.clone(),
                column: DistinctColumn::open(self, row_group, *column, fetched)?,
                is_attribute: *is_attribute,
            },
            What::Links(column) => {
                let messages = DistinctColumn::open(self, row_group, *column, fetched)?;
                Reading::Links(part.place, messages)
            }
            What::Pairs { level, key, values, texts, form } => {
                let open = |column: &Column| self.stream(row_group, *column, fetched);
                let values = values.iter().map(open).collect::<Result<_, ReadError>>()?;
                let texts = texts.iter().map(open).collect::<Result<_, ReadError>>()?;
                Reading::Pairs(Pairs {
                    place: part.place,
                    level: *level,
                    key: open(key)?,
                    values,
                    texts,
                    form: *form,
                    seen: HashSet::default(),
                    entries: Vec::new(),
                    next_row: 0,
                    rows: self.rows(row_group)?,
                })
            }
        };
        Ok(GatherScan { reading, budget: DecodeBudget::within(decoded_bytes_max) })
    }
}

fn pairs_of(attrs: &AttrColumns) -> What {
    What::Pairs {
        level: attrs.level,
        key: attrs.key,
        values: attrs.values.map_or_else(Vec::new, Vec::from),
        texts: comparable_texts(attrs).to_vec(),
        form: attrs.form,
    }
}

impl GatherScan {
    /// Reads on for about a millisecond; whether there is more to read.
    ///
    /// # Errors
    /// Damaged columns. With [`ReadError::NeedsMemory`] the scan is over, and another one may add
    /// to the same.
    pub fn step(&mut self, gathered: &mut Gathered) -> Result<bool, ReadError> {
        match &mut self.reading {
            Reading::Own { place, key, column, is_attribute } => {
                column.step(&mut self.budget, |values| {
                    note_all(*place, key, *is_attribute, values, gathered);
                    false
                })
            }
            Reading::Pairs(pairs) => pairs.step(&mut self.budget, gathered),
            Reading::Links(place, messages) => {
                let mut outcome = Ok(());
                let has_more = messages.step(&mut self.budget, |values| {
                    let mut all = 0..values.len();
                    outcome = all.try_for_each(|at| note_links(*place, values, at, gathered));
                    false
                })?;
                outcome.map_err(links::damaged)?;
                Ok(has_more)
            }
        }
    }
}

/// Notes the attributes of the links in a span's message.
fn note_links(
    place: Place,
    values: &Values,
    at: usize,
    gathered: &mut Gathered,
) -> Result<(), WireError> {
    let (message, mut outcome) = (values.bytes(at), Ok(()));
    links::each_attribute(&message, |key, any| {
        let Some(number) = gathered.key(place, key) else { return };
        gathered.present(number);
        match links::comparable(any, &message) {
            Ok(value) => value.scalars().iter().for_each(|it| note_scalar(it, number, gathered)),
            Err(error) => outcome = Err(error),
        }
    })?;
    outcome
}

fn note_all(
    place: Place,
    key: &[u8],
    is_attribute: bool,
    values: &Values,
    gathered: &mut Gathered,
) {
    if values.len() == 0 {
        return;
    }
    let Some(number) = gathered.key(place, key) else { return };
    for at in 0..values.len() {
        note(values, at, number, gathered);
        let is_text = matches!(values, Values::Bytes(_) | Values::Codes { .. });
        if is_attribute || !is_text || !values.byte_slice(at).is_empty() {
            gathered.present(number);
        }
    }
}

fn note(values: &Values, at: usize, key: KeyNumber, gathered: &mut Gathered) {
    match values {
        Values::Int(ints) => gathered.int(key, ints[at]),
        Values::Float(floats) => gathered.float(key, floats[at]),
        Values::Bool(bools) => gathered.bool(key, bools[at]),
        Values::Bytes(_) | Values::Codes { .. } => gathered.string(key, values.byte_slice(at)),
    }
}

/// Keys and values of a scope being read.
struct Pairs {
    place: Place,
    level: u8,
    key: ColumnStream,
    values: Vec<ColumnStream>,
    texts: Vec<ColumnStream>,
    form: TextForm,
    /// Keys and codes of strings that were noted.
    seen: HashSet<(u32, u32), foldhash::fast::RandomState>,
    /// The key of each entry of the present row.
    entries: Vec<Option<(u32, KeyNumber)>>,
    next_row: u64,
    rows: u64,
}

impl Pairs {
    fn step(
        &mut self,
        budget: &mut DecodeBudget,
        gathered: &mut Gathered,
    ) -> Result<bool, ReadError> {
        let mut looked_at = 0;
        while self.next_row < self.rows && looked_at < STEP_ENTRIES {
            looked_at += 16 + self.row(self.next_row, budget, gathered)?;
            self.next_row += 1;
        }
        Ok(self.next_row < self.rows)
    }

    fn row(
        &mut self,
        row: u64,
        budget: &mut DecodeBudget,
        gathered: &mut Gathered,
    ) -> Result<usize, ReadError> {
        self.key.seek(row, budget)?;
        self.entries.clear();
        let keys = row_of(&self.key, row)?;
        let mut value = keys.first_value;
        for def in keys.def {
            let is_there = *def >= self.level;
            let key = is_there.then(|| gathered.key(self.place, keys.values.byte_slice(value)));
            let key = key.flatten();
            key.into_iter().for_each(|key| gathered.present(key));
            self.entries.push(key.map(|key| (key.number(), key)));
            value += usize::from(is_there);
        }
        for stream in &mut self.values {
            stream.seek(row, budget)?;
            let slice = row_of(stream, row)?;
            if sweep(&slice, self.level, &self.entries, &mut self.seen, gathered)
                != self.entries.len()
            {
                return Err(contradiction(stream, row));
            }
        }
        for stream in &mut self.texts {
            stream.seek(row, budget)?;
            let (form, entries) = (self.form, &self.entries);
            let note = |entry: usize, text: &Bytes| {
                let value = form.comparable(text);
                let Some((_, key)) = entries.get(entry).copied().flatten() else { return };
                let scalars = value.iter().flat_map(Comparable::scalars);
                scalars.for_each(|scalar| note_scalar(scalar, key, gathered));
            };
            if each_text(&row_of(stream, row)?, stream.max_def(), note) != self.entries.len() {
                return Err(contradiction(stream, row));
            }
        }
        Ok(self.entries.len())
    }
}

fn note_scalar(value: &Value, key: KeyNumber, gathered: &mut Gathered) {
    match value {
        Value::String(text) => gathered.string(key, text),
        Value::Int(int) => gathered.int(key, *int),
        Value::Double(float) => gathered.float(key, *float),
        Value::Bool(truth) => gathered.bool(key, *truth),
        _ => {}
    }
}

/// Gives the values of a row to the keys of their entries; returns how many entries there are.
fn sweep(
    slice: &RowSlice<'_>,
    attr_level: u8,
    keys: &[Option<(u32, KeyNumber)>],
    seen: &mut HashSet<(u32, u32), foldhash::fast::RandomState>,
    gathered: &mut Gathered,
) -> usize {
    let mut entries = 0_usize;
    let mut value = slice.first_value;
    for (rep, def) in slice.rep.iter().zip(slice.def) {
        entries += usize::from(*rep <= attr_level);
        if *def <= attr_level {
            continue;
        }
        let key = entries.checked_sub(1).and_then(|entry| keys.get(entry).copied().flatten());
        if let Some((number, key)) = key {
            let is_known = match slice.values {
                Values::Codes { codes, .. } => !seen.insert((number, codes[value])),
                _ => false,
            };
            if !is_known {
                note(slice.values, value, key, gathered);
            }
        }
        value += 1;
    }
    entries
}
