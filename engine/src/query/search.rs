//! A search: live data of every core, then blocks (each core begins with those it knows), then the
//! traces of which several places hold pieces, read whole.
//!
//! As for a trace by id, live data is asked before the block list is looked at, so that nothing
//! falls between them.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::{FutureExt, LocalBoxFuture};
use futures_util::stream::{FuturesUnordered, StreamExt};
use stringendo_proto::tempopb::SearchResponse;

use super::SearchRequest;
use super::allowance::Allowance;
use super::block_search::BlockSearchJob;
use super::bound::SearchBound;
use super::collect::{Findings, LiveCover};
use super::elsewhere::Places;
use super::live_search::LiveSearchJob;
use super::memory::{AnswerMemory, Held};
use super::progress::SearchProgress;
use super::shares::Shares;
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
            let bound = Arc::new(SearchBound::default());
            let look = self.begin_look();
            let covers = take_all(self.search_live(tenant, request, &bound), progress).await?;
            let (blocks, places) = self.blocks_for(tenant, request, &covers);
            drop(look);
            progress.add_blocks(&blocks);
            progress.add_cost(&places.lacking());
            let allowance = Allowance::of(self);
            let job = BlockSearchJob {
                blocks: Arc::new(Shares::of(&blocks, self.mesh().cores())),
                request: request.clone(),
                places: Arc::new(places),
                bound,
                allowance: Arc::clone(&allowance),
            };
            take_all(self.search_blocks(&job), progress).await?;
            self.search_whole(tenant, request, &allowance, progress).await?;
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

    /// The blocks to search, and where traces may have pieces. What was seen live is not searched
    /// again in blocks that were made of it meanwhile.
    fn blocks_for(
        &self,
        tenant: &TenantId,
        request: &SearchRequest,
        covers: &[LiveCover],
    ) -> (Vec<Arc<BlockEntry>>, Places) {
        let (start, end) = (request.start_unix_nanos, request.end_unix_nanos);
        let live = covers.iter().map(|cover| cover.times).collect();
        let places = Places::of(self, tenant, (start, end), live);
        let seen: HashSet<_> = covers.iter().flat_map(|cover| &cover.blocks).collect();
        let is_wanted = |block: &&Arc<BlockEntry>| {
            block.overlaps(start, end) && !seen.contains(&block.meta.block_id)
        };
        (places.blocks().iter().filter(is_wanted).cloned().collect(), places)
    }

    fn search_live<'a>(
        &'a self,
        tenant: &TenantId,
        request: &SearchRequest,
        bound: &Arc<SearchBound>,
    ) -> Parts<'a> {
        let (request, bound) = (request.clone(), Arc::clone(bound));
        let job = LiveSearchJob { tenant: tenant.clone(), request, bound };
        let asked = self.cores().map(|core| {
            let job = job.clone();
            self.ask(core, move |answer| Message::LiveSearch(job, answer)).boxed_local()
        });
        asked.collect()
    }

    /// Every core searches its share of the blocks, and then those of others that are not done.
    fn search_blocks<'a>(&'a self, job: &BlockSearchJob) -> Parts<'a> {
        let cores: Vec<_> = self.cores().filter(|core| job.blocks.has_work_for(*core)).collect();
        let asked = cores.into_iter().map(|core| {
            let job = job.clone();
            self.ask(core, move |answer| Message::BlockSearch(job, answer)).boxed_local()
        });
        asked.collect()
    }
}

/// Takes the findings of all parts as they come; tells what live data they looked at.
async fn take_all(
    mut parts: Parts<'_>,
    progress: &SearchProgress,
) -> Result<Vec<LiveCover>, QueryError> {
    progress.add_jobs(parts.len());
    let mut covers = Vec::new();
    while let Some(answer) = parts.next().await {
        let mut answer = answer.ok_or(QueryError::Stopping)??;
        covers.extend(answer.value.live.take());
        progress.take(answer);
    }
    Ok(covers)
}
