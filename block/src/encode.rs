//! From OTLP bytes to a block's objects, straight into columns.
//!
//! From: a sealed segment's image, as positions (`engine`). To: `data.parquet`, blooms, index and
//! meta, which `engine` writes to the backend.

//! A trace is shredded at once into the values of the page under way (`columns`); when a page's
//! worth has gathered, every column writes a page; when a row group's worth has, every column is
//! closed and its chunk appended to the `file`. Levels are not kept per column but computed once
//! per list and page (`levels`); resources and scopes are parsed once (`resource`).

mod any;
mod attributes;
pub(crate) mod column;
mod columns;
mod compress;
mod dedicated;
pub(crate) mod delta;
pub(crate) mod dictionary;
mod file;
mod guesses;
pub(crate) mod levels;
mod note_pairs;
mod notes;
mod numbers;
mod prepared;
mod resource;
pub(crate) mod rle;
mod span;
pub(crate) mod splice;
mod thrift;
mod trace;
pub(crate) mod values;

use bytes::Bytes;
use stringendo_proto::TraceId;
use stringendo_proto::walk::Slice32;
use stringendo_proto::wire::WireError;
use uuid::Uuid;

use self::column::Scratch;
use self::columns::Columns;
use self::file::File;
use self::notes::Notes;
use self::trace::{Shredder, Stored};
use crate::bloom::BloomBuilder;
use crate::filters::Assembly;
use crate::meta::{self, BlockMeta, DedicatedColumn, DedicatedScope};
use crate::schema::CREATED_BY;
use crate::version::Version;
use crate::{index, schema};

/// What to write and how.
#[derive(Clone, Debug)]
pub struct EncodeOptions {
    /// Id and directory name of the block.
    pub block_id: Uuid,
    /// Tenant.
    pub tenant: String,
    /// Format of the block; what [`Version::is_written`] says no to becomes the next one.
    pub version: Version,
    /// Attributes with a column of their own, in order.
    pub dedicated_columns: Vec<DedicatedColumn>,
    /// `bloom_filter_false_positive`.
    pub bloom_false_positive: f64,
    /// `bloom_filter_shard_size_bytes`.
    pub bloom_shard_bytes: usize,
    /// `parquet_row_group_size_bytes`, by Tempo's estimate (contract blocks.md §6).
    pub row_group_bytes: u64,
    /// Traces that will be added; sizes the bloom filter, so never 0.
    pub traces: usize,
}

/// One span, as positions in `chunks[chunk]`.
#[derive(Clone, Copy, Debug)]
pub struct SpanPart {
    /// Index into the chunks given along.
    pub chunk: u32,
    /// Body of the `Resource` message.
    pub resource: Slice32,
    /// Body of the `InstrumentationScope` message.
    pub scope: Slice32,
    /// Body of the `Span` message.
    pub span: Slice32,
}

/// Why a block could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Traces must be added in ascending order of their ids, each once.
    #[error("trace {next} added after {last}")]
    Order {
        /// The id before.
        last: TraceId,
        /// The offending one.
        next: TraceId,
    },
    /// Bytes that the walk would not have accepted.
    #[error("span bytes do not decode: {0}")]
    Malformed(String),
    /// From the Parquet writer.
    #[error("parquet: {0}")]
    Parquet(String),
}

/// Every object of a finished block.
#[derive(Clone, Debug)]
pub struct FinishedBlock {
    /// `meta.json`.
    pub meta: BlockMeta,
    /// `data.parquet`.
    pub data: Bytes,
    /// `bloom-0` …
    pub blooms: Vec<Bytes>,
    /// `index`.
    pub index: Bytes,
    /// [`crate::filters::OBJECT`].
    pub filters: Bytes,
}

impl EncodeError {
    fn parquet(error: impl std::fmt::Display) -> Self {
        Self::Parquet(error.to_string())
    }
}

impl From<WireError> for EncodeError {
    fn from(error: WireError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Pages are written when so many spans have gathered: about 5 ms of work. A trace by id decodes a
/// page of every column, and smaller pages compress less. Measured with
/// `benches/src/bin/block_scan.rs`, per span and per trace by id: 8192 → 70.5 bytes, 3.6 ms;
/// 2048 → 80.0 bytes, 1.3 ms, and scans of all pages take a third longer.
const PAGE_SPANS_MAX: u32 = 8192;
/// Pages are also written when spans of so many bytes have gathered.
const PAGE_READ_BYTES_MAX: u64 = 8 << 20;
/// A row group is also ended when its columns take more memory than this: long values count little
/// in Tempo's estimate, and no dictionary page may come near 2 GiB.
const ROW_GROUP_MEMORY_MAX: usize = 512 << 20;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Encodes one block.
pub struct BlockEncoder {
    options: EncodeOptions,
    columns: Columns,
    shredder: Shredder,
    scratch: Scratch,
    file: File,
    bloom: BloomBuilder,
    notes: Notes,
    /// All of the block.
    total: Stored,
    traces: u64,
    last_id: Option<TraceId>,
    /// The last trace of every finished row group.
    last_ids: Vec<TraceId>,
    row_group_rows: u64,
    row_group_estimate: u64,
    row_group_memory_max: usize,
    /// Of the memory at the last page, what is held for the row group.
    row_group_memory: usize,
    page_read_bytes: u64,
    page_read_bytes_max: u64,
    /// Memory held when the last page was written.
    memory_at_page: usize,
    /// What is being written.
    writing: Option<Stage>,
    /// Whether the row group ends with the page that is being written.
    ends_row_group: bool,
}

impl BlockEncoder {
    /// Begins a block. Dedicated columns beyond the limits of its version, and those that it has
    /// no columns for (contract blocks.md §11), are left out of it, also of its meta.
    pub fn new(mut options: EncodeOptions) -> Self {
        if !options.version.is_written() {
            options.version = Version::V4;
        }
        options.dedicated_columns = usable(options.version, &options.dedicated_columns);
        let columns = Columns::new(options.version, &options.dedicated_columns);
        let bloom = BloomBuilder::new(
            options.traces,
            options.bloom_false_positive,
            options.bloom_shard_bytes,
        );
        Self {
            columns: columns.expect("the table of columns is a valid schema"),
            shredder: Shredder::default(),
            scratch: Scratch::new(),
            file: File::new(),
            bloom,
            notes: Notes::new(),
            total: Stored::default(),
            traces: 0,
            last_id: None,
            last_ids: Vec::new(),
            row_group_rows: 0,
            row_group_estimate: 0,
            row_group_memory_max: ROW_GROUP_MEMORY_MAX,
            row_group_memory: 0,
            page_read_bytes: 0,
            page_read_bytes_max: PAGE_READ_BYTES_MAX,
            memory_at_page: 0,
            writing: None,
            ends_row_group: false,
            options,
        }
    }

    /// Writes a page as soon as spans of so many bytes have gathered. Whoever reads all columns row
    /// after row, as merging does, holds a page of each.
    #[must_use]
    pub fn with_pages_of(mut self, bytes_max: u64) -> Self {
        self.page_read_bytes_max = self.page_read_bytes_max.min(bytes_max.max(1));
        self
    }

    /// Adds a trace: all its spans, in any order. Duplicates by (span id, kind) are dropped, the
    /// first copy in storage order stays; a trace without spans is left out. Takes well under a
    /// millisecond for an ordinary trace. Now and then columns have to be written:
    /// [`BlockEncoder::write_step`] does that in parts between which callers can yield, else the
    /// next call does it at once.
    ///
    /// # Errors
    /// See [`EncodeError`]; the encoder must then be given up.
    pub fn add_trace(
        &mut self,
        chunks: &[Bytes],
        trace_id: &TraceId,
        spans: &[SpanPart],
    ) -> Result<(), EncodeError> {
        if let Some(last) = self.last_id.filter(|last| last >= trace_id) {
            return Err(EncodeError::Order { last, next: *trace_id });
        }
        if spans.is_empty() {
            return Ok(());
        }
        while self.write_step()? {}
        self.last_id = Some(*trace_id);
        let stored = self.shredder.push(&mut self.columns, chunks, trace_id, spans)?;
        self.bloom.add(trace_id);
        self.notes.gathered.id(trace_id);
        self.count(&stored);
        self.begin_writing_if_due();
        Ok(())
    }

    fn count(&mut self, stored: &Stored) {
        self.traces += 1;
        self.row_group_rows += 1;
        self.row_group_estimate += stored.estimate_bytes;
        self.page_read_bytes += stored.read_bytes;
        let total = &mut self.total;
        total.spans += stored.spans;
        total.end = total.end.max(stored.end);
        if stored.start != 0 && (total.start == 0 || stored.start < total.start) {
            total.start = stored.start;
        }
    }

    fn begin_writing_if_due(&mut self) {
        let is_group_full = self.row_group_estimate > self.options.row_group_bytes
            || self.row_group_memory > self.row_group_memory_max;
        let is_page_full = self.columns.spans >= PAGE_SPANS_MAX
            || self.page_read_bytes >= self.page_read_bytes_max;
        if is_group_full || is_page_full {
            self.writing = Some(Stage::Levels);
            self.ends_row_group = is_group_full;
        }
    }

    /// Writes a part of what has gathered, in about a millisecond; whether there is more to write.
    ///
    /// # Errors
    /// See [`EncodeError`]; the encoder must then be given up.
    pub fn write_step(&mut self) -> Result<bool, EncodeError> {
        self.writing = match self.writing {
            None => None,
            Some(Stage::Levels) => {
                self.columns.settle();
                self.notes.page(&self.columns);
                self.columns.lists.derive()?;
                Some(Stage::Page(0))
            }
            Some(Stage::Page(at)) => self.write_page_of(at)?,
            Some(Stage::Notes) => {
                let more = self.notes.end_row_group(&self.columns, self.total.spans);
                Some(if more { Stage::Notes } else { Stage::Close(0) })
            }
            Some(Stage::Close(at)) => self.close_column(at)?,
        };
        Ok(self.writing.is_some())
    }

    fn write_page_of(&mut self, at: usize) -> Result<Option<Stage>, EncodeError> {
        let (mut columns, lists) = self.columns.all();
        if let Some(column) = columns.get_mut(at) {
            column.write_page(lists, &mut self.scratch)?;
            return Ok(Some(Stage::Page(at + 1)));
        }
        self.columns.begin_page();
        self.page_read_bytes = 0;
        self.memory_at_page = self.measure();
        if !self.ends_row_group {
            return Ok(None);
        }
        self.begin_closing();
        Ok(Some(Stage::Notes))
    }

    fn close_column(&mut self, at: usize) -> Result<Option<Stage>, EncodeError> {
        let (mut columns, _) = self.columns.all();
        if let Some(column) = columns.get_mut(at) {
            let Some(chunk) = column.close_step(&mut self.scratch)? else {
                return Ok(Some(Stage::Close(at)));
            };
            let leaf = column.leaf();
            self.file.append(chunk, &self.columns.schema.leaves[leaf]);
            return Ok(Some(Stage::Close(at + 1)));
        }
        self.shredder.begin_row_group();
        self.columns.begin_row_group();
        self.memory_at_page = self.measure();
        Ok(None)
    }

    fn begin_closing(&mut self) {
        let written = self.columns.all().0.iter().map(|column| column.written_bytes()).sum();
        self.file.begin_row_group(self.row_group_rows, written);
        self.last_ids.extend(self.last_id);
        self.row_group_rows = 0;
        self.row_group_estimate = 0;
    }

    fn measure(&mut self) -> usize {
        let keys: usize = self.columns.attributes().iter().map(|list| list.memory_bytes()).sum();
        let (columns, lists) = self.columns.all();
        let columns: usize = columns.iter().map(|column| column.memory_bytes()).sum();
        let columns = columns + keys;
        let rest = lists.memory_bytes() + self.scratch.memory_bytes() + self.bloom.memory_bytes();
        let notes = self.notes.memory_bytes();
        // What is known of the whole block does not get less when a row group ends.
        self.row_group_memory = columns + self.shredder.memory_bytes();
        columns + rest + notes + self.shredder.memory_bytes() + self.file.memory_bytes()
    }

    /// Traces stored so far.
    pub fn traces(&self) -> u64 {
        self.traces
    }

    /// Spans stored so far, duplicates left out.
    pub fn spans(&self) -> u64 {
        self.total.spans
    }

    /// Bytes of memory held, about: measured at the last page, plus what was read since.
    pub fn memory_bytes(&self) -> usize {
        self.memory_at_page + self.page_read_bytes as usize
    }

    /// The row group ends with what has gathered, which is nothing after a full page.
    fn begin_last(&mut self) {
        self.ends_row_group = true;
        self.writing = Some(Stage::Levels);
        if self.columns.lists.rows == 0 {
            self.begin_closing();
            self.writing = Some(Stage::Notes);
        }
    }

    /// No more traces; the rest is done in steps.
    pub fn finish(self) -> Finishing {
        Finishing { encoder: Some(self), assembly: None }
    }

    fn begin_filters(&mut self) -> Assembly {
        let notes = std::mem::replace(&mut self.notes, Notes::new());
        Assembly::new(notes.gathered, self.options.block_id)
    }

    fn into_block(self, filters: Bytes) -> FinishedBlock {
        let row_groups = self.file.row_groups() as u32;
        let (data, size, footer_size) =
            self.file.finish(&self.columns.schema, &format!("{CREATED_BY}{VERSION}"));
        let blooms = self.bloom.finish();
        let time = |nanos| match self.traces {
            0 => "0001-01-01T00:00:00Z".to_owned(),
            _ => meta::rfc3339(nanos),
        };
        let meta = BlockMeta {
            format: self.options.version.name().to_owned(),
            block_id: self.options.block_id,
            tenant_id: self.options.tenant,
            start_time: time(self.total.start),
            end_time: time(self.total.end),
            total_objects: self.traces,
            size,
            compaction_level: 0,
            index_page_size: 0,
            total_records: row_groups,
            bloom_shards: blooms.len() as u32,
            footer_size,
            dedicated_columns: self.options.dedicated_columns,
            replication_factor: 1,
            inputs: Vec::new(),
        };
        let index = index::to_json(&self.last_ids);
        FinishedBlock { meta, data: data.into(), blooms, index, filters }
    }
}

/// The entries that have a spare column.
fn usable(version: Version, columns: &[DedicatedColumn]) -> Vec<DedicatedColumn> {
    let scopes = [DedicatedScope::Resource, DedicatedScope::Span, DedicatedScope::Event];
    let assigned = scopes.iter().flat_map(|&scope| schema::assign(version, columns, scope));
    let mut kept: Vec<_> = assigned.filter_map(|assigned| assigned.entry).collect();
    kept.sort_unstable();
    kept.into_iter().map(|entry| columns[entry].clone()).collect()
}

/// What is to be written next.
#[derive(Clone, Copy)]
enum Stage {
    /// Levels of the page.
    Levels,
    /// The page of this column.
    Page(usize),
    /// What the filters take over from the row group.
    Notes,
    /// The chunk of this column.
    Close(usize),
}

/// The last part of encoding, in steps of about a millisecond, so that a core can yield between.
pub struct Finishing {
    /// Gone when all is done.
    encoder: Option<BlockEncoder>,
    /// The filters, once all columns are written.
    assembly: Option<Assembly>,
}

impl Finishing {
    /// Spans of the block so far.
    pub(crate) fn spans(&self) -> u64 {
        self.encoder.as_ref().map_or(0, BlockEncoder::spans)
    }

    /// Takes what was written of the file since the last time, if it is so much.
    pub(crate) fn take_made(&mut self, bytes_min: usize) -> Option<Bytes> {
        let encoder = self.encoder.as_mut().filter(|encoder| encoder.untaken() >= bytes_min)?;
        Some(encoder.take(bytes_min))
    }

    /// Bytes of memory held, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        let encoder = self.encoder.as_ref().map_or(0, BlockEncoder::memory_bytes);
        encoder + self.assembly.as_ref().map_or(0, Assembly::memory_bytes)
    }

    /// Does some work; `Some` when all is done.
    ///
    /// # Errors
    /// See [`EncodeError`]; also if it is called again after the end.
    pub fn step(&mut self) -> Result<Option<FinishedBlock>, EncodeError> {
        let ended = || EncodeError::Parquet("the block is finished already".into());
        let encoder = self.encoder.as_mut().ok_or_else(ended)?;
        if encoder.write_step()? {
            return Ok(None);
        }
        if encoder.row_group_rows > 0 {
            encoder.begin_last();
            return Ok(None);
        }
        let assembly = self.assembly.get_or_insert_with(|| encoder.begin_filters());
        let Some(filters) = assembly.step() else { return Ok(None) };
        Ok(self.encoder.take().map(|encoder| encoder.into_block(filters)))
    }
}
