//! Sets of strings without an allocation for each.

use std::cmp::Ordering;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Distinct strings in order of their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    bytes: Vec<u8>,
    /// Where each ends in `bytes`.
    ends: Vec<u32>,
}

impl Texts {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all of them.
    pub fn text_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Memory held.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<u32>()
    }

    /// String `at` (less than [`Texts::len`]).
    pub fn get(&self, at: usize) -> &[u8] {
        slice(&self.bytes, &self.ends, at)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Whether `text` is among them.
    pub fn contains(&self, text: &[u8]) -> bool {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle).cmp(text) {
                Ordering::Equal => return true,
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        false
    }

    /// The bytes of all strings, one after the other, and where each ends.
    pub fn into_parts(self) -> (Vec<u8>, Vec<u32>) {
        (self.bytes, self.ends)
    }

    /// The distinct ones of these strings: their bytes, one after the other, and where each ends.
    pub(crate) fn of_parts(bytes: &[u8], ends: &[u32]) -> Self {
        let get = |at: u32| slice(bytes, ends, at as usize);
        let mut order: Vec<(u64, u32)> =
            (0..ends.len() as u32).map(|at| (prefix(get(at)), at)).collect();
        // Mostly the prefix decides, without a look at the strings.
        order.sort_unstable_by(|(a, a_at), (b, b_at)| {
            a.cmp(b).then_with(|| get(*a_at).cmp(get(*b_at)))
        });
        order.dedup_by(|(a, a_at), (b, b_at)| a == b && get(*a_at) == get(*b_at));
        let mut sorted = Self::default();
        sorted.bytes.reserve_exact(order.iter().map(|(_, at)| get(*at).len()).sum());
        sorted.ends.reserve_exact(order.len());
        order.into_iter().for_each(|(_, at)| sorted.push(get(at)));
        sorted
    }

    /// Adds a string behind all others; whether it belongs there.
    pub(crate) fn push_last(&mut self, text: &[u8]) -> bool {
        let is_last = self.is_empty() || self.get(self.len() - 1) < text;
        if is_last {
            self.push(text);
        }
        is_last
    }

    /// The strings of both.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let mut all = Self {
            bytes: Vec::with_capacity(self.bytes.len() + other.bytes.len()),
            ends: Vec::with_capacity(self.len() + other.len()),
        };
        let (mut left, mut right) = (0, 0);
        while left < self.len() && right < other.len() {
            let (a, b) = (self.get(left), other.get(right));
            let order = compare(a, b);
            all.push(if order == Ordering::Greater { b } else { a });
            left += usize::from(order != Ordering::Greater);
            right += usize::from(order != Ordering::Less);
        }
        (left..self.len()).for_each(|at| all.push(self.get(at)));
        (right..other.len()).for_each(|at| all.push(other.get(at)));
        all
    }

    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut distinct = DistinctTexts::default();
        texts.into_iter().for_each(|text| {
            distinct.insert(text.as_ref());
        });
        distinct.sorted()
    }
}

/// Distinct strings being gathered.
#[derive(Clone, Debug, Default)]
pub struct DistinctTexts {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Numbers of strings.
    table: HashTable<u32>,
    hasher: RandomState,
}

/// What all strings of a set may have together: positions have 32 bits.
const TEXT_BYTES_MAX: usize = 1 << 30;

impl DistinctTexts {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all of them.
    pub fn text_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Memory held.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 4 + self.table.capacity() * 6
    }

    /// Adds `text`; whether it is new. What is beyond 1 GiB in all is not added.
    pub fn insert(&mut self, text: &[u8]) -> bool {
        let Self { bytes, ends, table, hasher } = self;
        if bytes.len() + text.len() > TEXT_BYTES_MAX {
            return false;
        }
        let hash = hasher.hash_one(text);
        if table.find(hash, |at| slice(bytes, ends, *at as usize) == text).is_some() {
            return false;
        }
        bytes.extend_from_slice(text);
        ends.push(bytes.len() as u32);
        let rehash = |at: &u32| hasher.hash_one(slice(bytes, ends, *at as usize));
        table.insert_unique(hash, ends.len() as u32 - 1, rehash);
        true
    }

    /// All of them, in order of their bytes.
    pub fn sorted(&self) -> Texts {
        let mut order: Vec<u32> = (0..self.ends.len() as u32).collect();
        let get = |at: u32| slice(&self.bytes, &self.ends, at as usize);
        order.sort_unstable_by_key(|at| get(*at));
        let mut sorted = Texts {
            bytes: Vec::with_capacity(self.bytes.len()),
            ends: Vec::with_capacity(self.ends.len()),
        };
        order.into_iter().for_each(|at| sorted.push(get(at)));
        sorted
    }
}

/// Compares two strings; mostly their first bytes decide, without a call.
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    prefix(a).cmp(&prefix(b)).then_with(|| a.cmp(b))
}

/// The first 8 bytes as a number that orders as they do; shorter strings are padded with zeros.
fn prefix(text: &[u8]) -> u64 {
    if let Some(first) = text.first_chunk() {
        return u64::from_be_bytes(*first);
    }
    let mut padded = [0; 8];
    padded[..text.len()].copy_from_slice(text);
    u64::from_be_bytes(padded)
}

fn slice<'a>(bytes: &'a [u8], ends: &[u32], at: usize) -> &'a [u8] {
    let start = if at == 0 { 0 } else { ends[at - 1] as usize };
    &bytes[start..ends[at] as usize]
}

#[cfg(test)]
#[path = "texts_tests.rs"]
mod tests;
