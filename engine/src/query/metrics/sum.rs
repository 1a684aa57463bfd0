//! What the parts of a metrics query come to together, on the core that was asked.

use std::collections::HashMap;
use std::ops::Range;

use stringendo_proto::TraceId;
use stringendo_traceql::metrics::{Accumulator, MetricsPlan, Series};

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

    /// Adds the parts, always in the order of cores, so that sums are the same on every run.
    pub fn take_all(
        &mut self,
        parts: Vec<Held<MetricsFindings>>,
        progress: &MetricsProgress,
    ) -> Result<(), QueryError> {
        for Held { value: found, kept } in parts {
            progress.job_done(&found.cost);
            self.take(found)?;
            // From here on it is charged to this core.
            drop(kept);
        }
        Ok(())
    }

    fn take(&mut self, found: MetricsFindings) -> Result<(), QueryError> {
        let memory = &mut self.memory;
        for (sum, part) in self.accumulators.iter_mut().zip(found.accumulators) {
            sum.merge(part, &mut |bytes| memory.grow(bytes))?;
        }
        found.split.into_iter().try_for_each(|piece| self.note(piece))
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

    /// The series.
    pub fn finish(mut self, plan: &MetricsPlan) -> Result<Charged<Vec<Series>>, QueryError> {
        let bytes = self.accumulators.iter().map(Accumulator::series_bytes).sum();
        self.memory.grow(bytes)?;
        let value = plan.finish(self.accumulators);
        self.memory.settle(value.iter().map(Series::memory_bytes).sum())?;
        Ok(Charged { value, memory: self.memory })
    }
}
