//! Some values of a page, where few of its rows are wanted: for encodings in which they are found
//! without decoding those before them.
//!
//! From: [`super::page`]. Others are decoded whole by [`super::values`], and picked here.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::rle::decode_hybrid_ranges;
use super::values::{
    BadPage, ByteValues, Dictionary, Physical, Values, encoding, first_deltas, look_up,
};

const CUT: BadPage = BadPage("values are cut short");

/// Those of the `count` values of a data page's body that are in `ranges`, which ascend; `None` if
/// that takes decoding all of them.
pub(super) fn decode_some(
    physical: Physical,
    page_encoding: u8,
    body: &Bytes,
    (count, ranges): (usize, &[Range<usize>]),
    dictionary: Option<&Dictionary>,
) -> Option<Result<Values, BadPage>> {
    let end = ranges.last().map_or(0, |range| range.end);
    if end > count {
        return Some(Err(CUT));
    }
    match (page_encoding, physical) {
        (encoding::PLAIN, Physical::Bool) => Some(bools(body, count, ranges)),
        (encoding::PLAIN, Physical::Int32) => {
            let int = |word| i64::from(i32::from_le_bytes(word));
            Some(words::<4, _>(body, count, ranges, int).map(Values::Int))
        }
        (encoding::PLAIN, Physical::Int64) => {
            Some(words::<8, _>(body, count, ranges, i64::from_le_bytes).map(Values::Int))
        }
        (encoding::PLAIN, Physical::Double) => {
            Some(words::<8, _>(body, count, ranges, f64::from_le_bytes).map(Values::Float))
        }
        (encoding::PLAIN, Physical::ByteArray) => Some(strings(body, ranges)),
        (encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY, _) => {
            Some(codes(body, count, ranges, dictionary))
        }
        (encoding::DELTA_BINARY_PACKED, Physical::Int32 | Physical::Int64) => {
            Some(ints(physical, body, (count, end), ranges))
        }
        (encoding::DELTA_LENGTH_BYTE_ARRAY, Physical::ByteArray) => {
            Some(measured_strings(body, (count, end), ranges))
        }
        _ => None,
    }
}

/// The values in `ranges` of those that were decoded.
pub(super) fn pick(values: Values, ranges: &[Range<usize>]) -> Values {
    match values {
        Values::Bytes(all) => {
            let (data, spans) = (all.data.clone(), pick_of(&all.spans, ranges));
            Values::Bytes(Arc::new(ByteValues { data, spans }))
        }
        Values::Codes { codes, dictionary } => {
            Values::Codes { codes: pick_of(&codes, ranges), dictionary }
        }
        Values::Int(all) => Values::Int(pick_of(&all, ranges)),
        Values::Float(all) => Values::Float(pick_of(&all, ranges)),
        Values::Bool(all) => Values::Bool(pick_of(&all, ranges)),
    }
}

fn pick_of<T: Copy>(all: &[T], ranges: &[Range<usize>]) -> Vec<T> {
    let parts = ranges.iter().filter_map(|range| all.get(range.clone()));
    parts.flatten().copied().collect()
}

fn words<const BYTES: usize, T>(
    body: &[u8],
    count: usize,
    ranges: &[Range<usize>],
    value: impl Fn([u8; BYTES]) -> T,
) -> Result<Vec<T>, BadPage> {
    let (words, _) = body.as_chunks::<BYTES>();
    let words = words.get(..count).ok_or(CUT)?;
    let mut values = Vec::with_capacity(ranges.iter().map(Range::len).sum());
    for range in ranges {
        let words = words.get(range.clone()).ok_or(CUT)?;
        values.extend(words.iter().map(|word| value(*word)));
    }
    Ok(values)
}

fn codes(
    body: &[u8],
    count: usize,
    ranges: &[Range<usize>],
    dictionary: Option<&Dictionary>,
) -> Result<Values, BadPage> {
    let dictionary = dictionary.ok_or(BadPage("dictionary page is missing"))?;
    let mut codes: Vec<u32> = Vec::new();
    if ranges.iter().any(|range| !range.is_empty()) {
        let (bit_width, packed) = body.split_first().ok_or(BadPage("codes are cut short"))?;
        decode_hybrid_ranges(packed, *bit_width, count, ranges, &mut codes)?;
    }
    look_up(codes, dictionary)
}

fn bools(body: &[u8], count: usize, ranges: &[Range<usize>]) -> Result<Values, BadPage> {
    let bits = body.get(..count.div_ceil(8)).ok_or(CUT)?;
    let bools = ranges.iter().cloned().flatten().map(|at| bits[at / 8] >> (at % 8) & 1 == 1);
    Ok(Values::Bool(bools.collect()))
}

/// Deltas are added up as far as the last one that is wanted.
fn ints(
    physical: Physical,
    body: &[u8],
    (count, end): (usize, usize),
    ranges: &[Range<usize>],
) -> Result<Values, BadPage> {
    let mut all = Vec::new();
    first_deltas(body, count, end, &mut all)?;
    let mut ints = pick_of(&all, ranges);
    if physical == Physical::Int32 {
        ints.iter_mut().for_each(|value| *value = i64::from(*value as i32));
    }
    Ok(Values::Int(ints))
}

/// Strings whose lengths come first.
fn measured_strings(
    body: &Bytes,
    (count, end): (usize, usize),
    ranges: &[Range<usize>],
) -> Result<Values, BadPage> {
    let mut lengths = Vec::new();
    let data_len = first_deltas(body, count, end, &mut lengths)?.len();
    let data = body.slice(body.len() - data_len..);
    let step = |at: Option<usize>, length: &i64| {
        let next = at?.checked_add(usize::try_from(*length).ok()?)?;
        (next <= data.len()).then_some(next)
    };
    let mut spans = Vec::with_capacity(ranges.iter().map(Range::len).sum());
    let (mut at, mut done) = (Some(0), 0);
    for range in ranges {
        at = lengths[done..range.start].iter().fold(at, step);
        for length in &lengths[range.clone()] {
            let start = at;
            at = step(at, length);
            let span = start.zip(at).ok_or(BadPage("string beyond its page"))?;
            spans.push((span.0 as u32, span.1 as u32));
        }
        done = range.end;
    }
    Ok(Values::Bytes(Arc::new(ByteValues { data, spans })))
}

/// Strings have their lengths before them, so those before a range are stepped over.
fn strings(body: &Bytes, ranges: &[Range<usize>]) -> Result<Values, BadPage> {
    const CUT: BadPage = BadPage("strings are cut short");
    // Each takes four bytes at least.
    if ranges.last().is_some_and(|last| last.end > body.len() / 4) {
        return Err(CUT);
    }
    let mut spans = Vec::with_capacity(ranges.iter().map(Range::len).sum());
    let (mut at, mut number) = (0_usize, 0);
    for range in ranges {
        while number < range.end {
            let (length, rest) = body[at..].split_first_chunk::<4>().ok_or(CUT)?;
            let length = u32::from_le_bytes(*length) as usize;
            if length > rest.len() {
                return Err(CUT);
            }
            let start = at + 4;
            at = start + length;
            if number >= range.start {
                spans.push((start as u32, at as u32));
            }
            number += 1;
        }
    }
    Ok(Values::Bytes(Arc::new(ByteValues { data: body.clone(), spans })))
}

#[cfg(test)]
#[path = "some_values_tests.rs"]
mod tests;
