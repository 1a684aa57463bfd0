//! A metrics query over some blocks, on the core that reads them.

use std::sync::Arc;

use stringendo_block::ReadError;
use stringendo_block::scan::{RowGroupScan, ScanBatch};
use stringendo_block::tags::{TagNames, TagScope};
use stringendo_ring::yield_if_due;
use stringendo_traceql::metrics::{Accumulator, Leg, TraceSpans};
use stringendo_traceql::{AttributeScope, Field, SpanSet};

use super::{MetricsFindings, MetricsRequest};
use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, StoreError};
use crate::error::QueryError;
use crate::live::value::Cell;
use crate::query::block_columns::{BlockColumns, FieldMap};
use crate::query::block_read::{self, BlockRead, Decoding};
use crate::query::block_sift::{self, Sifted};
use crate::query::collect::SearchCost;
use crate::query::memory::{AnswerMemory, Charged};
use crate::query::tags;
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
    for block in &job.blocks {
        for (leg, sum) in legs.iter().zip(&mut accumulators) {
            let mut scan = BlockMetrics::new(leg, &job.request, sum, &mut memory, &mut cost);
            let outcome = if leg.compares_attributes() {
                scan.compare(shard, block).await
            } else {
                scan.block(shard, block).await
            };
            match outcome {
                Err(error) if !error.is_gone() => return Err(error.of_block(block)),
                _ => {}
            }
        }
    }
    let value = MetricsFindings { accumulators, cost, blocks_done: Vec::new() };
    Ok(Charged { value, memory })
}

/// Attributes that are compared in one go over a block: as many columns are held at a time.
const COMPARED_AT_ONCE: usize = 64;

/// Memory of a value of a trace's columns.
const CELL_BYTES: usize = size_of::<Cell<'_>>();

/// One leg over one block.
struct BlockMetrics<'a> {
    leg: &'a Leg,
    bounds_unix_nanos: (u64, u64),
    fields: FieldMap,
    /// Attributes that are compared, behind the columns of the plan.
    attributes: Vec<Field>,
    /// Whether the block was looked at before with other attributes.
    again: bool,
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
        let bounds_unix_nanos = request.axis.bounds_unix_nanos();
        let fields = field_map(leg, &[], bounds_unix_nanos);
        let (attributes, sets) = (Vec::new(), Vec::new());
        Self { leg, bounds_unix_nanos, fields, attributes, again: false, sum, memory, cost, sets }
    }

    /// Looks at the block with all its attributes, some at a time.
    async fn compare(&mut self, shard: &Shard, block: &BlockEntry) -> Result<(), StoreError> {
        let names = tags::blocks::names_of(shard, block, self.cost).await?;
        let attributes = attributes(&names);
        let mut chunks = attributes.chunks(COMPARED_AT_ONCE);
        // Without attributes, too, there are intrinsics.
        let first = chunks.next().unwrap_or_default();
        for chunk in std::iter::once(first).chain(chunks) {
            self.attributes = chunk.to_vec();
            self.fields = field_map(self.leg, chunk, self.bounds_unix_nanos);
            self.block(shard, block).await?;
            self.again = true;
        }
        Ok(())
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
            let cells =
                trace.spans.len() * (self.leg.search().fields().len() + self.attributes.len());
            let cells_bytes = (cells * CELL_BYTES) as u64;
            self.memory.grow(cells_bytes)?;
            let columns = BlockColumns::of(&self.fields, batch, trace);
            self.leg.search().spansets(&columns, &mut self.sets)?;
            let spans = TraceSpans {
                columns: &columns,
                start_unix_nanos: &batch.span_start_unix_nanos[trace.spans.clone()],
                trace_id: trace.trace_id.0,
                attributes: &self.attributes,
                again: self.again,
            };
            self.sum.observe(&spans, &self.sets, &mut |bytes| self.memory.grow(bytes))?;
            self.memory.shrink(cells_bytes);
        }
        Ok(())
    }
}

fn field_map(leg: &Leg, attributes: &[Field], (start, end): (u64, u64)) -> FieldMap {
    let fields = [leg.search().fields(), attributes].concat();
    // Each piece of a trace is judged by itself, so it must satisfy all that is needed.
    let map = FieldMap::of_fields(&fields, start, end).needing(leg.search().needs());
    map.of_whole_traces().with_span_starts()
}

/// The keys of a block that `compare()` looks at.
fn attributes(names: &TagNames) -> Vec<Field> {
    let scopes = [
        (TagScope::Span, AttributeScope::Span),
        (TagScope::Resource, AttributeScope::Resource),
        (TagScope::Instrumentation, AttributeScope::Instrumentation),
    ];
    let of_scope = |(tag, scope): (TagScope, AttributeScope)| {
        // Queries cannot name other keys than texts.
        let keys = names.of(tag).iter().filter_map(|key| std::str::from_utf8(key).ok());
        keys.map(|key| Field::attribute(scope, key)).collect::<Vec<_>>()
    };
    scopes.into_iter().flat_map(of_scope).collect()
}
