//! Searches some blocks on the core that reads them, newest blocks first.

use std::sync::Arc;

use stringendo_block::ReadError;
use stringendo_block::scan::{RowGroupScan, ScanBatch, ScannedTrace};
use stringendo_ring::yield_if_due;
use stringendo_traceql::SpanSet;

use super::SearchRequest;
use super::block_columns::{BlockColumns, FieldMap};
use super::block_read::{self, BlockRead, Decoding};
use super::block_sift::{self, Sifted};
use super::collect::{Findings, FoundTrace, Newest, SearchCost};
use super::echo::{self, SpanFacts};
use super::memory::Charged;
use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, StoreError};
use crate::error::QueryError;
use crate::shard::Shard;

/// A search of some blocks.
#[derive(Clone, Debug)]
pub struct BlockSearchJob {
    /// Which, newest first.
    pub blocks: Vec<Arc<BlockEntry>>,
    /// What for.
    pub request: SearchRequest,
}

/// Runs the job on this core.
///
/// # Errors
/// When a block could not be read, or there is no memory. Blocks that are gone meanwhile are
/// skipped.
pub async fn run(shard: &Shard, job: &BlockSearchJob) -> Result<Charged<Findings>, QueryError> {
    let mut search = BlockSearch {
        request: &job.request,
        fields: FieldMap::of(&job.request),
        newest: Newest::new(job.request.limit, shard.answer_memory()),
        cost: SearchCost::default(),
        sets: Vec::new(),
    };
    for block in &job.blocks {
        // No trace of this block or of the older ones behind it starts late enough.
        if !search.newest.wants(block.end_unix_nanos.saturating_add(999_999_999)) {
            break;
        }
        match search.block(shard, block).await {
            Err(error) if !error.is_gone() => return Err(error.of_block(block)),
            _ => {}
        }
    }
    Ok(search.newest.into_findings(search.cost))
}

struct BlockSearch<'a> {
    request: &'a SearchRequest,
    fields: FieldMap,
    newest: Newest,
    cost: SearchCost,
    sets: Vec<SpanSet>,
}

impl BlockSearch<'_> {
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
            if !self.newest.wants(trace.start_unix_nanos) {
                continue;
            }
            let columns = BlockColumns::of(&self.fields, batch, trace);
            self.request.plan.spansets(&columns, &mut self.sets)?;
            if !self.sets.is_empty() {
                let found = self.found(batch, trace, &columns)?;
                self.newest.add(found)?;
            }
        }
        Ok(())
    }

    fn found(
        &mut self,
        batch: &ScanBatch,
        trace: &ScannedTrace,
        columns: &BlockColumns<'_>,
    ) -> Result<FoundTrace, QueryError> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let facts = |number: u32| {
            let at = trace.spans.start + number as usize;
            SpanFacts {
                span_id: batch.span_ids[at],
                start_unix_nanos: batch.span_start_unix_nanos[at],
                duration_nanos: batch.span_duration_nanos[at],
            }
        };
        let memory = self.newest.memory();
        let sets = echo::sets(self.request, columns, &self.sets, facts, memory)?;
        let services = trace.service_stats.iter();
        Ok(FoundTrace {
            trace_id: trace.trace_id,
            root_service: text(&trace.root_service),
            root_name: text(&trace.root_name),
            start_unix_nanos: trace.start_unix_nanos,
            end_unix_nanos: trace.end_unix_nanos,
            services: services
                .map(|(name, spans, errors)| (text(name), (*spans, *errors)))
                .collect(),
            sets,
        })
    }
}
