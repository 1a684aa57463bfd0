//! Names and values of tags (contract traceql.md §12): live data of every core, then blocks by
//! affinity, merged.
//!
//! From: `net`, with the tag that is asked for and what narrows the spans. To: the modules below.
//! Where nothing narrows, summaries answer ([`summaries`]), which are made when they are missing;
//! a narrowing is a search, whose spans are looked at. As for searches, live data is asked before
//! the block list is looked at, so that nothing falls between them. Where what narrows concerns
//! whole traces (`rootName`, `traceDuration` …), traces with pieces in several places are noted and
//! looked at as a whole in the end ([`others`], [`whole`]).

use std::future::ready;
use std::sync::Arc;

use futures_util::stream::{FuturesOrdered, StreamExt};
use stringendo_traceql::narrow::{Narrowing, ValueSource};
use stringendo_traceql::{Field, SearchPlan};

use super::allowance::Allowance;
use super::elsewhere::{LiveTimes, Places};
use super::memory::{Held, Kept};
use super::trace::share;
use crate::block_list::BlockEntry;
use crate::error::QueryError;
use crate::message::Message;
use crate::node::Node;
use crate::tenant::TenantId;

pub mod answer;
pub mod blocks;
mod blocks_narrowed;
mod fields;
mod gather;
mod live;
mod live_narrowed;
mod merging;
mod others;
pub mod part;
mod progress;
pub mod summaries;
mod whole;

pub use progress::TagsProgress;
pub use stringendo_block::tags::TagScope;

use answer::{NamesAnswer, ValuesAnswer};
use gather::Gathered;
use part::{BlockTagsJob, LiveTagsJob, TagsFound, TagsJob, What};
use progress::AtWork;

/// What a part found; `None` if its core has ended.
type PartOutcome = Option<Result<Held<TagsFound>, QueryError>>;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct TagLimits {
    /// Most names per scope, or values; 0 = no limit.
    pub count: usize,
    /// Stop after so many known ones without a new one; 0 = never.
    pub stale: usize,
    /// Bytes of all texts of the answer, which is cut without a word; 0 = no limit.
    pub bytes: usize,
    /// Blocks looked at, the newest; 0 = no limit.
    pub blocks: usize,
}

/// Asks for the names of tags.
#[derive(Clone, Debug)]
pub struct TagNamesRequest {
    /// Of which scopes.
    pub scopes: Vec<TagScope>,
    /// On which spans.
    pub narrowing: Option<Narrowing>,
    /// What ends before this does not count, nanoseconds since the Unix epoch, inclusive. Without a
    /// narrowing whole blocks and segments count or not.
    pub start_unix_nanos: u64,
    /// What starts after this does not count, inclusive.
    pub end_unix_nanos: u64,
    /// When to stop.
    pub limits: TagLimits,
}

/// Asks for the values of a tag.
#[derive(Clone, Debug)]
pub struct TagValuesRequest {
    /// The tag, if it is one that spans can have.
    pub tag: Option<Field>,
    /// Where its values come from.
    pub source: ValueSource,
    /// On which spans.
    pub narrowing: Option<Narrowing>,
    /// As for names.
    pub start_unix_nanos: u64,
    /// As for names.
    pub end_unix_nanos: u64,
    /// When to stop.
    pub limits: TagLimits,
}

impl Node {
    /// The names of tags in the data of some tenants.
    ///
    /// # Errors
    /// When a block could not be read, or there is no memory.
    pub async fn tag_names(
        &self,
        tenants: &[TenantId],
        request: TagNamesRequest,
    ) -> Result<Held<NamesAnswer>, QueryError> {
        self.tag_names_with(tenants, &request, &TagsProgress::default()).await
    }

    /// The names of tags; shows in `progress` (a new one) what was found so far.
    ///
    /// # Errors
    /// As [`Node::tag_names`].
    pub async fn tag_names_with(
        &self,
        tenants: &[TenantId],
        request: &TagNamesRequest,
        progress: &TagsProgress,
    ) -> Result<Held<NamesAnswer>, QueryError> {
        let plan = request.narrowing.as_ref().and_then(|narrowing| narrowing.plan(&[]));
        let job = TagsJob {
            what: What::Names(request.scopes.clone()),
            plan: plan.map(Arc::new),
            start_unix_nanos: request.start_unix_nanos,
            end_unix_nanos: request.end_unix_nanos,
            limits: request.limits,
        };
        let at_work = self.begin_tags(&job, progress);
        if !request.scopes.is_empty() {
            self.gather_tags(tenants, &job, &at_work).await?;
        }
        at_work.finish().names_answer()
    }

    /// The values of a tag in the data of some tenants.
    ///
    /// # Errors
    /// When a block could not be read, or there is no memory.
    pub async fn tag_values(
        &self,
        tenants: &[TenantId],
        request: TagValuesRequest,
    ) -> Result<Held<ValuesAnswer>, QueryError> {
        self.tag_values_with(tenants, &request, &TagsProgress::default()).await
    }

    /// The values of a tag; shows in `progress` (a new one) what was found so far.
    ///
    /// # Errors
    /// As [`Node::tag_values`].
    pub async fn tag_values_with(
        &self,
        tenants: &[TenantId],
        request: &TagValuesRequest,
        progress: &TagsProgress,
    ) -> Result<Held<ValuesAnswer>, QueryError> {
        let fields = match &request.source {
            ValueSource::Stored(fields) => fields,
            ValueSource::Keywords(words) => return Ok(ValuesAnswer::of_keywords(words)),
            ValueSource::Nothing => return Ok(ValuesAnswer::of_keywords(&[])),
        };
        let (literals, narrowing) = match (request.narrowing.clone(), &request.tag) {
            (Some(narrowing), Some(tag)) => {
                let (literals, left) = narrowing.without_literals_of(tag);
                if left.is_none() {
                    return Ok(ValuesAnswer::of_literals(&literals));
                }
                (literals, left)
            }
            (narrowing, _) => (Vec::new(), narrowing),
        };
        let plan = narrowing.and_then(|narrowing| narrowing.plan(fields));
        let job = TagsJob {
            what: What::Values(fields.clone()),
            plan: plan.map(Arc::new),
            start_unix_nanos: request.start_unix_nanos,
            end_unix_nanos: request.end_unix_nanos,
            limits: request.limits,
        };
        let at_work = self.begin_tags(&job, progress);
        at_work.change(|gathered| gathered.add_literals(&literals))?;
        self.gather_tags(tenants, &job, &at_work).await?;
        at_work.finish().values_answer()
    }

    fn begin_tags<'a>(&self, job: &TagsJob, progress: &'a TagsProgress) -> AtWork<'a> {
        let memory = self.shard().answer_memory();
        progress.begin(Gathered::new(job.what.clone(), job.limits, memory))
    }

    async fn gather_tags(
        &self,
        tenants: &[TenantId],
        job: &TagsJob,
        at_work: &AtWork<'_>,
    ) -> Result<(), QueryError> {
        for tenant in tenants {
            self.gather_tags_of(tenant, job, at_work).await?;
            at_work.change(|gathered| gathered.cost.end_tenant());
        }
        Ok(())
    }

    async fn gather_tags_of(
        &self,
        tenant: &TenantId,
        job: &TagsJob,
        at_work: &AtWork<'_>,
    ) -> Result<(), QueryError> {
        if job.plan.as_deref().is_some_and(SearchPlan::matches_nothing) {
            return Ok(());
        }
        let allowance = Allowance::of(self);
        let times = self.live_tags(tenant, job, at_work).await?;
        let bounds = (job.start_unix_nanos, job.end_unix_nanos);
        let places = Arc::new(Places::of(self, tenant, bounds, times));
        let blocks = tag_blocks(&places, job);
        at_work.change(|gathered| {
            gathered.cost.add_blocks(&blocks);
            gathered.cost.add(&places.lacking());
        });
        if !at_work.change(|gathered| gathered.is_enough()) {
            let (job, allowance) = (job.clone(), Arc::clone(&allowance));
            let job = BlockTagsJob { blocks, job, places, allowance };
            self.block_tags(&job, at_work).await?;
        }
        self.whole_tags(tenant, job, &allowance, at_work).await
    }

    /// Looks at live data, and tells when it is if that matters.
    async fn live_tags(
        &self,
        tenant: &TenantId,
        job: &TagsJob,
        at_work: &AtWork<'_>,
    ) -> Result<Vec<LiveTimes>, QueryError> {
        let mut strays = Vec::new();
        loop {
            let live = LiveTagsJob { tenant: tenant.clone(), job: job.clone(), strays };
            let asked = self.cores().map(|core| {
                let live = live.clone();
                self.ask(core, move |answer| Message::LiveTags(live, answer))
            });
            let parts: FuturesOrdered<_> = asked.collect();
            if !job.judges_whole_traces() {
                return take_tags(parts, at_work).await.map(|()| Vec::new());
            }
            let parts: Vec<PartOutcome> = parts.collect().await;
            let found = parts.iter().flatten().flatten();
            let times: Vec<_> = found.filter_map(|part| part.value.live).collect();
            let astray = times.iter().filter(|times| times.has_stray);
            strays = astray.map(|times| times.core).collect();
            // They come with a restart on another number of cores, and only become fewer.
            if strays.iter().all(|core| live.strays.contains(core)) {
                let parts: FuturesOrdered<_> = parts.into_iter().map(ready).collect();
                return take_tags(parts, at_work).await.map(|()| times);
            }
        }
    }

    async fn block_tags(&self, job: &BlockTagsJob, at_work: &AtWork<'_>) -> Result<(), QueryError> {
        let cores = self.mesh().cores();
        let shares = self.cores().map(|core| (core, share(&job.blocks, core, cores)));
        let asked = shares.filter(|(_, blocks)| !blocks.is_empty()).map(|(core, blocks)| {
            let job = BlockTagsJob { blocks, ..job.clone() };
            self.ask(core, move |answer| Message::BlockTags(job, answer))
        });
        take_tags(asked.collect(), at_work).await
    }
}

/// The newest blocks in the requested time.
fn tag_blocks(places: &Places, job: &TagsJob) -> Vec<Arc<BlockEntry>> {
    let overlaps =
        |block: &&Arc<BlockEntry>| block.overlaps(job.start_unix_nanos, job.end_unix_nanos);
    let most = if job.limits.blocks == 0 { usize::MAX } else { job.limits.blocks };
    places.blocks().iter().filter(overlaps).take(most).cloned().collect()
}

/// Takes what was found as it comes, in the order of cores: the same limits, the same answer.
async fn take_tags(
    mut parts: FuturesOrdered<impl Future<Output = PartOutcome>>,
    at_work: &AtWork<'_>,
) -> Result<(), QueryError> {
    at_work.change(|gathered| gathered.cost.add_jobs(parts.len()));
    while let Some(answer) = parts.next().await {
        // What a core found is copied here, so its memory is given back at once.
        let Held { value: found, kept: _kept } = answer.ok_or(QueryError::Stopping)??;
        at_work.change(|gathered| {
            gathered.cost.add_part(&found.cost);
            gathered.add(&found)
        })?;
    }
    Ok(())
}

/// An answer for which nothing was read.
fn unread<T>(value: T) -> Held<T> {
    Held { value, kept: Kept::default() }
}
