//! A column's values of one page, by type and encoding.

use std::ops::Range;

use super::delta;
use super::dictionary::Dictionary;
use super::rle;
use crate::read::values::{Dictionary as DecodedDictionary, Values as Decoded};
use crate::schema::{LeafEncoding, LeafType};

/// Smallest and greatest value of a page, as statistics hold them (PLAIN without lengths).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Smallest.
    pub min: Vec<u8>,
    /// Greatest.
    pub max: Vec<u8>,
}

/// How a page's values came to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// As the table of leaves says.
    AsPlanned,
    /// PLAIN, although the leaf has a dictionary.
    Plain,
}

impl Bounds {
    /// Of signed integers of 64 bits.
    pub fn of_ints(values: impl Iterator<Item = i64>) -> Option<Self> {
        Self::of(range(values), i64::to_le_bytes)
    }

    /// Of doubles: NaN is left out; a zero bound takes the sign that includes both zeros.
    pub fn of_doubles(values: impl Iterator<Item = f64>) -> Option<Self> {
        let numbers = values.filter(|value| !value.is_nan());
        let range = numbers.fold(None, |range, value| match range {
            None => Some((value, value)),
            Some((min, max)) => Some((f64::min(min, value), f64::max(max, value))),
        });
        let (min, max) = range?;
        let min = if min == 0.0 { -0.0 } else { min };
        let max = if max == 0.0 { 0.0 } else { max };
        Self::of(Some((min, max)), f64::to_le_bytes)
    }

    fn of<T, const N: usize>(range: Option<(T, T)>, bytes: fn(T) -> [u8; N]) -> Option<Self> {
        range.map(|(min, max)| Self { min: bytes(min).into(), max: bytes(max).into() })
    }
}

/// Values of another block.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The values of a page.
    pub values: &'a Decoded,
    /// Of numbers, their codes and what these are codes of, if they have any.
    pub codes: Option<(&'a [u32], &'a DecodedDictionary)>,
}

/// What the codes of another block's dictionary became, as far as they came.
#[derive(Debug, Default)]
pub struct CodeMap(Vec<u32>);

impl CodeMap {
    /// A code that did not come yet.
    const NONE: u32 = u32::MAX;

    /// What codes became; `new` says it of those that did not come yet.
    #[inline]
    pub fn map<'m>(
        &'m mut self,
        codes: &'m [u32],
        len: usize,
        mut new: impl FnMut(usize) -> u32 + 'm,
    ) -> impl Iterator<Item = u32> + 'm {
        if self.0.len() < len {
            self.0.resize(len, Self::NONE);
        }
        let map = self.0.as_mut_slice();
        codes.iter().map(move |code| {
            let known = &mut map[*code as usize];
            if *known == Self::NONE {
                *known = new(*code as usize);
            }
            *known
        })
    }

    /// None came yet.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.0.capacity() * 4
    }
}

/// The values of one page of a column.
pub(crate) trait Values {
    /// How many.
    fn len(&self) -> usize;
    /// The page is complete: to be called before its codes are looked at or encoded.
    fn settle(&mut self) {}
    /// Adds decoded values of another block; `codes` says what became of the codes of their
    /// dictionary. False if they are of another type.
    fn append(&mut self, from: &Source<'_>, range: Range<usize>, codes: &mut CodeMap) -> bool;
    /// Appends the value section of a page with some of them.
    fn encode(&self, range: Range<usize>, out: &mut Vec<u8>) -> Encoded;
    /// Smallest and greatest of some, or what bounds them; `None` without values, or where they
    /// have no order.
    fn bounds(&mut self, range: Range<usize>) -> Option<Bounds>;
    /// Drops the page's values from `len` on.
    fn truncate(&mut self, len: usize);
    /// Forgets the page's values: it is written.
    fn end_page(&mut self) {
        self.truncate(0);
    }
    /// The PLAIN dictionary page and how many entries it has, if the leaf has one.
    fn dictionary_page(&self) -> Option<(&[u8], usize)> {
        None
    }
    /// Forgets the dictionary: the row group ends.
    fn reset(&mut self) {}
    /// Bytes of memory held.
    fn memory_bytes(&self) -> usize;
}

/// Codes into a dictionary.
#[derive(Default)]
pub struct DictValues {
    /// The strings.
    pub dictionary: Dictionary,
    /// A code per value.
    pub codes: Vec<u32>,
}

impl DictValues {
    /// Adds a string; gives its code.
    #[inline]
    pub fn push(&mut self, value: &[u8]) -> u32 {
        let guess = self.codes.last().copied().unwrap_or_default();
        self.push_guessed(value, guess)
    }

    /// Adds a string that is likely to have the code `guess`; gives the code that it has.
    #[inline]
    pub fn push_guessed(&mut self, value: &[u8], guess: u32) -> u32 {
        let dictionary = &mut self.dictionary;
        let code =
            if dictionary.is_code_of(guess, value) { guess } else { dictionary.intern(value) };
        self.codes.push(code);
        code
    }
}

impl Values for DictValues {
    fn len(&self) -> usize {
        self.codes.len()
    }

    fn append(&mut self, from: &Source<'_>, range: Range<usize>, codes: &mut CodeMap) -> bool {
        match from.values {
            Decoded::Codes { codes: given, dictionary } => {
                let own = &mut self.dictionary;
                let intern = |code| own.intern(dictionary.get(code));
                self.codes.extend(codes.map(&given[range], dictionary.len(), intern));
            }
            Decoded::Bytes(strings) => range.for_each(|at| _ = self.push(strings.get(at))),
            _ => return false,
        }
        true
    }

    fn encode(&self, range: Range<usize>, out: &mut Vec<u8>) -> Encoded {
        let width = rle::width_of_codes(self.dictionary.len());
        out.push(width);
        rle::encode(&self.codes[range], width, out);
        Encoded::AsPlanned
    }

    /// Of all strings so far: a page's own would cost a look at every value, and readers ask the
    /// dictionary.
    fn bounds(&mut self, range: Range<usize>) -> Option<Bounds> {
        let (min, max) = self.dictionary.bounds().filter(|_| !range.is_empty())?;
        Some(Bounds { min: min.to_vec(), max: max.to_vec() })
    }

    fn truncate(&mut self, len: usize) {
        self.codes.truncate(len);
    }

    fn dictionary_page(&self) -> Option<(&[u8], usize)> {
        Some((self.dictionary.page(), self.dictionary.len()))
    }

    fn reset(&mut self) {
        self.dictionary.clear();
    }

    fn memory_bytes(&self) -> usize {
        self.dictionary.memory_bytes() + self.codes.capacity() * 4
    }
}

/// Byte strings, DELTA_LENGTH_BYTE_ARRAY.
#[derive(Default)]
pub struct BytesValues {
    data: Vec<u8>,
    lengths: Vec<i32>,
    /// A blob's column has no bounds.
    unbounded: bool,
}

impl BytesValues {
    /// For a blob: long strings, whose bounds nobody needs.
    pub fn blob() -> Self {
        Self { unbounded: true, ..Self::default() }
    }

    /// Adds a string.
    #[inline]
    pub fn push(&mut self, value: &[u8]) {
        match <&[u8; ID_BYTES]>::try_from(value) {
            // Ids of spans, copied without a call.
            Ok(id) => self.data.extend_from_slice(id),
            Err(_) if value.is_empty() => {}
            Err(_) => self.data.extend_from_slice(value),
        }
        self.lengths.push(value.len() as i32);
    }
}

impl Values for BytesValues {
    fn len(&self) -> usize {
        self.lengths.len()
    }

    fn append(&mut self, from: &Source<'_>, range: Range<usize>, _codes: &mut CodeMap) -> bool {
        match from.values {
            Decoded::Bytes(strings) => match strings.in_a_row(range.clone()) {
                Some((data, spans)) => {
                    self.data.extend_from_slice(data);
                    self.lengths.extend(spans.iter().map(|(start, end)| (end - start) as i32));
                }
                None => range.for_each(|at| self.push(strings.get(at))),
            },
            Decoded::Codes { .. } => range.for_each(|at| self.push(from.values.byte_slice(at))),
            _ => return false,
        }
        true
    }

    fn encode(&self, range: Range<usize>, out: &mut Vec<u8>) -> Encoded {
        let (lengths, data) = self.of(range);
        delta::encode_bytes(lengths, data, out);
        Encoded::AsPlanned
    }

    fn bounds(&mut self, range: Range<usize>) -> Option<Bounds> {
        let (lengths, data) = self.of(range);
        if self.unbounded || lengths.is_empty() {
            return None;
        }
        if data.is_empty() {
            return Some(Bounds { min: Vec::new(), max: Vec::new() });
        }
        if lengths.iter().fold(0, |all, length| all | length) == ID_BYTES as i32 {
            return bounds_of_ids(lengths, data);
        }
        let mut rest = data;
        let mut strings = lengths.iter().map(|&length| {
            let (value, behind) = rest.split_at(length as usize);
            rest = behind;
            (prefix(value), value)
        });
        let first = strings.next()?;
        // Tuples compare the prefix first, and so mostly without a look at the strings.
        let (min, max) = strings.fold((first, first), |(min, max), v| (min.min(v), max.max(v)));
        Some(Bounds { min: min.1.to_vec(), max: max.1.to_vec() })
    }

    fn truncate(&mut self, len: usize) {
        let kept = self.lengths.get(..len).unwrap_or(&self.lengths);
        let bytes = kept.iter().map(|&length| length as usize).sum();
        self.data.truncate(bytes);
        self.lengths.truncate(len);
    }

    fn memory_bytes(&self) -> usize {
        self.data.capacity() + self.lengths.capacity() * 4
    }
}

/// Bytes of a span's id.
const ID_BYTES: usize = 8;

impl BytesValues {
    /// Lengths and bytes of some strings.
    fn of(&self, range: Range<usize>) -> (&[i32], &[u8]) {
        if range == (0..self.lengths.len()) {
            return (&self.lengths, &self.data);
        }
        let bytes = |range: Range<usize>| -> usize {
            self.lengths[range].iter().map(|&length| length as usize).sum()
        };
        let start = bytes(0..range.start);
        let end = start + bytes(range.clone());
        (&self.lengths[range], &self.data[start..end])
    }
}

/// Of ids of spans, some of which may be missing.
fn bounds_of_ids(lengths: &[i32], data: &[u8]) -> Option<Bounds> {
    let ids = data.as_chunks::<ID_BYTES>().0;
    let (min, max) = range(ids.iter().map(|id| u64::from_be_bytes(*id)))?;
    let min = if ids.len() < lengths.len() { Vec::new() } else { min.to_be_bytes().into() };
    Some(Bounds { min, max: max.to_be_bytes().into() })
}

/// The first 8 bytes as a number that orders as they do; shorter strings are padded with zeros.
fn prefix(value: &[u8]) -> u64 {
    if let Some(first) = value.first_chunk() {
        return u64::from_be_bytes(*first);
    }
    let mut padded = [0; 8];
    padded[..value.len()].copy_from_slice(value);
    u64::from_be_bytes(padded)
}

/// 32- or 64-bit integers; unsigned ones are kept as the signed number of the same bits.
pub struct IntValues<T> {
    values: Vec<T>,
    unsigned: bool,
    plain: bool,
}

impl<T> IntValues<T> {
    /// For a leaf of this type and encoding.
    pub fn new(kind: LeafType, encoding: LeafEncoding) -> Self {
        let unsigned = matches!(kind, LeafType::U32 | LeafType::U64);
        Self { values: Vec::new(), unsigned, plain: encoding == LeafEncoding::Plain }
    }

    /// Adds a number.
    #[inline]
    pub fn push(&mut self, value: T) {
        self.values.push(value);
    }
}

macro_rules! int_values {
    ($signed:ty, $unsigned:ty) => {
        impl Values for IntValues<$signed> {
            fn len(&self) -> usize {
                self.values.len()
            }

            fn append(&mut self, from: &Source<'_>, range: Range<usize>, _: &mut CodeMap) -> bool {
                let Decoded::Int(values) = from.values else { return false };
                self.values.extend(values[range].iter().map(|value| *value as $signed));
                true
            }

            fn encode(&self, range: Range<usize>, out: &mut Vec<u8>) -> Encoded {
                let values = &self.values[range];
                if self.plain {
                    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                } else {
                    delta::encode(values, out);
                }
                Encoded::AsPlanned
            }

            fn bounds(&mut self, within: Range<usize>) -> Option<Bounds> {
                let values = &self.values[within];
                if self.unsigned {
                    let unsigned = values.iter().map(|&value| value as $unsigned);
                    Bounds::of(range(unsigned), <$unsigned>::to_le_bytes)
                } else {
                    Bounds::of(range(values.iter().copied()), <$signed>::to_le_bytes)
                }
            }

            fn truncate(&mut self, len: usize) {
                self.values.truncate(len);
            }

            fn memory_bytes(&self) -> usize {
                self.values.capacity() * size_of::<$signed>()
            }
        }
    };
}

int_values!(i32, u32);
int_values!(i64, u64);

fn range<T: Copy + Ord>(mut values: impl Iterator<Item = T>) -> Option<(T, T)> {
    let first = values.next()?;
    Some(values.fold((first, first), |(min, max), value| (min.min(value), max.max(value))))
}

/// Booleans, PLAIN: a bit each. (Run lengths in V2 pages are misread by Tempo.)
#[derive(Default)]
pub struct BoolValues(pub Vec<bool>);

impl Values for BoolValues {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn append(&mut self, from: &Source<'_>, range: Range<usize>, _codes: &mut CodeMap) -> bool {
        let Decoded::Bool(values) = from.values else { return false };
        self.0.extend_from_slice(&values[range]);
        true
    }

    fn encode(&self, range: Range<usize>, out: &mut Vec<u8>) -> Encoded {
        let pack =
            |bits: &[bool]| bits.iter().rev().fold(0u8, |byte, &bit| byte << 1 | u8::from(bit));
        out.extend(self.0[range].chunks(8).map(pack));
        Encoded::AsPlanned
    }

    fn bounds(&mut self, within: Range<usize>) -> Option<Bounds> {
        Bounds::of(range(self.0[within].iter().copied()), |bit| [u8::from(bit)])
    }

    fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    fn memory_bytes(&self) -> usize {
        self.0.capacity()
    }
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
