//! DELTA_BINARY_PACKED and DELTA_LENGTH_BYTE_ARRAY.

use stringendo_proto::wire::put_varint;

use super::rle::pack;

const BLOCK: usize = 128;
const MINIBLOCKS: usize = 4;
const MINIBLOCK: usize = BLOCK / MINIBLOCKS;

/// A number whose differences wrap in its own width, as the format demands.
pub trait DeltaInt: Copy {
    /// This less `other`, wrapping, sign-extended.
    fn delta(self, other: Self) -> i64;
    /// `delta` less `min` (both of this width), as an unsigned number of this width.
    fn above(delta: i64, min: i64) -> u64;
    /// Sign-extended.
    fn wide(self) -> i64;
    /// 0 if it is equal to `other`.
    fn differs(self, other: Self) -> u32;
}

impl DeltaInt for i32 {
    #[inline]
    fn delta(self, other: Self) -> i64 {
        i64::from(self.wrapping_sub(other))
    }

    #[inline]
    fn above(delta: i64, min: i64) -> u64 {
        u64::from((delta as u32).wrapping_sub(min as u32))
    }

    #[inline]
    fn wide(self) -> i64 {
        i64::from(self)
    }

    #[inline]
    fn differs(self, other: Self) -> u32 {
        (self ^ other) as u32
    }
}

impl DeltaInt for i64 {
    #[inline]
    fn delta(self, other: Self) -> i64 {
        self.wrapping_sub(other)
    }

    #[inline]
    fn above(delta: i64, min: i64) -> u64 {
        (delta as u64).wrapping_sub(min as u64)
    }

    #[inline]
    fn wide(self) -> i64 {
        self
    }

    #[inline]
    fn differs(self, other: Self) -> u32 {
        let differ = self ^ other;
        (differ | differ >> 32) as u32
    }
}

/// Appends `values` as DELTA_BINARY_PACKED.
pub fn encode<T: DeltaInt>(values: &[T], out: &mut Vec<u8>) {
    put_varint(out, BLOCK as u64);
    put_varint(out, MINIBLOCKS as u64);
    put_varint(out, values.len() as u64);
    put_zigzag(out, values.first().map_or(0, |value| value.wide()));
    let mut at = 1;
    while at < values.len() {
        let end = (at + BLOCK).min(values.len());
        // With the value before, which the first delta of the block is taken from.
        put_block(&values[at - 1..end], out);
        at = end;
    }
}

fn put_block<T: DeltaInt>(values: &[T], out: &mut Vec<u8>) {
    if is_constant(values) {
        // The smallest difference, and four widths: all 0.
        return out.extend_from_slice(&[0; 1 + MINIBLOCKS]);
    }
    let mut deltas = [0i64; BLOCK];
    let count = values.len() - 1;
    let (mut min, mut max) = (i64::MAX, i64::MIN);
    for (delta, pair) in deltas.iter_mut().zip(values.windows(2)) {
        *delta = pair[1].delta(pair[0]);
        min = min.min(*delta);
        max = max.max(*delta);
    }
    put_zigzag(out, min);
    let widths_at = out.len();
    out.extend_from_slice(&[0; MINIBLOCKS]);
    if min == max {
        return;
    }
    for (i, miniblock) in deltas[..count].chunks(MINIBLOCK).enumerate() {
        let mut above = [0u64; MINIBLOCK];
        let mut all = 0;
        for (slot, &delta) in above.iter_mut().zip(miniblock) {
            *slot = T::above(delta, min);
            all |= *slot;
        }
        let width = (64 - all.leading_zeros()) as u8;
        out[widths_at + i] = width;
        pack(above.into_iter(), width, out);
    }
}

/// Whether all values are equal; without a branch per value, so many are compared at a time.
fn is_constant<T: DeltaInt>(values: &[T]) -> bool {
    let Some(&first) = values.first() else { return true };
    values.iter().fold(0, |differ, &value| differ | value.differs(first)) == 0
}

fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value << 1 ^ value >> 63) as u64);
}

/// Appends byte strings as DELTA_LENGTH_BYTE_ARRAY: `lengths`, then `data`.
pub fn encode_bytes(lengths: &[i32], data: &[u8], out: &mut Vec<u8>) {
    encode(lengths, out);
    out.extend_from_slice(data);
}

#[cfg(test)]
#[path = "delta_tests.rs"]
mod tests;
