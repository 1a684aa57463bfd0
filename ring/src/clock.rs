//! The seam for time: the only place that reads the system's clocks.

use std::time::Duration;

/// Where a shard reads the time. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's clocks.
    System,
    /// A clock that stands still, for tests: nanoseconds since the Unix epoch.
    Fixed(u64),
}

impl Clock {
    /// Nanoseconds since the Unix epoch.
    pub fn unix_nanos(&self) -> u64 {
        todo!()
    }

    /// Time since some fixed point before; never goes back.
    pub fn monotonic(&self) -> Duration {
        todo!()
    }
}
