//! Parquet's hybrid of runs and bit-packed groups, and plain bit-unpacking.
//!
//! From: page bodies. To: levels and dictionary codes. Input is not trusted.

use std::ops::Range;

use super::values::BadPage;

/// A part of a hybrid stream.
pub(crate) enum Stretch<'a> {
    /// One value, so many times.
    Run { value: u32, length: usize },
    /// So many values, one after the other.
    Packed { bytes: &'a [u8], length: usize },
}

/// The parts of a hybrid stream of `left` values.
pub(crate) struct Stretches<'a> {
    bytes: &'a [u8],
    bit_width: u8,
    left: usize,
}

impl<'a> Stretches<'a> {
    /// Of exactly `count` values of `bit_width` bits.
    pub(crate) fn new(bytes: &'a [u8], bit_width: u8, count: usize) -> Result<Self, BadPage> {
        match bit_width > 32 {
            true => Err(BadPage("bit width above 32")),
            false => Ok(Self { bytes, bit_width, left: count }),
        }
    }

    /// The next part; `None` after the last value.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Stretch<'a>>, BadPage> {
        if self.left == 0 {
            return Ok(None);
        }
        let (head, rest) = varint(self.bytes)?;
        let stretch = match head & 1 {
            0 => {
                let (length, value_len) =
                    (run_length(head, self.left)?, usize::from(self.bit_width).div_ceil(8));
                let (raw, rest) =
                    rest.split_at_checked(value_len).ok_or(BadPage("run is cut short"))?;
                let mut value = [0_u8; 4];
                value[..value_len].copy_from_slice(raw);
                self.bytes = rest;
                Stretch::Run { value: u32::from_le_bytes(value), length }
            }
            _ => {
                let (bytes, length, rest) = packed(rest, self.bit_width, head >> 1, self.left)?;
                self.bytes = rest;
                Stretch::Packed { bytes, length }
            }
        };
        self.left -= stretch.length();
        Ok(Some(stretch))
    }
}

impl Stretch<'_> {
    /// How many values it has.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Run { length, .. } | Self::Packed { length, .. } => *length,
        }
    }

    /// Appends those of its values that are in `range` to `out`.
    pub(crate) fn expand<T: FromBits>(&self, bit_width: u8, range: Range<usize>, out: &mut Vec<T>) {
        let start = out.len();
        match self {
            Self::Run { value, .. } => out.resize(start + range.len(), T::from_bits(*value)),
            Self::Packed { bytes, .. } => {
                // Groups of eight begin with a byte.
                let (groups, ahead) = (range.start / 8, range.start % 8);
                let bytes = bytes.get(groups * usize::from(bit_width)..).unwrap_or(&[]);
                out.resize(start + ahead + range.len(), T::from_bits(0));
                T::unpack_into(bytes, bit_width, &mut out[start..]);
                out.drain(start..start + ahead);
            }
        }
    }

    /// How many of its values in `range` are `wanted`; they have at most 8 bits.
    #[inline]
    pub(crate) fn count(&self, bit_width: u8, range: Range<usize>, wanted: u8) -> usize {
        match self {
            Self::Run { value, .. } if *value == u32::from(wanted) => range.len(),
            Self::Run { .. } => 0,
            Self::Packed { bytes, .. } => {
                // Groups of eight begin with a byte.
                let (groups, ahead) = (range.start / 8, range.start % 8);
                let bytes = bytes.get(groups * usize::from(bit_width)..).unwrap_or(&[]);
                let behind = count_packed(bytes, bit_width, range.len() + ahead, wanted);
                match ahead {
                    0 => behind,
                    ahead => behind - count_packed(bytes, bit_width, ahead, wanted),
                }
            }
        }
    }
}

fn count_packed(bytes: &[u8], bit_width: u8, length: usize, wanted: u8) -> usize {
    let (mut found, done) = match bit_width {
        1 => count_words::<1>(bytes, length, wanted),
        2 => count_words::<2>(bytes, length, wanted),
        3 => count_words::<3>(bytes, length, wanted),
        4 => count_words::<4>(bytes, length, wanted),
        _ => (0, 0),
    };
    let rest = bytes.get(done / 8 * usize::from(bit_width)..).unwrap_or(&[]);
    let is_wanted = |value: u64| usize::from(value == u64::from(wanted));
    unpack(rest, bit_width, length - done, |value| found += is_wanted(value));
    found
}

/// As many values at a time as a word has whole groups of eight; also says how many were counted.
fn count_words<const WIDTH: usize>(bytes: &[u8], length: usize, wanted: u8) -> (usize, usize) {
    let groups = 8 / WIDTH;
    let values = groups * 8;
    // The lowest bit of each value.
    let lowest = (0..values).fold(0_u64, |bits, value| bits | 1 << (value * WIDTH));
    let all_wanted = lowest.wrapping_mul(u64::from(wanted));
    let (mut found, mut done) = (0, 0);
    while done + values <= length {
        let Some(word) = word(bytes, done / 8 * WIDTH) else { break };
        let other = word ^ all_wanted;
        let any_bit = (1..WIDTH).fold(other, |bits, bit| bits | other >> bit);
        found += (!any_bit & lowest).count_ones() as usize;
        done += values;
    }
    (found, done)
}

/// Decodes exactly `count` values of `bit_width` bits, appending them to `out`.
pub(crate) fn decode_hybrid<T: FromBits>(
    bytes: &[u8],
    bit_width: u8,
    count: usize,
    out: &mut Vec<T>,
) -> Result<(), BadPage> {
    let mut stretches = Stretches::new(bytes, bit_width, count)?;
    out.reserve(count);
    while let Some(stretch) = stretches.next()? {
        stretch.expand(bit_width, 0..stretch.length(), out);
    }
    Ok(())
}

/// Decodes those of `count` values that are in `ranges`, which ascend; what follows them is not
/// looked at.
pub(crate) fn decode_hybrid_ranges<T: FromBits>(
    bytes: &[u8],
    bit_width: u8,
    count: usize,
    ranges: &[Range<usize>],
    out: &mut Vec<T>,
) -> Result<(), BadPage> {
    let mut stretches = Stretches::new(bytes, bit_width, count)?;
    out.reserve(ranges.iter().map(Range::len).sum());
    let (mut left, mut at) = (ranges, 0);
    while let [next, ..] = left {
        let Some(stretch) = stretches.next()? else { break };
        let length = stretch.length();
        let mut range = next.clone();
        while range.start < at + length {
            let first = range.start.max(at) - at;
            stretch.expand(bit_width, first..(range.end - at).min(length), out);
            if range.end > at + length {
                break;
            }
            left = &left[1..];
            let Some(next) = left.first() else { break };
            range = next.clone();
        }
        at += length;
    }
    Ok(())
}

fn run_length(head: u64, left: usize) -> Result<usize, BadPage> {
    match usize::try_from(head >> 1) {
        Ok(0) | Err(_) => Err(BadPage("empty or endless run")),
        Ok(length) => Ok(length.min(left)),
    }
}

/// The bytes of some groups, how many values of them count, and what follows.
fn packed(
    bytes: &[u8],
    bit_width: u8,
    groups: u64,
    left: usize,
) -> Result<(&[u8], usize, &[u8]), BadPage> {
    if groups == 0 {
        return Err(BadPage("empty bit-packed group"));
    }
    let values = usize::try_from(groups.saturating_mul(8)).unwrap_or(usize::MAX).min(left);
    // Writers may cut the padding of the last group.
    let needed = (values * usize::from(bit_width)).div_ceil(8);
    if bytes.len() < needed {
        return Err(BadPage("bit-packed group is cut short"));
    }
    let whole = usize::try_from(groups.saturating_mul(u64::from(bit_width))).unwrap_or(usize::MAX);
    Ok((bytes, values, &bytes[whole.min(bytes.len())..]))
}

/// Calls `each` with `count` little-endian values of `bit_width` (at most 64) bits. `bytes` must
/// hold them all.
pub(crate) fn unpack(bytes: &[u8], bit_width: u8, count: usize, mut each: impl FnMut(u64)) {
    let width = usize::from(bit_width);
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    let mut at = 0;
    if (1..=8).contains(&width) {
        // Levels, and codes of small dictionaries: a word holds eight of them.
        for group in 0..count / 8 {
            let Some(word) = word(bytes, group * width) else { break };
            (0..8).for_each(|value| each(word >> (value * width) & mask));
            at += 8;
        }
    } else if (9..=56).contains(&width) {
        while at < count {
            let Some(word) = word(bytes, at * width / 8) else { break };
            each(word >> (at * width % 8) & mask);
            at += 1;
        }
    }
    for at in at..count {
        let bit = at * width;
        let word = load(bytes, bit / 8);
        let shift = bit % 8;
        let mut value = word >> shift;
        if shift + width > 64 {
            let high = bytes.get(bit / 8 + 8).copied().unwrap_or(0);
            value |= u64::from(high) << (64 - shift);
        }
        each(value & mask);
    }
}

/// Eight bytes from `at`, if there are so many.
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..at + 8)?;
    Some(u64::from_le_bytes(word.try_into().ok()?))
}

/// Eight bytes from `at`, zeros beyond the end.
fn load(bytes: &[u8], at: usize) -> u64 {
    if let Some(word) = word(bytes, at) {
        return word;
    }
    let mut word = [0; 8];
    let tail = bytes.get(at..).unwrap_or(&[]);
    word[..tail.len()].copy_from_slice(tail);
    u64::from_le_bytes(word)
}

/// An unsigned LEB128 number and what follows it.
pub(crate) fn varint(bytes: &[u8]) -> Result<(u64, &[u8]), BadPage> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * at as u32).unwrap_or(0);
        if *byte < 0x80 {
            return Ok((value, &bytes[at + 1..]));
        }
    }
    Err(BadPage("number is cut short or too long"))
}

/// What a hybrid stream decodes to.
pub(crate) trait FromBits: Copy {
    fn from_bits(bits: u32) -> Self;

    /// Fills `slots` with values of `bit_width` bits; `bytes` must hold them all.
    fn unpack_into(bytes: &[u8], bit_width: u8, slots: &mut [Self]) {
        let mut slots_left = slots.iter_mut();
        unpack(bytes, bit_width, slots_left.len(), |value| {
            if let Some(slot) = slots_left.next() {
                *slot = Self::from_bits(value as u32);
            }
        });
    }
}

impl FromBits for u8 {
    fn from_bits(bits: u32) -> Self {
        bits as u8
    }

    /// Eight at a time.
    fn unpack_into(bytes: &[u8], bit_width: u8, slots: &mut [Self]) {
        let width = usize::from(bit_width);
        let (octets, _) = slots.as_chunks_mut::<8>();
        let mut done = 0;
        if (1..=8).contains(&width) {
            for (number, octet) in octets.iter_mut().enumerate() {
                let Some(word) = word(bytes, number * width) else { break };
                *octet = spread(word, width).to_le_bytes();
                done += 1;
            }
        }
        let rest = &mut slots[done * 8..];
        let mut rest_left = rest.iter_mut();
        unpack(&bytes[(done * width).min(bytes.len())..], bit_width, rest_left.len(), |value| {
            if let Some(slot) = rest_left.next() {
                *slot = value as u8;
            }
        });
    }
}

/// Spreads the eight lowest values of `width` (at most 8) bits to a byte each: the upper four of
/// eight go to the upper half, then the upper two of four, then the upper of two.
fn spread(word: u64, width: usize) -> u64 {
    let low = |bits: usize| (1_u64 << bits) - 1;
    let halves = word & low(4 * width) | (word >> (4 * width) & low(4 * width)) << 32;
    let pair = low(2 * width) * 0x0000_0001_0000_0001;
    let pairs = halves & pair | (halves & pair << (2 * width)) << (16 - 2 * width);
    let single = low(width) * 0x0001_0001_0001_0001;
    pairs & single | (pairs & single << width) << (8 - width)
}

impl FromBits for u32 {
    fn from_bits(bits: u32) -> Self {
        bits
    }

    /// Eight at a time, with the width known to the compiler.
    fn unpack_into(bytes: &[u8], bit_width: u8, slots: &mut [Self]) {
        let done = match bit_width {
            1 => octets::<1>(bytes, slots),
            2 => octets::<2>(bytes, slots),
            3 => octets::<3>(bytes, slots),
            4 => octets::<4>(bytes, slots),
            5 => octets::<5>(bytes, slots),
            6 => octets::<6>(bytes, slots),
            7 => octets::<7>(bytes, slots),
            8 => octets::<8>(bytes, slots),
            9 => octets::<9>(bytes, slots),
            10 => octets::<10>(bytes, slots),
            11 => octets::<11>(bytes, slots),
            12 => octets::<12>(bytes, slots),
            13 => octets::<13>(bytes, slots),
            14 => octets::<14>(bytes, slots),
            15 => octets::<15>(bytes, slots),
            16 => octets::<16>(bytes, slots),
            17 => octets::<17>(bytes, slots),
            18 => octets::<18>(bytes, slots),
            19 => octets::<19>(bytes, slots),
            20 => octets::<20>(bytes, slots),
            _ => 0,
        };
        let rest = bytes.get(done / 8 * usize::from(bit_width)..).unwrap_or(&[]);
        let mut slots_left = slots[done..].iter_mut();
        unpack(rest, bit_width, slots_left.len(), |value| {
            if let Some(slot) = slots_left.next() {
                *slot = value as u32;
            }
        });
    }
}

/// Unpacks groups of eight values as far as whole words can be loaded; returns how many values.
fn octets<const WIDTH: usize>(bytes: &[u8], slots: &mut [u32]) -> usize {
    let (octets, _) = slots.as_chunks_mut::<8>();
    let mut done = 0;
    for (number, octet) in octets.iter_mut().enumerate() {
        let at = number * WIDTH;
        let Some(group) = bytes.get(at..at + WIDTH + 8) else { break };
        for (value, slot) in octet.iter_mut().enumerate() {
            let bit = value * WIDTH;
            let word = group[bit / 8..].first_chunk::<8>().map_or(0, |w| u64::from_le_bytes(*w));
            *slot = (word >> (bit % 8)) as u32 & ((1 << WIDTH) - 1);
        }
        done += 8;
    }
    done
}

impl FromBits for bool {
    fn from_bits(bits: u32) -> Self {
        bits != 0
    }
}

#[cfg(test)]
#[path = "rle_tests.rs"]
mod tests;
