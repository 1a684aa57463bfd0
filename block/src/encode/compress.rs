//! Values and levels as Zstd frames.
//!
//! A page is several frames one after the other, which every decompressor takes as one stream. So
//! levels are compressed once for all columns that share them, and what does not shrink (random
//! ids) is stored without a try.

use std::io::Cursor;

use zstd::bulk::Compressor;

use super::EncodeError;

/// For levels: it finds the short repetitions that level 1 does not look for, which is worth 0.9
/// bytes a span and costs next to nothing (docs/PERFORMANCE.md, "The encoder").
pub const LEVEL_OF_LEVELS: i32 = 3;
/// For values and dictionaries: a fifth cheaper than level 3, as small.
pub const LEVEL_OF_VALUES: i32 = 1;
/// What a context of these levels takes, for pages of some 100 KiB.
const CONTEXT_BYTES: usize = 1 << 20;
/// Most bytes in a block of a frame.
const BLOCK_BYTES_MAX: usize = 128 << 10;

/// Compresses into frames; keeps its tables from frame to frame.
pub struct Frames {
    context: Compressor<'static>,
}

impl Frames {
    /// A compressor of one of the levels above.
    pub fn new(level: i32) -> Self {
        Self { context: Compressor::new(level).expect("Zstd has these levels") }
    }

    /// Appends `plain` to `out` as a frame.
    ///
    /// # Errors
    /// From Zstd.
    pub fn put(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        out.reserve(zstd::zstd_safe::compress_bound(plain.len()));
        let mut behind = Cursor::new(out);
        behind.set_position(start as u64);
        self.context.compress_to_buffer(plain, &mut behind).map_err(EncodeError::parquet)?;
        Ok(())
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        CONTEXT_BYTES
    }
}

/// Appends `plain` to `out` as a frame of stored blocks.
pub fn put_stored(plain: &[u8], out: &mut Vec<u8>) {
    /// Magic number; then: a single segment, its length in 8 bytes.
    const HEAD: [u8; 5] = [0x28, 0xb5, 0x2f, 0xfd, 0b1110_0000];
    out.reserve(plain.len() + 32);
    out.extend_from_slice(&HEAD);
    out.extend_from_slice(&(plain.len() as u64).to_le_bytes());
    let last = plain.len().div_ceil(BLOCK_BYTES_MAX).saturating_sub(1);
    for (at, block) in plain.chunks(BLOCK_BYTES_MAX).enumerate() {
        // Bits: whether it is the last, type 0 (stored) in two, the length.
        let head = (block.len() as u32) << 3 | u32::from(at == last);
        out.extend_from_slice(&head.to_le_bytes()[..3]);
        out.extend_from_slice(block);
    }
}

#[cfg(test)]
#[path = "compress_tests.rs"]
mod tests;
