//! What a search has found so far, for whoever shows it before the search ends.
//!
//! From: [`Node::search_with`](crate::Node::search_with), which adds each part's findings as they
//! come. To: streams, which look at it now and then ([`SearchProgress::so_far`]), and the answer
//! itself.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use stringendo_proto::TraceId;
use stringendo_proto::tempopb::{SearchMetrics, SearchResponse};

use super::SearchRequest;
use super::collect::{Findings, FoundTrace, SearchCost, SplitTrace};
use super::memory::{AnswerMemory, Held, Kept};
use super::merge::{Merged, merge, metadata};
use super::whole::WholeTraces;
use crate::block_list::{BlockEntry, data_bytes};
use crate::error::QueryError;

/// A search at work. One serves one search.
#[derive(Debug, Default)]
pub struct SearchProgress {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    merged: Merged,
    /// Traces that are to be read whole.
    split: HashMap<TraceId, SplitTrace>,
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
        state.block_bytes = state.block_bytes.saturating_add(data_bytes(blocks));
    }

    /// Takes what a part has found.
    pub(super) fn take(&self, Held { value: findings, kept }: Held<Findings>) {
        let mut state = self.state.borrow_mut();
        state.kept.merge(kept);
        state.cost.add(&findings.cost);
        state.jobs_done += u32::from(findings.cost.is_complete());
        findings.split.into_iter().for_each(|split| state.note_split(split));
        for trace in findings.traces {
            state.add(trace);
        }
    }

    /// The traces that are to be read whole, newest first.
    pub(super) fn take_split(&self) -> Vec<SplitTrace> {
        let split = std::mem::take(&mut self.state.borrow_mut().split);
        let mut split: Vec<_> = split.into_values().collect();
        split.sort_unstable_by_key(|trace| (Reverse(trace.start_unix_nanos), trace.trace_id));
        split
    }

    /// The start that a trace must have at least to be among the newest.
    pub(super) fn bound(&self, limit: usize) -> u64 {
        self.state.borrow().merged.bound(limit)
    }

    /// Takes what reading some traces whole has found and cost.
    pub(super) fn take_whole(&self, Held { value: (traces, cost), kept }: Held<WholeTraces>) {
        let mut state = self.state.borrow_mut();
        state.kept.merge(kept);
        state.cost.add(&cost);
        for trace in traces {
            // Each was taken out before.
            let _ = state.merged.add(trace);
        }
    }

    /// Adds what is not part of any find's cost.
    pub(super) fn add_cost(&self, cost: &SearchCost) {
        self.state.borrow_mut().cost.add(cost);
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
    /// What was found of the trace stays with it.
    fn note_split(&mut self, split: SplitTrace) {
        let id = split.trace_id;
        let nothing = || SplitTrace { trace_id: id, start_unix_nanos: u64::MAX, found: None };
        let known = self.split.entry(id).or_insert_with(nothing);
        known.start_unix_nanos = known.start_unix_nanos.min(split.start_unix_nanos);
        for found in self.merged.remove(&id).map(Box::new).into_iter().chain(split.found) {
            known.start_unix_nanos = known.start_unix_nanos.min(found.start_unix_nanos);
            match &mut known.found {
                Some(known) => merge(known, *found),
                none => *none = Some(found),
            }
        }
    }

    fn add(&mut self, trace: FoundTrace) {
        let split = |trace: FoundTrace| SplitTrace {
            trace_id: trace.trace_id,
            start_unix_nanos: trace.start_unix_nanos,
            found: Some(Box::new(trace)),
        };
        if self.split.contains_key(&trace.trace_id) {
            self.note_split(split(trace));
        } else if let Some(again) = self.merged.add(trace) {
            self.note_split(split(again));
        }
    }

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
            additional_metrics: self.cost.additional(),
        }
    }
}
