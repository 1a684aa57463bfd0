//! Tells series apart by the values of their labels.
//!
//! Hot: asked once per span. Values are written one behind the other into a buffer that is kept; a
//! known set of values costs one look into a table, and the set of the span before not even that.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::label::LabelValue;
use super::leg::Read;
use crate::source::SpanColumns;
use crate::value::ValueRef;

/// Numbers of sets of values.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    numbers: HashMap<Box<[u8]>, u32, RandomState>,
    key: Vec<u8>,
    last: Option<(Vec<u8>, u32)>,
}

/// A set of values, looked up.
pub(super) enum Found {
    Known(u32),
    /// Not there; [`Groups::insert`] takes it in. With its length in bytes.
    New(usize),
}

/// Memory of an entry beyond its key: a slot of the table while it is being doubled.
const ENTRY_BYTES: u64 = 4 * size_of::<(Box<[u8]>, u32)>() as u64;

impl Groups {
    /// Looks up the values of a span. Where all are absent, the first is called nil if `names_nil`.
    pub fn find<C: SpanColumns>(
        &mut self,
        by: &[Read],
        names_nil: bool,
        columns: &C,
        span: usize,
    ) -> Found {
        self.key.clear();
        for read in by {
            put(&mut self.key, read.value(columns, span));
        }
        if names_nil && !by.is_empty() && self.key.iter().all(|byte| *byte == tag::NIL) {
            self.key.clear();
            put(&mut self.key, ValueRef::Str(b"nil"));
            self.key.resize(self.key.len() + by.len() - 1, tag::NIL);
        }
        self.look_up()
    }

    /// Looks up values that were written with [`put`].
    pub fn find_key(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Found {
        self.key.clear();
        write(&mut self.key);
        self.look_up()
    }

    fn look_up(&mut self) -> Found {
        if let Some((key, number)) = &self.last
            && *key == self.key
        {
            return Found::Known(*number);
        }
        match self.numbers.get(self.key.as_slice()) {
            Some(number) => {
                let last = self.last.get_or_insert_default();
                last.0.clone_from(&self.key);
                last.1 = *number;
                Found::Known(*number)
            }
            None => Found::New(self.key.len()),
        }
    }

    /// Takes in what was looked up last, and gives its number.
    pub fn insert(&mut self) -> u32 {
        let number = self.numbers.len() as u32;
        self.numbers.insert(self.key.as_slice().into(), number);
        number
    }

    /// Memory of an entry with a key of this length.
    pub fn entry_bytes(key_bytes: usize) -> u64 {
        ENTRY_BYTES + key_bytes as u64
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> u64 {
        self.numbers.keys().map(|key| Self::entry_bytes(key.len())).sum()
    }

    /// The same keys, without the table.
    pub fn into_keys(self) -> Vec<Box<[u8]>> {
        let mut keys = vec![Box::default(); self.numbers.len()];
        for (key, number) in self.numbers {
            keys[number as usize] = key;
        }
        keys
    }

    /// Keys by number.
    pub fn keys(&self) -> Vec<&[u8]> {
        let mut keys: Vec<&[u8]> = vec![&[]; self.numbers.len()];
        for (key, number) in &self.numbers {
            keys[*number as usize] = key;
        }
        keys
    }
}

mod tag {
    pub const NIL: u8 = 0;
    pub const STR: u8 = 1;
    pub const INT: u8 = 2;
    pub const FLOAT: u8 = 3;
    pub const BOOL: u8 = 4;
    pub const DURATION: u8 = 5;
    pub const STATUS: u8 = 6;
    pub const KIND: u8 = 7;
}

/// Writes a value such that different values make different bytes.
pub(super) fn put(key: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Str(bytes) => {
            key.push(tag::STR);
            key.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            key.extend_from_slice(bytes);
        }
        ValueRef::Int(value) => put_number(key, tag::INT, value as u64),
        ValueRef::Float(value) => put_number(key, tag::FLOAT, value.to_bits()),
        ValueRef::Duration(nanos) => put_number(key, tag::DURATION, nanos),
        ValueRef::Bool(value) => key.extend_from_slice(&[tag::BOOL, u8::from(value)]),
        ValueRef::Status(code) => put_number(key, tag::STATUS, code as u64),
        ValueRef::Kind(code) => put_number(key, tag::KIND, code as u64),
        // Arrays have no form as a label.
        ValueRef::Missing | ValueRef::Array(_) | ValueRef::Unsupported => key.push(tag::NIL),
    }
}

fn put_number(key: &mut Vec<u8>, tag: u8, number: u64) {
    key.push(tag);
    key.extend_from_slice(&number.to_le_bytes());
}

/// Reads back what [`put`] wrote: the value, and what comes behind it. `None` at the end.
pub(super) fn take(key: &[u8]) -> Option<(Option<LabelValue>, &[u8])> {
    let (tag, rest) = key.split_first()?;
    match *tag {
        tag::NIL => Some((None, rest)),
        tag::BOOL => {
            let (value, rest) = rest.split_first()?;
            Some((LabelValue::of(ValueRef::Bool(*value != 0)), rest))
        }
        tag::STR => {
            let (len, rest) = rest.split_first_chunk::<4>()?;
            let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
            Some((LabelValue::of(ValueRef::Str(bytes)), rest))
        }
        tag => {
            let (number, rest) = rest.split_first_chunk::<8>()?;
            Some((LabelValue::of(number_of(tag, u64::from_le_bytes(*number))), rest))
        }
    }
}

fn number_of(tag: u8, number: u64) -> ValueRef<'static> {
    match tag {
        tag::INT => ValueRef::Int(number as i64),
        tag::FLOAT => ValueRef::Float(f64::from_bits(number)),
        tag::DURATION => ValueRef::Duration(number),
        tag::STATUS => ValueRef::Status(number as i32),
        _ => ValueRef::Kind(number as i32),
    }
}
