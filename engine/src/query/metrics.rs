//! Metrics queries: accumulators on every core, first over live data, then over blocks, then over
//! traces that are in several places, merged and finished by the core that was asked (contract
//! traceql.md §11).
//!
//! ```text
//! MetricsRequest ─┬ live   ─ every core over its live segments ─┐
//!                 ├ blocks ─ every core over its blocks ────────┼▶ sum ─ answer ─▶ response
//!                 └ whole  ─ every core over split traces ──────┘
//! ```
//!
//! A stream has its blocks counted in waves, newest first, so that it can show points before the
//! end ([`MetricsProgress`]). As for searches, live data is asked before the block list is looked
//! at, so that nothing falls between them. But here a span must not count twice either: every core
//! says which segments it has looked at, and since a block's id follows from its segment's, the
//! blocks of those segments are left out.
//!
//! Where a plan judges whole traces, all places of a trace must agree on whether it is in several
//! of them: then each place notes it, and it is read whole and counts once. Places ask each other
//! by their own times, not by those of the trace's pieces, so what one place finds the other does,
//! too; a core's view of its live data and its list of blocks are of the same moment; and what was
//! live when another place asked, or is in a block since, is found by asking first and looking at
//! the list then. Where spans are judged one by one, pieces count where they are.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures_util::future::join_all;
use stringendo_proto::TraceId;
use stringendo_proto::tempopb::{QueryInstantResponse, QueryRangeResponse};
use stringendo_ring::CoreId;
use stringendo_traceql::metrics::{Accumulator, Leg, MetricsPlan, Series, TimeAxis};
use uuid::Uuid;

use super::allowance::Allowance;
use super::collect::{LiveCover, SearchCost};
use super::elsewhere::Places;
use super::memory::{Charged, Held};
use super::trace::share;
use crate::block_list::BlockEntry;
use crate::error::QueryError;
use crate::message::Message;
use crate::node::Node;
use crate::tenant::TenantId;
use blocks::BlockMetricsJob;
use live::LiveMetricsJob;
use sum::Sum;
use whole::{SplitTrace, WholeMetricsJob};

mod answer;
pub mod blocks;
mod codes;
pub mod live;
mod observe;
mod progress;
mod sum;
mod view;
pub mod whole;

pub use progress::MetricsProgress;

/// A metrics query.
#[derive(Clone, Debug)]
pub struct MetricsRequest {
    /// What is asked.
    pub plan: Arc<MetricsPlan>,
    /// Of which time, and how it is divided.
    pub axis: TimeAxis,
    /// Exemplars at most ([`MetricsPlan::exemplars`]).
    pub exemplars: usize,
    /// Series at most; 0 = no limit.
    pub series_max: usize,
}

/// What a part of a metrics query has come to.
#[derive(Debug)]
pub struct MetricsFindings {
    /// One per leg of the plan.
    pub accumulators: Vec<Accumulator>,
    /// What it cost.
    pub cost: SearchCost,
    /// Of a part that looked at live data: what it covered.
    pub live: Option<LiveCover>,
    /// Traces that have to be looked at as a whole.
    pub split: Vec<SplitPiece>,
}

/// A trace that a leg has to see whole, as one place notes it.
#[derive(Clone, Copy, Debug)]
pub struct SplitPiece {
    /// Number of the leg.
    pub leg: u32,
    /// The trace.
    pub trace_id: TraceId,
    /// Time of the place, nanoseconds since the Unix epoch, both inclusive.
    pub times: (u64, u64),
}

impl SplitPiece {
    /// In a list that doubles.
    const MEMORY_BYTES: u64 = 2 * size_of::<Self>() as u64;
}

impl MetricsRequest {
    /// Nothing, yet.
    fn accumulators(&self) -> Vec<Accumulator> {
        let legs = self.plan.legs().iter();
        legs.map(|leg| Accumulator::new(leg, self.axis, self.exemplars)).collect()
    }

    fn judges_whole_traces(&self) -> bool {
        self.plan.legs().iter().any(|leg| leg.judges_whole_traces())
    }

    /// Whether there may be anything to count.
    fn can_match(&self) -> bool {
        let matches = |leg: &Arc<Leg>| !leg.search().matches_nothing();
        self.axis.intervals() > 0 && self.plan.legs().iter().any(matches)
    }
}

type Parts = Vec<Held<MetricsFindings>>;
type Answers = Vec<Option<Result<Held<MetricsFindings>, QueryError>>>;

fn all_of(answers: Answers) -> Result<Parts, QueryError> {
    answers.into_iter().map(|answer| answer.ok_or(QueryError::Stopping)?).collect()
}

impl Node {
    /// Answers a range query over the data of these tenants together, and shows in `progress` (a
    /// new one) what it costs meanwhile.
    ///
    /// # Errors
    /// When a block could not be read, the query cannot be evaluated, or there is no memory.
    pub async fn metrics_range(
        &self,
        tenants: &[TenantId],
        request: &MetricsRequest,
        progress: &MetricsProgress,
    ) -> Result<Held<QueryRangeResponse>, QueryError> {
        let mut found = self.metrics_series(tenants, request, progress).await?;
        found.memory.grow(answer::range_bytes(&found.value))?;
        let value = answer::range(request, found.value, progress).await;
        Ok(Held { value, kept: found.memory.keep() })
    }

    /// Answers an instant query.
    ///
    /// # Errors
    /// As [`Node::metrics_range`].
    pub async fn metrics_instant(
        &self,
        tenants: &[TenantId],
        request: &MetricsRequest,
        progress: &MetricsProgress,
    ) -> Result<Held<QueryInstantResponse>, QueryError> {
        let mut found = self.metrics_series(tenants, request, progress).await?;
        found.memory.grow(answer::range_bytes(&found.value))?;
        let value = answer::instant(request, found.value, progress).await;
        Ok(Held { value, kept: found.memory.keep() })
    }

    async fn metrics_series(
        &self,
        tenants: &[TenantId],
        request: &MetricsRequest,
        progress: &MetricsProgress,
    ) -> Result<Charged<Vec<Series>>, QueryError> {
        progress.begin(Sum::new(request.accumulators(), self.charge_answer(0)?));
        let allowance = Allowance::of(self);
        let tenants = if request.can_match() { tenants } else { &[] };
        for (number, tenant) in tenants.iter().enumerate() {
            progress.add_jobs(self.cores().count());
            let look = self.begin_look();
            let live = self.live_metrics(tenant, request).await?;
            let covers: Vec<_> = live.iter().filter_map(|part| part.value.live.clone()).collect();
            sum::take_all(live, progress).await?;
            let is_last = number + 1 == tenants.len();
            let job = self.block_metrics_job(tenant, request, &covers, &allowance);
            drop(look);
            self.block_metrics(&job, is_last, progress).await?;
            let job = WholeMetricsJob {
                tenant: tenant.clone(),
                request: request.clone(),
                traces: Vec::new(),
                allowance: Arc::clone(&allowance),
            };
            let split = progress.change(Sum::take_split);
            let whole = self.whole_metrics(&job, split, progress).await;
            sum::take_all(all_of(whole)?, progress).await?;
        }
        progress.finish().finish(&request.plan).await
    }

    async fn live_metrics(
        &self,
        tenant: &TenantId,
        request: &MetricsRequest,
    ) -> Result<Parts, QueryError> {
        let mut strays = Vec::new();
        loop {
            let job = LiveMetricsJob { tenant: tenant.clone(), request: request.clone(), strays };
            let asked = self.ask_all(|answer| Message::LiveMetrics(job.clone(), answer)).await;
            let parts = all_of(asked)?;
            let times = parts.iter().filter_map(|part| Some(part.value.live.as_ref()?.times));
            strays = times.filter(|times| times.has_stray).map(|times| times.core).collect();
            // They come with a restart on another number of cores, and only become fewer.
            if strays.iter().all(|core| job.strays.contains(core)) {
                return Ok(parts);
            }
        }
    }

    fn block_metrics_job(
        &self,
        tenant: &TenantId,
        request: &MetricsRequest,
        covers: &[LiveCover],
        allowance: &Arc<Allowance>,
    ) -> BlockMetricsJob {
        let bounds = request.axis.bounds_unix_nanos();
        let live = covers.iter().map(|cover| cover.times).collect();
        let places = Arc::new(Places::of(self, tenant, bounds, live));
        let seen: HashSet<Uuid> = covers.iter().flat_map(|cover| &cover.blocks).copied().collect();
        let counts = |block: &&Arc<BlockEntry>| {
            block.overlaps(bounds.0, bounds.1) && !seen.contains(&block.meta.block_id)
        };
        let blocks = places.blocks().iter().filter(counts).cloned().collect();
        let (request, allowance) = (request.clone(), Arc::clone(allowance));
        BlockMetricsJob { blocks, request, places, allowance }
    }

    /// Every core looks at its share of the blocks.
    async fn block_metrics(
        &self,
        job: &BlockMetricsJob,
        is_last: bool,
        progress: &MetricsProgress,
    ) -> Result<(), QueryError> {
        progress.add_blocks(&job.blocks);
        progress.add_cost(&job.places.lacking());
        let waves = progress.waves(&job.request, &job.blocks);
        let shares: Vec<_> = waves.iter().map(|blocks| self.shares(blocks)).collect();
        progress.add_jobs(shares.iter().map(Vec::len).sum());
        for (number, shares) in shares.into_iter().enumerate() {
            if is_last {
                progress.all_but(&job.request, waves[number..].iter().copied().flatten());
            }
            let asked = shares.into_iter().map(|(core, blocks)| {
                let job = BlockMetricsJob { blocks, ..job.clone() };
                self.ask(core, move |answer| Message::BlockMetrics(job, answer))
            });
            let stored = join_all(asked).await;
            sum::take_all(all_of(stored)?, progress).await?;
        }
        Ok(())
    }

    /// What each core reads of some blocks, without those that read nothing.
    fn shares(&self, blocks: &[Arc<BlockEntry>]) -> Vec<(CoreId, Vec<Arc<BlockEntry>>)> {
        let cores = self.mesh().cores();
        let shares = self.cores().map(|core| (core, share(blocks, core, cores)));
        shares.filter(|(_, blocks)| !blocks.is_empty()).collect()
    }

    /// Every core looks at the traces that it owns.
    async fn whole_metrics(
        &self,
        job: &WholeMetricsJob,
        split: Vec<SplitTrace>,
        progress: &MetricsProgress,
    ) -> Answers {
        let owners = self.owners();
        let mut shares: BTreeMap<CoreId, Vec<SplitTrace>> = BTreeMap::new();
        for trace in split {
            shares.entry(owners.of(&trace.trace_id.0)).or_default().push(trace);
        }
        progress.add_jobs(shares.len());
        let asked = shares.into_iter().map(|(core, traces)| {
            let job = WholeMetricsJob { traces, ..job.clone() };
            self.ask(core, move |answer| Message::WholeMetrics(job, answer))
        });
        join_all(asked).await
    }
}
