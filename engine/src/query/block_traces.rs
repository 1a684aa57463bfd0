//! The pieces of many traces in the blocks that one core reads: block after block, each in one pass
//! over its rows.
//!
//! From: [`super::whole`], which knows by the filters over trace ids which blocks to look into. To:
//! the same, which puts the pieces together. What there is no memory or no allowance for is left
//! out and told, trace by trace.

use std::collections::BTreeMap;
use std::sync::Arc;

use stringendo_block::{ReadError, RowContent};
use stringendo_proto::TraceId;
use stringendo_proto::otlp::TracesData;
use stringendo_ring::yield_if_due;

use super::allowance::{Allowance, Meter};
use super::block_read::{self, BlockRead, Decoding};
use super::block_trace::copy_out;
use super::damage;
use super::memory::{AnswerMemory, Charged};
use super::trace::TraceCost;
use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, Reads, StoreError, bytes_of};
use crate::budget::Use;
use crate::error::QueryError;
use crate::limits::PASS_BYTES_MAX;
use crate::node::Node;
use crate::shard::Shard;

/// Traces to look up in some blocks.
#[derive(Clone, Debug)]
pub struct BlockTracesJob {
    /// Where, and which of `ids` may be there, by number.
    pub blocks: Vec<(Arc<BlockEntry>, Vec<u32>)>,
    /// Which.
    pub ids: Arc<Vec<TraceId>>,
    /// How much of each.
    pub content: Arc<RowContent>,
    /// What the query may read.
    pub allowance: Arc<Allowance>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct BlockTraces {
    /// Pieces by the number of their trace, in order of the blocks.
    pub pieces: Vec<(u32, TracesData)>,
    /// Traces of which a piece may be missing, and why.
    pub missing: Vec<(u32, Missing)>,
    /// What it cost.
    pub cost: TraceCost,
}

/// Why a piece is missing.
#[derive(Debug)]
pub enum Missing {
    /// There was no memory.
    NoMemory(QueryError),
    /// The query has read what it may.
    NotAllowed,
}

/// Runs the job on this core.
///
/// # Errors
/// When the store fails. Blocks that are gone meanwhile are skipped; of damaged ones counts what
/// can be read.
pub async fn run(node: &Node, job: &BlockTracesJob) -> Result<Charged<BlockTraces>, QueryError> {
    let shard: &Shard = node.shard();
    // Others want some, too, and a lone trace may take what there is.
    let quota_bytes = match job.ids.len() {
        1 => u64::MAX,
        _ => shard.budget.limit_for(Use::Answer) / 4,
    };
    let mut pass = Passes {
        shard,
        job,
        quota_bytes,
        meter: Meter::new(&job.allowance),
        reads: Reads::default(),
        found: BlockTraces::default(),
        memory: shard.answer_memory(),
    };
    let mut missed = TraceCost::default();
    for (block, wanted) in &job.blocks {
        if let Err(error) = pass.block(block, wanted).await {
            missed.miss(damage::missed(node, block, error).await?, block);
        }
    }
    // For those who read after this part.
    pass.meter.has_left(&pass.reads);
    let Passes { reads, mut found, memory, .. } = pass;
    found.cost = TraceCost {
        inspected_bytes: reads.bytes,
        backend_reads: reads.count,
        backend_bytes: reads.bytes,
        ..missed
    };
    Ok(Charged { value: found, memory })
}

/// A trace that a row group holds.
struct Row {
    row: u64,
    /// Number of the trace.
    number: u32,
}

struct Passes<'a> {
    shard: &'a Shard,
    job: &'a BlockTracesJob,
    /// What pieces may take before the rest is left out.
    quota_bytes: u64,
    meter: Meter,
    reads: Reads,
    found: BlockTraces,
    memory: AnswerMemory,
}

impl Passes<'_> {
    async fn block(&mut self, block: &BlockEntry, wanted: &[u32]) -> Result<(), StoreError> {
        if !self.may_read(wanted.iter().copied()) {
            return Ok(());
        }
        let open = match block_read::open(self.shard, block, &mut self.reads).await {
            Err(StoreError::Memory(error)) => {
                self.miss(wanted.iter().copied(), error);
                return Ok(());
            }
            open => open?,
        };
        for (row_group, mut numbers) in self.row_groups(&open, wanted) {
            numbers.sort_unstable_by_key(|number| self.job.ids[*number as usize]);
            let rows = match self.find(&open, row_group, &numbers).await {
                Err(StoreError::Memory(error)) => {
                    self.miss(numbers.into_iter(), error);
                    continue;
                }
                rows => rows?,
            };
            self.row_group(&open, row_group, rows).await?;
        }
        Ok(())
    }

    /// The traces by the row groups that may hold them.
    fn row_groups(&self, open: &OpenBlock, wanted: &[u32]) -> BTreeMap<usize, Vec<u32>> {
        let mut row_groups: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for number in wanted {
            for probe in open.reader().probe(&self.job.ids[*number as usize]) {
                row_groups.entry(probe.row_group).or_default().push(*number);
            }
        }
        row_groups
    }

    /// Where the row group has those traces, which are in order of their ids, as rows are.
    async fn find(
        &mut self,
        open: &OpenBlock,
        row_group: usize,
        numbers: &[u32],
    ) -> Result<Vec<Row>, StoreError> {
        let ids: Vec<_> = numbers.iter().map(|number| self.job.ids[*number as usize]).collect();
        let (shard, reads) = (self.shard, &mut self.reads);
        let Some(probe) = ids.first().and_then(|id| {
            open.reader().probe(id).into_iter().find(|probe| probe.row_group == row_group)
        }) else {
            return Ok(Vec::new());
        };
        let read = BlockRead::fetch(shard, open, probe.ranges, Decoding::Columns, reads).await?;
        let find =
            |fetched: &_, limit| open.reader().find_rows_within(row_group, &ids, fetched, limit);
        let rows = read.decode(reads, find).await?;
        yield_if_due().await;
        let found = rows.into_iter().zip(numbers);
        Ok(found.filter_map(|(row, number)| Some(Row { row: row?, number: *number })).collect())
    }

    /// Reads the rows in as few passes as memory allows.
    async fn row_group(
        &mut self,
        open: &OpenBlock,
        row_group: usize,
        rows: Vec<Row>,
    ) -> Result<(), StoreError> {
        let mut rows = rows.as_slice();
        while !rows.is_empty() {
            if !self.may_read(rows.iter().map(|row| row.number)) {
                return Ok(());
            }
            if self.memory.bytes() >= self.quota_bytes {
                self.miss(rows.iter().map(|row| row.number), QueryError::Overloaded);
                return Ok(());
            }
            let (now, later) = rows.split_at(self.fitting(open, row_group, rows)?);
            let mut done = 0;
            match self.pass(open, row_group, now, &mut done).await {
                Err(StoreError::Memory(error)) => {
                    self.miss(now[done..].iter().map(|row| row.number), error);
                }
                outcome => outcome?,
            }
            rows = later;
        }
        Ok(())
    }

    /// How many of the rows are read at once: as many as can be fetched together, and at least one.
    fn fitting(
        &self,
        open: &OpenBlock,
        row_group: usize,
        rows: &[Row],
    ) -> Result<usize, StoreError> {
        let limit = PASS_BYTES_MAX.min(self.shard.memory_to_read_max() / 8);
        let mut count = rows.len();
        while count > 1 {
            let numbers: Vec<u64> = rows[..count].iter().map(|row| row.row).collect();
            let ranges = open.reader().pass_ranges(row_group, &self.job.content, &numbers)?;
            if bytes_of(&open.to_fetch(ranges)) <= limit {
                break;
            }
            count = count.div_ceil(2);
        }
        Ok(count)
    }

    /// Reads rows; `done` says how many became pieces, whatever happens.
    async fn pass(
        &mut self,
        open: &OpenBlock,
        row_group: usize,
        rows: &[Row],
        done: &mut usize,
    ) -> Result<(), StoreError> {
        let content = &*self.job.content;
        let numbers: Vec<u64> = rows.iter().map(|row| row.row).collect();
        let ranges = open.reader().pass_ranges(row_group, content, &numbers)?;
        let (shard, decoding) = (self.shard, Decoding::Rows);
        let mut read = BlockRead::fetch(shard, open, ranges, decoding, &mut self.reads).await?;
        loop {
            let (left, limit) = (&numbers[*done..], read.decoded_bytes_max());
            let pass = open.reader().pass(row_group, content, left, read.fetched(), limit)?;
            let outcome = self.take(pass, rows, done).await;
            match outcome {
                Err(StoreError::Read(ReadError::NeedsMemory { bytes })) => {
                    read.make_room(bytes, &mut self.reads).await?;
                }
                outcome => return outcome,
            }
        }
    }

    /// Takes what is left of the rows; never waits for memory, since it holds memory to read with.
    async fn take(
        &mut self,
        mut pass: stringendo_block::RowPass<'_>,
        rows: &[Row],
        done: &mut usize,
    ) -> Result<(), StoreError> {
        while let Some(Row { row, number }) = rows.get(*done) {
            if self.memory.bytes() >= self.quota_bytes {
                return Err(QueryError::Overloaded.into());
            }
            let piece = copy_out(pass.row(*row)?, self.shard.answer_memory())?;
            self.found.pieces.push((*number, piece.value));
            self.memory.absorb(piece.memory);
            *done += 1;
            yield_if_due().await;
        }
        Ok(())
    }

    /// Whether the query may read on; else these traces are missing.
    fn may_read(&mut self, numbers: impl Iterator<Item = u32>) -> bool {
        let has_left = self.meter.has_left(&self.reads);
        if !has_left {
            let missing = numbers.map(|number| (number, Missing::NotAllowed));
            self.found.missing.extend(missing);
        }
        has_left
    }

    fn miss(&mut self, numbers: impl Iterator<Item = u32>, error: QueryError) {
        let why = || match error {
            QueryError::NeedsTooMuch { bytes, limit } => QueryError::NeedsTooMuch { bytes, limit },
            _ => QueryError::Overloaded,
        };
        self.found.missing.extend(numbers.map(|number| (number, Missing::NoMemory(why()))));
    }
}
