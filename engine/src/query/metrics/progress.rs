//! What a metrics query has found and cost so far, for whoever shows it before the query ends.
//!
//! A point is shown once all that can belong to it was counted. So that some are before the end,
//! blocks are counted in waves, newest first, if anybody watches: after each, what is later than
//! the blocks to come is known. Where a point depends on more than the spans of its interval
//! ([`points_stand_alone`]), there is none before the end.
//!
//! [`points_stand_alone`]: stringendo_traceql::metrics::MetricsPlan::points_stand_alone

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use stringendo_proto::tempopb::{QueryRangeResponse, SearchMetrics};

use super::sum::Sum;
use super::{MetricsRequest, answer};
use crate::block_list::{BlockEntry, data_bytes};
use crate::error::QueryError;
use crate::query::collect::SearchCost;
use crate::query::memory::AnswerMemory;

/// Most waves: each ends when its slowest core does, and takes a merge of all series.
const WAVES_MAX: usize = 8;

/// Bytes of series that are made for a message before the end: some milliseconds of work.
const SHOWN_BYTES_MAX: u64 = 1 << 20;

/// A metrics query at work. One serves one query.
#[derive(Debug, Default)]
pub struct MetricsProgress {
    is_watched: bool,
    state: RefCell<State>,
    sum: RefCell<Option<Sum>>,
    /// Everything later was counted; `None` until something was.
    counted_after: Cell<Option<u64>>,
    /// The points from here on were shown; `None` before any was.
    shown_from: Cell<Option<usize>>,
}

#[derive(Debug, Default)]
struct State {
    cost: SearchCost,
    jobs: u32,
    jobs_done: u32,
    blocks: u32,
    block_bytes: u64,
}

impl MetricsProgress {
    /// One that is watched for [`MetricsProgress::range_so_far`].
    pub fn watched() -> Self {
        Self { is_watched: true, ..Self::default() }
    }

    /// The points of a range query that are known, and were not shown by the last call. `memory`
    /// grows by what they and the way to them take.
    ///
    /// # Errors
    /// There is no memory for them now; they come with the next call, or the answer.
    pub fn range_so_far(
        &self,
        request: &MetricsRequest,
        memory: &mut AnswerMemory,
    ) -> Result<QueryRangeResponse, QueryError> {
        let cost = self.so_far();
        let axis = &request.axis;
        let known_from =
            self.counted_after.get().map_or(axis.intervals(), |at| axis.first_after(at));
        let new = known_from..self.shown_from.get().unwrap_or(axis.intervals());
        let sum = self.sum.borrow();
        // So many series that they take long come with the answer alone.
        let sum =
            sum.as_ref().filter(|sum| !new.is_empty() && sum.series_bytes() <= SHOWN_BYTES_MAX);
        let Some(sum) = sum else { return Ok(answer::range_so_far(request, Vec::new(), cost)) };
        let series = sum.so_far(&request.plan, &new, memory)?;
        memory.grow(answer::range_bytes(&series))?;
        self.shown_from.set(Some(new.start));
        Ok(answer::range_so_far(request, series, cost))
    }

    /// Notes that the query begins.
    pub(super) fn begin(&self, sum: Sum) {
        *self.sum.borrow_mut() = Some(sum);
    }

    /// Changes the sum of a query at work.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Sum) -> T) -> T {
        let mut sum = self.sum.borrow_mut();
        change(sum.as_mut().expect("there from the beginning to the end of the query"))
    }

    /// The whole sum.
    pub(super) fn finish(&self) -> Sum {
        self.sum.take().expect("there from the beginning to the end of the query")
    }

    /// The blocks (newest first) in the parts in which they are to be counted.
    pub(super) fn waves<'b>(
        &self,
        request: &MetricsRequest,
        blocks: &'b [Arc<BlockEntry>],
    ) -> Vec<&'b [Arc<BlockEntry>]> {
        let waves = if self.shows_points(request) { WAVES_MAX } else { 1 };
        blocks.chunks(blocks.len().div_ceil(waves).max(1)).collect()
    }

    fn shows_points(&self, request: &MetricsRequest) -> bool {
        self.is_watched && !request.axis.is_instant() && request.plan.points_stand_alone()
    }

    /// Notes that all has been counted but these blocks.
    pub(super) fn all_but<'b>(
        &self,
        request: &MetricsRequest,
        blocks: impl Iterator<Item = &'b Arc<BlockEntry>>,
    ) {
        let is_whole = self.cost().is_complete();
        if is_whole && self.shows_points(request) {
            // Metas hold whole seconds.
            let end = |block: &Arc<BlockEntry>| block.end_unix_nanos.saturating_add(999_999_999);
            self.counted_after.set(Some(blocks.map(end).max().unwrap_or(0)));
        }
    }

    /// The cost so far.
    pub fn so_far(&self) -> SearchMetrics {
        let state = self.state.borrow();
        SearchMetrics {
            inspected_traces: state.cost.traces as u32,
            inspected_bytes: state.cost.bytes,
            total_blocks: state.blocks,
            completed_jobs: state.jobs_done,
            total_jobs: state.jobs,
            total_block_bytes: state.block_bytes,
            inspected_spans: state.cost.spans,
            backend_reads: state.cost.reads.count,
            backend_bytes: state.cost.reads.bytes,
            additional_metrics: state.cost.additional(),
        }
    }

    /// The same as numbers.
    pub(super) fn cost(&self) -> SearchCost {
        self.state.borrow().cost
    }

    pub(super) fn add_jobs(&self, jobs: usize) {
        self.state.borrow_mut().jobs += jobs as u32;
    }

    pub(super) fn add_blocks(&self, blocks: &[Arc<BlockEntry>]) {
        let mut state = self.state.borrow_mut();
        state.blocks += blocks.len() as u32;
        state.block_bytes = state.block_bytes.saturating_add(data_bytes(blocks));
    }

    /// Adds what is not part of any job's cost.
    pub(super) fn add_cost(&self, cost: &SearchCost) {
        self.state.borrow_mut().cost.add(cost);
    }

    pub(super) fn job_done(&self, cost: &SearchCost) {
        let mut state = self.state.borrow_mut();
        state.cost.add(cost);
        state.jobs_done += u32::from(cost.is_complete());
    }
}
