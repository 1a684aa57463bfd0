//! The seam for time: the only place that reads the system's clocks.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where a shard reads the time. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's clocks.
    System,
    /// A clock that stands still, for tests: nanoseconds since the Unix epoch.
    Fixed(u64),
    /// A clock that a test moves on, the same on all cores: nanoseconds since the Unix epoch.
    Moved(&'static AtomicU64),
}

impl Clock {
    /// Nanoseconds since the Unix epoch; 0 if the machine's clock stands before it.
    pub fn unix_nanos(&self) -> u64 {
        match self {
            Self::System => system_unix_nanos(),
            Self::Fixed(nanos) => *nanos,
            Self::Moved(nanos) => nanos.load(Ordering::SeqCst),
        }
    }

    /// Time since some fixed point before; never goes back.
    pub fn monotonic(&self) -> Duration {
        match self {
            Self::System => since_first_use(),
            Self::Fixed(_) | Self::Moved(_) => Duration::from_nanos(self.unix_nanos()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the seam")]
fn system_unix_nanos() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the seam")]
fn since_first_use() -> Duration {
    static FIRST_USE: OnceLock<Instant> = OnceLock::new();
    let first_use = *FIRST_USE.get_or_init(Instant::now);
    Instant::now().saturating_duration_since(first_use)
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
