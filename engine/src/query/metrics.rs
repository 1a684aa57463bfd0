//! Metrics queries: accumulators on every core, first over live data, then over blocks, merged and
//! finished by the core that was asked (contract traceql.md §11).
//!
//! ```text
//! MetricsRequest ─┬ live   ─ every core over its live segments ─┐
//!                 └ blocks ─ every core over its blocks ────────┴▶ sum ─ answer ─▶ response
//! ```
//!
//! As for searches, live data is asked before the block list is looked at, so that nothing falls
//! between them. But here a span must not count twice either: every core says which segments it has
//! looked at, and since a block's id follows from its segment's, the blocks of those segments are
//! left out.

use std::sync::Arc;

use futures_util::future::join_all;
use stringendo_proto::tempopb::{QueryInstantResponse, QueryRangeResponse};
use stringendo_traceql::metrics::{Accumulator, Leg, MetricsPlan, Series, TimeAxis};
use uuid::Uuid;

use super::collect::SearchCost;
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

mod answer;
pub mod blocks;
pub mod live;
mod progress;
mod sum;
mod view;

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
    /// Blocks that hold nothing but what was looked at here.
    pub blocks_done: Vec<Uuid>,
}

impl MetricsRequest {
    /// Nothing, yet.
    fn accumulators(&self) -> Vec<Accumulator> {
        let legs = self.plan.legs().iter();
        legs.map(|leg| Accumulator::new(leg, self.axis, self.exemplars)).collect()
    }

    /// Whether there may be anything to count.
    fn can_match(&self) -> bool {
        let matches = |leg: &Arc<Leg>| !leg.search().matches_nothing();
        self.axis.intervals() > 0 && self.plan.legs().iter().any(matches)
    }
}

type Answers = Vec<Option<Result<Held<MetricsFindings>, QueryError>>>;

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
        let value = answer::range(request, found.value, progress.so_far());
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
        let value = answer::instant(request, found.value, progress.so_far());
        Ok(Held { value, kept: found.memory.keep() })
    }

    async fn metrics_series(
        &self,
        tenants: &[TenantId],
        request: &MetricsRequest,
        progress: &MetricsProgress,
    ) -> Result<Charged<Vec<Series>>, QueryError> {
        let mut sum = Sum::new(request.accumulators(), self.charge_answer(0)?);
        for tenant in tenants.iter().filter(|_| request.can_match()) {
            progress.add_jobs(self.cores().count());
            let live = self.live_metrics(tenant, request).await;
            sum.take_all(live, progress)?;
            let blocks = self.blocks_to_count(tenant, request, &sum);
            progress.add_blocks(&blocks);
            let stored = self.block_metrics(&blocks, request, progress).await;
            sum.take_all(stored, progress)?;
        }
        sum.finish(&request.plan)
    }

    async fn live_metrics(&self, tenant: &TenantId, request: &MetricsRequest) -> Answers {
        let job = LiveMetricsJob { tenant: tenant.clone(), request: request.clone() };
        self.ask_all(|answer| Message::LiveMetrics(job.clone(), answer)).await
    }

    fn blocks_to_count(
        &self,
        tenant: &TenantId,
        request: &MetricsRequest,
        sum: &Sum,
    ) -> Vec<Arc<BlockEntry>> {
        let (start, end) = request.axis.bounds_unix_nanos();
        let list = Arc::clone(&self.shard().blocks.borrow());
        let counts = |block: &&Arc<BlockEntry>| {
            block.overlaps(start, end) && !sum.has_counted(&block.meta.block_id)
        };
        list.of(tenant).iter().filter(counts).cloned().collect()
    }

    async fn block_metrics(
        &self,
        blocks: &[Arc<BlockEntry>],
        request: &MetricsRequest,
        progress: &MetricsProgress,
    ) -> Answers {
        let cores = self.mesh().cores();
        let shares = self.cores().map(|core| (core, share(blocks, core, cores)));
        let shares: Vec<_> = shares.filter(|(_, blocks)| !blocks.is_empty()).collect();
        progress.add_jobs(shares.len());
        let asked = shares.into_iter().map(|(core, blocks)| {
            let job = BlockMetricsJob { blocks, request: request.clone() };
            self.ask(core, move |answer| Message::BlockMetrics(job, answer))
        });
        join_all(asked).await
    }
}
