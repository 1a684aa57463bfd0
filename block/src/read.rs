//! Reads a block: which byte ranges a question needs, and what the fetched bytes answer.
//!
//! From: `engine`, which fetches. To: OTLP messages (trace by id) or columns (search).
//!
//! Flow: [`BlockReader::footer_range`] → fetch → [`BlockReader::open`]; then for a trace
//! [`BlockReader::probe`] → fetch → [`BlockReader::find_row`] → [`BlockReader::row_ranges`] → fetch
//! → [`BlockReader::read_row`]; for many traces at once [`BlockReader::pass`]. Nothing here trusts
//! the file: a damaged one gives [`ReadError::Damaged`], and the memory that it can demand is
//! limited.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use stringendo_proto::TraceId;

use crate::meta::BlockMeta;

mod any_json;
mod assemble;
pub(crate) mod columns;
mod content;
mod cursor;
mod dictionaries;
mod fetched;
pub(crate) mod footer;
mod ids;
pub(crate) mod levels;
pub(crate) mod links;
pub(crate) mod page;
pub(crate) mod parts;
mod ranges;
mod rle;
mod rows;
pub(crate) mod sequence;
mod some_values;
pub(crate) mod stream;
pub(crate) mod texts;
mod thrift;
pub(crate) mod values;
mod window;

pub(crate) use ranges::join_ranges;

use columns::{Column, Columns};
pub use content::{Names, RowContent};
pub use dictionaries::{DecodedDictionary, KnownDictionaries, NoDictionaries, PinnedDictionaries};
pub use fetched::Fetched;
use footer::{Chunk, Footer, PageSpot, RowGroup};
use page::{ColumnKind, PageKind};
pub use rows::RowPass;
use stream::{ColumnStream, DecodeBudget, Parts};
use values::{BadPage, Dictionary};

/// Bytes after the footer: its length and `PAR1`.
const TAIL_BYTES: u64 = 8;
/// Largest footer that is read; a 100 GB block of Tempo has some 12 MB.
const FOOTER_BYTES_MAX: u64 = 64 << 20;
/// Guess where `meta.json` does not say how long the footer is.
const FOOTER_BYTES_GUESS: u64 = 64 << 10;
/// The offset indexes lie right before the footer; fetched along, they save a read. With some
/// dozens of pages per column they are about three times as long.
const PAGE_INDEX_PER_FOOTER: u64 = 3;
const PAGE_INDEX_BYTES_MIN: u64 = 16 << 10;
const PAGE_INDEX_BYTES_MAX: u64 = 4 << 20;
/// Memory that all columns of one scan or one row may hold decoded at a time, whatever the caller
/// allows. An ordinary page takes less than 5 MB.
pub const DECODED_BYTES_MAX: u64 = 768 << 20;

/// Why a block could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The block's bytes are not what its format demands; names object, column and place.
    #[error("block is damaged: {0}")]
    Damaged(String),
    /// A format or type that is not served.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// A range that was not fetched: a defect of the caller.
    #[error("bytes {0:?} were not fetched")]
    NotFetched(Range<u64>),
    /// More memory is needed than the caller allowed for what is decoded. What returned this is of
    /// no use any more; it has to begin again, with more.
    #[error("decoding needs at least {bytes} bytes of memory")]
    NeedsMemory {
        /// So much gets it further; it may turn out to need more still.
        bytes: u64,
    },
}

/// A row group that may hold a trace.
#[derive(Clone, Debug)]
pub struct IdProbe {
    /// Which row group.
    pub row_group: usize,
    /// Ranges to fetch before [`BlockReader::find_row`].
    pub ranges: Vec<Range<u64>>,
}

/// A block whose footer is known.
#[derive(Debug)]
pub struct BlockReader {
    meta: BlockMeta,
    pub(crate) footer: Footer,
    pub(crate) columns: Arc<Columns>,
    /// Without the 8 bytes behind it.
    pub(crate) footer_bytes: u64,
    /// All that are read; their offset indexes are kept.
    indexed_columns: Vec<Column>,
}

impl BlockReader {
    /// Which range of `data.parquet` holds the footer, and in most files the offset indexes.
    pub fn footer_range(meta: &BlockMeta) -> Range<u64> {
        let footer = match u64::from(meta.footer_size) {
            0 => FOOTER_BYTES_GUESS,
            known => known.min(FOOTER_BYTES_MAX),
        };
        let index =
            (footer * PAGE_INDEX_PER_FOOTER).clamp(PAGE_INDEX_BYTES_MIN, PAGE_INDEX_BYTES_MAX);
        meta.size.saturating_sub(footer + TAIL_BYTES + index)..meta.size
    }

    /// Opens a block from the bytes of [`BlockReader::footer_range`] (or any longer end of the
    /// file). If `meta.footer_size` is 0 or too small, the range may turn out too short:
    /// `Err(ReadError::NotFetched(range))` then says what is needed.
    ///
    /// # Errors
    /// A footer that does not parse, or a schema that is not Tempo's.
    pub fn open(meta: BlockMeta, footer: &Bytes) -> Result<Self, ReadError> {
        let range = locate_footer(&meta, footer)?;
        let fetched_at = meta.size - footer.len() as u64;
        let bytes = &footer[(range.start - fetched_at) as usize..(range.end - fetched_at) as usize];
        let mut parsed = footer::parse(bytes, range.start)?;
        let columns = Arc::new(Columns::find(&parsed.leaves, &meta)?);
        let indexed_columns = columns.all();
        let mut fetched = Fetched::default();
        fetched.insert(fetched_at, footer.clone());
        for group in &mut parsed.row_groups {
            load_page_index(group, &indexed_columns, &fetched);
        }
        let footer_bytes = range.end - range.start;
        Ok(Self { meta, footer: parsed, columns, footer_bytes, indexed_columns })
    }

    /// The block's meta.
    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    /// Bytes of memory held (for caches).
    pub fn memory_bytes(&self) -> usize {
        let chunks = |group: &RowGroup| -> usize {
            let pages = |chunk: &Chunk| chunk.pages.as_ref().map_or(0, Vec::len);
            let pages: usize = group.chunks.iter().map(pages).sum();
            group.chunks.len() * (size_of::<Chunk>() + 16) + pages * size_of::<PageSpot>()
        };
        let row_groups: usize = self.footer.row_groups.iter().map(chunks).sum();
        let leaves = self.footer.leaves.len() * (size_of::<footer::Leaf>() + 64);
        size_of::<Self>() + row_groups + leaves + 4096
    }

    /// Number of row groups.
    pub fn row_groups(&self) -> usize {
        self.footer.row_groups.len()
    }

    /// Rows (= traces) of a row group.
    ///
    /// # Errors
    /// No such row group.
    pub fn rows(&self, row_group: usize) -> Result<u64, ReadError> {
        self.row_group(row_group).map(|group| group.rows)
    }

    /// Ranges to fetch for [`BlockReader::with_page_index`]; empty if the row group's offset
    /// indexes are known already (as in most blocks, from the bytes given to
    /// [`BlockReader::open`]) or the file has none. Without them a trace by id reads whole column
    /// chunks.
    pub fn page_index_ranges(&self, row_group: usize) -> Vec<Range<u64>> {
        let Ok(group) = self.row_group(row_group) else { return Vec::new() };
        let missing = |column: &Column| {
            let chunk = &group.chunks[*column];
            chunk.offset_index.clone().filter(|_| chunk.pages.is_none())
        };
        join_ranges(self.indexed_columns.iter().filter_map(missing).collect())
    }

    /// The reader with the offset indexes of a row group, from what was fetched.
    #[must_use]
    pub fn with_page_index(mut self, row_group: usize, fetched: &Fetched) -> Self {
        if let Some(group) = self.footer.row_groups.get_mut(row_group) {
            load_page_index(group, &self.indexed_columns, fetched);
        }
        self
    }

    /// The row groups that may hold `trace_id`: one or none where the file has statistics (row
    /// groups are sorted), else all.
    pub fn probe(&self, trace_id: &TraceId) -> Vec<IdProbe> {
        let column = self.columns.trace_id;
        let candidates = self.footer.row_groups.iter().enumerate().filter(|(_, group)| {
            let bounds = &group.chunks[column].bounds;
            let above = bounds.min.as_ref().is_none_or(|min| min[..] <= trace_id.0[..]);
            // A bound may have been cut short; a cut maximum is no bound.
            let max = bounds.max.as_ref().filter(|max| max.len() == trace_id.0.len());
            group.rows > 0 && above && max.is_none_or(|max| max[..] >= trace_id.0[..])
        });
        let probe = |(row_group, group): (usize, &RowGroup)| IdProbe {
            row_group,
            ranges: vec![group.chunks[column].range.clone()],
        };
        candidates.map(probe).collect()
    }

    fn row_group(&self, row_group: usize) -> Result<&RowGroup, ReadError> {
        let group = self.footer.row_groups.get(row_group);
        group.ok_or_else(|| damaged(format!("data.parquet has no row group {row_group}")))
    }

    /// Where a column chunk is.
    pub(crate) fn chunk_range(&self, row_group: usize, column: Column) -> Option<Range<u64>> {
        Some(self.footer.row_groups.get(row_group)?.chunks.get(column)?.range.clone())
    }

    /// Smallest start and largest end of a row group's traces, as far as statistics say.
    pub(crate) fn time_bounds(&self, row_group: usize) -> (Option<u64>, Option<u64>) {
        let start = self.bounds(row_group, self.columns.start);
        let end = self.bounds(row_group, self.columns.end);
        (start.and_then(|bounds| number(&bounds.min)), end.and_then(|bounds| number(&bounds.max)))
    }

    /// Largest start and smallest end of a row group's traces, as far as statistics say.
    pub(crate) fn inner_time_bounds(&self, row_group: usize) -> (Option<u64>, Option<u64>) {
        let start = self.bounds(row_group, self.columns.start);
        let end = self.bounds(row_group, self.columns.end);
        (start.and_then(|bounds| number(&bounds.max)), end.and_then(|bounds| number(&bounds.min)))
    }

    fn bounds(&self, row_group: usize, column: Column) -> Option<&footer::Bounds> {
        Some(&self.footer.row_groups.get(row_group)?.chunks[column].bounds)
    }

    /// The dictionary of a column, which is at `range`, unless there is another page.
    pub(crate) fn dictionary(
        &self,
        row_group: usize,
        column: Column,
        range: &Range<u64>,
        fetched: &Fetched,
        budget: &mut DecodeBudget,
    ) -> Result<Option<Arc<Dictionary>>, ReadError> {
        let known = fetched.dictionaries();
        if let Some(known) = known.as_ref().and_then(|known| known.get(range.start)) {
            return Ok(Some(known.dictionary));
        }
        let kind = self.kind(row_group, column)?;
        let mut parts = Parts::default();
        parts.push(None, fetched.need(range)?);
        let bad = |BadPage(what): BadPage| {
            damaged(format!("dictionary of column {}: {what}", self.footer.leaves[column].path))
        };
        let Some(page) = parts.take_page().map_err(bad)? else { return Ok(None) };
        if page.header.kind != PageKind::Dictionary {
            return Ok(None);
        }
        budget.take(page.header.memory_bytes())?;
        budget.read_bytes += page.bytes as u64;
        dictionaries::decode(known.as_deref(), range.start, &kind, &page.header, &page.body)
            .map(Some)
            .map_err(bad)
    }

    /// A column as a stream of the wanted rows.
    pub(crate) fn stream_of_rows(
        &self,
        row_group: usize,
        column: Column,
        wants: impl Fn(&Range<u64>) -> bool,
        fetched: &Fetched,
    ) -> Result<ColumnStream, ReadError> {
        let group = self.row_group(row_group)?;
        let parts = page_parts(&group.chunks[column], group.rows, wants);
        self.stream_of(row_group, column, &parts, fetched)
    }

    /// Where the pages of a column that hold wanted rows are.
    pub(crate) fn ranges_of_rows(
        &self,
        row_group: usize,
        column: Column,
        wants: impl Fn(&Range<u64>) -> bool,
    ) -> Vec<Range<u64>> {
        let Some(group) = self.footer.row_groups.get(row_group) else { return Vec::new() };
        let parts = page_parts(&group.chunks[column], group.rows, wants);
        parts.into_iter().map(|part| part.range).collect()
    }

    /// The dictionary page of a column chunk, if it holds all values.
    pub(crate) fn whole_dictionary_range(
        &self,
        row_group: usize,
        column: Column,
    ) -> Option<Range<u64>> {
        let chunk = self.footer.row_groups.get(row_group)?.chunks.get(column)?;
        chunk.dictionary.clone().filter(|_| chunk.is_all_codes)
    }

    /// That dictionary page as a stream.
    pub(crate) fn dictionary_stream(
        &self,
        row_group: usize,
        column: Column,
        range: Range<u64>,
        fetched: &Fetched,
    ) -> Result<ColumnStream, ReadError> {
        self.stream_of(row_group, column, &[PartRange { range, first_row: None }], fetched)
    }

    /// A whole column chunk as a stream.
    pub(crate) fn stream(
        &self,
        row_group: usize,
        column: Column,
        fetched: &Fetched,
    ) -> Result<ColumnStream, ReadError> {
        let range = self.row_group(row_group)?.chunks[column].range.clone();
        self.stream_of(row_group, column, &[PartRange { range, first_row: Some(0) }], fetched)
    }

    pub(crate) fn stream_of(
        &self,
        row_group: usize,
        column: Column,
        ranges: &[PartRange],
        fetched: &Fetched,
    ) -> Result<ColumnStream, ReadError> {
        let mut parts = Parts::default();
        for part in ranges {
            parts.push(part.first_row, fetched.need(&part.range)?);
            parts.push_rows(self.page_rows(row_group, column, &part.range));
        }
        let kind = self.kind(row_group, column)?;
        let name = Arc::clone(&self.footer.leaves[column].path);
        let start = ranges.first().map_or(0, |part| part.range.start);
        let known = fetched.dictionaries().map(|known| (start, known));
        Ok(ColumnStream::new(name, kind, parts).knowing(known))
    }

    /// How many rows the data pages of a column that begin in `range` have; nothing where the
    /// offset index is not known.
    pub(crate) fn page_rows(
        &self,
        row_group: usize,
        column: Column,
        range: &Range<u64>,
    ) -> impl Iterator<Item = usize> {
        let group = self.footer.row_groups.get(row_group);
        let pages = group.and_then(|group| group.chunks[column].pages.as_deref()).unwrap_or(&[]);
        let rows = group.map_or(0, |group| group.rows);
        let ends = pages.iter().skip(1).map(|page| page.first_row()).chain([rows]);
        let within = pages.iter().zip(ends).filter(|(page, _)| range.contains(&page.offset));
        within.map(|(page, end)| end.saturating_sub(page.first_row()) as usize)
    }

    /// What the pages of a column decode to.
    pub(crate) fn kind(&self, row_group: usize, column: Column) -> Result<ColumnKind, ReadError> {
        let leaf = &self.footer.leaves[column];
        let chunk = &self.row_group(row_group)?.chunks[column];
        let (Some(codec), Some(physical)) = (chunk.codec, leaf.physical) else {
            return Err(ReadError::Unsupported(format!("codec or type of column {}", leaf.path)));
        };
        let (max_rep, max_def, is_framed) = (leaf.max_rep, leaf.max_def, self.footer.is_own);
        Ok(ColumnKind { physical, codec, max_rep, max_def, is_framed })
    }
}

/// A bound of a column of 64-bit numbers.
fn number(bytes: &Option<Vec<u8>>) -> Option<u64> {
    let bytes: [u8; 8] = bytes.as_ref()?.as_slice().try_into().ok()?;
    Some(u64::from_le_bytes(bytes))
}

fn damaged(what: String) -> ReadError {
    ReadError::Damaged(what)
}

/// Where the footer's thrift bytes are in the file; `tail` is the end of the file.
fn locate_footer(meta: &BlockMeta, tail: &Bytes) -> Result<Range<u64>, ReadError> {
    let wrong = |what: &str| damaged(format!("data.parquet of {} bytes: {what}", meta.size));
    let tail_len = tail.len() as u64;
    if tail_len > meta.size {
        return Err(wrong("more bytes than the file has"));
    }
    let Some((rest, magic)) = tail.split_last_chunk::<4>() else {
        return Err(wrong("too short"));
    };
    let Some((_, length)) = rest.split_last_chunk::<4>() else {
        return Err(wrong("too short"));
    };
    if magic != b"PAR1" {
        return Err(wrong("does not end with PAR1 (or meta.json has a wrong size)"));
    }
    let length = u64::from(u32::from_le_bytes(*length));
    if length > FOOTER_BYTES_MAX || length + TAIL_BYTES > meta.size {
        return Err(wrong("footer has an impossible length"));
    }
    let range = meta.size - TAIL_BYTES - length..meta.size - TAIL_BYTES;
    match meta.size - tail_len <= range.start {
        true => Ok(range),
        false => Err(ReadError::NotFetched(range.start..meta.size)),
    }
}

/// Parses the offset indexes of `columns` that lie in `fetched`.
fn load_page_index(group: &mut RowGroup, columns: &[Column], fetched: &Fetched) {
    for column in columns {
        let chunk = &mut group.chunks[*column];
        let Some(range) = chunk.offset_index.clone().filter(|_| chunk.pages.is_none()) else {
            continue;
        };
        if let Some(bytes) = fetched.get(&range) {
            chunk.pages = footer::parse_offset_index(&bytes, &chunk.range, group.rows);
            if chunk.pages.is_none() {
                // Damaged: it is not asked for again, the chunk is read as a whole.
                chunk.offset_index = None;
            }
        }
    }
}

/// A part of a chunk: whole pages one after the other.
#[derive(Clone, Debug)]
pub(crate) struct PartRange {
    pub(crate) range: Range<u64>,
    /// First row of its first data page; `None` for a dictionary alone.
    pub(crate) first_row: Option<u64>,
}

/// The parts of a chunk that hold the wanted rows: its dictionary and some data pages, or all where
/// it is not known where pages begin. `wants` is asked for ranges of rows.
pub(crate) fn page_parts(
    chunk: &Chunk,
    rows: u64,
    wants: impl Fn(&Range<u64>) -> bool,
) -> Vec<PartRange> {
    let Some(pages) = chunk.pages.as_deref().filter(|pages| !pages.is_empty()) else {
        return vec![PartRange { range: chunk.range.clone(), first_row: Some(0) }];
    };
    let dictionary = chunk.range.start..pages[0].offset;
    let mut parts = Vec::new();
    for (number, page) in pages.iter().enumerate() {
        let end = pages.get(number + 1).map_or(rows, PageSpot::first_row);
        if !wants(&(page.first_row()..end)) {
            continue;
        }
        if parts.is_empty() && !dictionary.is_empty() {
            parts.push(PartRange { range: dictionary.clone(), first_row: None });
        }
        let range = page.offset..page.offset + u64::from(page.length);
        match parts.last_mut() {
            Some(last) if last.range.end == range.start && last.first_row.is_some() => {
                last.range.end = range.end;
            }
            _ => parts.push(PartRange { range, first_row: Some(page.first_row()) }),
        }
    }
    parts
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
