//! The footer: schema leaves, row groups, column chunks and their offset indexes.
//!
//! From: the last bytes of `data.parquet`. To: [`super::BlockReader`]. Input is not trusted: all
//! offsets are checked to lie within the file's data, and counts against limits. (The `parquet`
//! crate reads footers too, but asserts on some malformed schemas and keeps far more in memory.)

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::ReadError;
use super::page::Codec;
use super::thrift::{BadThrift, Thrift, kind};
use super::values::Physical;
use crate::schema::{CREATED_BY, name_of};

/// Most leaves in a schema; Tempo's has at most some 170.
const LEAVES_MAX: usize = 1024;
/// Deepest nesting in a schema; Tempo's is 18, since vParquet4 has lists of three levels.
const SCHEMA_DEPTH_MAX: u8 = 24;
/// Most values in a column chunk.
const CHUNK_VALUES_MAX: u64 = 1 << 31;

/// A leaf of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Dotted path without the root.
    pub(crate) path: Arc<str>,
    /// `None` for types that Tempo does not use.
    pub(crate) physical: Option<Physical>,
    pub(crate) max_def: u8,
    pub(crate) max_rep: u8,
}

/// Where a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageSpot {
    pub(crate) offset: u64,
    pub(crate) length: u32,
    first_row: u32,
}

impl PageSpot {
    /// Number of its first row in the row group.
    pub(crate) fn first_row(&self) -> u64 {
        u64::from(self.first_row)
    }
}

/// Smallest and largest value of a column chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) min: Option<Vec<u8>>,
    pub(crate) max: Option<Vec<u8>>,
}

/// A column of a row group.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) range: Range<u64>,
    /// `None` for a codec that is not read.
    pub(crate) codec: Option<Codec>,
    pub(crate) bounds: Bounds,
    /// Where its dictionary page is, if it has one.
    pub(crate) dictionary: Option<Range<u64>>,
    /// Whether it is known that every value is an entry of the dictionary.
    pub(crate) is_all_codes: bool,
    /// Values, absent ones included.
    pub(crate) entries: u64,
    /// As the file says.
    pub(crate) encodings: Encodings,
    pub(crate) offset_index: Option<Range<u64>>,
    /// The offset index, once known.
    pub(crate) pages: Option<Vec<PageSpot>>,
}

/// A set of Parquet's encodings, by their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Encodings(u16);

impl Encodings {
    fn insert(&mut self, number: i64) {
        self.0 |= u32::try_from(number).ok().and_then(|bit| 1_u16.checked_shl(bit)).unwrap_or(0);
    }

    /// Their names.
    pub(crate) fn names(self) -> Vec<&'static str> {
        const NAMES: [&str; 10] = [
            "PLAIN",
            "1",
            "PLAIN_DICTIONARY",
            "RLE",
            "BIT_PACKED",
            "DELTA_BINARY_PACKED",
            "DELTA_LENGTH_BYTE_ARRAY",
            "DELTA_BYTE_ARRAY",
            "RLE_DICTIONARY",
            "BYTE_STREAM_SPLIT",
        ];
        let names = NAMES.iter().enumerate();
        names.filter(|(number, _)| self.0 >> number & 1 == 1).map(|(_, name)| *name).collect()
    }
}

/// A row group.
#[derive(Clone, Debug)]
pub(crate) struct RowGroup {
    pub(crate) rows: u64,
    pub(crate) chunks: Vec<Chunk>,
}

/// What a footer says.
#[derive(Clone, Debug)]
pub(crate) struct Footer {
    /// Whether this program wrote the file.
    pub(crate) is_own: bool,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) row_groups: Vec<RowGroup>,
}

/// Parses the footer's thrift bytes. `data_end` is where the footer begins in the file.
pub(crate) fn parse(bytes: &[u8], data_end: u64) -> Result<Footer, ReadError> {
    let raw = read_file(&mut Thrift::new(bytes))
        .map_err(|BadThrift| damaged("data.parquet: footer does not parse"))?;
    let is_own = raw.created_by.starts_with(CREATED_BY.as_bytes());
    let leaves = flatten(&raw.schema)?;
    let mut row_groups = Vec::with_capacity(raw.row_groups.len());
    for (number, group) in raw.row_groups.into_iter().enumerate() {
        row_groups.push(check_row_group(number, group, &leaves, data_end)?);
    }
    Ok(Footer { is_own, leaves, row_groups })
}

fn damaged(what: impl Into<String>) -> ReadError {
    ReadError::Damaged(what.into())
}

#[derive(Default)]
struct RawFile<'a> {
    schema: Vec<RawElement<'a>>,
    row_groups: Vec<RawRowGroup>,
    created_by: &'a [u8],
}

#[derive(Clone, Copy, Default)]
struct RawElement<'a> {
    physical: Option<i64>,
    repetition: i64,
    name: &'a [u8],
    children: u64,
}

#[derive(Default)]
struct RawRowGroup {
    rows: u64,
    chunks: Vec<RawChunk>,
}

#[derive(Default)]
struct RawChunk {
    codec: i64,
    encodings: Encodings,
    values: u64,
    length: u64,
    data_offset: u64,
    dictionary_offset: u64,
    index_offset: u64,
    index_length: u64,
    bounds: Bounds,
    /// Encodings of its pages, as far as the file says.
    pages: Vec<RawPageCount>,
}

#[derive(Clone, Copy, Default)]
struct RawPageCount {
    kind: i64,
    encoding: i64,
}

fn read_file<'a>(thrift: &mut Thrift<'a>) -> Result<RawFile<'a>, BadThrift> {
    let mut file = RawFile::default();
    thrift.each_field(|t, id, ty| {
        match (id, ty) {
            (2, kind::LIST) => file.schema = read_list(t, 4, read_element)?,
            (4, kind::LIST) => file.row_groups = read_list(t, 64, read_row_group)?,
            (6, kind::BINARY) => file.created_by = t.binary()?,
            _ => t.skip(ty)?,
        }
        Ok(())
    })?;
    Ok(file)
}

/// Reads a list of structs, each of at least `element_bytes_min` (a little below what any writer
/// needs), so that a few bytes cannot demand much memory.
fn read_list<'a, T>(
    thrift: &mut Thrift<'a>,
    element_bytes_min: usize,
    element: impl Fn(&mut Thrift<'a>) -> Result<T, BadThrift>,
) -> Result<Vec<T>, BadThrift> {
    let count = thrift.list(kind::STRUCT, element_bytes_min)?;
    let mut elements = Vec::with_capacity(count.min(256));
    for _ in 0..count {
        elements.push(element(thrift)?);
    }
    Ok(elements)
}

fn read_element<'a>(thrift: &mut Thrift<'a>) -> Result<RawElement<'a>, BadThrift> {
    let mut element = RawElement::default();
    thrift.each_field(|t, id, ty| {
        match (id, ty) {
            (1, kind::I32) => element.physical = Some(t.int()?),
            (3, kind::I32) => element.repetition = t.int()?,
            (4, kind::BINARY) => element.name = t.binary()?,
            (5, kind::I32) => element.children = t.unsigned()?,
            _ => t.skip(ty)?,
        }
        Ok(())
    })?;
    Ok(element)
}

fn read_row_group(thrift: &mut Thrift<'_>) -> Result<RawRowGroup, BadThrift> {
    let mut group = RawRowGroup::default();
    thrift.each_field(|t, id, ty| {
        match (id, ty) {
            (1, kind::LIST) => group.chunks = read_list(t, 16, read_chunk)?,
            (3, kind::I64) => group.rows = t.unsigned()?,
            _ => t.skip(ty)?,
        }
        Ok(())
    })?;
    Ok(group)
}

fn read_chunk(thrift: &mut Thrift<'_>) -> Result<RawChunk, BadThrift> {
    let mut chunk = RawChunk::default();
    thrift.each_field(|t, id, ty| {
        match (id, ty) {
            (3, kind::STRUCT) => read_chunk_meta(t, &mut chunk)?,
            (4, kind::I64) => chunk.index_offset = t.unsigned()?,
            (5, kind::I32) => chunk.index_length = t.unsigned()?,
            _ => t.skip(ty)?,
        }
        Ok(())
    })?;
    Ok(chunk)
}

fn read_chunk_meta(thrift: &mut Thrift<'_>, chunk: &mut RawChunk) -> Result<(), BadThrift> {
    thrift.each_field(|t, id, ty| {
        match (id, ty) {
            (2, kind::LIST) => chunk.encodings = read_encodings(t)?,
            (4, kind::I32) => chunk.codec = t.int()?,
            (5, kind::I64) => chunk.values = t.unsigned()?,
            (7, kind::I64) => chunk.length = t.unsigned()?,
            (9, kind::I64) => chunk.data_offset = t.unsigned()?,
            (11, kind::I64) => chunk.dictionary_offset = t.unsigned()?,
            (12, kind::STRUCT) => chunk.bounds = read_bounds(t)?,
            (13, kind::LIST) => chunk.pages = read_list(t, 4, read_page_count)?,
            _ => t.skip(ty)?,
        }
        Ok(())
    })
}

fn read_encodings(thrift: &mut Thrift<'_>) -> Result<Encodings, BadThrift> {
    let mut encodings = Encodings::default();
    for _ in 0..thrift.list(kind::I32, 1)? {
        encodings.insert(thrift.int()?);
    }
    Ok(encodings)
}

fn read_page_count(thrift: &mut Thrift<'_>) -> Result<RawPageCount, BadThrift> {
    let mut count = RawPageCount::default();
    thrift.each_field(|t, id, ty| {
        match (id, ty) {
            (1, kind::I32) => count.kind = t.int()?,
            (2, kind::I32) => count.encoding = t.int()?,
            _ => t.skip(ty)?,
        }
        Ok(())
    })?;
    Ok(count)
}

/// Only `min_value` and `max_value`: the order of the older fields is not defined.
fn read_bounds(thrift: &mut Thrift<'_>) -> Result<Bounds, BadThrift> {
    let mut bounds = Bounds::default();
    thrift.each_field(|t, id, ty| {
        match (id, ty) {
            (5, kind::BINARY) => bounds.max = short(t.binary()?),
            (6, kind::BINARY) => bounds.min = short(t.binary()?),
            _ => t.skip(ty)?,
        }
        Ok(())
    })?;
    Ok(bounds)
}

/// Bounds that are used have 8 or 16 bytes; longer ones are not kept.
fn short(bytes: &[u8]) -> Option<Vec<u8>> {
    (bytes.len() <= 16).then(|| bytes.to_vec())
}

/// The leaves in file order, with paths and levels.
fn flatten(schema: &[RawElement<'_>]) -> Result<Vec<Leaf>, ReadError> {
    let (root, mut rest) =
        schema.split_first().ok_or_else(|| damaged("data.parquet: schema is empty"))?;
    let mut leaves = Vec::new();
    for _ in 0..root.children {
        rest = flatten_element(rest, &Parent::default(), &mut leaves)?;
    }
    match rest.is_empty() {
        true => Ok(leaves),
        false => Err(damaged("data.parquet: schema has more elements than its tree")),
    }
}

#[derive(Clone, Default)]
struct Parent {
    path: String,
    max_def: u8,
    max_rep: u8,
    depth: u8,
}

fn flatten_element<'s, 'a>(
    elements: &'s [RawElement<'a>],
    parent: &Parent,
    leaves: &mut Vec<Leaf>,
) -> Result<&'s [RawElement<'a>], ReadError> {
    let (element, mut rest) =
        elements.split_first().ok_or_else(|| damaged("data.parquet: schema is cut short"))?;
    if parent.depth >= SCHEMA_DEPTH_MAX || leaves.len() >= LEAVES_MAX {
        return Err(damaged("data.parquet: schema is too deep or has too many columns"));
    }
    let here = child_of(parent, element);
    let Some(physical) = element.physical else {
        if element.children == 0 {
            return Err(damaged(format!("data.parquet: group {} is empty", here.path)));
        }
        for _ in 0..element.children {
            rest = flatten_element(rest, &here, leaves)?;
        }
        return Ok(rest);
    };
    leaves.push(Leaf {
        path: Arc::from(here.path),
        physical: physical_type(physical),
        max_def: here.max_def,
        max_rep: here.max_rep,
    });
    Ok(rest)
}

fn child_of(parent: &Parent, element: &RawElement<'_>) -> Parent {
    let name = String::from_utf8_lossy(element.name);
    Parent {
        path: match parent.path.is_empty() {
            true => name.into_owned(),
            false => format!("{}.{name}", parent.path),
        },
        // 0 required, 1 optional, 2 repeated.
        max_def: parent.max_def + u8::from(element.repetition != 0),
        max_rep: parent.max_rep + u8::from(element.repetition == 2),
        depth: parent.depth + 1,
    }
}

fn physical_type(number: i64) -> Option<Physical> {
    match number {
        0 => Some(Physical::Bool),
        1 => Some(Physical::Int32),
        2 => Some(Physical::Int64),
        5 => Some(Physical::Double),
        6 => Some(Physical::ByteArray),
        _ => None,
    }
}

fn codec(number: i64) -> Option<Codec> {
    match number {
        0 => Some(Codec::None),
        1 => Some(Codec::Snappy),
        2 => Some(Codec::Gzip),
        6 => Some(Codec::Zstd),
        _ => None,
    }
}

fn check_row_group(
    number: usize,
    group: RawRowGroup,
    leaves: &[Leaf],
    data_end: u64,
) -> Result<RowGroup, ReadError> {
    let place = |what: &str| damaged(format!("data.parquet: row group {number}: {what}"));
    if group.chunks.len() != leaves.len() {
        return Err(place("not as many columns as the schema"));
    }
    let mut chunks = Vec::with_capacity(leaves.len());
    for (raw, leaf) in group.chunks.into_iter().zip(leaves) {
        if raw.values > CHUNK_VALUES_MAX || raw.values < group.rows {
            return Err(place(&format!("column {} has a wrong number of values", leaf.path)));
        }
        let chunk = check_chunk(raw, leaf, data_end)
            .ok_or_else(|| place(&format!("column {} is outside the file", leaf.path)))?;
        chunks.push(chunk);
    }
    Ok(RowGroup { rows: group.rows, chunks })
}

fn check_chunk(raw: RawChunk, leaf: &Leaf, data_end: u64) -> Option<Chunk> {
    // Some writers say 0 where there is no dictionary.
    let start = match raw.dictionary_offset {
        0 => raw.data_offset,
        dictionary => dictionary.min(raw.data_offset),
    };
    let range = within(start, raw.length, data_end)?;
    let offset_index = match raw.index_length {
        0 => None,
        length => Some(within(raw.index_offset, length, data_end)?),
    };
    let dictionary = match raw.dictionary_offset {
        0 => None,
        offset if offset < raw.data_offset => Some(offset..raw.data_offset.min(range.end)),
        _ => None,
    };
    let is_bounded = BOUNDED.contains(&&*name_of(&leaf.path));
    let bounds = if is_bounded { raw.bounds } else { Bounds::default() };
    Some(Chunk {
        range,
        codec: codec(raw.codec),
        bounds,
        is_all_codes: dictionary.is_some() && has_only_codes(&raw.pages),
        dictionary,
        entries: raw.values,
        encodings: raw.encodings,
        offset_index,
        pages: None,
    })
}

/// Columns whose bounds are of use.
const BOUNDED: [&str; 9] = [
    "TraceID",
    "StartTimeUnixNano",
    "EndTimeUnixNano",
    "DurationNano",
    "rs.ss.Spans.Kind",
    "rs.ss.Spans.StartTimeUnixNano",
    "rs.ss.Spans.DurationNano",
    "rs.ss.Spans.StatusCode",
    "rs.ss.Spans.Events.TimeSinceStartNano",
];

/// Whether all data pages are said to hold codes of a dictionary.
fn has_only_codes(pages: &[RawPageCount]) -> bool {
    const DATA: [i64; 2] = [0, 3];
    const CODES: [i64; 2] = [2, 8];
    let mut data = pages.iter().filter(|page| DATA.contains(&page.kind)).peekable();
    data.peek().is_some() && data.all(|page| CODES.contains(&page.encoding))
}

fn within(start: u64, length: u64, end: u64) -> Option<Range<u64>> {
    let stop = start.checked_add(length)?;
    (stop <= end).then_some(start..stop)
}

/// Parses an offset index. `None` if it is damaged or contradicts its chunk: the index only saves
/// reading, so it is then left aside.
pub(crate) fn parse_offset_index(
    bytes: &Bytes,
    range: &Range<u64>,
    rows: u64,
) -> Option<Vec<PageSpot>> {
    let mut pages = Vec::new();
    let mut thrift = Thrift::new(bytes);
    thrift
        .each_field(|t, id, ty| {
            match (id, ty) {
                (1, kind::LIST) => pages = read_list(t, 6, read_spot)?,
                _ => t.skip(ty)?,
            }
            Ok(())
        })
        .ok()?;
    let first = pages.first()?;
    let in_order = pages.is_sorted_by(|a, b| {
        a.first_row <= b.first_row && a.offset.checked_add(a.length.into()) <= Some(b.offset)
    });
    let last = pages.last()?;
    let last_end = last.offset.checked_add(last.length.into())?;
    let sane = in_order
        && first.first_row == 0
        && first.offset >= range.start
        && last_end <= range.end
        && last.first_row() <= rows;
    sane.then_some(pages)
}

fn read_spot(thrift: &mut Thrift<'_>) -> Result<PageSpot, BadThrift> {
    let mut spot = PageSpot { offset: 0, length: 0, first_row: 0 };
    thrift.each_field(|t, id, ty| {
        match (id, ty) {
            (1, kind::I64) => spot.offset = t.unsigned()?,
            (2, kind::I32) => spot.length = u32::try_from(t.unsigned()?).map_err(|_| BadThrift)?,
            (3, kind::I64) => {
                spot.first_row = u32::try_from(t.unsigned()?).map_err(|_| BadThrift)?;
            }
            _ => t.skip(ty)?,
        }
        Ok(())
    })?;
    Ok(spot)
}

#[cfg(test)]
#[path = "footer_tests.rs"]
mod tests;
