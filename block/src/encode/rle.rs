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

/// Appends `values` as runs alone where that is shorter than packing them.
pub fn encode_levels(values: &[u8], width: u8, out: &mut Vec<u8>) {
    let runs = 1 + values.iter().zip(values.iter().skip(1)).filter(|(a, b)| a != b).count();
    if runs * 16 > values.len() * usize::from(width) {
        return encode(values, width, out);
    }
    for run in values.chunk_by(|a, b| a == b) {
        put_run(run[0].into(), run.len(), width, out);
    }
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
    if width.is_multiple_of(8) {
        return put_whole_bytes(values, usize::from(width / 8), out);
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

fn put_whole_bytes<T: Copy + Into<u32>>(values: &[T], bytes: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + values.len().next_multiple_of(8) * bytes, 0);
    for (slot, &value) in out[start..].chunks_exact_mut(bytes).zip(values) {
        slot.copy_from_slice(&value.into().to_le_bytes()[..bytes]);
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
pub fn pack(values: impl Iterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    let (mut all, mut bits) = (0u128, 0);
    for value in values {
        all |= u128::from(value) << bits;
        bits += u32::from(width);
        if bits >= 64 {
            out.extend_from_slice(&(all as u64).to_le_bytes());
            all >>= 64;
            bits -= 64;
        }
    }
    out.extend_from_slice(&all.to_le_bytes()[..bits as usize / 8]);
}

#[cfg(test)]
#[path = "rle_tests.rs"]
mod tests;
