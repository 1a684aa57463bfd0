//! What a core is asked for, and what it found.

use std::sync::Arc;

use stringendo_block::tags::{TagNames, TagScope, TagValues};
use stringendo_ring::CoreId;
use stringendo_traceql::{Field, SearchPlan};

use super::TagLimits;
use super::gather::Gathered;
use super::others::{Others, SplitTag};
use super::{blocks, blocks_narrowed, live, live_narrowed};
use crate::block_list::BlockEntry;
use crate::error::QueryError;
use crate::node::Node;
use crate::query::allowance::{Allowance, Meter};
use crate::query::block_denial::Denial;
use crate::query::collect::SearchCost;
use crate::query::damage;
use crate::query::elsewhere::{Elsewhere, LiveTimes, Places};
use crate::query::memory::Charged;
use crate::query::touch::needs_of_pieces;
use crate::tenant::TenantId;

/// What is asked for.
#[derive(Clone, Debug)]
pub enum What {
    /// Names of these scopes.
    Names(Vec<TagScope>),
    /// Values of any of these fields.
    Values(Vec<Field>),
}

impl What {
    /// The scopes whose names are asked for.
    pub fn scopes(&self) -> &[TagScope] {
        match self {
            Self::Names(scopes) => scopes,
            Self::Values(_) => &[],
        }
    }
}

/// The same for all parts.
#[derive(Clone, Debug)]
pub struct TagsJob {
    /// What is asked for.
    pub what: What,
    /// Which spans count, and with it the fields to read; `None` for all.
    pub plan: Option<Arc<SearchPlan>>,
    /// What ends before this does not count, inclusive.
    pub start_unix_nanos: u64,
    /// What starts after this does not count, inclusive.
    pub end_unix_nanos: u64,
    /// When to stop.
    pub limits: TagLimits,
}

impl TagsJob {
    /// Whether pieces of traces cannot be judged by themselves.
    pub fn judges_whole_traces(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.judges_whole_trace())
    }

    /// Bytes of texts beyond which nothing more is of use.
    pub fn bytes_max(&self) -> usize {
        match self.limits.bytes {
            0 => usize::MAX,
            limit => limit,
        }
    }
}

/// Live data of one core.
#[derive(Clone, Debug)]
pub struct LiveTagsJob {
    /// Whose data.
    pub tenant: TenantId,
    /// What for.
    pub job: TagsJob,
    /// Cores with live traces that others own.
    pub strays: Vec<CoreId>,
}

/// Some blocks.
#[derive(Clone, Debug)]
pub struct BlockTagsJob {
    /// Which, newest first.
    pub blocks: Vec<Arc<BlockEntry>>,
    /// What for.
    pub job: TagsJob,
    /// Where else traces may have pieces.
    pub places: Arc<Places>,
    /// What the question may read.
    pub allowance: Arc<Allowance>,
}

/// What a core found.
#[derive(Clone, Debug, Default)]
pub struct TagsFound {
    /// Names, if they were asked for.
    pub names: TagNames,
    /// Values, if they were asked for.
    pub values: TagValues,
    /// Cost.
    pub cost: SearchCost,
    /// Traces that have to be looked at as a whole.
    pub split: Vec<SplitTag>,
    /// Of a part that looked at live data for a plan that judges whole traces: all of it.
    pub live: Option<LiveTimes>,
}

/// Looks at this core's live data.
///
/// # Errors
/// There is no memory.
pub async fn live(node: &Node, part: &LiveTagsJob) -> Result<Charged<TagsFound>, QueryError> {
    let (shard, job) = (node.shard(), &part.job);
    let mut gathered = Gathered::new(job.what.clone(), job.limits, shard.answer_memory());
    let mut times = None;
    match &job.plan {
        Some(plan) if plan.judges_whole_trace() => {
            times = Some(live_narrowed::add_whole(node, part, plan, &mut gathered).await?);
        }
        Some(plan) => {
            live_narrowed::add(shard, &part.tenant, job, plan, &mut gathered).await?;
        }
        None => live::add(shard, &part.tenant, job, &mut gathered).await?,
    }
    let mut found = gathered.into_found()?;
    found.value.live = times;
    Ok(found)
}

/// Looks at some blocks on the core that reads them.
///
/// # Errors
/// When the store fails, or there is no memory. Blocks that are gone meanwhile or damaged are
/// skipped.
pub async fn blocks(node: &Node, part: &BlockTagsJob) -> Result<Charged<TagsFound>, QueryError> {
    let (shard, job) = (node.shard(), &part.job);
    let elsewhere = Elsewhere::new(node, Places::clone(&part.places));
    let mut meter = Meter::new(&part.allowance);
    let mut others = Others { elsewhere, learns: false };
    let mut gathered = Gathered::new(job.what.clone(), job.limits, shard.answer_memory());
    let denial = job.plan.as_deref().map(|plan| Denial::of(plan, needs_of_pieces(plan)));
    let denial = denial.unwrap_or_default();
    for block in &part.blocks {
        if gathered.is_enough() {
            break;
        }
        if !meter.has_left(&gathered.read.reads) {
            gathered.read.cut_parts = 1;
            break;
        }
        if denial.denies(shard, block, &mut gathered.read.reads).await {
            continue;
        }
        let outcome = match &job.plan {
            Some(plan) => {
                blocks_narrowed::add(shard, block, job, plan, &mut others, &mut gathered).await
            }
            None => blocks::add(shard, block, job, &mut gathered).await,
        };
        if let Err(error) = outcome {
            let missed = damage::missed(node, block, error).await?;
            gathered.read.miss(missed, block);
        }
    }
    gathered.read.add(others.elsewhere.cost());
    gathered.into_found()
}
