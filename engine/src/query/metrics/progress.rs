//! What a metrics query has cost so far, for whoever shows it before the query ends.

use std::cell::RefCell;
use std::sync::Arc;

use stringendo_proto::tempopb::SearchMetrics;

use crate::block_list::BlockEntry;
use crate::query::collect::SearchCost;

/// A metrics query at work. One serves one query.
#[derive(Debug, Default)]
pub struct MetricsProgress {
    state: RefCell<State>,
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

    pub(super) fn add_jobs(&self, jobs: usize) {
        self.state.borrow_mut().jobs += jobs as u32;
    }

    pub(super) fn add_blocks(&self, blocks: &[Arc<BlockEntry>]) {
        let mut state = self.state.borrow_mut();
        state.blocks += blocks.len() as u32;
        state.block_bytes += blocks.iter().map(|block| block.meta.size).sum::<u64>();
    }

    pub(super) fn job_done(&self, cost: &SearchCost) {
        let mut state = self.state.borrow_mut();
        state.cost.add(cost);
        state.jobs_done += 1;
    }
}
