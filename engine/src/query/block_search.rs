//! Searches some blocks on the core that reads them, newest blocks first.

use std::sync::Arc;

use stringendo_block::ReadError;
use stringendo_block::scan::{Candidates, RowGroupScan, ScanBatch, ScannedTrace, TraceFacts};
use stringendo_ring::yield_if_due;
use stringendo_traceql::SpanSet;

use super::SearchRequest;
use super::allowance::{Allowance, Meter};
use super::block_columns::{BlockColumns, FieldMap};
use super::block_denial::Denial;
use super::block_masks;
use super::block_newest::Passes;
use super::block_read::{self, BlockRead, Decoding};
use super::block_sift::{self, Sifted};
use super::bound::SearchBound;
use super::collect::{Findings, FoundTrace, Newest, SearchCost};
use super::damage;
use super::echo::{self, SpanFacts};
use super::elsewhere::{Elsewhere, Piece, Places};
use super::memory::{AnswerMemory, Charged};
use super::pending::Pending;
use super::shares::Shares;
use super::touch::touches;
use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, StoreError};
use crate::error::QueryError;
use crate::node::Node;
use crate::shard::Shard;

/// A search of blocks.
#[derive(Clone, Debug)]
pub struct BlockSearchJob {
    /// Those that are left.
    pub blocks: Arc<Shares>,
    /// What for.
    pub request: SearchRequest,
    /// Where else traces may have pieces.
    pub places: Arc<Places>,
    /// How new traces must be.
    pub bound: Arc<SearchBound>,
    /// What the search may read.
    pub allowance: Arc<Allowance>,
}

/// Runs the job on this core.
///
/// # Errors
/// When the store fails, or there is no memory, or the query cannot be evaluated. Blocks that are
/// gone meanwhile are skipped; of damaged ones counts what can be read.
pub async fn run(node: &Node, job: &BlockSearchJob) -> Result<Charged<Findings>, QueryError> {
    let shard = node.shard();
    let bound = Arc::clone(&job.bound);
    let mut search = BlockSearch {
        shard,
        request: &job.request,
        fields: FieldMap::of(&job.request).with_facts(),
        denial: Denial::of(&job.request.plan, job.request.plan.needs()),
        elsewhere: Elsewhere::new(node, Places::clone(&job.places)),
        learns: false,
        meter: Meter::new(&job.allowance),
        pending: Pending::default(),
        newest: Newest::new(job.request.limit, shard.answer_memory(), bound),
        cost: SearchCost::default(),
        sets: Vec::new(),
    };
    loop {
        // No trace of a block that ends too early starts late enough.
        let wants = |block: &BlockEntry| search.newest.wants(latest(block));
        let Some(block) = job.blocks.next(shard.core, wants) else { break };
        match search.block(block).await {
            Ok(Read::Enough) => break,
            Err(error) => search.miss(node, block, error).await?,
            Ok(_) => {}
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
    denial: Denial,
    elsewhere: Elsewhere<'a>,
    /// Traces were found, so other places have to be known.
    learns: bool,
    meter: Meter,
    pending: Pending,
    newest: Newest,
    cost: SearchCost,
    sets: Vec<SpanSet>,
}

/// Candidates of a row group, and what is held to know others.
#[derive(Clone, Copy)]
struct Part<'a> {
    row_group: usize,
    candidates: &'a Candidates,
    held_bytes: u64,
}

/// How far a block was read.
enum Read {
    All,
    /// The search has read what it may.
    Enough,
}

/// How a scan ended.
enum Scanned {
    All,
    /// Other places must be known before it goes on.
    Some,
}

impl BlockSearch<'_> {
    /// A block could not be read, or not all of it: what was found in it stays.
    async fn miss(
        &mut self,
        node: &Node,
        block: &BlockEntry,
        error: StoreError,
    ) -> Result<(), QueryError> {
        let missed = damage::missed(node, block, error).await?;
        self.cost.miss(missed, block);
        if self.pending.is_empty() {
            return Ok(());
        }
        let (start, end) = self.pending.times();
        self.elsewhere.learn(start, end).await?;
        self.settle(block).await
    }

    async fn block(&mut self, block: &BlockEntry) -> Result<Read, StoreError> {
        if self.denial.denies(self.shard, block, &mut self.cost.reads).await {
            return Ok(Read::All);
        }
        let open = block_read::open(self.shard, block, &mut self.cost.reads).await?;
        self.elsewhere.forget_far(block.start_unix_nanos, latest(block));
        for row_group in 0..open.reader().row_groups() {
            if !self.meter.has_left(&self.cost.reads) {
                self.cost.cut_parts = 1;
                return Ok(Read::Enough);
            }
            self.row_group(block, &open, row_group).await?;
        }
        Ok(Read::All)
    }

    async fn row_group(
        &mut self,
        block: &BlockEntry,
        open: &OpenBlock,
        row_group: usize,
    ) -> Result<(), StoreError> {
        let latest_start = open.reader().latest_start_unix_nanos(row_group);
        if !latest_start.is_none_or(|start| self.newest.wants(start)) {
            self.cost.row_groups_skipped += 1;
            return Ok(());
        }
        let (request, reads) = (self.fields.request(), &mut self.cost.reads);
        let sifted = block_sift::sift(self.shard, open, row_group, request, reads).await?;
        self.cost.add_sifted(&sifted);
        let (Sifted { candidates, .. }, reads) = (sifted, &mut self.cost.reads);
        if candidates.is_empty() {
            return Ok(());
        }
        let limit = self.request.limit;
        let (mut passes, bytes) =
            Passes::plan(self.shard, open, row_group, request, candidates, limit, reads).await?;
        self.cost.bytes += bytes;
        while let Some(candidates) = passes.next(self.newest.start_wanted()) {
            let part =
                Part { row_group, candidates: &candidates, held_bytes: passes.memory_bytes() };
            self.pass(block, open, part).await?;
        }
        Ok(())
    }

    /// Scans some candidates, and settles what is found.
    async fn pass(
        &mut self,
        block: &BlockEntry,
        open: &OpenBlock,
        part: Part<'_>,
    ) -> Result<(), StoreError> {
        let mut row = 0;
        loop {
            if self.learns {
                self.elsewhere.learn(block.start_unix_nanos, latest(block)).await?;
            }
            let scanned = self.rows(block, open, part, &mut row).await?;
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
        part: Part<'_>,
        row: &mut u64,
    ) -> Result<Scanned, StoreError> {
        let (request, Part { row_group, candidates, held_bytes }) = (self.fields.request(), part);
        let known = open.dictionaries();
        let ranges = open.reader().candidate_ranges(row_group, request, candidates, &*known);
        if ranges.is_empty() {
            return Ok(Scanned::All);
        }
        let (shard, reads, columns) =
            (self.shard, &mut self.cost.reads, (Decoding::Columns, held_bytes));
        let mut read = BlockRead::fetch_knowing(shard, open, ranges, known, columns, reads).await?;
        loop {
            let (request, fetched) = (self.fields.request(), read.fetched());
            let scan = open.reader().scan_candidates(row_group, request, candidates, fetched)?;
            let mut scan = scan.within(*row, read.decoded_bytes_max());
            let outcome = self.scan(block, &mut scan).await;
            *row = scan.next_row();
            let (spans, bytes) = scan.inspected();
            self.cost.spans += spans;
            self.cost.bytes += bytes;
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
        while let Some(batch) = scan.next_batch()? {
            self.batch(&batch, scan)?;
            if self.pending.is_full() {
                let (start, end) = self.pending.times();
                if !self.elsewhere.knows(start, end) {
                    return Ok(Scanned::Some);
                }
                self.settle(block).await?;
            }
            yield_if_due().await;
        }
        Ok(Scanned::All)
    }

    async fn settle(&mut self, block: &BlockEntry) -> Result<(), QueryError> {
        let (elsewhere, own) = (&self.elsewhere, [block.meta.block_id]);
        self.pending.settle(elsewhere, &own, true, |_| false, &mut self.newest).await
    }

    fn batch(&mut self, batch: &ScanBatch, scan: &mut RowGroupScan) -> Result<(), StoreError> {
        let plan = &self.request.plan;
        let masks = block_masks::judge(plan, &self.fields, batch);
        for trace in &batch.traces {
            let may_match = plan.judges_whole_trace() || plan.may_match(&masks, &trace.spans);
            if !may_match || !self.newest.wants(trace.start_unix_nanos) {
                self.cost.traces += 1;
                continue;
            }
            let columns = BlockColumns::judged(&self.fields, batch, trace, &masks);
            let judged = match plan.spansets(&columns, &mut self.sets) {
                Err(error) => Err(error),
                Ok(()) if !self.sets.is_empty() => {
                    // If there is no memory for them, the scan goes on from this trace.
                    let facts = scan.facts(trace)?;
                    Ok(Some(found(
                        self.request,
                        &self.sets,
                        trace,
                        &facts,
                        &columns,
                        self.newest.memory(),
                    )?))
                }
                Ok(()) if touches(plan, &columns) => Ok(None),
                Ok(()) => {
                    self.cost.traces += 1;
                    continue;
                }
            };
            self.cost.traces += 1;
            let piece = Piece {
                trace_id: trace.trace_id,
                start_unix_nanos: trace.start_unix_nanos,
                end_unix_nanos: trace.end_unix_nanos,
            };
            self.pending.add(piece, judged);
        }
        Ok(())
    }
}

fn found(
    request: &SearchRequest,
    sets: &[SpanSet],
    trace: &ScannedTrace,
    facts: &TraceFacts,
    columns: &BlockColumns<'_>,
    memory: &mut AnswerMemory,
) -> Result<FoundTrace, QueryError> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let of_span = |number: u32| SpanFacts {
        span_id: facts.span_ids[number as usize],
        start_unix_nanos: facts.span_start_unix_nanos[number as usize],
        duration_nanos: facts.span_duration_nanos[number as usize],
    };
    let sets = echo::sets(request, columns, sets, of_span, memory)?;
    let services = facts.service_stats.iter();
    Ok(FoundTrace {
        trace_id: trace.trace_id,
        root_service: text(&facts.root_service),
        root_name: text(&facts.root_name),
        start_unix_nanos: trace.start_unix_nanos,
        end_unix_nanos: trace.end_unix_nanos,
        services: services.map(|(name, spans, errors)| (text(name), (*spans, *errors))).collect(),
        sets,
    })
}
