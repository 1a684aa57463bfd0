//! What the parts of one search know together: how new a trace must be to be among the newest.

use std::sync::atomic::{AtomicU64, Ordering};

/// Shared by the parts of one search, whatever their core.
#[derive(Debug, Default)]
pub struct SearchBound {
    start_unix_nanos: AtomicU64,
}

impl SearchBound {
    /// Traces that start before this are not wanted, nanoseconds since the Unix epoch.
    pub fn start_unix_nanos(&self) -> u64 {
        // No other memory depends on it, and an older value is a weaker bound.
        self.start_unix_nanos.load(Ordering::Relaxed)
    }

    /// Notes that as many traces as wanted start then or later.
    pub fn raise(&self, start_unix_nanos: u64) {
        self.start_unix_nanos.fetch_max(start_unix_nanos, Ordering::Relaxed);
    }
}
