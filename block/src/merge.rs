//! Several blocks become one: rows in order of trace ids, equal ids combined (contract blocks.md
//! §12, §13, §15, §16, §20).
//!
//! From: `engine`'s compaction, which fetches what is asked for. To: the same, which appends the
//! bytes made to the new block's `data.parquet` and then writes the objects beside it. No I/O here.
//!
//! ```text
//! input ─ pages, decoded by column ─┐           ┌─ runs of rows ──▶ append ─┐
//! input ────────────────────────────┼─▶ order ──┤                           ├─▶ encoder
//! input ────────────────────────────┘           └─ split traces ─▶ pieces ──┘
//!                                    by trace id       OTLP, combined
//! ```
//!
//! A row that is in one input alone is never looked at as a trace: its values are copied from
//! decoded pages into the encoder's columns, run by run, where codes of strings become those of the
//! new dictionary through a table. Rows of one id in several inputs become OTLP, are combined and
//! shredded into the same columns. Everything behind the columns (levels, pages, row groups,
//! filters) is the encoder's, so a merged block is as a fresh one. Blocks of a version that is only
//! read (vParquet3) have other columns: all their rows become OTLP and go this way, into a block of
//! vParquet4, which keeps all that they have, but of spans that are there twice one. (Columns of
//! single attributes in vParquet5 keep no empty lists.)
//!
//! Memory: of each input some pages of all columns and the dictionaries of a row group, of the
//! output a row group; row groups are ended early where they would take more than their part.

mod append;
mod input;
mod order;
mod pieces;
mod shape;

use std::ops::Range;

use bytes::Bytes;
use stringendo_proto::TraceId;
use uuid::Uuid;

use self::append::Appender;
use self::input::{Input, Wants};
use self::order::{Batch, Next, Take};
use crate::encode::{BlockEncoder, EncodeError, EncodeOptions, Finishing};
use crate::meta::{self, BlockMeta};
use crate::read::ReadError;
use crate::read::stream::DecodeBudget;
use crate::schema::{Leaf, Schema};
use crate::version::Version;

/// Bytes of the file are handed out when there are so many.
const MADE_BYTES_MIN: usize = 1 << 20;
/// Compressed bytes of an input that are asked for at a time, at least and at most.
const WINDOW_BYTES: std::ops::RangeInclusive<u64> = 256 << 10..=8 << 20;

/// What to make and how.
#[derive(Clone, Debug)]
pub struct MergeOptions {
    /// Id of the new block.
    pub block_id: Uuid,
    /// `bloom_filter_false_positive`.
    pub bloom_false_positive: f64,
    /// `bloom_filter_shard_size_bytes`.
    pub bloom_shard_bytes: usize,
    /// `parquet_row_group_size_bytes`, by Tempo's estimate (contract blocks.md §6).
    pub row_group_bytes: u64,
    /// `max_bytes_per_trace`: of a split trace of more bytes only the first piece is kept
    /// (contract blocks.md §16). 0: no limit.
    pub trace_bytes_max: u64,
    /// Memory to hold at most, about: some 64 MiB and 32 for every input are a good start.
    /// [`MergeError::NeedsMemory`] says if it does not suffice.
    pub memory_bytes_max: u64,
}

/// Why blocks could not be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// No blocks at all, or blocks that do not go together: a defect of the plan.
    #[error("blocks cannot be merged: {0}")]
    Plan(String),
    /// An input cannot be read. It stays as it is, and so do the others.
    #[error("block {block}: {source}")]
    Input {
        /// Which.
        block: Uuid,
        /// Why.
        source: ReadError,
    },
    /// The inputs hold more at a time than the memory allows. To be begun again with more, or to be
    /// left alone.
    #[error("merging needs at least {bytes} bytes of memory")]
    NeedsMemory {
        /// So much gets it further; it may turn out to need more still.
        bytes: u64,
    },
    /// The new block cannot be written.
    #[error(transparent)]
    Output(#[from] EncodeError),
}

/// A range of an input's `data.parquet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Number of the input, as given.
    pub input: usize,
    /// Where in its file.
    pub range: Range<u64>,
}

/// What comes next.
#[derive(Debug)]
pub enum MergeStep {
    /// Some work was done, about a millisecond's; call again.
    Working,
    /// All of these are to be fetched and given to [`Merge::supply`] before the next call.
    Needs(Vec<Need>),
    /// The next bytes of the new `data.parquet`.
    Made(Bytes),
    /// All is done; the file is complete with the bytes made so far.
    Finished(Box<MergedBlock>),
}

/// What belongs to a merged block beside its `data.parquet`.
#[derive(Debug)]
pub struct MergedBlock {
    /// `meta.json`.
    pub meta: BlockMeta,
    /// `bloom-0` …
    pub blooms: Vec<Bytes>,
    /// `index`.
    pub index: Bytes,
    /// [`crate::filters::OBJECT`].
    pub filters: Bytes,
    /// What was done.
    pub counts: MergeCounts,
}

/// What a merge has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergeCounts {
    /// Traces of the inputs, those in several counted several times.
    pub traces_read: u64,
    /// Traces written.
    pub traces: u64,
    /// Spans written.
    pub spans: u64,
    /// Traces that several inputs had.
    pub traces_combined: u64,
    /// Of these, traces that were too large, of which one piece was kept.
    pub traces_too_large: u64,
    /// Spans that were left out with them.
    pub spans_discarded: u64,
    /// Spans that several inputs had, but for one of each.
    pub spans_repeated: u64,
    /// Traces that were not wanted ([`Merge::without`]), those in several inputs counted several
    /// times.
    pub traces_left_out: u64,
    /// Spans that were left out with them.
    pub spans_left_out: u64,
    /// Traces without a span, which blocks of a version that is only read may hold, and which are
    /// not written.
    pub traces_empty: u64,
}

/// Merges blocks in small steps.
pub struct Merge {
    options: MergeOptions,
    inputs: Vec<Input>,
    /// What the new block takes over from the inputs.
    heading: Heading,
    budget: DecodeBudget,
    encoder: Option<BlockEncoder>,
    finishing: Option<Finishing>,
    finished: Option<Box<MergedBlock>>,
    appender: Appender,
    /// The columns of the inputs.
    leaves: Vec<Leaf>,
    /// Whether the inputs have other columns than the output, so that no row can be copied.
    by_row: bool,
    batch: Batch,
    /// Ids of traces that are left out, ascending.
    without: Vec<u128>,
    is_writing: bool,
    counts: MergeCounts,
}

struct Heading {
    compaction_level: u32,
    replication_factor: u32,
    start: u64,
    end: u64,
}

impl Merge {
    /// Begins to merge the blocks of these metas: of one tenant and format, with the same dedicated
    /// columns. Of spans that several have the first one's are kept.
    ///
    /// # Errors
    /// [`MergeError::Plan`].
    pub fn new(inputs: Vec<BlockMeta>, options: MergeOptions) -> Result<Self, MergeError> {
        let (first, version) = check(&inputs)?;
        let by_row = !version.is_written();
        let heading = Heading::of(&inputs);
        let traces = inputs.iter().fold(0_u64, |sum, it| sum.saturating_add(it.total_objects));
        let encoder = BlockEncoder::new(EncodeOptions {
            block_id: options.block_id,
            tenant: first.tenant_id.clone(),
            version: if by_row { Version::V4 } else { version },
            dedicated_columns: first.dedicated_columns.clone(),
            bloom_false_positive: options.bloom_false_positive,
            bloom_shard_bytes: options.bloom_shard_bytes,
            row_group_bytes: options.row_group_bytes,
            traces: (traces as usize).max(1),
        });
        // What was fetched is held for a while after the next is there.
        let encoder = encoder.streamed(options.memory_bytes_max / 8 * 3);
        let window = options.memory_bytes_max / (8 * inputs.len() as u64);
        let window = window.clamp(*WINDOW_BYTES.start(), *WINDOW_BYTES.end());
        let appender = Appender::new(inputs.len(), &encoder);
        let leaves = match by_row {
            true => Schema::new(version, &first.dedicated_columns).map(|schema| schema.leaves),
            false => Ok(encoder.schema().leaves.clone()),
        };
        let leaves = leaves.map_err(|error| MergeError::Plan(error.to_string()))?;
        let inputs = inputs.into_iter().map(|meta| Input::new(meta, window)).collect();
        Ok(Self {
            budget: DecodeBudget::within(decoded_bytes_max(&options)),
            options,
            inputs,
            heading,
            encoder: Some(encoder),
            finishing: None,
            finished: None,
            appender,
            leaves,
            by_row,
            batch: Batch::default(),
            without: Vec::new(),
            is_writing: false,
            counts: MergeCounts::default(),
        })
    }

    /// Leaves these traces out. To be called before the first step.
    #[must_use]
    pub fn without(mut self, trace_ids: &[TraceId]) -> Self {
        self.without = trace_ids.iter().map(|id| u128::from_be_bytes(id.0)).collect();
        self.without.sort_unstable();
        self
    }

    /// Hands over the bytes of a range that was asked for.
    pub fn supply(&mut self, need: &Need, bytes: Bytes) {
        if let Some(input) = self.inputs.get_mut(need.input) {
            input.supply(&need.range, bytes);
        }
    }

    /// Does some work.
    ///
    /// # Errors
    /// See [`MergeError`]; the merge must then be given up.
    pub fn step(&mut self) -> Result<MergeStep, MergeError> {
        if let Some(finished) = self.finished.take() {
            return Ok(MergeStep::Finished(finished));
        }
        if self.finishing.is_some() {
            return self.finish_step();
        }
        let ended = || MergeError::Plan("the merge has ended already".into());
        let encoder = self.encoder.as_mut().ok_or_else(ended)?;
        if self.is_writing {
            if encoder.untaken() >= MADE_BYTES_MIN {
                return Ok(MergeStep::Made(encoder.take(MADE_BYTES_MIN)));
            }
            self.is_writing = encoder.write_step()?;
            return Ok(MergeStep::Working);
        }
        match self.prepare_inputs()? {
            Some(step) => Ok(step),
            None => self.take_rows(),
        }
    }

    /// Has every input ready to give a row; `None` if they are.
    fn prepare_inputs(&mut self) -> Result<Option<MergeStep>, MergeError> {
        let mut needs = Vec::new();
        for (number, input) in self.inputs.iter_mut().enumerate() {
            let wants = input.prepare(&self.leaves, &mut self.budget);
            match wants.map_err(|error| failed(input, error, &self.options))? {
                Wants::Ranges(ranges) => {
                    needs.extend(ranges.into_iter().map(|range| Need { input: number, range }));
                }
                Wants::Work => return Ok(Some(MergeStep::Working)),
                Wants::NewDictionaries => {
                    self.appender.forget_codes(number);
                    return Ok(Some(MergeStep::Working));
                }
                Wants::Nothing => {}
            }
        }
        Ok((!needs.is_empty()).then_some(MergeStep::Needs(needs)))
    }

    /// Takes the next rows, as many as are ready.
    fn take_rows(&mut self) -> Result<MergeStep, MergeError> {
        let Some(encoder) = self.encoder.as_mut() else { return Ok(MergeStep::Working) };
        let (wanted, without) = (encoder.wanted(), self.without.as_slice());
        let take = Take { wanted, without, by_row: self.by_row };
        match order::next(&mut self.inputs, &take, &mut self.batch) {
            Next::Batch => {
                let appended = self.appender.append(&mut self.inputs, &self.batch, encoder);
                appended.map_err(|error| failed_batch(&self.inputs, error))?;
                self.counts.traces_read += self.batch.ids.len() as u64;
            }
            Next::Row(holders) => self.combine(&holders)?,
            Next::LeftOut(holders) => {
                self.leave_out(&holders);
                return Ok(MergeStep::Working);
            }
            Next::End => {
                self.finishing = self.encoder.take().map(BlockEncoder::finish);
                return Ok(MergeStep::Working);
            }
        }
        self.is_writing = true;
        Ok(MergeStep::Working)
    }

    fn leave_out(&mut self, holders: &[usize]) {
        for holder in holders {
            let input = &mut self.inputs[*holder];
            self.counts.traces_left_out += 1;
            self.counts.spans_left_out += input.spans_of(input.next_row()) as u64;
            self.counts.traces_read += 1;
            input.pass_row();
        }
    }

    fn combine(&mut self, holders: &[usize]) -> Result<(), MergeError> {
        let Some(encoder) = self.encoder.as_mut() else { return Ok(()) };
        let combined =
            pieces::read(&self.inputs, holders, self.options.trace_bytes_max, &mut self.budget);
        let combined =
            combined.map_err(|(input, error)| failed(&self.inputs[input], error, &self.options))?;
        encoder.add_trace(&[combined.bytes], &combined.id, &combined.parts)?;
        self.counts.traces_read += holders.len() as u64;
        self.counts.traces_empty += u64::from(combined.parts.is_empty());
        self.counts.traces_combined += u64::from(holders.len() > 1);
        self.counts.traces_too_large += u64::from(combined.is_too_large);
        self.counts.spans_discarded += combined.spans_discarded;
        self.counts.spans_repeated += combined.spans_repeated;
        holders.iter().for_each(|holder| self.inputs[*holder].pass_row());
        Ok(())
    }

    fn finish_step(&mut self) -> Result<MergeStep, MergeError> {
        let Some(finishing) = self.finishing.as_mut() else { return Ok(MergeStep::Working) };
        let spans = finishing.spans();
        if let Some(made) = finishing.take_made(MADE_BYTES_MIN) {
            return Ok(MergeStep::Made(made));
        }
        let Some(block) = finishing.step()? else { return Ok(MergeStep::Working) };
        self.finishing = None;
        let mut meta = block.meta;
        self.heading.put(&mut meta);
        self.counts.traces = meta.total_objects;
        self.counts.spans = spans;
        let (blooms, index, filters) = (block.blooms, block.index, block.filters);
        let finished = MergedBlock { meta, blooms, index, filters, counts: self.counts };
        self.finished = Some(Box::new(finished));
        Ok(MergeStep::Made(block.data))
    }

    /// What was done so far; what was written is only known in the end.
    pub fn counts(&self) -> MergeCounts {
        self.counts
    }

    /// Bytes of memory held, about.
    pub fn memory_bytes(&self) -> u64 {
        let encoder = self.encoder.as_ref().map_or(0, BlockEncoder::memory_bytes);
        let finishing = self.finishing.as_ref().map_or(0, Finishing::memory_bytes);
        let inputs: usize = self.inputs.iter().map(Input::memory_bytes).sum();
        let appender = self.appender.memory_bytes();
        self.budget.used_bytes() + (encoder + finishing + inputs + appender) as u64
    }
}

/// Checks that blocks go together; gives the first, and the version of all.
fn check(inputs: &[BlockMeta]) -> Result<(&BlockMeta, Version), MergeError> {
    let plan = |what: String| MergeError::Plan(what);
    let (first, rest) = inputs.split_first().ok_or_else(|| plan("there are none".into()))?;
    for meta in rest {
        let differs = |what| plan(format!("{} and {}: {what}", first.block_id, meta.block_id));
        if meta.tenant_id != first.tenant_id {
            return Err(differs("other tenants"));
        }
        if meta.format != first.format {
            return Err(differs("other formats"));
        }
        if meta.dedicated_columns != first.dedicated_columns {
            return Err(differs("other dedicated columns"));
        }
        if meta.block_id == first.block_id {
            return Err(differs("the same block"));
        }
    }
    match first.version() {
        Some(version) => Ok((first, version)),
        None => Err(plan(format!("format {:?} is not merged", first.format))),
    }
}

impl Heading {
    fn of(inputs: &[BlockMeta]) -> Self {
        let times = || inputs.iter().map(BlockMeta::time_range_unix_nanos);
        let levels = inputs.iter().map(|meta| meta.compaction_level);
        Self {
            compaction_level: levels.max().unwrap_or(0).saturating_add(1),
            replication_factor: inputs
                .iter()
                .map(|meta| meta.replication_factor)
                .max()
                .unwrap_or(1),
            start: times().map(|(start, _)| start).filter(|start| *start > 0).min().unwrap_or(0),
            end: times().map(|(_, end)| end).max().unwrap_or(0),
        }
    }

    fn put(&self, meta: &mut BlockMeta) {
        meta.compaction_level = self.compaction_level;
        meta.replication_factor = self.replication_factor;
        if self.end > 0 {
            meta.start_time = meta::rfc3339(self.start);
            meta.end_time = meta::rfc3339(self.end);
        }
    }
}

/// Of all memory, so much may be decoded pages and dictionaries.
fn decoded_bytes_max(options: &MergeOptions) -> u64 {
    options.memory_bytes_max / 8 * 3
}

/// What an input's error means for the merge.
fn failed(input: &Input, error: ReadError, options: &MergeOptions) -> MergeError {
    match error {
        ReadError::NeedsMemory { bytes } => {
            MergeError::NeedsMemory { bytes: bytes.max(decoded_bytes_max(options) + 1) * 8 / 3 + 8 }
        }
        source => MergeError::Input { block: input.block_id(), source },
    }
}

fn failed_batch(inputs: &[Input], error: append::Failed) -> MergeError {
    match error {
        append::Failed::Input(input, source) => {
            MergeError::Input { block: inputs[input].block_id(), source }
        }
        append::Failed::Output(error) => error.into(),
    }
}
