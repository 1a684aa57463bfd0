//! A metrics query over some blocks, on the core that reads them.

use std::sync::Arc;

use stringendo_block::ReadError;
use stringendo_block::scan::{RowGroupScan, ScanBatch};
use stringendo_ring::yield_if_due;
use stringendo_traceql::SpanSet;
use stringendo_traceql::metrics::{Accumulator, Leg, TraceSpans};

use super::{MetricsFindings, MetricsRequest};
use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, StoreError};
use crate::error::QueryError;
use crate::query::block_columns::{BlockColumns, FieldMap};
use crate::query::block_read::{self, BlockRead, Decoding};
use crate::query::block_sift::{self, Sifted};
use crate::query::collect::SearchCost;
use crate::query::memory::{AnswerMemory, Charged};
use crate::shard::Shard;

/// A metrics query over some blocks.
#[derive(Clone, Debug)]
pub struct BlockMetricsJob {
    /// Which.
    pub blocks: Vec<Arc<BlockEntry>>,
    /// What for.
    pub request: MetricsRequest,
}

/// Runs the job on this core.
///
/// # Errors
/// When a block could not be read, the query cannot be evaluated, or there is no memory. Blocks
/// that are gone meanwhile are skipped.
pub async fn run(
    shard: &Shard,
    job: &BlockMetricsJob,
) -> Result<Charged<MetricsFindings>, QueryError> {
    let mut memory = shard.answer_memory();
    let mut cost = SearchCost::default();
    let mut accumulators = job.request.accumulators();
    let legs = job.request.plan.legs();
    if legs.iter().any(|leg| leg.compares_attributes()) {
        return Err(QueryError::Unsupported("compare() over stored data"));
    }
    for block in &job.blocks {
        for (leg, sum) in legs.iter().zip(&mut accumulators) {
            let mut scan = BlockMetrics::new(leg, &job.request, sum, &mut memory, &mut cost);
            match scan.block(shard, block).await {
                Err(error) if !error.is_gone() => return Err(error.of_block(block)),
                _ => {}
            }
        }
    }
    let value = MetricsFindings { accumulators, cost, blocks_done: Vec::new() };
    Ok(Charged { value, memory })
}

/// One leg over one block.
struct BlockMetrics<'a> {
    leg: &'a Leg,
    fields: FieldMap,
    sum: &'a mut Accumulator,
    memory: &'a mut AnswerMemory,
    cost: &'a mut SearchCost,
    sets: Vec<SpanSet>,
}

impl<'a> BlockMetrics<'a> {
    fn new(
        leg: &'a Leg,
        request: &MetricsRequest,
        sum: &'a mut Accumulator,
        memory: &'a mut AnswerMemory,
        cost: &'a mut SearchCost,
    ) -> Self {
        let (start, end) = request.axis.bounds_unix_nanos();
        // Each piece of a trace is judged by itself, so it must satisfy all that is needed.
        let fields = FieldMap::of_fields(leg.search().fields(), start, end)
            .needing(leg.search().needs())
            .of_whole_traces();
        Self { leg, fields, sum, memory, cost, sets: Vec::new() }
    }

    async fn block(&mut self, shard: &Shard, block: &BlockEntry) -> Result<(), StoreError> {
        let open = block_read::open(shard, block, &mut self.cost.reads).await?;
        for row_group in 0..open.reader().row_groups() {
            self.row_group(shard, &open, row_group).await?;
        }
        Ok(())
    }

    async fn row_group(
        &mut self,
        shard: &Shard,
        open: &OpenBlock,
        row_group: usize,
    ) -> Result<(), StoreError> {
        let (request, reads) = (self.fields.request(), &mut self.cost.reads);
        let Sifted { candidates, counts } =
            block_sift::sift(shard, open, row_group, request, reads).await?;
        self.cost.bytes += counts.bytes;
        let ranges = open.reader().candidate_ranges(row_group, request, &candidates);
        if ranges.is_empty() {
            return Ok(());
        }
        let mut read = BlockRead::fetch(shard, open, ranges, Decoding::Columns, reads).await?;
        let mut row = 0;
        loop {
            let (request, fetched) = (self.fields.request(), read.fetched());
            let scan = open.reader().scan_candidates(row_group, request, &candidates, fetched)?;
            let mut scan = scan.within(row, read.decoded_bytes_max());
            let outcome = self.scan(&mut scan).await;
            row = scan.next_row();
            drop(scan);
            match outcome {
                Err(StoreError::Read(ReadError::NeedsMemory { bytes })) => {
                    read.make_room(bytes, &mut self.cost.reads).await?;
                }
                outcome => return outcome,
            }
        }
    }

    /// Looks at what is left of the rows; never waits, since it holds memory to read with.
    async fn scan(&mut self, scan: &mut RowGroupScan) -> Result<(), StoreError> {
        let outcome = loop {
            match scan.next_batch() {
                Ok(Some(batch)) => self.batch(&batch)?,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            }
            yield_if_due().await;
        };
        let (spans, bytes) = scan.inspected();
        self.cost.spans += spans;
        self.cost.bytes += bytes;
        outcome
    }

    fn batch(&mut self, batch: &ScanBatch) -> Result<(), QueryError> {
        for trace in &batch.traces {
            self.cost.traces += 1;
            let columns = BlockColumns::of(&self.fields, batch, trace);
            self.leg.search().spansets(&columns, &mut self.sets)?;
            let spans = TraceSpans {
                columns: &columns,
                start_unix_nanos: &batch.span_start_unix_nanos[trace.spans.clone()],
                trace_id: trace.trace_id.0,
                attributes: &[],
            };
            self.sum.observe(&spans, &self.sets, &mut |bytes| self.memory.grow(bytes))?;
        }
        Ok(())
    }
}
