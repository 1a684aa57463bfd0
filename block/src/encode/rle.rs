//! Parquet's hybrid of run lengths and bit-packing, for levels and dictionary codes.

use stringendo_proto::wire::put_varint;

/// Bits that numbers up to `max` need.
pub fn bits_for(max: u32) -> u8 {
    (32 - max.leading_zeros()) as u8
}

/// Bits for codes of a dictionary of `len` entries: whole bytes, since pages are compressed, and
/// what repeats then does so byte by byte. Never none: readers differ on that.
pub fn width_of_codes(len: usize) -> u8 {
    bits_for(len.saturating_sub(1) as u32).max(1).next_multiple_of(8)
}

/// Appends `values`, each of `width` bits (1 to 8), as runs alone where that is shorter than
/// packing them.
pub fn encode_levels(values: &[u8], width: u8, out: &mut Vec<u8>) {
    if (changes(values) + 1) * 16 > values.len() * usize::from(width) {
        return pack_levels(values, width, out);
    }
    let mut at = 0;
    while at < values.len() {
        let run = run_of_bytes(&values[at..]);
        put_run_of_bytes(values[at], run, out);
        at += run;
    }
}

/// A run of values of up to 8 bits; most are short.
#[inline]
fn put_run_of_bytes(value: u8, run: usize, out: &mut Vec<u8>) {
    match u8::try_from(run << 1) {
        Ok(head @ ..0x80) => out.extend_from_slice(&[head, value]),
        _ => put_run(value.into(), run, 8, out),
    }
}

/// How often a value differs from the one before it.
fn changes(values: &[u8]) -> usize {
    /// So many fit a byte's worth of counting, which goes many at a time.
    const STEP: usize = 128;
    let behind = values.get(1..).unwrap_or_default();
    let steps = behind.chunks(STEP).zip(values.chunks(STEP));
    let in_step = |(behind, values): (&[u8], &[u8])| {
        usize::from(behind.iter().zip(values).map(|(a, b)| u8::from(a != b)).sum::<u8>())
    };
    steps.map(in_step).sum()
}

/// Runs of eight and more as runs, what is between them packed.
fn pack_levels(values: &[u8], width: u8, out: &mut Vec<u8>) {
    let (mut at, mut literals) = (0, 0);
    while let Some(group) = values[at..].first_chunk() {
        if u64::from_le_bytes(*group) != EACH_BYTE * u64::from(group[0]) {
            at += 8;
            continue;
        }
        pack_bytes(&values[literals..at], width, out);
        let run = run_of_bytes(&values[at..]);
        put_run_of_bytes(group[0], run, out);
        at += run;
        literals = at;
    }
    pack_bytes(&values[literals..], width, out);
}

/// A word of eight bytes, each 1.
const EACH_BYTE: u64 = 0x0101_0101_0101_0101;

/// How many values are equal to the first, which there is.
#[inline]
fn run_of_bytes(values: &[u8]) -> usize {
    let word = EACH_BYTE * u64::from(values[0]);
    let mut run = 0;
    while let Some(group) = values[run..].first_chunk() {
        let others = u64::from_le_bytes(*group) ^ word;
        if others != 0 {
            return run + others.trailing_zeros() as usize / 8;
        }
        run += 8;
    }
    run + values[run..].iter().take_while(|&&value| value == values[0]).count()
}

/// Groups of eight bytes that hold `width` bits each; only the last group of all may be padded.
fn pack_bytes(values: &[u8], width: u8, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    put_varint(out, (values.len().div_ceil(8) as u64) << 1 | 1);
    let (groups, rest) = values.as_chunks();
    let len = usize::from(width);
    for group in groups {
        // All eight bytes at once, then back to where the bits end.
        let end = out.len() + len;
        out.extend_from_slice(&gather(*group, width));
        out.truncate(end);
    }
    if !rest.is_empty() {
        let mut padded = [0; 8];
        padded[..rest.len()].copy_from_slice(rest);
        out.extend_from_slice(&gather(padded, width)[..len]);
    }
}

/// The low `width` bits of eight bytes, side by side: pairs of bytes first, then pairs of those.
#[inline]
fn gather(group: [u8; 8], width: u8) -> [u8; 8] {
    let mut word = u64::from_le_bytes(group);
    let mut bits = u32::from(width);
    for lane in [16_u32, 32, 64] {
        let low = (u64::MAX >> (64 - bits)) * (u64::MAX / (u64::MAX >> (64 - lane)));
        let high = low << bits;
        word = word & low | word >> (lane / 2 - bits) & high;
        bits *= 2;
    }
    word.to_le_bytes()
}

/// Appends `values`, each of `width` bits (1 to 32), without a length in front.
pub fn encode<T: Copy + PartialEq + Into<u32>>(values: &[T], width: u8, out: &mut Vec<u8>) {
    let (mut at, mut literals) = (0, 0);
    while at < values.len() {
        let run = run_length(&values[at..]);
        if run < 8 {
            at = (at + 8).min(values.len());
            continue;
        }
        put_literals(&values[literals..at], width, out);
        put_run(values[at].into(), run, width, out);
        at += run;
        literals = at;
    }
    put_literals(&values[literals..], width, out);
}

fn run_length<T: Copy + PartialEq>(values: &[T]) -> usize {
    let first = values[0];
    values.iter().position(|&value| value != first).unwrap_or(values.len())
}

fn put_run(value: u32, run: usize, width: u8, out: &mut Vec<u8>) {
    put_varint(out, (run as u64) << 1);
    out.extend_from_slice(&value.to_le_bytes()[..usize::from(width).div_ceil(8)]);
}

/// Groups of eight; only the last group of all may be padded.
fn put_literals<T: Copy + Into<u32>>(values: &[T], width: u8, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    put_varint(out, (values.len().div_ceil(8) as u64) << 1 | 1);
    match width {
        8 => return put_whole_bytes::<_, 1>(values, out),
        16 => return put_whole_bytes::<_, 2>(values, out),
        24 => return put_whole_bytes::<_, 3>(values, out),
        32 => return put_whole_bytes::<_, 4>(values, out),
        _ => {}
    }
    let mut groups = values.chunks_exact(8);
    for group in &mut groups {
        put_group(group, width, out);
    }
    let rest = groups.remainder();
    if !rest.is_empty() {
        let mut padded = [0u32; 8];
        for (slot, &value) in padded.iter_mut().zip(rest) {
            *slot = value.into();
        }
        put_group(&padded, width, out);
    }
}

fn put_whole_bytes<T: Copy + Into<u32>, const BYTES: usize>(values: &[T], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + values.len().next_multiple_of(8) * BYTES, 0);
    for (slot, &value) in out[start..].as_chunks_mut::<BYTES>().0.iter_mut().zip(values) {
        slot.copy_from_slice(&value.into().to_le_bytes()[..BYTES]);
    }
}

#[inline]
fn put_group<T: Copy + Into<u32>>(group: &[T], width: u8, out: &mut Vec<u8>) {
    if width <= 8 {
        let packed = group.iter().rev().fold(0u64, |all, &v| all << width | u64::from(v.into()));
        out.extend_from_slice(&packed.to_le_bytes()[..usize::from(width)]);
    } else if width <= 16 {
        let packed = group.iter().rev().fold(0u128, |all, &v| all << width | u128::from(v.into()));
        out.extend_from_slice(&packed.to_le_bytes()[..usize::from(width)]);
    } else {
        pack(group.iter().map(|&v| u64::from(v.into())), width, out);
    }
}

/// Appends numbers of `width` bits each, least significant bit first. Bits in all must be a
/// multiple of 8.
#[inline]
pub fn pack(values: impl Iterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    let (width, mut word, mut bits) = (u32::from(width), 0, 0);
    for value in values {
        word |= value << bits;
        bits += width;
        if bits >= 64 {
            out.extend_from_slice(&word.to_le_bytes());
            bits -= 64;
            // What did not fit; a shift by 64 would be none.
            word = if bits == 0 { 0 } else { value >> (width - bits) };
        }
    }
    out.extend_from_slice(&word.to_le_bytes()[..bits as usize / 8]);
}

#[cfg(test)]
#[path = "rle_tests.rs"]
mod tests;
