//! What the parts of a metrics query come to together, on the core that was asked.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use stringendo_proto::TraceId;
use stringendo_ring::{offload, yield_if_due};
use stringendo_traceql::metrics::{Accumulator, Merging, MetricsPlan, Series};

use super::whole::SplitTrace;
use super::{MetricsFindings, MetricsProgress, SplitPiece};
use crate::error::QueryError;
use crate::query::memory::{AnswerMemory, Charged, Held};

/// Accumulators of all parts so far, charged to this core.
#[derive(Debug)]
pub struct Sum {
    accumulators: Vec<Accumulator>,
    memory: AnswerMemory,
    split: HashMap<TraceId, SplitTrace>,
}

impl Sum {
    /// Nothing so far.
    pub fn new(accumulators: Vec<Accumulator>, memory: AnswerMemory) -> Self {
        Self { accumulators, memory, split: HashMap::new() }
    }

    /// Takes in some of what a part has counted for a leg; whether there is more.
    fn step(&mut self, leg: usize, part: &mut Merging) -> Result<bool, QueryError> {
        let memory = &mut self.memory;
        part.step(&mut self.accumulators[leg], &mut |bytes| memory.grow(bytes))
    }

    fn note(&mut self, SplitPiece { leg, trace_id, times }: SplitPiece) -> Result<(), QueryError> {
        // A table doubles; a list is an allocation.
        const ENTRY_BYTES: u64 = 4 * size_of::<(TraceId, SplitTrace)>() as u64 + 32;
        let known = match self.split.entry(trace_id) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                self.memory.grow(ENTRY_BYTES)?;
                entry.insert(SplitTrace { trace_id, times, legs: Vec::new() })
            }
        };
        known.times = (known.times.0.min(times.0), known.times.1.max(times.1));
        if !known.legs.contains(&leg) {
            self.memory.grow(2 * size_of::<u32>() as u64)?;
            known.legs.push(leg);
        }
        Ok(())
    }

    /// The traces that are to be looked at as a whole, in order of their ids.
    pub fn take_split(&mut self) -> Vec<SplitTrace> {
        let mut split: Vec<_> = std::mem::take(&mut self.split).into_values().collect();
        split.sort_unstable_by_key(|trace| trace.trace_id);
        split
    }

    /// Bytes that the series will hold, at most.
    pub fn series_bytes(&self) -> u64 {
        self.accumulators.iter().map(Accumulator::series_bytes).sum()
    }

    /// The series as far as they are, with the points of these intervals alone and without
    /// exemplars. `memory` grows by what they and the way to them take.
    pub fn so_far(
        &self,
        plan: &MetricsPlan,
        intervals: &Range<usize>,
        memory: &mut AnswerMemory,
    ) -> Result<Vec<Series>, QueryError> {
        let bytes = |sum: &Accumulator| sum.memory_bytes() + sum.series_bytes();
        memory.grow(self.accumulators.iter().map(bytes).sum())?;
        let mut series = plan.finish(self.accumulators.clone());
        for one in &mut series {
            one.exemplars.clear();
            one.values[..intervals.start].fill(f64::NAN);
            one.values[intervals.end..].fill(f64::NAN);
        }
        series.retain(|one| one.values.iter().any(|value| !value.is_nan()));
        Ok(series)
    }

    /// The series. Many are made on a thread aside, since that takes long.
    pub async fn finish(
        mut self,
        plan: &Arc<MetricsPlan>,
    ) -> Result<Charged<Vec<Series>>, QueryError> {
        let bytes = self.series_bytes();
        // What is calculated of series stands beside them.
        let copies = if plan.legs().len() > 1 { 2 } else { 1 };
        self.memory.grow(copies * bytes)?;
        let (plan, accumulators) = (Arc::clone(plan), self.accumulators);
        let value = if bytes > FINISHED_AT_ONCE_BYTES_MAX {
            let finished = offload(move || plan.finish(accumulators)).await;
            finished.map_err(|error| QueryError::Storage(format!("series: {error}")))?
        } else {
            plan.finish(accumulators)
        };
        self.memory.settle(value.iter().map(Series::memory_bytes).sum())?;
        Ok(Charged { value, memory: self.memory })
    }
}

/// So many bytes of series are made in well under a millisecond.
const FINISHED_AT_ONCE_BYTES_MAX: u64 = 128 << 10;

/// Adds the parts to the sum of a query at work, always in the order of cores, so that sums are the
/// same on every run.
///
/// # Errors
/// There is no memory.
pub async fn take_all(
    parts: Vec<Held<MetricsFindings>>,
    progress: &MetricsProgress,
) -> Result<(), QueryError> {
    for Held { value: found, kept } in parts {
        progress.job_done(&found.cost);
        for (leg, part) in found.accumulators.into_iter().enumerate() {
            let mut part = part.into_merging();
            while progress.change(|sum| sum.step(leg, &mut part))? {
                yield_if_due().await;
            }
        }
        for pieces in found.split.chunks(NOTED_AT_ONCE) {
            progress.change(|sum| pieces.iter().try_for_each(|piece| sum.note(*piece)))?;
            yield_if_due().await;
        }
        // From here on it is charged to this core.
        drop(kept);
    }
    Ok(())
}

/// Split traces that are noted between two chances for other tasks.
const NOTED_AT_ONCE: usize = 512;
