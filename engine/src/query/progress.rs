//! What a search has found so far, for whoever shows it before the search ends.
//!
//! From: [`Node::search_with`](crate::Node::search_with), which adds each part's findings as they
//! come. To: streams, which look at it now and then ([`SearchProgress::so_far`]), and the answer
//! itself.

use std::cell::RefCell;
use std::sync::Arc;

use stringendo_proto::tempopb::{SearchMetrics, SearchResponse};

use super::SearchRequest;
use super::collect::{Findings, FoundTrace, SearchCost};
use super::memory::{AnswerMemory, Held, Kept};
use super::merge::{Merged, metadata};
use crate::block_list::BlockEntry;
use crate::error::QueryError;

/// A search at work. One serves one search.
#[derive(Debug, Default)]
pub struct SearchProgress {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    merged: Merged,
    cost: SearchCost,
    jobs: u32,
    jobs_done: u32,
    blocks: u32,
    block_bytes: u64,
    kept: Kept,
}

impl SearchProgress {
    /// The newest traces found so far, and the cost so far. `memory` grows by what a copy may hold.
    ///
    /// # Errors
    /// There is no memory for a copy.
    pub fn so_far(
        &self,
        request: &SearchRequest,
        memory: &mut AnswerMemory,
    ) -> Result<SearchResponse, QueryError> {
        let state = self.state.borrow();
        // The answer shows spans twice.
        memory.grow(2 * state.merged.memory_bytes())?;
        let newest = state.merged.clone().newest(request.limit);
        Ok(state.response(newest))
    }

    /// Notes that so many parts of the search were asked for.
    pub(super) fn add_jobs(&self, jobs: usize) {
        self.state.borrow_mut().jobs += jobs as u32;
    }

    /// Notes the blocks that the search looks at.
    pub(super) fn add_blocks(&self, blocks: &[Arc<BlockEntry>]) {
        let mut state = self.state.borrow_mut();
        state.blocks += blocks.len() as u32;
        state.block_bytes += blocks.iter().map(|block| block.meta.size).sum::<u64>();
    }

    /// Takes what a part has found.
    pub(super) fn take(&self, Held { value: findings, kept }: Held<Findings>) {
        let mut state = self.state.borrow_mut();
        state.kept.merge(kept);
        state.cost.add(&findings.cost);
        state.jobs_done += 1;
        findings.traces.into_iter().for_each(|trace| state.merged.add(trace));
    }

    /// The answer, once every part was taken. `memory` charges what this core copies for it.
    pub(super) fn finish(
        &self,
        request: &SearchRequest,
        memory: &mut AnswerMemory,
    ) -> Result<Held<SearchResponse>, QueryError> {
        let mut state = self.state.borrow_mut();
        let newest = std::mem::take(&mut state.merged).newest(request.limit);
        // The answer shows the first set twice, and the second copy belongs to this core.
        memory.grow(newest.iter().map(FoundTrace::sets_memory_bytes).sum())?;
        let kept = std::mem::take(&mut state.kept);
        Ok(Held { value: state.response(newest), kept })
    }
}

impl State {
    fn response(&self, traces: Vec<FoundTrace>) -> SearchResponse {
        let traces = traces.into_iter().map(metadata).collect();
        SearchResponse { traces, metrics: Some(self.metrics()) }
    }

    fn metrics(&self) -> SearchMetrics {
        SearchMetrics {
            inspected_traces: self.cost.traces as u32,
            inspected_bytes: self.cost.bytes,
            total_blocks: self.blocks,
            completed_jobs: self.jobs_done,
            total_jobs: self.jobs,
            total_block_bytes: self.block_bytes,
            inspected_spans: self.cost.spans,
            backend_reads: self.cost.reads.count,
            backend_bytes: self.cost.reads.bytes,
        }
    }
}
