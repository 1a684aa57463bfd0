//! Searches some blocks on the core that reads them, newest blocks first.

use std::sync::Arc;

use stringendo_block::ReadError;
use stringendo_block::scan::{Candidates, RowGroupScan, ScanBatch, ScannedTrace};
use stringendo_ring::yield_if_due;
use stringendo_traceql::SpanSet;

use super::SearchRequest;
use super::block_columns::{BlockColumns, FieldMap};
use super::block_read::{self, BlockRead, Decoding};
use super::block_sift::{self, Sifted};
use super::bound::SearchBound;
use super::collect::{Findings, FoundTrace, Newest, SearchCost};
use super::echo::{self, SpanFacts};
use super::elsewhere::{Elsewhere, Piece, Places};
use super::memory::Charged;
use super::pending::Pending;
use super::touch::touches;
use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, StoreError};
use crate::error::QueryError;
use crate::node::Node;
use crate::shard::Shard;

/// A search of some blocks.
#[derive(Clone, Debug)]
pub struct BlockSearchJob {
    /// Which, newest first.
    pub blocks: Vec<Arc<BlockEntry>>,
    /// What for.
    pub request: SearchRequest,
    /// Where else traces may have pieces.
    pub places: Arc<Places>,
    /// How new traces must be.
    pub bound: Arc<SearchBound>,
}

/// Runs the job on this core.
///
/// # Errors
/// When a block could not be read, or there is no memory, or the query cannot be evaluated. Blocks
/// that are gone meanwhile are skipped.
pub async fn run(node: &Node, job: &BlockSearchJob) -> Result<Charged<Findings>, QueryError> {
    let shard = node.shard();
    let bound = Arc::clone(&job.bound);
    let mut search = BlockSearch {
        shard,
        request: &job.request,
        fields: FieldMap::of(&job.request),
        elsewhere: Elsewhere::new(node, &job.places),
        learns: false,
        pending: Pending::default(),
        newest: Newest::new(job.request.limit, shard.answer_memory(), bound),
        cost: SearchCost::default(),
        sets: Vec::new(),
    };
    for block in &job.blocks {
        // No trace of this block or of the older ones behind it starts late enough.
        if !search.newest.wants(latest(block)) {
            break;
        }
        match search.block(block).await {
            Err(error) if !error.is_gone() => return Err(error.of_block(block)),
            _ => {}
        }
    }
    search.cost.add(search.elsewhere.cost());
    Ok(search.newest.into_findings(search.cost))
}

/// Metas hold whole seconds.
fn latest(block: &BlockEntry) -> u64 {
    block.end_unix_nanos.saturating_add(999_999_999)
}

struct BlockSearch<'a> {
    shard: &'a Shard,
    request: &'a SearchRequest,
    fields: FieldMap,
    elsewhere: Elsewhere<'a>,
    /// Traces were found, so other places have to be known.
    learns: bool,
    pending: Pending,
    newest: Newest,
    cost: SearchCost,
    sets: Vec<SpanSet>,
}

/// How a scan ended.
enum Scanned {
    All,
    /// Other places must be known before it goes on.
    Some,
}

impl BlockSearch<'_> {
    async fn block(&mut self, block: &BlockEntry) -> Result<(), StoreError> {
        let open = block_read::open(self.shard, block, &mut self.cost.reads).await?;
        for row_group in 0..open.reader().row_groups() {
            self.row_group(block, &open, row_group).await?;
        }
        Ok(())
    }

    async fn row_group(
        &mut self,
        block: &BlockEntry,
        open: &OpenBlock,
        row_group: usize,
    ) -> Result<(), StoreError> {
        let (request, reads) = (self.fields.request(), &mut self.cost.reads);
        let Sifted { candidates, counts } =
            block_sift::sift(self.shard, open, row_group, request, reads).await?;
        self.cost.bytes += counts.bytes;
        let mut row = 0;
        loop {
            if self.learns {
                self.elsewhere.learn(block.start_unix_nanos, latest(block)).await?;
            }
            let scanned = self.rows(block, open, (row_group, &candidates), &mut row).await?;
            // Nothing is held to read with any more.
            self.learns |= !self.pending.is_empty();
            if let Scanned::All = scanned {
                let (start, end) = self.pending.times();
                self.elsewhere.learn(start, end).await?;
                return Ok(self.settle(block).await?);
            }
        }
    }

    /// Scans from row number `row` on.
    async fn rows(
        &mut self,
        block: &BlockEntry,
        open: &OpenBlock,
        (row_group, candidates): (usize, &Candidates),
        row: &mut u64,
    ) -> Result<Scanned, StoreError> {
        let request = self.fields.request();
        let ranges = open.reader().candidate_ranges(row_group, request, candidates);
        if ranges.is_empty() {
            return Ok(Scanned::All);
        }
        let (shard, reads) = (self.shard, &mut self.cost.reads);
        let mut read = BlockRead::fetch(shard, open, ranges, Decoding::Columns, reads).await?;
        loop {
            let (request, fetched) = (self.fields.request(), read.fetched());
            let scan = open.reader().scan_candidates(row_group, request, candidates, fetched)?;
            let mut scan = scan.within(*row, read.decoded_bytes_max());
            let outcome = self.scan(block, &mut scan).await;
            *row = scan.next_row();
            drop(scan);
            match outcome {
                Err(StoreError::Read(ReadError::NeedsMemory { bytes })) => {
                    read.make_room(bytes, &mut self.cost.reads).await?;
                }
                outcome => return outcome,
            }
        }
    }

    /// Looks at what is left of the rows; never waits for memory, since it holds memory to read
    /// with.
    async fn scan(
        &mut self,
        block: &BlockEntry,
        scan: &mut RowGroupScan,
    ) -> Result<Scanned, StoreError> {
        let outcome = loop {
            match scan.next_batch() {
                Ok(Some(batch)) => self.batch(&batch)?,
                Ok(None) => break Ok(Scanned::All),
                Err(error) => break Err(error.into()),
            }
            if self.pending.is_full() {
                let (start, end) = self.pending.times();
                if !self.elsewhere.knows(start, end) {
                    break Ok(Scanned::Some);
                }
                self.settle(block).await?;
            }
            yield_if_due().await;
        };
        let (spans, bytes) = scan.inspected();
        self.cost.spans += spans;
        self.cost.bytes += bytes;
        outcome
    }

    async fn settle(&mut self, block: &BlockEntry) -> Result<(), QueryError> {
        let (elsewhere, own) = (&self.elsewhere, [block.meta.block_id]);
        self.pending.settle(elsewhere, &own, true, |_| false, &mut self.newest).await
    }

    fn batch(&mut self, batch: &ScanBatch) -> Result<(), QueryError> {
        for trace in &batch.traces {
            self.cost.traces += 1;
            if !self.newest.wants(trace.start_unix_nanos) {
                continue;
            }
            let columns = BlockColumns::of(&self.fields, batch, trace);
            let judged = match self.request.plan.spansets(&columns, &mut self.sets) {
                Err(error) => Err(error),
                Ok(()) if !self.sets.is_empty() => Ok(Some(self.found(batch, trace, &columns)?)),
                Ok(()) if touches(&self.request.plan, &columns) => Ok(None),
                Ok(()) => continue,
            };
            let piece = Piece {
                trace_id: trace.trace_id,
                start_unix_nanos: trace.start_unix_nanos,
                end_unix_nanos: trace.end_unix_nanos,
            };
            self.pending.add(piece, judged);
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
