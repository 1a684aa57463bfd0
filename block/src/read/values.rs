//! Values of a page, by encoding: PLAIN, dictionary codes, the DELTA family, RLE booleans and
//! BYTE_STREAM_SPLIT.
//!
//! From: [`super::page`], which has split and decompressed a page. To: rows and scans. Strings are
//! positions in the page's bytes, shared, never copied. Input is not trusted: `count` was limited
//! by the caller, everything else is checked here.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::rle::{decode_hybrid, unpack, varint};

/// Why a page does not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadPage(pub(crate) &'static str);

/// Physical types that Tempo's columns have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Physical {
    Bool,
    Int32,
    Int64,
    Double,
    ByteArray,
}

impl Physical {
    /// Parquet's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOLEAN",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Double => "DOUBLE",
            Self::ByteArray => "BYTE_ARRAY",
        }
    }
}

/// Start and end of a value.
type Span = (u32, u32);

/// Strings as positions in shared bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByteValues {
    pub(super) data: Bytes,
    /// Of each value.
    pub(super) spans: Vec<Span>,
}

impl ByteValues {
    /// A copy of some values.
    pub(crate) fn of<'v>(values: impl Iterator<Item = &'v [u8]>) -> Self {
        let (mut data, mut spans) = (Vec::new(), Vec::new());
        for value in values {
            let start = data.len() as u32;
            data.extend_from_slice(value);
            spans.push((start, data.len() as u32));
        }
        Self { data: data.into(), spans }
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn get(&self, at: usize) -> &[u8] {
        let (start, end) = self.spans[at];
        &self.data[start as usize..end as usize]
    }

    /// Some values' bytes and where each begins and ends, if they lie one right after the other.
    pub(crate) fn in_a_row(&self, range: Range<usize>) -> Option<(&[u8], &[Span])> {
        let spans = &self.spans[range];
        let (first, last) = (spans.first()?, spans.last()?);
        let bytes: u64 = spans.iter().map(|(start, end)| u64::from(end - start)).sum();
        let data = self.data.get(first.0 as usize..last.1 as usize)?;
        (data.len() as u64 == bytes).then_some((data, spans))
    }

    pub(crate) fn bytes(&self, at: usize) -> Bytes {
        let (start, end) = self.spans[at];
        if start == end {
            return Bytes::new();
        }
        self.data.slice(start as usize..end as usize)
    }
}

/// Values of a page that are present, in order.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    Bytes(Arc<ByteValues>),
    Codes { codes: Vec<u32>, dictionary: Arc<ByteValues> },
    Int(Vec<i64>),
    Float(Vec<f64>),
    Bool(Vec<bool>),
}

impl Values {
    /// Memory held, without that of the dictionary.
    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Values::Bytes(values) => values.data.len() + values.spans.capacity() * 8,
            Values::Codes { codes, .. } => codes.capacity() * 4,
            Values::Int(values) => values.capacity() * 8,
            Values::Float(values) => values.capacity() * 8,
            Values::Bool(values) => values.capacity(),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Values::Bytes(values) => values.len(),
            Values::Codes { codes, .. } => codes.len(),
            Values::Int(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Bool(values) => values.len(),
        }
    }

    pub(crate) fn byte_slice(&self, at: usize) -> &[u8] {
        match self {
            Values::Bytes(values) => values.get(at),
            Values::Codes { codes, dictionary } => dictionary.get(codes[at] as usize),
            _ => &[],
        }
    }

    pub(crate) fn bytes(&self, at: usize) -> Bytes {
        match self {
            Values::Bytes(values) => values.bytes(at),
            Values::Codes { codes, dictionary } => dictionary.bytes(codes[at] as usize),
            _ => Bytes::new(),
        }
    }

    pub(crate) fn int(&self, at: usize) -> i64 {
        match self {
            Values::Int(values) => values[at],
            _ => 0,
        }
    }

    pub(crate) fn float(&self, at: usize) -> f64 {
        match self {
            Values::Float(values) => values[at],
            _ => 0.0,
        }
    }

    pub(crate) fn bool(&self, at: usize) -> bool {
        match self {
            Values::Bool(values) => values[at],
            _ => false,
        }
    }
}

/// A dictionary page's values; booleans have none.
#[derive(Clone, Debug)]
pub(crate) enum Dictionary {
    Bytes(Arc<ByteValues>),
    Int(Vec<i64>),
    Float(Vec<f64>),
}

impl Dictionary {
    /// The bits of a number.
    pub(crate) fn bits(&self, at: usize) -> u64 {
        match self {
            Self::Bytes(_) => 0,
            Self::Int(values) => values[at] as u64,
            Self::Float(values) => values[at].to_bits(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Float(values) => values.len(),
        }
    }

    /// Memory held.
    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Self::Bytes(values) => values.data.len() + values.spans.capacity() * 8,
            Self::Int(values) => values.capacity() * 8,
            Self::Float(values) => values.capacity() * 8,
        }
    }
}

/// Encodings by their numbers in Parquet.
pub(super) mod encoding {
    pub(in crate::read) const PLAIN: u8 = 0;
    pub(in crate::read) const PLAIN_DICTIONARY: u8 = 2;
    pub(super) const RLE: u8 = 3;
    pub(in crate::read) const DELTA_BINARY_PACKED: u8 = 5;
    pub(in crate::read) const DELTA_LENGTH_BYTE_ARRAY: u8 = 6;
    pub(super) const DELTA_BYTE_ARRAY: u8 = 7;
    pub(in crate::read) const RLE_DICTIONARY: u8 = 8;
    pub(super) const BYTE_STREAM_SPLIT: u8 = 9;
}

/// Decodes a dictionary page's body (always PLAIN) of `count` values.
pub(crate) fn decode_dictionary(
    physical: Physical,
    body: &Bytes,
    count: usize,
) -> Result<Dictionary, BadPage> {
    match decode_plain(physical, body, count)? {
        Values::Bytes(values) => Ok(Dictionary::Bytes(values)),
        Values::Int(values) => Ok(Dictionary::Int(values)),
        Values::Float(values) => Ok(Dictionary::Float(values)),
        _ => Err(BadPage("dictionary of booleans")),
    }
}

/// Decodes the `count` values of a data page's body. `output_bytes_max` limits encodings that can
/// grow without bound.
pub(crate) fn decode(
    physical: Physical,
    page_encoding: u8,
    body: &Bytes,
    count: usize,
    dictionary: Option<&Dictionary>,
    output_bytes_max: usize,
) -> Result<Values, BadPage> {
    use Physical::{Bool, ByteArray, Double, Int32, Int64};
    match (page_encoding, physical) {
        (encoding::PLAIN, _) => decode_plain(physical, body, count),
        (encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY, _) => {
            decode_codes(body, count, dictionary.ok_or(BadPage("dictionary page is missing"))?)
        }
        (encoding::RLE, Bool) => decode_rle_bools(body, count),
        (encoding::DELTA_BINARY_PACKED, Int32 | Int64) => decode_delta_ints(physical, body, count),
        (encoding::DELTA_LENGTH_BYTE_ARRAY, ByteArray) => decode_delta_lengths(body, count),
        (encoding::DELTA_BYTE_ARRAY, ByteArray) => {
            decode_delta_strings(body, count, output_bytes_max)
        }
        (encoding::BYTE_STREAM_SPLIT, Double) => decode_split_doubles(body, count),
        _ => Err(BadPage("encoding is not known for this type")),
    }
}

fn decode_plain(physical: Physical, body: &Bytes, count: usize) -> Result<Values, BadPage> {
    match physical {
        Physical::Bool => {
            let bytes = fixed(body, count.div_ceil(8))?;
            let bools = (0..count).map(|at| bytes[at / 8] >> (at % 8) & 1 == 1);
            Ok(Values::Bool(bools.collect()))
        }
        Physical::Int32 => {
            let (words, _) = fixed(body, count.saturating_mul(4))?.as_chunks::<4>();
            Ok(Values::Int(words.iter().map(|w| i64::from(i32::from_le_bytes(*w))).collect()))
        }
        Physical::Int64 => {
            let (words, _) = fixed(body, count.saturating_mul(8))?.as_chunks::<8>();
            Ok(Values::Int(words.iter().map(|w| i64::from_le_bytes(*w)).collect()))
        }
        Physical::Double => {
            let (words, _) = fixed(body, count.saturating_mul(8))?.as_chunks::<8>();
            Ok(Values::Float(words.iter().map(|w| f64::from_le_bytes(*w)).collect()))
        }
        Physical::ByteArray => decode_plain_strings(body, count),
    }
}

fn fixed(body: &[u8], len: usize) -> Result<&[u8], BadPage> {
    body.get(..len).ok_or(BadPage("values are cut short"))
}

fn decode_plain_strings(body: &Bytes, count: usize) -> Result<Values, BadPage> {
    const CUT: BadPage = BadPage("strings are cut short");
    // Each takes four bytes at least.
    if count > body.len() / 4 {
        return Err(CUT);
    }
    let mut spans = Vec::with_capacity(count);
    let mut at = 0_usize;
    for _ in 0..count {
        let (length, rest) = body[at..].split_first_chunk::<4>().ok_or(CUT)?;
        let length = u32::from_le_bytes(*length) as usize;
        if length > rest.len() {
            return Err(CUT);
        }
        let end = at + 4 + length;
        spans.push(((at + 4) as u32, end as u32));
        at = end;
    }
    Ok(Values::Bytes(Arc::new(ByteValues { data: body.clone(), spans })))
}

/// Whether values of this encoding are codes of a dictionary.
pub(crate) fn is_codes(page_encoding: u8) -> bool {
    matches!(page_encoding, encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY)
}

/// Decodes `count` codes; whether they are in the dictionary is for the caller to check.
pub(crate) fn decode_code_list(body: &[u8], count: usize) -> Result<Vec<u32>, BadPage> {
    let mut codes: Vec<u32> = Vec::new();
    if count > 0 {
        let (bit_width, packed) = body.split_first().ok_or(BadPage("codes are cut short"))?;
        decode_hybrid(packed, *bit_width, count, &mut codes)?;
    }
    Ok(codes)
}

fn decode_codes(body: &[u8], count: usize, dictionary: &Dictionary) -> Result<Values, BadPage> {
    look_up(decode_code_list(body, count)?, dictionary)
}

/// What codes stand for.
pub(super) fn look_up(codes: Vec<u32>, dictionary: &Dictionary) -> Result<Values, BadPage> {
    let Dictionary::Bytes(strings) = dictionary else {
        return look_up_numbers(&codes, dictionary);
    };
    check_codes(&codes, strings.len())?;
    Ok(Values::Codes { codes, dictionary: Arc::clone(strings) })
}

/// The numbers that codes stand for.
pub(super) fn look_up_numbers(codes: &[u32], dictionary: &Dictionary) -> Result<Values, BadPage> {
    check_codes(codes, dictionary.len())?;
    match dictionary {
        Dictionary::Bytes(_) => Err(BadPage("strings where numbers should be")),
        Dictionary::Int(values) => {
            Ok(Values::Int(codes.iter().map(|code| values[*code as usize]).collect()))
        }
        Dictionary::Float(values) => {
            Ok(Values::Float(codes.iter().map(|code| values[*code as usize]).collect()))
        }
    }
}

fn check_codes(codes: &[u32], len: usize) -> Result<(), BadPage> {
    let highest = codes.iter().max().map_or(0, |code| *code as usize + 1);
    if highest > len { Err(BadPage("code beyond the dictionary")) } else { Ok(()) }
}

fn decode_rle_bools(body: &[u8], count: usize) -> Result<Values, BadPage> {
    let mut bools = Vec::new();
    if count > 0 {
        let (_, packed) = body.split_at_checked(4).ok_or(BadPage("booleans are cut short"))?;
        decode_hybrid(packed, 1, count, &mut bools)?;
    }
    Ok(Values::Bool(bools))
}

fn decode_split_doubles(body: &[u8], count: usize) -> Result<Values, BadPage> {
    let bytes = fixed(body, count.saturating_mul(8))?;
    let double =
        |at: usize| f64::from_le_bytes(std::array::from_fn(|byte| bytes[byte * count + at]));
    Ok(Values::Float((0..count).map(double).collect()))
}

fn decode_delta_ints(physical: Physical, body: &[u8], count: usize) -> Result<Values, BadPage> {
    let mut ints = Vec::new();
    delta_binary_packed(body, count, &mut ints)?;
    if physical == Physical::Int32 {
        ints.iter_mut().for_each(|value| *value = i64::from(*value as i32));
    }
    Ok(Values::Int(ints))
}

fn decode_delta_lengths(body: &Bytes, count: usize) -> Result<Values, BadPage> {
    let mut lengths = Vec::new();
    let data_len = delta_binary_packed(body, count, &mut lengths)?.len();
    let data = body.slice(body.len() - data_len..);
    let mut spans = Vec::with_capacity(count);
    let mut at = 0_usize;
    for length in lengths {
        let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
        let end = end.filter(|end| *end <= data.len()).ok_or(BadPage("string beyond its page"))?;
        spans.push((at as u32, end as u32));
        at = end;
    }
    Ok(Values::Bytes(Arc::new(ByteValues { data, spans })))
}

fn decode_delta_strings(
    body: &Bytes,
    count: usize,
    output_bytes_max: usize,
) -> Result<Values, BadPage> {
    let mut prefixes = Vec::new();
    let rest_len = delta_binary_packed(body, count, &mut prefixes)?.len();
    let rest = body.slice(body.len() - rest_len..);
    let Values::Bytes(suffixes) = decode_delta_lengths(&rest, count)? else {
        return Err(BadPage("strings without suffixes"));
    };
    let mut data: Vec<u8> = Vec::new();
    let mut spans: Vec<(u32, u32)> = Vec::with_capacity(count);
    for (at, prefix) in prefixes.into_iter().enumerate() {
        let (last_start, last_end) = spans.last().copied().unwrap_or((0, 0));
        let prefix = u32::try_from(prefix).ok().filter(|p| *p <= last_end - last_start);
        let prefix = prefix.ok_or(BadPage("prefix longer than the string before"))?;
        let start = data.len() as u32;
        data.extend_from_within(last_start as usize..(last_start + prefix) as usize);
        data.extend_from_slice(suffixes.get(at));
        if data.len() > output_bytes_max {
            return Err(BadPage("strings grow beyond the limit"));
        }
        spans.push((start, data.len() as u32));
    }
    Ok(Values::Bytes(Arc::new(ByteValues { data: Bytes::from(data), spans })))
}

/// Shape of a DELTA_BINARY_PACKED stream.
struct DeltaHeader {
    mini_blocks: usize,
    mini_block_values: usize,
    first: i64,
}

/// Largest block that is taken; writers use 128.
const DELTA_BLOCK_VALUES_MAX: u64 = 1 << 16;

fn delta_header(bytes: &[u8], count: usize) -> Result<(DeltaHeader, &[u8]), BadPage> {
    let (block_values, bytes) = varint(bytes)?;
    let (mini_blocks, bytes) = varint(bytes)?;
    let (total, bytes) = varint(bytes)?;
    let (first, bytes) = varint(bytes)?;
    if block_values > DELTA_BLOCK_VALUES_MAX || mini_blocks == 0 || mini_blocks > block_values {
        return Err(BadPage("delta block of an impossible shape"));
    }
    let mini_block_values = block_values / mini_blocks;
    if !mini_block_values.is_multiple_of(8) {
        return Err(BadPage("delta block of an impossible shape"));
    }
    if total != count as u64 {
        return Err(BadPage("delta stream of another length than its page"));
    }
    let header = DeltaHeader {
        mini_blocks: mini_blocks as usize,
        mini_block_values: mini_block_values as usize,
        first: zigzag(first),
    };
    Ok((header, bytes))
}

fn zigzag(raw: u64) -> i64 {
    (raw >> 1) as i64 ^ -((raw & 1) as i64)
}

/// Appends `count` integers to `out`; returns what follows the stream.
fn delta_binary_packed<'a>(
    bytes: &'a [u8],
    count: usize,
    out: &mut Vec<i64>,
) -> Result<&'a [u8], BadPage> {
    first_deltas(bytes, count, count, out)
}

/// Appends at least the first `wanted` of `count` integers to `out`; returns what follows the
/// stream.
pub(super) fn first_deltas<'a>(
    bytes: &'a [u8],
    count: usize,
    wanted: usize,
    out: &mut Vec<i64>,
) -> Result<&'a [u8], BadPage> {
    if count == 0 && bytes.is_empty() {
        return Ok(bytes);
    }
    let (header, mut bytes) = delta_header(bytes, count)?;
    if count == 0 {
        return Ok(bytes);
    }
    out.reserve(wanted.min(count));
    let (mut last, mut done) = (header.first, 1);
    out.push(last);
    while done < count {
        let (min_delta, rest) = varint(bytes)?;
        let min_delta = zigzag(min_delta);
        let (widths, rest) =
            rest.split_at_checked(header.mini_blocks).ok_or(BadPage("widths are cut short"))?;
        bytes = rest;
        for width in widths {
            let values = header.mini_block_values.min(count - done);
            if values == 0 {
                break;
            }
            let (deltas, rest) = mini_block(bytes, *width, values, &header)?;
            if done < wanted {
                add_deltas(deltas, *width, min_delta, values, &mut last, out);
            }
            (bytes, done) = (rest, done + values);
        }
    }
    Ok(bytes)
}

/// The bytes of the next mini block, of which so many values count, and what follows.
fn mini_block<'a>(
    bytes: &'a [u8],
    width: u8,
    values: usize,
    header: &DeltaHeader,
) -> Result<(&'a [u8], &'a [u8]), BadPage> {
    if width > 64 {
        return Err(BadPage("delta width above 64"));
    }
    let whole = header.mini_block_values / 8 * usize::from(width);
    let needed = (values * usize::from(width)).div_ceil(8);
    if bytes.len() < needed {
        return Err(BadPage("deltas are cut short"));
    }
    // The padding of the last mini block may have been cut.
    Ok((bytes, &bytes[whole.min(bytes.len())..]))
}

fn add_deltas(
    bytes: &[u8],
    width: u8,
    min_delta: i64,
    values: usize,
    last: &mut i64,
    out: &mut Vec<i64>,
) {
    let start = out.len();
    if width == 0 && min_delta == 0 {
        // Lengths of what is all equally long.
        out.resize(start + values, *last);
        return;
    }
    out.resize(start + values, 0);
    let mut slots = out[start..].iter_mut();
    unpack(bytes, width, values, |delta| {
        *last = last.wrapping_add(min_delta).wrapping_add(delta as i64);
        if let Some(slot) = slots.next() {
            *slot = *last;
        }
    });
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
