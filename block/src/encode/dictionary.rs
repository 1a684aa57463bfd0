//! Distinct byte strings, numbered in order of appearance.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Numbers byte strings. The strings lie in one buffer in the form of a PLAIN dictionary page.
#[derive(Default)]
pub struct Dictionary {
    hasher: RandomState,
    codes: HashTable<u32>,
    /// Each string behind its length (4 bytes, little-endian).
    page: Vec<u8>,
    /// Where in `page` each string begins, and where the next would.
    starts: Vec<usize>,
    /// The smallest and the greatest string.
    bounds: Option<(u32, u32)>,
}

/// Bytes of the length before each string.
const LENGTH_BYTES: usize = 4;

impl Dictionary {
    /// The number of `value`, a new one if it is new.
    #[inline]
    pub fn intern(&mut self, value: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(value);
        let (page, starts) = (&self.page, &self.starts);
        if let Some(&code) = self.codes.find(hash, |&code| string(page, starts, code) == value) {
            return code;
        }
        self.insert(hash, value)
    }

    /// The number of `value`, if it has one.
    pub fn find(&self, value: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(value);
        let (page, starts) = (&self.page, &self.starts);
        self.codes.find(hash, |&code| string(page, starts, code) == value).copied()
    }

    #[cold]
    fn insert(&mut self, hash: u64, value: &[u8]) -> u32 {
        let code = self.starts.len() as u32;
        self.page.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.starts.push(self.page.len());
        self.page.extend_from_slice(value);
        let (hasher, page, starts) = (&self.hasher, &self.page, &self.starts);
        let rehash = |&code: &u32| hasher.hash_one(string(page, starts, code));
        self.codes.insert_unique(hash, code, rehash);
        let (min, max) = self.bounds.unwrap_or((code, code));
        let min = if value < self.get(min) { code } else { min };
        let max = if value > self.get(max) { code } else { max };
        self.bounds = Some((min, max));
        code
    }

    /// The smallest and the greatest string.
    pub fn bounds(&self) -> Option<(&[u8], &[u8])> {
        self.bounds.map(|(min, max)| (self.get(min), self.get(max)))
    }

    /// The string of a number that [`Dictionary::intern`] gave.
    #[inline]
    pub fn get(&self, code: u32) -> &[u8] {
        string(&self.page, &self.starts, code)
    }

    /// Whether `value` has the number `code`. Short strings, as most are, are compared without a
    /// call.
    #[inline]
    pub fn is_code_of(&self, code: u32, value: &[u8]) -> bool {
        (code as usize) < self.starts.len() && is_same(self.get(code), value)
    }

    /// Distinct strings.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// The PLAIN dictionary page.
    pub fn page(&self) -> &[u8] {
        &self.page
    }

    /// Forgets everything, keeping memory.
    pub fn clear(&mut self) {
        self.codes.clear();
        self.page.clear();
        self.starts.clear();
        self.bounds = None;
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.codes.allocation_size() + self.page.capacity() + self.starts.capacity() * 8
    }
}

#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let word = |bytes: Option<&[u8; 8]>| bytes.map(|bytes| u64::from_le_bytes(*bytes));
    match a.len() {
        length if length != b.len() => false,
        8..=16 => {
            word(a.first_chunk()) == word(b.first_chunk())
                && word(a.last_chunk()) == word(b.last_chunk())
        }
        0..8 => a.iter().zip(b).all(|(a, b)| a == b),
        _ => a == b,
    }
}

#[inline]
fn string<'p>(page: &'p [u8], starts: &[usize], code: u32) -> &'p [u8] {
    let start = starts[code as usize];
    let end = starts.get(code as usize + 1).map_or(page.len(), |next| next - LENGTH_BYTES);
    &page[start..end]
}
