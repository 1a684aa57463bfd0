//! Integers and doubles of attributes: codes into a dictionary, as long as that pays.
//!
//! The values of all keys are in one column. Most repeat (numbers of threads, ports, sizes of
//! pages), so codes are far shorter than eight bytes, and quicker to compress. Where most values
//! occur once, the column goes on without a dictionary.
//!
//! Codes are looked up page by page, not number by number: such look-ups wait for memory, and one
//! after the other they wait together.

use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::rle;
use super::values::{Bounds, CodeMap, Encoded, Source, Values};
use crate::read::values::{Dictionary as DecodedDictionary, Values as Decoded};

/// So many values are coded before it is asked whether that pays: about what four pages of spans
/// hold at the least.
const TRIAL_VALUES: usize = 32 << 10;

/// Numbers below this are found without hashing.
const SMALL: usize = 1 << 16;
/// Not in the dictionary.
const NO_CODE: u32 = u32::MAX;

/// Numbers of 64 bits, as their bits.
pub struct NumberValues {
    /// Codes of small numbers, as far as one came.
    small: Vec<u32>,
    known: HashMap<u64, u32, RandomState>,
    /// The PLAIN dictionary page.
    page: Vec<u8>,
    /// The numbers of the page.
    numbers: Vec<u64>,
    /// A code for each that is settled, as long as there is a dictionary.
    codes: Vec<u32>,
    /// Values before this page that were coded.
    coded: usize,
    is_plain: bool,
    is_double: bool,
}

impl NumberValues {
    /// Signed integers.
    pub fn ints() -> Self {
        Self::new(false)
    }

    /// Doubles.
    pub fn doubles() -> Self {
        Self::new(true)
    }

    fn new(is_double: bool) -> Self {
        Self {
            small: Vec::new(),
            known: HashMap::default(),
            page: Vec::new(),
            numbers: Vec::new(),
            codes: Vec::new(),
            coded: 0,
            is_plain: false,
            is_double,
        }
    }

    /// What the page under way holds, once it is settled.
    pub fn page(&self) -> NumberPage<'_> {
        let plain = if self.is_plain { self.numbers.as_slice() } else { &[] };
        NumberPage { codes: &self.codes, plain, dictionary: &self.page }
    }

    /// Adds a number.
    #[inline]
    pub fn push(&mut self, bits: u64) {
        self.numbers.push(bits);
    }

    /// Codes of numbers, which are those of another dictionary.
    fn append_codes(&mut self, given: &[u32], of: &DecodedDictionary, map: &mut CodeMap) {
        let mut codes = std::mem::take(&mut self.codes);
        codes.extend(map.map(given, of.len(), |code| self.code(of.bits(code))));
        self.codes = codes;
    }

    /// Finds the codes of the numbers before `end`.
    fn settle_before(&mut self, end: usize) {
        if self.is_plain {
            return;
        }
        self.codes.reserve(end.saturating_sub(self.codes.len()));
        for at in self.codes.len()..end {
            let bits = self.numbers[at];
            let code = match self.small.get(bits as usize) {
                Some(&code) if code != NO_CODE => code,
                _ => self.code(bits),
            };
            self.codes.push(code);
        }
    }

    fn code(&mut self, bits: u64) -> u32 {
        let next = (self.page.len() / 8) as u32;
        let code = *self.known.entry(bits).or_insert(next);
        if code == next {
            self.page.extend_from_slice(&bits.to_le_bytes());
        }
        let at = bits as usize;
        if at < SMALL {
            if self.small.len() <= at {
                self.small.resize(at + 1, NO_CODE);
            }
            self.small[at] = code;
        }
        code
    }
}

/// Numbers as `notes` looks at them.
#[derive(Clone, Copy)]
pub struct NumberPage<'a> {
    /// Codes on the page under way.
    pub codes: &'a [u32],
    /// Bits of the numbers on the page under way, if they have no codes.
    pub plain: &'a [u64],
    dictionary: &'a [u8],
}

impl NumberPage<'_> {
    /// How many codes there are in the row group so far.
    pub fn distinct(&self) -> usize {
        self.dictionary.len() / 8
    }

    /// The bits of the number of a code.
    pub fn bits(&self, code: u32) -> u64 {
        number(self.dictionary, code)
    }
}

/// The number of a code.
fn number(page: &[u8], code: u32) -> u64 {
    let at = code as usize * 8;
    page.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

impl Values for NumberValues {
    fn settle(&mut self) {
        self.settle_before(self.numbers.len());
    }

    fn len(&self) -> usize {
        self.numbers.len()
    }

    fn append(&mut self, from: &Source<'_>, range: Range<usize>, codes: &mut CodeMap) -> bool {
        let first = self.numbers.len();
        match from.values {
            Decoded::Int(values) if !self.is_double => {
                self.numbers.extend(values[range.clone()].iter().map(|value| *value as u64));
            }
            Decoded::Float(values) if self.is_double => {
                self.numbers.extend(values[range.clone()].iter().map(|value| value.to_bits()));
            }
            _ => return false,
        }
        if let Some((given, dictionary)) = from.codes.filter(|_| !self.is_plain) {
            self.settle_before(first);
            self.append_codes(&given[range], dictionary, codes);
        }
        true
    }

    fn encode(&self, range: Range<usize>, out: &mut Vec<u8>) -> Encoded {
        if self.is_plain {
            out.extend(self.numbers[range].iter().flat_map(|bits| bits.to_le_bytes()));
            return Encoded::Plain;
        }
        let width = rle::width_of_codes(self.known.len());
        out.push(width);
        rle::encode(&self.codes[range], width, out);
        Encoded::AsPlanned
    }

    fn bounds(&mut self, range: Range<usize>) -> Option<Bounds> {
        let numbers = self.numbers[range].iter();
        match self.is_double {
            true => Bounds::of_doubles(numbers.map(|bits| f64::from_bits(*bits))),
            false => Bounds::of_ints(numbers.map(|bits| *bits as i64)),
        }
    }

    fn truncate(&mut self, len: usize) {
        self.codes.truncate(len);
        self.numbers.truncate(len);
    }

    fn end_page(&mut self) {
        self.coded += self.codes.len();
        self.truncate(0);
        if self.coded >= TRIAL_VALUES && self.known.len() * 2 > self.coded {
            self.is_plain = true;
            self.known = HashMap::default();
            self.small = Vec::new();
        }
    }

    fn dictionary_page(&self) -> Option<(&[u8], usize)> {
        Some((&self.page, self.page.len() / 8))
    }

    fn reset(&mut self) {
        self.known.clear();
        self.small.clear();
        self.page.clear();
        self.coded = 0;
        self.is_plain = false;
    }

    fn memory_bytes(&self) -> usize {
        let values =
            (self.codes.capacity() + self.small.capacity()) * 4 + self.numbers.capacity() * 8;
        self.known.allocation_size() + self.page.capacity() + values
    }
}

#[cfg(test)]
#[path = "numbers_tests.rs"]
mod tests;
