//! How many traces a batch holds, for a metric.
//!
//! From: the positions that the walk found, on the core that received the batch. It does not know
//! which core owns a trace; the index of live traces sees only the parts of a batch.

use hashbrown::HashSet;
use stringendo_proto::walk::SpanPos;

/// Traces that memory is kept for from one batch to the next; 0.3 MiB.
const KEPT_TRACES_MAX: usize = 8192;

/// Counts the traces of batches; reuse it, so that a usual batch allocates nothing.
#[derive(Default)]
pub struct TraceCounter {
    seen: HashSet<u128, foldhash::fast::RandomState>,
}

impl TraceCounter {
    /// The number of different trace ids among `spans`.
    pub fn count(&mut self, spans: &[SpanPos]) -> usize {
        self.seen.clear();
        let mut last = None;
        for span in spans {
            let id = u128::from_ne_bytes(span.trace_id.0);
            // Spans of a trace often come in a row.
            if last.replace(id) != Some(id) {
                self.seen.insert(id);
            }
        }
        let traces = self.seen.len();
        if traces > KEPT_TRACES_MAX {
            self.seen = HashSet::default();
        }
        traces
    }
}

#[cfg(test)]
#[path = "trace_count_tests.rs"]
mod tests;
