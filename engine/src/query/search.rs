//! A search: live data of every core, then blocks by affinity, merged.
//!
//! As for a trace by id, live data is asked before the block list is looked at, so that nothing
//! falls between them.

use std::sync::Arc;

use futures_util::future::{FutureExt, LocalBoxFuture};
use futures_util::stream::{FuturesUnordered, StreamExt};
use stringendo_proto::tempopb::SearchResponse;

use super::SearchRequest;
use super::block_search::BlockSearchJob;
use super::collect::Findings;
use super::live_search::LiveSearchJob;
use super::memory::{AnswerMemory, Held};
use super::progress::SearchProgress;
use super::trace::share;
use crate::block_list::BlockEntry;
use crate::error::QueryError;
use crate::message::Message;
use crate::node::Node;
use crate::tenant::TenantId;

/// Parts of a search that were asked for.
type Parts<'a> = FuturesUnordered<LocalBoxFuture<'a, PartOutcome>>;
/// What a part found; `None` if its core has ended.
type PartOutcome = Option<Result<Held<Findings>, QueryError>>;

impl SearchRequest {
    /// How many spans of a set are shown.
    pub fn spans_shown(&self) -> usize {
        match self.spans_per_span_set {
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
        self.search_with(tenant, &request, &SearchProgress::default()).await
    }

    /// Searches, and shows in `progress` (a new one) what was found so far.
    ///
    /// # Errors
    /// As [`Node::search`].
    pub async fn search_with(
        &self,
        tenant: &TenantId,
        request: &SearchRequest,
        progress: &SearchProgress,
    ) -> Result<Held<SearchResponse>, QueryError> {
        if !request.plan.matches_nothing() {
            let live = self.search_live(tenant, request);
            take_all(live, progress).await?;
            let blocks = self.blocks_for(tenant, request);
            progress.add_blocks(&blocks);
            take_all(self.search_blocks(&blocks, request), progress).await?;
        }
        let mut memory = self.charge_answer(0)?;
        let mut answer = progress.finish(request, &mut memory)?;
        answer.kept.merge(memory.keep());
        Ok(answer)
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

    fn search_live<'a>(&'a self, tenant: &TenantId, request: &SearchRequest) -> Parts<'a> {
        let job = LiveSearchJob { tenant: tenant.clone(), request: request.clone() };
        let asked = self.cores().map(|core| {
            let job = job.clone();
            self.ask(core, move |answer| Message::LiveSearch(job, answer)).boxed_local()
        });
        asked.collect()
    }

    fn search_blocks<'a>(
        &'a self,
        blocks: &[Arc<BlockEntry>],
        request: &SearchRequest,
    ) -> Parts<'a> {
        let cores = self.mesh().cores();
        let shares = self.cores().map(|core| (core, share(blocks, core, cores)));
        let asked = shares.filter(|(_, blocks)| !blocks.is_empty()).map(|(core, blocks)| {
            let job = BlockSearchJob { blocks, request: request.clone() };
            self.ask(core, move |answer| Message::BlockSearch(job, answer)).boxed_local()
        });
        asked.collect()
    }
}

/// Takes the findings of all parts as they come.
async fn take_all(mut parts: Parts<'_>, progress: &SearchProgress) -> Result<(), QueryError> {
    progress.add_jobs(parts.len());
    while let Some(answer) = parts.next().await {
        progress.take(answer.ok_or(QueryError::Stopping)??);
    }
    Ok(())
}
