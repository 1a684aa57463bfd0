//! Reads a block: which byte ranges a question needs, and what the fetched bytes answer.
//!
//! From: `engine`, which fetches. To: OTLP messages (trace by id) or columns (search).

use std::ops::Range;

use bytes::Bytes;
use stringendo_proto::TraceId;
use stringendo_proto::otlp::TracesData;

use crate::meta::BlockMeta;

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
}

/// Byte ranges of `data.parquet` that were fetched.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    parts: Vec<(u64, Bytes)>,
}

impl Fetched {
    /// Adds the bytes found at `offset`.
    pub fn insert(&mut self, offset: u64, bytes: Bytes) {
        self.parts.push((offset, bytes));
    }

    /// The bytes of `range`, if one fetched part holds all of it.
    pub fn get(&self, range: &Range<u64>) -> Option<Bytes> {
        let (offset, part) = self.parts.iter().find(|(offset, part)| {
            *offset <= range.start && range.end <= offset + part.len() as u64
        })?;
        Some(part.slice((range.start - offset) as usize..(range.end - offset) as usize))
    }
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
pub struct BlockReader {
    meta: BlockMeta,
}

impl BlockReader {
    /// Which range of `data.parquet` holds the footer (page indexes may be asked for as well).
    pub fn footer_range(meta: &BlockMeta) -> Range<u64> {
        let _ = meta;
        todo!()
    }

    /// Opens a block from the bytes of [`BlockReader::footer_range`]. If `meta.footer_size` is 0,
    /// the range may turn out too short: `Err(ReadError::NotFetched(range))` then says what is needed.
    ///
    /// # Errors
    /// A footer that does not parse, or a schema that is not Tempo's.
    pub fn open(meta: BlockMeta, footer: &Bytes) -> Result<Self, ReadError> {
        let _ = footer;
        Ok(Self { meta })
    }

    /// The block's meta.
    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    /// Bytes of memory held (for caches).
    pub fn memory_bytes(&self) -> usize {
        todo!()
    }

    /// Number of row groups.
    pub fn row_groups(&self) -> usize {
        todo!()
    }

    /// The row group that may hold `trace_id` (row groups are sorted), if any.
    pub fn probe(&self, trace_id: &TraceId) -> Option<IdProbe> {
        let _ = trace_id;
        todo!()
    }

    /// The row of `trace_id` in the probed row group.
    ///
    /// # Errors
    /// Damaged column, or ranges missing from `fetched`.
    pub fn find_row(
        &self,
        probe: &IdProbe,
        trace_id: &TraceId,
        fetched: &Fetched,
    ) -> Result<Option<u64>, ReadError> {
        let _ = (probe, trace_id, fetched);
        todo!()
    }

    /// Ranges to fetch before [`BlockReader::read_row`]: with an offset index only the pages that
    /// hold the row, else whole column chunks.
    ///
    /// # Errors
    /// When the page index is needed and damaged.
    pub fn row_ranges(&self, row_group: usize, row: u64) -> Result<Vec<Range<u64>>, ReadError> {
        let _ = (row_group, row);
        todo!()
    }

    /// One trace as OTLP (contract blocks.md §17).
    ///
    /// # Errors
    /// Damaged columns, or ranges missing from `fetched`.
    pub fn read_row(
        &self,
        row_group: usize,
        row: u64,
        fetched: &Fetched,
    ) -> Result<TracesData, ReadError> {
        let _ = (row_group, row, fetched);
        todo!()
    }
}
