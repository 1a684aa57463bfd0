//! How much a query may read of blocks: the parts of a query count together, on whatever core they
//! are, and end early when it is used up.
//!
//! From: the settings. To: every part, which asks before each row group. What was found until then
//! is answered; that parts ended early is told with the cost ([`SearchCost::cut_parts`]).
//!
//! [`SearchCost::cut_parts`]: super::collect::SearchCost::cut_parts

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::block_store::Reads;
use crate::node::Node;

/// What a query may read and has read.
#[derive(Debug)]
pub struct Allowance {
    bytes_max: u64,
    bytes: AtomicU64,
}

impl Allowance {
    /// Of a new query.
    pub fn of(node: &Node) -> Arc<Self> {
        let bytes_max = match node.settings().query_bytes_max {
            0 => u64::MAX,
            limit => limit,
        };
        Arc::new(Self { bytes_max, bytes: AtomicU64::new(0) })
    }
}

/// What one part has taken of an allowance.
#[derive(Clone, Debug)]
pub struct Meter {
    allowance: Arc<Allowance>,
    noted_bytes: u64,
}

impl Meter {
    /// Nothing so far.
    pub fn new(allowance: &Arc<Allowance>) -> Self {
        Self { allowance: Arc::clone(allowance), noted_bytes: 0 }
    }

    /// Notes what the part has read in all, and says whether the query may read on.
    pub fn has_left(&mut self, reads: &Reads) -> bool {
        let more = reads.bytes.saturating_sub(self.noted_bytes);
        self.noted_bytes += more;
        // No other memory depends on it.
        let before = self.allowance.bytes.fetch_add(more, Ordering::Relaxed);
        before.saturating_add(more) < self.allowance.bytes_max
    }
}
