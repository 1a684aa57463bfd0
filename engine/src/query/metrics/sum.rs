//! What the parts of a metrics query come to together, on the core that was asked.

use std::collections::HashSet;

use stringendo_traceql::metrics::{Accumulator, MetricsPlan, Series};
use uuid::Uuid;

use super::{Answers, MetricsFindings, MetricsProgress};
use crate::error::QueryError;
use crate::query::memory::{AnswerMemory, Charged, Held};

/// Accumulators of all parts so far, charged to this core.
pub struct Sum {
    accumulators: Vec<Accumulator>,
    memory: AnswerMemory,
    blocks_done: HashSet<Uuid>,
}

impl Sum {
    /// Nothing so far.
    pub fn new(accumulators: Vec<Accumulator>, memory: AnswerMemory) -> Self {
        Self { accumulators, memory, blocks_done: HashSet::new() }
    }

    /// Adds the parts, always in the order of cores, so that sums are the same on every run.
    pub fn take_all(
        &mut self,
        answers: Answers,
        progress: &MetricsProgress,
    ) -> Result<(), QueryError> {
        for answer in answers {
            let Held { value: found, kept } = answer.ok_or(QueryError::Stopping)??;
            progress.job_done(&found.cost);
            self.take(found)?;
            // From here on it is charged to this core.
            drop(kept);
        }
        Ok(())
    }

    fn take(&mut self, found: MetricsFindings) -> Result<(), QueryError> {
        self.blocks_done.extend(found.blocks_done);
        let memory = &mut self.memory;
        for (sum, part) in self.accumulators.iter_mut().zip(found.accumulators) {
            sum.merge(part, &mut |bytes| memory.grow(bytes))?;
        }
        Ok(())
    }

    /// Whether a block's spans are in already.
    pub fn has_counted(&self, block: &Uuid) -> bool {
        self.blocks_done.contains(block)
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
