//! A split block Bloom filter over 64-bit entries: a block of 256 bits for each, of which it sets
//! one in each of 8 words. Adding is a few instructions, also again and again; so the encoder can
//! afford it for every distinct value of a block, which it cannot for a fuse filter (that costs 25
//! times as much to build, and its entries have to be distinct).
//!
//! With 16 bits per entry it is wrong about one entry in 1,000 to 2,000. It is cut into pages of
//! [`PAGE_BLOCKS`], so that a question reads one.

/// Bytes of a block.
const BLOCK_BYTES: usize = 32;
/// Blocks of a page; the last one may have fewer.
pub const PAGE_BLOCKS: usize = 512;
/// Entries of a block, on average at most.
const BLOCK_ENTRIES: usize = 16;

/// Odd numbers that spread the bits: those of Parquet's filter.
const SALTS: [u32; 8] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// The filter being filled.
#[derive(Default)]
pub struct SplitFilter {
    bytes: Vec<u8>,
}

impl SplitFilter {
    /// An empty filter with room for so many entries.
    pub fn for_entries(entries: usize) -> Self {
        Self { bytes: vec![0; entries.div_ceil(BLOCK_ENTRIES).max(1) * BLOCK_BYTES] }
    }

    /// Adds an entry.
    pub fn add(&mut self, entry: u64) {
        let blocks = (self.bytes.len() / BLOCK_BYTES) as u64;
        let at = block_of(entry, blocks) * BLOCK_BYTES;
        if let Some(block) = self.bytes.get_mut(at..at + BLOCK_BYTES) {
            for (word, bit) in block.as_chunks_mut::<4>().0.iter_mut().zip(bits(entry)) {
                *word = (u32::from_le_bytes(*word) | bit).to_le_bytes();
            }
        }
    }

    /// The pages, in order.
    pub fn pages(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks(PAGE_BLOCKS * BLOCK_BYTES)
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

/// How many blocks so many bytes are; `None` if they are not of whole blocks.
pub fn blocks_in(bytes: u64) -> Option<u64> {
    bytes.is_multiple_of(BLOCK_BYTES as u64).then_some(bytes / BLOCK_BYTES as u64)
}

/// The number of the page to ask in a filter of so many blocks.
pub fn page_of(entry: u64, blocks: u64) -> usize {
    block_of(entry, blocks) / PAGE_BLOCKS
}

/// Whether the entry may have been added, by the page of [`page_of`]; `false` is certain.
pub fn may_hold(entry: u64, blocks: u64, page: &[u8]) -> bool {
    let at = block_of(entry, blocks) % PAGE_BLOCKS * BLOCK_BYTES;
    // What is cut off may be anything.
    let Some(block) = page.get(at..at + BLOCK_BYTES) else { return true };
    let mut words = block.as_chunks::<4>().0.iter().zip(bits(entry));
    words.all(|(word, bit)| u32::from_le_bytes(*word) & bit != 0)
}

fn block_of(entry: u64, blocks: u64) -> usize {
    ((u128::from(entry) * u128::from(blocks)) >> 64) as usize
}

/// The bit in each word.
fn bits(entry: u64) -> [u32; 8] {
    SALTS.map(|salt| 1 << ((entry as u32).wrapping_mul(salt) >> 27))
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
