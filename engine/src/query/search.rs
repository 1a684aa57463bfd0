//! A search: live data of every core, then blocks by affinity, merged.
//!
//! As for a trace by id, live data is asked before the block list is looked at, so that nothing
//! falls between them.

use std::sync::Arc;

use futures_util::future::join_all;
use stringendo_proto::tempopb::{SearchMetrics, SearchResponse};

use super::SearchRequest;
use super::block_search::BlockSearchJob;
use super::collect::{Findings, FoundTrace, SearchCost};
use super::live_search::LiveSearchJob;
use super::memory::{AnswerMemory, Held, Kept};
use super::merge::{Merged, metadata};
use super::trace::share;
use crate::block_list::BlockEntry;
use crate::error::QueryError;
use crate::message::Message;
use crate::node::Node;
use crate::tenant::TenantId;

type Answers = Vec<Option<Result<Held<Findings>, QueryError>>>;

impl SearchRequest {
    /// How many spans of a trace are shown.
    pub fn spans_shown(&self) -> usize {
        match self.spans_per_span_set {
            _ if !self.plan.returns_spans() => 0,
            0 => usize::MAX,
            limit => limit,
        }
    }
}

impl Node {
    /// Searches.
    ///
    /// # Errors
    /// When a block could not be read, or there is no memory.
    pub async fn search(
        &self,
        tenant: &TenantId,
        request: SearchRequest,
    ) -> Result<Held<SearchResponse>, QueryError> {
        let mut totals = Totals::default();
        if request.plan.matches_nothing() {
            return Ok(Held { value: totals.response(Vec::new()), kept: Kept::default() });
        }
        let mut merged = Merged::default();
        let job = LiveSearchJob { tenant: tenant.clone(), request: request.clone() };
        let live = self.ask_all(|answer| Message::LiveSearch(job.clone(), answer)).await;
        totals.take(live, &mut merged)?;
        let blocks = self.blocks_for(tenant, &request);
        totals.blocks(&blocks);
        let stored = self.search_blocks(blocks, &request).await;
        totals.take(stored, &mut merged)?;
        let newest = merged.newest(request.limit);
        // The answer shows spans twice, and the second copy belongs to this core.
        let copies = newest.iter().map(FoundTrace::spans_memory_bytes).sum();
        totals.kept.merge(self.charge_answer(copies)?.keep());
        let shows_spans = request.plan.returns_spans();
        let traces = newest.into_iter().map(|trace| metadata(trace, shows_spans)).collect();
        Ok(Held { value: totals.response(traces), kept: totals.kept })
    }

    /// Memory on this core for what an answer is made into.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn charge_answer(&self, bytes: u64) -> Result<AnswerMemory, QueryError> {
        let mut memory = self.shard().answer_memory();
        let outcome = memory.grow(bytes).map(|()| memory);
        self.shard().count_refusal(&outcome);
        outcome
    }

    fn blocks_for(&self, tenant: &TenantId, request: &SearchRequest) -> Vec<Arc<BlockEntry>> {
        let list = Arc::clone(&self.shard().blocks.borrow());
        let overlaps = |block: &&Arc<BlockEntry>| {
            block.overlaps(request.start_unix_nanos, request.end_unix_nanos)
        };
        list.of(tenant).iter().filter(overlaps).cloned().collect()
    }

    async fn search_blocks(
        &self,
        blocks: Vec<Arc<BlockEntry>>,
        request: &SearchRequest,
    ) -> Answers {
        let cores = self.mesh().cores();
        let shares = self.cores().map(|core| (core, share(&blocks, core, cores)));
        let asked = shares.filter(|(_, blocks)| !blocks.is_empty()).map(|(core, blocks)| {
            let job = BlockSearchJob { blocks, request: request.clone() };
            self.ask(core, move |answer| Message::BlockSearch(job, answer))
        });
        join_all(asked).await
    }
}

/// What the search cost in all.
#[derive(Default)]
struct Totals {
    cost: SearchCost,
    jobs: u32,
    blocks: u32,
    block_bytes: u64,
    kept: Kept,
}

impl Totals {
    fn blocks(&mut self, blocks: &[Arc<BlockEntry>]) {
        self.blocks = blocks.len() as u32;
        self.block_bytes = blocks.iter().map(|block| block.meta.size).sum();
    }

    fn take(&mut self, answers: Answers, merged: &mut Merged) -> Result<(), QueryError> {
        for answer in answers {
            let Held { value: findings, kept } = answer.ok_or(QueryError::Stopping)??;
            self.kept.merge(kept);
            self.cost.add(&findings.cost);
            self.jobs += 1;
            findings.traces.into_iter().for_each(|trace| merged.add(trace));
        }
        Ok(())
    }

    fn response(
        &self,
        traces: Vec<stringendo_proto::tempopb::TraceSearchMetadata>,
    ) -> SearchResponse {
        let metrics = SearchMetrics {
            inspected_traces: self.cost.traces as u32,
            inspected_bytes: self.cost.bytes,
            total_blocks: self.blocks,
            completed_jobs: self.jobs,
            total_jobs: self.jobs,
            total_block_bytes: self.block_bytes,
            inspected_spans: self.cost.spans,
            backend_reads: self.cost.reads.count,
            backend_bytes: self.cost.reads.bytes,
        };
        SearchResponse { traces, metrics: Some(metrics) }
    }
}
