//! What a scan gives: some traces of a row group with the requested columns.
//!
//! From: [`super::spans`], which appends runs of rows. To: `engine`, which lends values to the
//! evaluation straight from here. A cell is small and owns nothing: texts stay where they were
//! decoded, in tables that the batch shares with pages and dictionaries.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use stringendo_proto::TraceId;
use stringendo_proto::otlp::Value;

use super::ItemList;
use crate::read::values::{ByteValues, Values};

/// The value of a field of a span, with memory of its own. Of several values of one attribute key
/// the last counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ColumnValue {
    /// Absent.
    #[default]
    Missing,
    /// Text or bytes of an id.
    Bytes(Bytes),
    /// Integer (durations, codes and counts too).
    Int(i64),
    /// Double.
    Float(f64),
    /// Boolean.
    Bool(bool),
    /// Array of strings.
    BytesArray(Vec<Bytes>),
    /// Array of integers.
    IntArray(Vec<i64>),
    /// Array of doubles.
    FloatArray(Vec<f64>),
    /// Array of booleans.
    BoolArray(Vec<bool>),
    /// Present, of a type that no comparison takes.
    Unsupported,
}

/// A value in a column of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ScanCell {
    /// Absent.
    #[default]
    Missing,
    /// Text or bytes of an id: number `at` of the table of this number. Equal codes are equal
    /// texts; different ones may be, too.
    Text {
        /// Which of [`ScanBatch::tables`].
        table: u32,
        /// Which of its texts.
        at: u32,
    },
    /// Integer (durations, codes and counts too).
    Int(i64),
    /// Double.
    Float(f64),
    /// Boolean.
    Bool(bool),
    /// The array of this number in [`ScanBatch::arrays`].
    Array(u32),
    /// Present, of a type that no comparison takes.
    Unsupported,
}

/// Texts that cells refer to by number: those of a page, or of a dictionary.
#[derive(Clone, Debug)]
pub struct TextTable(Arc<ByteValues>);

impl TextTable {
    /// Number of texts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A text.
    pub fn get(&self, at: u32) -> &[u8] {
        self.0.get(at as usize)
    }

    /// Whether it is the very same table, as that of two pages with one dictionary.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// An array of values of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum ScanArray {
    /// Texts: number `i` is `bytes[ends[i - 1]..ends[i]]`, the first begins at 0.
    Bytes {
        /// All of them, one after the other.
        bytes: Box<[u8]>,
        /// Where each ends.
        ends: Box<[u32]>,
    },
    /// Integers.
    Int(Box<[i64]>),
    /// Doubles.
    Float(Box<[f64]>),
    /// Booleans.
    Bool(Box<[bool]>),
}

/// A value, borrowed from a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScanValue<'a> {
    /// Absent.
    Missing,
    /// Text or bytes of an id.
    Bytes(&'a [u8]),
    /// Integer (durations, codes and counts too).
    Int(i64),
    /// Double.
    Float(f64),
    /// Boolean.
    Bool(bool),
    /// Array.
    Array(&'a ScanArray),
    /// Present, of a type that no comparison takes.
    Unsupported,
}

/// One trace of a batch.
#[derive(Clone, Debug)]
pub struct ScannedTrace {
    /// Its row in the row group.
    pub row: u64,
    /// Id.
    pub trace_id: TraceId,
    /// Earliest span start.
    pub start_unix_nanos: u64,
    /// Latest span end.
    pub end_unix_nanos: u64,
    /// Its spans in [`ScanBatch`].
    pub spans: Range<usize>,
    /// Which needs it may satisfy, as far as is known: bit `i` is the need of number `i` (of the
    /// first 64).
    pub needs_met: u64,
}

/// Some traces of a row group with the requested columns.
#[derive(Clone, Debug, Default)]
pub struct ScanBatch {
    /// Traces in order of id that are within the requested time.
    pub traces: Vec<ScannedTrace>,
    /// Per requested field one column: a value per span, or per item where the field has a
    /// [`ScanField::list`](super::ScanField::list).
    pub columns: Vec<Vec<ScanCell>>,
    /// What texts are in.
    pub tables: Vec<TextTable>,
    /// What arrays are.
    pub arrays: Vec<ScanArray>,
    /// Per span how many events it and the spans before it have; empty if no field needs them.
    pub event_ends: Vec<u32>,
    /// Per span how many links it and the spans before it have; empty if no field needs them.
    pub link_ends: Vec<u32>,
    /// Span starts, nanoseconds since the Unix epoch; empty if they were not requested.
    pub span_start_unix_nanos: Vec<u64>,
    /// How many spans there are.
    pub spans: usize,
}

impl ScanBatch {
    /// The items of a span: positions in the columns of the list's fields. Empty if no such field
    /// was requested.
    pub fn items(&self, list: ItemList, span: usize) -> Range<usize> {
        let ends = self.ends(list);
        let Some(end) = ends.get(span) else { return 0..0 };
        let start = span.checked_sub(1).map_or(0, |before| ends[before]);
        start as usize..*end as usize
    }

    fn ends(&self, list: ItemList) -> &[u32] {
        match list {
            ItemList::Events => &self.event_ends,
            ItemList::Links => &self.link_ends,
        }
    }

    /// Appends the items of some spans; `ends` count from the first item of them.
    pub(super) fn append_items(&mut self, list: ItemList, ends: &[u32]) {
        let all = match list {
            ItemList::Events => &mut self.event_ends,
            ItemList::Links => &mut self.link_ends,
        };
        let before = all.last().copied().unwrap_or(0);
        all.extend(ends.iter().map(|end| before + end));
    }

    /// The value at a place of a column.
    #[inline]
    pub fn value(&self, column: usize, at: usize) -> ScanValue<'_> {
        self.value_of(self.columns[column][at])
    }

    /// The value of a cell of this batch.
    #[inline]
    pub fn value_of(&self, cell: ScanCell) -> ScanValue<'_> {
        match cell {
            ScanCell::Missing => ScanValue::Missing,
            ScanCell::Text { table, at } => ScanValue::Bytes(self.tables[table as usize].get(at)),
            ScanCell::Int(value) => ScanValue::Int(value),
            ScanCell::Float(value) => ScanValue::Float(value),
            ScanCell::Bool(value) => ScanValue::Bool(value),
            ScanCell::Array(number) => ScanValue::Array(&self.arrays[number as usize]),
            ScanCell::Unsupported => ScanValue::Unsupported,
        }
    }

    /// All values of a column, with memory of their own.
    pub fn owned_values(&self, column: usize) -> Vec<ColumnValue> {
        self.columns[column].iter().map(|cell| self.value_of(*cell).into()).collect()
    }
}

impl From<ScanValue<'_>> for ColumnValue {
    fn from(value: ScanValue<'_>) -> Self {
        match value {
            ScanValue::Missing => Self::Missing,
            ScanValue::Bytes(bytes) => Self::Bytes(Bytes::copy_from_slice(bytes)),
            ScanValue::Int(value) => Self::Int(value),
            ScanValue::Float(value) => Self::Float(value),
            ScanValue::Bool(value) => Self::Bool(value),
            ScanValue::Array(ScanArray::Bytes { bytes, ends }) => {
                let starts = std::iter::once(&0).chain(&**ends);
                let texts = starts.zip(&**ends).map(|(start, end)| {
                    Bytes::copy_from_slice(&bytes[*start as usize..*end as usize])
                });
                Self::BytesArray(texts.collect())
            }
            ScanValue::Array(ScanArray::Int(all)) => Self::IntArray(all.to_vec()),
            ScanValue::Array(ScanArray::Float(all)) => Self::FloatArray(all.to_vec()),
            ScanValue::Array(ScanArray::Bool(all)) => Self::BoolArray(all.to_vec()),
            ScanValue::Unsupported => Self::Unsupported,
        }
    }
}

/// The tables and arrays of a batch while it is filled.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub(super) tables: Vec<TextTable>,
    pub(super) arrays: Vec<ScanArray>,
}

impl Pool {
    fn table(&mut self, values: &Arc<ByteValues>) -> u32 {
        // A batch has few tables, and the last ones are the likely ones.
        let known = self.tables.iter().rposition(|table| Arc::ptr_eq(&table.0, values));
        let number = known.unwrap_or_else(|| {
            self.tables.push(TextTable(Arc::clone(values)));
            self.tables.len() - 1
        });
        number as u32
    }

    /// Makes cells of values.
    pub(super) fn cells<'v>(&mut self, values: &'v Values) -> Cells<'v> {
        match values {
            Values::Bytes(values) => Cells::Texts { table: self.table(values) },
            Values::Codes { codes, dictionary } => {
                Cells::Codes { table: self.table(dictionary), codes }
            }
            Values::Int(values) => Cells::Int(values),
            Values::Float(values) => Cells::Float(values),
            Values::Bool(values) => Cells::Bool(values),
        }
    }

    /// A table of those that are strings, in order; its number is of no use if there is none.
    pub(super) fn texts_of<'v>(&mut self, values: impl Iterator<Item = &'v Value>) -> u32 {
        let strings = values.filter_map(|value| match value {
            Value::String(text) => Some(&text[..]),
            _ => None,
        });
        let texts = ByteValues::of(strings);
        if texts.len() == 0 { 0 } else { self.table(&Arc::new(texts)) }
    }

    /// An array of values that have the type of the first one; of others there cannot be any.
    pub(super) fn array(&mut self, cells: &[ScanCell]) -> ScanCell {
        let array = match cells.first() {
            Some(ScanCell::Int(_)) => ScanArray::Int(
                cells
                    .iter()
                    .filter_map(|c| if let ScanCell::Int(v) = c { Some(*v) } else { None })
                    .collect(),
            ),
            Some(ScanCell::Float(_)) => ScanArray::Float(
                cells
                    .iter()
                    .filter_map(|c| if let ScanCell::Float(v) = c { Some(*v) } else { None })
                    .collect(),
            ),
            Some(ScanCell::Bool(_)) => ScanArray::Bool(
                cells
                    .iter()
                    .filter_map(|c| if let ScanCell::Bool(v) = c { Some(*v) } else { None })
                    .collect(),
            ),
            _ => self.texts(cells),
        };
        self.arrays.push(array);
        ScanCell::Array(self.arrays.len() as u32 - 1)
    }

    fn texts(&self, cells: &[ScanCell]) -> ScanArray {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for cell in cells {
            if let ScanCell::Text { table, at } = cell {
                bytes.extend_from_slice(self.tables[*table as usize].get(*at));
                ends.push(bytes.len() as u32);
            }
        }
        ScanArray::Bytes { bytes: bytes.into(), ends: ends.into() }
    }
}

/// Values of a page as cells of a batch.
#[derive(Clone, Copy)]
pub(super) enum Cells<'v> {
    Texts { table: u32 },
    Codes { table: u32, codes: &'v [u32] },
    Int(&'v [i64]),
    Float(&'v [f64]),
    Bool(&'v [bool]),
}

impl Cells<'_> {
    /// The cell of a value.
    pub(super) fn get(&self, at: usize) -> ScanCell {
        match self {
            Self::Texts { table } => ScanCell::Text { table: *table, at: at as u32 },
            Self::Codes { table, codes } => ScanCell::Text { table: *table, at: codes[at] },
            Self::Int(values) => ScanCell::Int(values[at]),
            Self::Float(values) => ScanCell::Float(values[at]),
            Self::Bool(values) => ScanCell::Bool(values[at]),
        }
    }

    /// Appends the cells of some values.
    pub(super) fn append(&self, range: Range<usize>, out: &mut Vec<ScanCell>) {
        match self {
            Self::Texts { table } => {
                out.extend(range.map(|at| ScanCell::Text { table: *table, at: at as u32 }));
            }
            Self::Codes { table, codes } => {
                let cell = |at: &u32| ScanCell::Text { table: *table, at: *at };
                out.extend(codes[range].iter().map(cell));
            }
            Self::Int(values) => out.extend(values[range].iter().map(|v| ScanCell::Int(*v))),
            Self::Float(values) => out.extend(values[range].iter().map(|v| ScanCell::Float(*v))),
            Self::Bool(values) => out.extend(values[range].iter().map(|v| ScanCell::Bool(*v))),
        }
    }
}
