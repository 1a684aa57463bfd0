//! Tempo's sharded Bloom filter over trace ids (contract blocks.md §4).
//!
//! Written by [`crate::encode`], read by whoever looks for a trace. Locations come from
//! MurmurHash3 x64 128-bit, shards from FNV-1.

use bytes::Bytes;
use stringendo_proto::TraceId;

use crate::murmur::murmur3_x64_128;

/// Shards that a reader looks for where the meta says none: an ancient default.
const SHARDS_OF_OLD: u32 = 10;
/// Most shards of a block.
const SHARDS_MAX: u64 = 1000;
/// Bytes before the bits: m, k and m again.
const HEADER_BYTES: usize = 24;

/// Which of `shards` objects holds `trace_id`; 0 shards are read as 10.
pub fn shard_of(trace_id: &TraceId, shards: u32) -> u32 {
    let shards = if shards == 0 { SHARDS_OF_OLD } else { shards };
    fnv1(&trace_id.0) % shards
}

/// Whether the filter object `bloom` may hold `trace_id`; `None` if the object is damaged.
pub fn may_contain(bloom: &[u8], trace_id: &TraceId) -> Option<bool> {
    let header = |at: usize| Some(u64::from_be_bytes(*bloom.get(at..)?.first_chunk()?));
    let (m, k) = (header(0)?, header(8)?);
    let words = bloom.get(HEADER_BYTES..)?;
    let complete = header(16)? == m && words.len() as u64 == m.div_ceil(64).checked_mul(8)?;
    // A damaged k must not keep a core busy: no filter has more bits set per key than bits.
    if m == 0 || k == 0 || k > m || !complete {
        return None;
    }
    let hashes = Hashes::of(trace_id);
    Some((0..k).all(|i| bit_is_set(words, hashes.location(i) % m)))
}

fn bit_is_set(words: &[u8], bit: u64) -> bool {
    // Words are big-endian, bits in a word are counted from the least significant one.
    let byte = (bit / 64 * 8 + 7 - bit % 64 / 8) as usize;
    words.get(byte).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
}

/// Builds the filters of one block.
#[derive(Clone, Debug)]
pub struct BloomBuilder {
    shards: Vec<Vec<u64>>,
    bits: u64,
    hashes_per_key: u64,
}

impl BloomBuilder {
    /// Sizes the filter for `traces` (0 counts as 1), a false positive rate and bytes per shard
    /// (0 counts as 1).
    pub fn new(traces: usize, false_positive: f64, shard_bytes: usize) -> Self {
        let traces = traces.max(1) as f64;
        let false_positive = false_positive.clamp(f64::MIN_POSITIVE, 0.999_999);
        let ln2 = std::f64::consts::LN_2;
        let estimated_bits = (-traces * false_positive.ln() / (ln2 * ln2)).ceil();
        let hashes_per_key = (ln2 * estimated_bits / traces).ceil() as u64;
        let bits = shard_bytes.max(1) as u64 * 8;
        let shards = ((estimated_bits / bits as f64).ceil() as u64).clamp(1, SHARDS_MAX);
        let words = bits.div_ceil(64) as usize;
        Self { shards: vec![vec![0; words]; shards as usize], bits, hashes_per_key }
    }

    /// Adds a trace.
    pub fn add(&mut self, trace_id: &TraceId) {
        let shard = shard_of(trace_id, self.shards.len() as u32) as usize;
        let words = &mut self.shards[shard];
        let hashes = Hashes::of(trace_id);
        for i in 0..self.hashes_per_key {
            let bit = hashes.location(i) % self.bits;
            words[(bit / 64) as usize] |= 1 << (bit % 64);
        }
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.shards.iter().map(|words| words.capacity() * 8).sum()
    }

    /// The objects `bloom-0` and so on.
    pub fn finish(self) -> Vec<Bytes> {
        let header = [self.bits, self.hashes_per_key, self.bits];
        let object = |words: &Vec<u64>| {
            header.iter().chain(words).flat_map(|word| word.to_be_bytes()).collect()
        };
        self.shards.iter().map(object).collect()
    }
}

/// The four hashes that all locations of a key come from.
struct Hashes([u64; 4]);

impl Hashes {
    fn of(trace_id: &TraceId) -> Self {
        let (a, b) = murmur3_x64_128(&trace_id.0);
        let mut longer = [1; 17];
        longer[..16].copy_from_slice(&trace_id.0);
        let (c, d) = murmur3_x64_128(&longer);
        Self([a, b, c, d])
    }

    fn location(&self, i: u64) -> u64 {
        let base = self.0[(i % 2) as usize];
        let step = self.0[(2 + (i + i % 2) % 4 / 2) as usize];
        base.wrapping_add(i.wrapping_mul(step))
    }
}

fn fnv1(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0x811c_9dc5, |hash: u32, &byte| hash.wrapping_mul(0x0100_0193) ^ u32::from(byte))
}

#[cfg(test)]
#[path = "bloom_tests.rs"]
mod tests;
