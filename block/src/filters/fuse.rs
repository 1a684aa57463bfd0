//! Binary fuse filters over sets of 64-bit entries, cut into shards: each is built in less than a
//! millisecond, and a question reads one.
//!
//! Entries are spread over shards by their value. A shard is written as: a seed (8 bytes), the
//! length of a segment (4), the length of all segments that a first position may be in (4), then a
//! fingerprint of 2 bytes for every position. No bytes at all: nothing is in it. A segment length
//! of 0: everything may be in it.

use bytes::Bytes;
use xorf::BinaryFuse16;

use super::Damaged;
use crate::murmur::finalize;

/// Entries of a shard, on average at most.
const SHARD_ENTRIES: usize = 16_384;

const HEADER_BYTES: usize = 16;
const FINGERPRINT_BYTES: usize = 2;
/// Longer segments are not built.
const SEGMENT_MAX: u32 = 1 << 18;

/// How many shards so many entries are spread over.
pub fn shards_for(entries: usize) -> u32 {
    entries.div_ceil(SHARD_ENTRIES).max(1) as u32
}

/// The shard of an entry.
#[inline]
pub fn shard_of(entry: u64, shards: u32) -> usize {
    ((u128::from(entry) * u128::from(shards)) >> 64) as usize
}

/// The bytes of a shard with these entries, in any order, duplicates allowed.
pub fn build(mut entries: Vec<u64>) -> Vec<u8> {
    if entries.is_empty() {
        return Vec::new();
    }
    entries.sort_unstable();
    entries.dedup();
    // Building fails for want of luck only, after a thousand tries.
    let Ok(filter) = BinaryFuse16::try_from(&entries) else { return vec![0; HEADER_BYTES] };
    let (descriptor, fingerprints) = (&filter.descriptor, &filter.fingerprints);
    let mut out = Vec::with_capacity(HEADER_BYTES + fingerprints.len() * FINGERPRINT_BYTES);
    out.extend_from_slice(&descriptor.seed.to_le_bytes());
    out.extend_from_slice(&descriptor.segment_length.to_le_bytes());
    out.extend_from_slice(&descriptor.segment_count_length.to_le_bytes());
    out.extend(fingerprints.iter().flat_map(|fingerprint| fingerprint.to_le_bytes()));
    out
}

/// Spreads entries over `shards` lists.
pub fn spread(entries: &[u64], lists: &mut [Vec<u64>]) {
    let shards = lists.len() as u32;
    for entry in entries {
        if let Some(list) = lists.get_mut(shard_of(*entry, shards)) {
            list.push(*entry);
        }
    }
}

/// All shards of a set, in any order, duplicates allowed.
pub fn build_all(entries: &[u64]) -> Vec<Vec<u8>> {
    let mut lists = vec![Vec::new(); shards_for(entries.len()) as usize];
    spread(entries, &mut lists);
    lists.into_iter().map(build).collect()
}

/// A shard, ready to be asked.
#[derive(Clone, Debug)]
pub struct FuseShard {
    seed: u64,
    segment_length: u32,
    segment_count_length: u32,
    fingerprints: Bytes,
}

impl FuseShard {
    /// Reads what [`build`] wrote.
    ///
    /// # Errors
    /// The bytes are no shard.
    pub fn decode(bytes: &Bytes) -> Result<Self, Damaged> {
        if bytes.is_empty() {
            return Ok(Self::new(0, 1, 0, Bytes::new()));
        }
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(Damaged("a filter's header is cut off"));
        };
        let seed = u64::from_le_bytes(*header.first_chunk().unwrap_or(&[0; 8]));
        let number = |at: usize| header[at..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
        let (length, count_length) = (number(8), number(12));
        let fingerprints = bytes.slice(HEADER_BYTES..);
        let positions = u64::from(count_length) + 2 * u64::from(length);
        let is_sound = match length {
            0 => fingerprints.is_empty(),
            _ => {
                length.is_power_of_two()
                    && length <= SEGMENT_MAX
                    && count_length > 0
                    && count_length.is_multiple_of(length)
                    && fingerprints.len() as u64 == positions * FINGERPRINT_BYTES as u64
            }
        };
        match is_sound {
            true => Ok(Self::new(seed, length, count_length, fingerprints)),
            false => Err(Damaged("a filter's header contradicts its length")),
        }
    }

    fn new(seed: u64, segment_length: u32, segment_count_length: u32, fingerprints: Bytes) -> Self {
        Self { seed, segment_length, segment_count_length, fingerprints }
    }

    /// Whether the entry may be in the set; `false` is certain.
    #[inline]
    pub fn may_hold(&self, entry: u64) -> bool {
        self.holds(entry, self.fingerprints.as_chunks().0)
    }

    /// Marks those of the entries that may be in the set, in the same order.
    pub fn mark(&self, entries: &[u64], marks: &mut [bool]) {
        let (fingerprints, _) = self.fingerprints.as_chunks();
        for (entry, mark) in entries.iter().zip(marks) {
            *mark |= self.holds(*entry, fingerprints);
        }
    }

    #[inline]
    fn holds(&self, entry: u64, fingerprints: &[[u8; FINGERPRINT_BYTES]]) -> bool {
        if self.segment_length == 0 {
            return true;
        }
        if self.segment_count_length == 0 {
            return false;
        }
        let hash = finalize(entry.wrapping_add(self.seed));
        let mask = self.segment_length - 1;
        let first = (u128::from(hash) * u128::from(self.segment_count_length)) >> 64;
        let first = first as u32;
        let second = (first + self.segment_length) ^ ((hash >> 18) as u32 & mask);
        let third = (first + 2 * self.segment_length) ^ (hash as u32 & mask);
        let fingerprint = (hash ^ hash >> 32) as u16;
        // `decode` has seen to it that all positions exist.
        let at = |position: u32| {
            fingerprints.get(position as usize).map_or(0, |bytes| u16::from_le_bytes(*bytes))
        };
        fingerprint == at(first) ^ at(second) ^ at(third)
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.fingerprints.len()
    }
}

#[cfg(test)]
#[path = "fuse_tests.rs"]
mod tests;
