//! Distinct byte strings, numbered in order of appearance.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::guesses::is_same;

/// Numbers byte strings. The strings lie in one buffer in the form of a PLAIN dictionary page.
#[derive(Default)]
pub struct Dictionary {
    hasher: RandomState,
    /// Codes behind half of their string's hash: the table grows without a look at the strings.
    codes: HashTable<(u32, u32)>,
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
        let hash = self.hash(value);
        match self.find_hashed(hash, value) {
            Some(code) => code,
            None => self.insert(hash, value),
        }
    }

    /// The number of `value`, if it has one.
    pub fn find(&self, value: &[u8]) -> Option<u32> {
        self.find_hashed(self.hash(value), value)
    }

    #[inline]
    fn hash(&self, value: &[u8]) -> u32 {
        self.hasher.hash_one(value) as u32
    }

    #[inline]
    fn find_hashed(&self, hash: u32, value: &[u8]) -> Option<u32> {
        let is_it = |&(of, code): &(u32, u32)| of == hash && self.get(code) == value;
        self.codes.find(whole(hash), is_it).map(|&(_, code)| code)
    }

    #[cold]
    fn insert(&mut self, hash: u32, value: &[u8]) -> u32 {
        let code = self.starts.len() as u32;
        self.page.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.starts.push(self.page.len());
        self.page.extend_from_slice(value);
        self.codes.insert_unique(whole(hash), (hash, code), |&(hash, _)| whole(hash));
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
        (code as usize) < self.starts.len() && {
            let known = self.get(code);
            known.len() == value.len() && is_same(known, value)
        }
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

/// A hash of 64 bits again: tables take the first bits and the last ones.
#[inline]
fn whole(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

#[inline]
fn string<'p>(page: &'p [u8], starts: &[usize], code: u32) -> &'p [u8] {
    let start = starts[code as usize];
    let end = starts.get(code as usize + 1).map_or(page.len(), |next| next - LENGTH_BYTES);
    &page[start..end]
}
