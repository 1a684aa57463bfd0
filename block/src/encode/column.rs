//! One column: values of the page under way, and finished pages of the row group.
//!
//! From: shredding, which pushes values. To: [`super::file`], which takes closed chunks.

use std::cmp::Ordering;
use std::ops::Range;

use super::EncodeError;
use super::compress::{Frames, LEVEL_OF_VALUES, put_stored};
use super::levels::{List, Lists, PageLevels, Placement};
use super::thrift::Struct;
use super::values::{Bounds, CodeMap, Encoded, Source, Values};
use crate::schema::{Leaf, LeafCompression, LeafEncoding, LeafType};

/// Parquet's numbers of encodings and page types.
pub mod code {
    /// Encoding PLAIN.
    pub const PLAIN: i32 = 0;
    /// Encoding RLE, of levels.
    pub const RLE: i32 = 3;
    /// Encoding DELTA_BINARY_PACKED.
    pub const DELTA_BINARY_PACKED: i32 = 5;
    /// Encoding DELTA_LENGTH_BYTE_ARRAY.
    pub const DELTA_LENGTH_BYTE_ARRAY: i32 = 6;
    /// Encoding RLE_DICTIONARY.
    pub const RLE_DICTIONARY: i32 = 8;
    /// Page type of a dictionary.
    pub const DICTIONARY_PAGE: i32 = 2;
    /// Page type of values, whose levels are compressed with them.
    pub const DATA_PAGE: i32 = 0;
}

/// Buffers and compressors that all columns of an encoder share.
pub struct Scratch {
    values: Vec<u8>,
    compressed: Vec<u8>,
    frames: Frames,
}

impl Scratch {
    /// Empty buffers.
    pub fn new() -> Self {
        let frames = Frames::new(LEVEL_OF_VALUES);
        Self { values: Vec::new(), compressed: Vec::new(), frames }
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.values.capacity() + self.compressed.capacity() + self.frames.memory_bytes()
    }
}

/// `plain` as a leaf of this compression stores it: as it is, or in `compressed`.
fn stored<'s>(
    compression: LeafCompression,
    plain: &'s [u8],
    compressed: &'s mut Vec<u8>,
    frames: &mut Frames,
) -> Result<&'s [u8], EncodeError> {
    compressed.clear();
    match compression {
        LeafCompression::None => return Ok(plain),
        LeafCompression::Levels => put_stored(plain, compressed),
        LeafCompression::Zstd => frames.put(plain, compressed)?,
    }
    Ok(compressed)
}

/// Where a page is and what it holds.
#[derive(Clone, Debug)]
pub struct PageEntry {
    /// Offset of its header in the chunk's data pages.
    pub offset: u64,
    /// Bytes with header.
    pub bytes: u32,
    /// Row of the row group that it begins with.
    pub first_row: u64,
    /// Entries with a value.
    pub values: u64,
    /// Entries without a value.
    pub nulls: u64,
    /// Smallest and greatest value, not cut; `None` if it holds none.
    pub bounds: Option<Bounds>,
    /// How its values are encoded.
    pub encoded: Encoded,
}

/// A column chunk that is complete.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// Dictionary page with its header; empty without dictionary.
    pub dictionary: Vec<u8>,
    /// Data pages with headers.
    pub data: Vec<u8>,
    /// The data pages.
    pub pages: Vec<PageEntry>,
    /// Entries, those without value included.
    pub entries: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes before compression, headers included.
    pub uncompressed_bytes: u64,
}

/// One column and its values.
pub struct Column<V> {
    /// Number of the leaf.
    pub leaf: usize,
    /// Values of the page under way.
    pub values: V,
    list: List,
    placement: Placement,
    kind: Leaf,
    chunk: Chunk,
    /// The dictionary page while it is being closed.
    dictionary: DictionaryBody,
}

/// A dictionary page that is being compressed.
#[derive(Default)]
struct DictionaryBody {
    frames: Vec<u8>,
    /// Bytes that are in the frames.
    plain_bytes: usize,
}

/// A dictionary is compressed in parts of so many bytes: about a millisecond of work.
const PART_BYTES_MAX: usize = 256 << 10;

impl<V: Values> Column<V> {
    /// A column for leaf number `leaf`, which lies in `list`.
    pub fn new(leaf: usize, kind: Leaf, list: List, placement: Placement, values: V) -> Self {
        let (chunk, dictionary) = (Chunk::default(), DictionaryBody::default());
        Self { leaf, values, list, placement, kind, chunk, dictionary }
    }

    /// The value pushed next (or just pushed) belongs to this element of the list.
    #[inline]
    pub fn place(&mut self, element: u32) {
        match &mut self.placement {
            Placement::Repeated(elements) | Placement::Optional(elements) => elements.push(element),
            Placement::Required => debug_assert!(false, "a required value needs no place"),
        }
    }

    /// The same for several values, of ascending elements.
    #[inline]
    pub fn place_all(&mut self, of: impl Iterator<Item = u32>) {
        if let Placement::Repeated(elements) | Placement::Optional(elements) = &mut self.placement {
            elements.extend(of);
        }
    }

    /// The elements that the page's values belong to; of a required column nothing is kept.
    pub fn elements(&self) -> &[u32] {
        match &self.placement {
            Placement::Repeated(elements) | Placement::Optional(elements) => elements,
            Placement::Required => &[],
        }
    }

    /// Drops the values of `element` if it is the last one that has any.
    pub fn drop_last(&mut self, element: u32) {
        if let Placement::Repeated(elements) | Placement::Optional(elements) = &mut self.placement {
            let kept =
                elements.len() - elements.iter().rev().take_while(|&&e| e == element).count();
            elements.truncate(kept);
            self.values.truncate(kept);
        }
    }

    fn clear_page(&mut self) {
        self.values.end_page();
        if let Placement::Repeated(elements) | Placement::Optional(elements) = &mut self.placement {
            elements.clear();
        }
    }
}

/// A column without regard to its type.
pub(crate) trait AnyColumn {
    /// Number of the leaf.
    fn leaf(&self) -> usize;
    /// Writes the gathered values as a page, or as several in a list of many entries, and forgets
    /// them.
    ///
    /// # Errors
    /// From compression, or a page beyond 2 GiB.
    fn write_page(&mut self, lists: &mut Lists, scratch: &mut Scratch) -> Result<(), EncodeError>;
    /// Ends the row group, in steps of a part of a dictionary each: the chunk, when it is complete.
    ///
    /// # Errors
    /// As [`AnyColumn::write_page`].
    fn close_step(&mut self, scratch: &mut Scratch) -> Result<Option<Chunk>, EncodeError>;
    /// Bytes of the pages that are written.
    fn written_bytes(&self) -> usize;
    /// Bytes of memory held.
    fn memory_bytes(&self) -> usize;
    /// The list that it lies in.
    fn list(&self) -> List;
    /// Whether it has one value per element of the list.
    fn is_required(&self) -> bool;
    /// Values on the page under way.
    fn len(&self) -> usize;
    /// See [`Values::append`].
    fn append(&mut self, from: &Source<'_>, range: Range<usize>, codes: &mut CodeMap) -> bool;
    /// Places values that were appended: each belongs to the element so many behind the one given.
    fn place_behind(&mut self, elements: &[u32], shift: u32);
}

impl<V: Values> AnyColumn for Column<V> {
    fn leaf(&self) -> usize {
        self.leaf
    }

    fn write_page(&mut self, lists: &mut Lists, scratch: &mut Scratch) -> Result<(), EncodeError> {
        self.values.settle();
        for part in 0..lists.parts(self.list) {
            let values = lists.values_in(self.list, &self.placement, part);
            let levels = lists.encoded(self.list, &self.placement, part)?;
            let bounds = self.values.bounds(values.clone());
            scratch.values.clear();
            let nulls = levels.entries.saturating_sub(values.len()) as u64;
            let encoded = self.values.encode(values, &mut scratch.values);
            let page = PageBody { levels, nulls, bounds, kind: &self.kind, encoded };
            page.write(&mut self.chunk, scratch)?;
        }
        self.clear_page();
        Ok(())
    }

    fn close_step(&mut self, scratch: &mut Scratch) -> Result<Option<Chunk>, EncodeError> {
        if let Some((page, count)) = self.values.dictionary_page() {
            let body = &mut self.dictionary;
            let part = &page[body.plain_bytes..page.len().min(body.plain_bytes + PART_BYTES_MAX)];
            scratch.frames.put(part, &mut body.frames)?;
            body.plain_bytes += part.len();
            if body.plain_bytes < page.len() {
                return Ok(None);
            }
            write_dictionary(count, std::mem::take(body), &mut self.chunk)?;
        }
        self.values.reset();
        Ok(Some(std::mem::take(&mut self.chunk)))
    }

    fn written_bytes(&self) -> usize {
        self.chunk.data.len()
    }

    fn memory_bytes(&self) -> usize {
        let elements = match &self.placement {
            Placement::Repeated(elements) | Placement::Optional(elements) => elements.capacity(),
            Placement::Required => 0,
        };
        let pages = self.chunk.pages.capacity() * size_of::<PageEntry>();
        self.values.memory_bytes() + elements * 4 + self.chunk.data.capacity() + pages
    }

    fn list(&self) -> List {
        self.list
    }

    fn is_required(&self) -> bool {
        matches!(self.placement, Placement::Required)
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    fn append(&mut self, from: &Source<'_>, range: Range<usize>, codes: &mut CodeMap) -> bool {
        self.values.append(from, range, codes)
    }

    fn place_behind(&mut self, elements: &[u32], shift: u32) {
        self.place_all(elements.iter().map(|element| element.wrapping_add(shift)));
    }
}

/// What goes into a data page beside the values, which are in the scratch.
struct PageBody<'p> {
    levels: PageLevels<'p>,
    nulls: u64,
    bounds: Option<Bounds>,
    kind: &'p Leaf,
    encoded: Encoded,
}

impl PageBody<'_> {
    fn write(self, chunk: &mut Chunk, scratch: &mut Scratch) -> Result<(), EncodeError> {
        let Scratch { values, compressed, frames } = scratch;
        let all = self.levels.plain_bytes() + values.len();
        let values = match values.is_empty() {
            true => &[],
            false => stored(self.kind.compression, values, compressed, frames)?,
        };
        let parts = [&self.levels.rep.frame[..], &self.levels.def.frame, values];
        let mut crc = crc32fast::Hasher::new();
        parts.iter().for_each(|part| crc.update(part));
        let offset = chunk.data.len();
        let body = parts.iter().map(|part| part.len()).sum();
        put_header(&mut chunk.data, code::DATA_PAGE, all, body, crc.finalize(), |header| {
            header.inner(5, |page| self.put_header(page));
        })?;
        let header_bytes = chunk.data.len() - offset;
        parts.iter().for_each(|part| chunk.data.extend_from_slice(part));
        chunk.pages.push(PageEntry {
            offset: offset as u64,
            bytes: (header_bytes + body) as u32,
            first_row: chunk.rows,
            values: self.levels.entries as u64 - self.nulls,
            nulls: self.nulls,
            bounds: self.bounds,
            encoded: self.encoded,
        });
        chunk.entries += self.levels.entries as u64;
        chunk.rows += self.levels.rows as u64;
        chunk.uncompressed_bytes += (header_bytes + all) as u64;
        Ok(())
    }

    fn put_header(&self, page: &mut Struct<'_>) {
        page.i32(1, self.levels.entries as i32);
        page.i32(2, page_encoding(self.kind, self.encoded));
        page.i32(3, code::RLE);
        page.i32(4, code::RLE);
        // How many values there are is then known before the levels are decoded.
        page.inner(5, |statistics| statistics.i64(3, self.nulls as i64));
    }
}

fn write_dictionary(
    count: usize,
    body: DictionaryBody,
    chunk: &mut Chunk,
) -> Result<(), EncodeError> {
    let DictionaryBody { frames, plain_bytes } = body;
    let (out, crc) = (&mut chunk.dictionary, crc32fast::hash(&frames));
    put_header(out, code::DICTIONARY_PAGE, plain_bytes, frames.len(), crc, |header| {
        header.inner(7, |dictionary| {
            dictionary.i32(1, count as i32);
            dictionary.i32(2, code::PLAIN);
        });
    })?;
    chunk.uncompressed_bytes += (out.len() + plain_bytes) as u64;
    out.extend_from_slice(&frames);
    Ok(())
}

fn put_header(
    out: &mut Vec<u8>,
    page_type: i32,
    uncompressed: usize,
    compressed: usize,
    crc: u32,
    rest: impl FnOnce(&mut Struct<'_>),
) -> Result<(), EncodeError> {
    let too_large = |_| EncodeError::Parquet("page of more than 2 GiB".into());
    let uncompressed = i32::try_from(uncompressed).map_err(too_large)?;
    let compressed = i32::try_from(compressed).map_err(too_large)?;
    Struct::write(out, |header| {
        header.i32(1, page_type);
        header.i32(2, uncompressed);
        header.i32(3, compressed);
        header.i32(4, crc as i32);
        rest(header);
    });
    Ok(())
}

/// Parquet's number of the encoding of a page.
pub fn page_encoding(leaf: &Leaf, encoded: Encoded) -> i32 {
    match encoded {
        Encoded::AsPlanned => data_encoding(leaf),
        Encoded::Plain => code::PLAIN,
    }
}

/// Parquet's number of the encoding that a leaf's data pages should have.
fn data_encoding(leaf: &Leaf) -> i32 {
    match leaf.encoding {
        LeafEncoding::Dictionary => code::RLE_DICTIONARY,
        LeafEncoding::DeltaLength => code::DELTA_LENGTH_BYTE_ARRAY,
        LeafEncoding::DeltaPacked => code::DELTA_BINARY_PACKED,
        LeafEncoding::Plain => code::PLAIN,
    }
}

/// Orders two bounds of a leaf of this type.
pub fn compare(kind: LeafType, a: &[u8], b: &[u8]) -> Ordering {
    fn read<const N: usize>(bytes: &[u8]) -> [u8; N] {
        bytes.first_chunk().copied().unwrap_or([0; N])
    }
    match kind {
        LeafType::Bin | LeafType::Str | LeafType::Bool => a.cmp(b),
        LeafType::I32 => i32::from_le_bytes(read(a)).cmp(&i32::from_le_bytes(read(b))),
        LeafType::U32 => u32::from_le_bytes(read(a)).cmp(&u32::from_le_bytes(read(b))),
        LeafType::I64 => i64::from_le_bytes(read(a)).cmp(&i64::from_le_bytes(read(b))),
        LeafType::U64 => u64::from_le_bytes(read(a)).cmp(&u64::from_le_bytes(read(b))),
        LeafType::F64 => f64::from_le_bytes(read(a)).total_cmp(&f64::from_le_bytes(read(b))),
    }
}
