//! The Parquet file around the column chunks: page indexes, footer.
//!
//! From: closed [`Chunk`]s, row group by row group. To: `data.parquet` in memory. The structures
//! are written here rather than by the `parquet` crate because Tempo needs the column order
//! TypeDefined for every column, and because chunks are spliced without a copy of their metadata.

use std::cmp::Ordering;
use std::collections::VecDeque;

use parquet::basic::{ConvertedType, Repetition};
use parquet::schema::types::Type;

use super::column::{Chunk, code, compare, page_encoding};
use super::thrift::Struct;
use super::values::{Bounds, Encoded};
use crate::schema::{Leaf, LeafCompression, LeafEncoding, LeafType, Schema};

const MAGIC: &[u8; 4] = b"PAR1";
/// Bounds of pages are cut to this length, as Tempo does.
const INDEX_BOUND_BYTES: usize = 16;
/// Longer bounds of a column chunk are left out.
const CHUNK_BOUND_BYTES: usize = 1024;

/// A file that grows by row groups.
pub struct File {
    /// What was written and not taken.
    out: Vec<u8>,
    /// Bytes that were taken.
    taken: u64,
    /// Where the file is taken piece by piece: pieces that come before `out`.
    pieces: Option<VecDeque<Vec<u8>>>,
    row_groups: Vec<RowGroup>,
    /// Column indexes and offset indexes of all chunks, which come before the footer.
    column_indexes: Vec<u8>,
    offset_indexes: Vec<u8>,
}

struct RowGroup {
    columns: Vec<ColumnMeta>,
    rows: u64,
    offset: u64,
}

/// A chunk that has been written, without its pages.
struct ColumnMeta {
    /// Where the chunk begins.
    offset: u64,
    /// Where its data pages begin.
    data_offset: u64,
    /// Compressed bytes of the whole chunk.
    bytes: u64,
    entries: u64,
    nulls: u64,
    uncompressed_bytes: u64,
    bounds: Option<Bounds>,
    /// Data pages that are encoded as planned, and PLAIN.
    pages: [i32; 2],
    /// Lengths of the page indexes.
    column_index_bytes: u64,
    offset_index_bytes: u64,
}

impl File {
    /// A file without row groups.
    pub fn new() -> Self {
        Self {
            out: MAGIC.to_vec(),
            taken: 0,
            pieces: None,
            row_groups: Vec::new(),
            column_indexes: Vec::new(),
            offset_indexes: Vec::new(),
        }
    }

    /// The same, which will be taken piece by piece.
    pub fn streamed() -> Self {
        Self { pieces: Some(VecDeque::new()), ..Self::new() }
    }

    /// Begins a row group of so many rows, whose pages take so many bytes.
    pub fn begin_row_group(&mut self, rows: u64, page_bytes: usize) {
        if self.pieces.is_none() {
            // Dictionaries and indexes come on top.
            self.out.reserve(page_bytes / 8 * 9);
        }
        let offset = self.len();
        self.row_groups.push(RowGroup { columns: Vec::new(), rows, offset });
    }

    /// Adds the chunk of `leaf`, which is the next one of the row group that was begun last.
    pub fn append(&mut self, mut chunk: Chunk, leaf: &Leaf) {
        let offset = self.len();
        self.put(std::mem::take(&mut chunk.dictionary));
        let data_offset = self.len();
        self.put(std::mem::take(&mut chunk.data));
        let before = (self.column_indexes.len(), self.offset_indexes.len());
        put_column_index(&mut self.column_indexes, &chunk, leaf);
        put_offset_index(&mut self.offset_indexes, &chunk, data_offset);
        let pages_of = |encoded| chunk.pages.iter().filter(|page| page.encoded == encoded).count();
        let meta = ColumnMeta {
            offset,
            data_offset,
            bytes: self.len() - offset,
            entries: chunk.entries,
            nulls: chunk.pages.iter().map(|page| page.nulls).sum(),
            uncompressed_bytes: chunk.uncompressed_bytes,
            bounds: chunk_bounds(&chunk, leaf.kind),
            pages: [Encoded::AsPlanned, Encoded::Plain].map(|encoded| pages_of(encoded) as i32),
            column_index_bytes: (self.column_indexes.len() - before.0) as u64,
            offset_index_bytes: (self.offset_indexes.len() - before.1) as u64,
        };
        if let Some(row_group) = self.row_groups.last_mut() {
            row_group.columns.push(meta);
        }
    }

    fn put(&mut self, mut bytes: Vec<u8>) {
        match &mut self.pieces {
            None => self.out.append(&mut bytes),
            Some(pieces) => {
                let more = [std::mem::take(&mut self.out), bytes].into_iter();
                pieces.extend(more.filter(|piece| !piece.is_empty()));
            }
        }
    }

    /// Takes the next bytes of the file: at least so many if there are.
    pub fn take(&mut self, bytes_min: usize) -> Vec<u8> {
        let pieces = self.pieces.get_or_insert_default();
        let mut taken = pieces.pop_front().unwrap_or_default();
        while taken.len() < bytes_min
            && let Some(mut piece) = pieces.pop_front()
        {
            taken.append(&mut piece);
        }
        if taken.is_empty() {
            taken = std::mem::take(&mut self.out);
        } else if pieces.is_empty() && taken.len() < bytes_min {
            taken.append(&mut self.out);
        }
        self.taken += taken.len() as u64;
        taken
    }

    /// Bytes that could be taken.
    pub fn untaken(&self) -> usize {
        self.out.len() + self.pieces.iter().flatten().map(Vec::len).sum::<usize>()
    }

    /// Bytes written so far, taken or not.
    fn len(&self) -> u64 {
        self.taken + self.untaken() as u64
    }

    /// Row groups begun.
    pub fn row_groups(&self) -> usize {
        self.row_groups.len()
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let columns: usize = self.row_groups.iter().map(|group| group.columns.capacity()).sum();
        let indexes = self.column_indexes.capacity() + self.offset_indexes.capacity();
        let pieces: usize = self.pieces.iter().flatten().map(Vec::capacity).sum();
        self.out.capacity() + pieces + indexes + columns * size_of::<ColumnMeta>()
    }

    /// Writes indexes and footer: what was not taken yet, the bytes of the whole file, and of them
    /// the footer's without the last 8.
    pub fn finish(mut self, schema: &Schema, created_by: &str) -> (Vec<u8>, u64, u32) {
        let mut places = IndexPlaces { column: self.len(), offset: 0 };
        self.out.append(&mut self.column_indexes);
        places.offset = self.len();
        self.out.append(&mut self.offset_indexes);
        self.out = self.take(usize::MAX);
        self.taken -= self.out.len() as u64;
        let start = self.out.len();
        let mut elements = Vec::new();
        flatten(&schema.root, &mut schema.leaves.iter(), &mut elements);
        let row_groups = self.row_groups.iter().enumerate();
        let row_groups: Vec<_> =
            row_groups.map(|(number, group)| (number, group, places.of_next(group))).collect();
        let rows: u64 = self.row_groups.iter().map(|row_group| row_group.rows).sum();
        Struct::write(&mut self.out, |file| {
            file.i32(1, 2);
            file.list(2, &elements, put_element);
            file.i64(3, rows as i64);
            file.list(4, &row_groups, |out, (ordinal, row_group, places)| {
                put_row_group(out, *ordinal, row_group, schema, *places);
            });
            file.bytes(6, created_by.as_bytes());
            file.list(7, &schema.leaves, |order, _| order.inner(1, |_| {}));
        });
        let footer = (self.out.len() - start) as u32;
        self.out.extend_from_slice(&footer.to_le_bytes());
        self.out.extend_from_slice(MAGIC);
        let size = self.len();
        (self.out, size, footer)
    }
}

/// Where page indexes are.
#[derive(Clone, Copy)]
struct IndexPlaces {
    column: u64,
    offset: u64,
}

/// A blob's pages have empty bounds, as Tempo writes them: not an order to search by.
fn put_column_index(out: &mut Vec<u8>, chunk: &Chunk, leaf: &Leaf) {
    let bounds: Vec<_> =
        chunk.pages.iter().map(|page| index_bounds(page.bounds.as_ref())).collect();
    Struct::write(out, |index| {
        index.bools(1, chunk.pages.iter().map(|page| page.values == 0));
        index.byte_lists(2, bounds.iter().map(|(min, _)| min.as_slice()));
        index.byte_lists(3, bounds.iter().map(|(_, max)| max.as_slice()));
        index.i32(4, boundary_order(chunk, leaf.kind));
        index.i64s(5, chunk.pages.iter().map(|page| page.nulls as i64));
    });
}

fn put_offset_index(out: &mut Vec<u8>, chunk: &Chunk, data_offset: u64) {
    Struct::write(out, |index| {
        index.list(1, &chunk.pages, |location, page| {
            location.i64(1, (data_offset + page.offset) as i64);
            location.i32(2, page.bytes as i32);
            location.i64(3, page.first_row as i64);
        });
    });
}

/// Bounds cut to [`INDEX_BOUND_BYTES`]: the lower one is shortened, the upper one rounded up.
fn index_bounds(bounds: Option<&Bounds>) -> (Vec<u8>, Vec<u8>) {
    let Some(Bounds { min, max }) = bounds else { return (Vec::new(), Vec::new()) };
    let min = min[..min.len().min(INDEX_BOUND_BYTES)].to_vec();
    if max.len() <= INDEX_BOUND_BYTES {
        return (min, max.clone());
    }
    let mut cut = max[..INDEX_BOUND_BYTES].to_vec();
    while let Some(last) = cut.pop() {
        if last < 0xff {
            cut.push(last + 1);
            return (min, cut);
        }
    }
    (min, max.clone())
}

/// Parquet's number for the order of pages by their bounds.
fn boundary_order(chunk: &Chunk, kind: LeafType) -> i32 {
    const UNORDERED: i32 = 0;
    const ASCENDING: i32 = 1;
    const DESCENDING: i32 = 2;
    let bounds: Vec<&Bounds> = chunk.pages.iter().filter_map(|page| page.bounds.as_ref()).collect();
    let never = |order: Ordering| {
        bounds.windows(2).all(|pair| {
            compare(kind, &pair[0].min, &pair[1].min) != order
                && compare(kind, &pair[0].max, &pair[1].max) != order
        })
    };
    if never(Ordering::Greater) {
        ASCENDING
    } else if never(Ordering::Less) {
        DESCENDING
    } else {
        UNORDERED
    }
}

fn put_row_group(
    out: &mut Struct<'_>,
    ordinal: usize,
    row_group: &RowGroup,
    schema: &Schema,
    mut places: IndexPlaces,
) {
    let columns = || row_group.columns.iter().zip(&schema.leaves);
    let uncompressed: u64 = columns().map(|(meta, _)| meta.uncompressed_bytes).sum();
    let compressed: u64 = columns().map(|(meta, _)| meta.bytes).sum();
    let columns: Vec<_> = columns().map(|column| (column, places.behind(column.0))).collect();
    out.list(1, &columns, |out, ((meta, leaf), places)| put_chunk(out, meta, leaf, places));
    out.i64(2, uncompressed as i64);
    out.i64(3, row_group.rows as i64);
    out.i64(5, row_group.offset as i64);
    out.i64(6, compressed as i64);
    out.i16(7, i16::try_from(ordinal).unwrap_or(i16::MAX));
}

impl IndexPlaces {
    /// The place of this row group's; the next group's are behind.
    fn of_next(&mut self, row_group: &RowGroup) -> Self {
        let place = *self;
        row_group.columns.iter().for_each(|column| _ = self.behind(column));
        place
    }

    /// The place of this chunk's; the next chunk's are behind.
    fn behind(&mut self, meta: &ColumnMeta) -> Self {
        let place = *self;
        self.column += meta.column_index_bytes;
        self.offset += meta.offset_index_bytes;
        place
    }
}

fn put_chunk(out: &mut Struct<'_>, meta: &ColumnMeta, leaf: &Leaf, places: &IndexPlaces) {
    out.i64(2, meta.offset as i64);
    out.inner(3, |out| put_column_meta(out, meta, leaf));
    out.i64(4, places.offset as i64);
    out.i32(5, meta.offset_index_bytes as i32);
    out.i64(6, places.column as i64);
    out.i32(7, meta.column_index_bytes as i32);
}

fn put_column_meta(out: &mut Struct<'_>, meta: &ColumnMeta, leaf: &Leaf) {
    let has_dictionary = leaf.encoding == LeafEncoding::Dictionary;
    let encodings = [code::RLE, page_encoding(leaf, Encoded::AsPlanned), code::PLAIN];
    let encodings = if has_dictionary { &encodings[..] } else { &encodings[..2] };
    out.i32(1, physical(leaf.kind));
    out.i32s(2, encodings.iter().copied());
    let path: Vec<_> = leaf.path.split('.').map(str::as_bytes).collect();
    out.byte_lists(3, path.into_iter());
    out.i32(4, codec(leaf.compression));
    out.i64(5, meta.entries as i64);
    out.i64(6, meta.uncompressed_bytes as i64);
    out.i64(7, meta.bytes as i64);
    out.i64(9, meta.data_offset as i64);
    if has_dictionary {
        out.i64(11, meta.offset as i64);
    }
    out.inner(12, |out| {
        out.i64(3, meta.nulls as i64);
        if let Some(Bounds { min, max }) = &meta.bounds {
            out.bytes(5, max);
            out.bytes(6, min);
        }
    });
    let mut stats = Vec::with_capacity(3);
    if has_dictionary {
        stats.push((code::DICTIONARY_PAGE, code::PLAIN, 1));
    }
    for (encoded, pages) in [Encoded::AsPlanned, Encoded::Plain].into_iter().zip(meta.pages) {
        if pages > 0 {
            stats.push((code::DATA_PAGE, page_encoding(leaf, encoded), pages));
        }
    }
    out.list(13, &stats, |out, &(page_type, encoding, count)| {
        out.i32(1, page_type);
        out.i32(2, encoding);
        out.i32(3, count);
    });
}

/// Bounds of a whole chunk, unless they are long.
fn chunk_bounds(chunk: &Chunk, kind: LeafType) -> Option<Bounds> {
    let bounds = || chunk.pages.iter().filter_map(|page| page.bounds.as_ref());
    let min = bounds().map(|bounds| &bounds.min).min_by(|a, b| compare(kind, a, b))?;
    let max = bounds().map(|bounds| &bounds.max).max_by(|a, b| compare(kind, a, b))?;
    let is_short = min.len().max(max.len()) <= CHUNK_BOUND_BYTES;
    is_short.then(|| Bounds { min: min.clone(), max: max.clone() })
}

/// A node of the schema in the footer's flat form.
struct Element<'s> {
    name: &'s str,
    /// `None` for the root.
    repetition: Option<Repetition>,
    /// `None` for a leaf.
    children: Option<usize>,
    kind: Option<LeafType>,
    /// For a list or map: Parquet's numbers of it as converted and as logical type.
    mark: Option<(i32, u8)>,
}

fn flatten<'s>(
    node: &'s Type,
    leaves: &mut std::slice::Iter<'_, Leaf>,
    out: &mut Vec<Element<'s>>,
) {
    let info = node.get_basic_info();
    let repetition = info.has_repetition().then(|| info.repetition());
    if node.is_group() {
        let fields = node.get_fields();
        let children = Some(fields.len());
        let mark = match info.converted_type() {
            ConvertedType::LIST => Some((3, 3)),
            ConvertedType::MAP => Some((1, 2)),
            _ => None,
        };
        out.push(Element { name: node.name(), repetition, children, kind: None, mark });
        fields.iter().for_each(|field| flatten(field, leaves, out));
    } else {
        let kind = leaves.next().map(|leaf| leaf.kind);
        out.push(Element { name: node.name(), repetition, children: None, kind, mark: None });
    }
}

fn put_element(out: &mut Struct<'_>, element: &Element<'_>) {
    if let Some(kind) = element.kind {
        out.i32(1, physical(kind));
    }
    if let Some(repetition) = element.repetition {
        out.i32(3, repetition as i32);
    }
    out.bytes(4, element.name.as_bytes());
    if let Some(children) = element.children {
        out.i32(5, children as i32);
    }
    if let Some((converted, logical)) = element.mark {
        out.i32(6, converted);
        out.inner(10, |out| out.inner(logical, |_| {}));
    }
    match element.kind.map(logical) {
        Some(Logical::String) => {
            out.i32(6, 0);
            out.inner(10, |out| out.inner(1, |_| {}));
        }
        Some(Logical::Int { converted, bits, signed }) => {
            out.i32(6, converted);
            out.inner(10, |out| {
                out.inner(10, |out| {
                    out.i8(1, bits);
                    out.bool(2, signed);
                });
            });
        }
        Some(Logical::None) | None => {}
    }
}

enum Logical {
    None,
    String,
    Int { converted: i32, bits: i8, signed: bool },
}

fn logical(kind: LeafType) -> Logical {
    let int = |converted, bits, signed| Logical::Int { converted, bits, signed };
    match kind {
        LeafType::Str => Logical::String,
        LeafType::U32 => int(13, 32, false),
        LeafType::U64 => int(14, 64, false),
        LeafType::I32 => int(17, 32, true),
        LeafType::I64 => int(18, 64, true),
        LeafType::Bin | LeafType::F64 | LeafType::Bool => Logical::None,
    }
}

/// Parquet's number of a physical type.
fn physical(kind: LeafType) -> i32 {
    match kind {
        LeafType::Bool => 0,
        LeafType::I32 | LeafType::U32 => 1,
        LeafType::I64 | LeafType::U64 => 2,
        LeafType::F64 => 5,
        LeafType::Bin | LeafType::Str => 6,
    }
}

/// Parquet's number of a compression.
fn codec(compression: LeafCompression) -> i32 {
    match compression {
        LeafCompression::None => 0,
        LeafCompression::Levels | LeafCompression::Zstd => 6,
    }
}
