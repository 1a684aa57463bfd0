//! Leaves a server alone that failed several times in a row.
//!
//! Pure: the time is handed in.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// When.
#[derive(Clone, Copy, Debug)]
pub struct BreakerOptions {
    /// So many failures in a row; 0: never.
    pub failures: u64,
    /// For so long. Then one failure suffices to be left alone again.
    pub pause: Duration,
    /// Failures further apart are not in a row; zero: however far.
    pub interval: Duration,
}

/// A server's record.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u64,
    last_failure: Duration,
    closed_until: Duration,
}

impl Breaker {
    /// Of a server that has not failed.
    pub fn new(options: BreakerOptions) -> Self {
        Self { options, state: Mutex::default() }
    }

    /// Whether the server may be asked at `now`.
    pub fn allows(&self, now: Duration) -> bool {
        self.with(|state| now >= state.closed_until)
    }

    /// Notes how it went.
    pub fn note(&self, is_ok: bool, now: Duration) {
        let BreakerOptions { failures, pause, interval } = self.options;
        self.with(|state| {
            if is_ok {
                state.failures = 0;
                return;
            }
            if !interval.is_zero() && now.saturating_sub(state.last_failure) > interval.max(pause) {
                state.failures = 0;
            }
            state.failures += 1;
            state.last_failure = now;
            if failures > 0 && state.failures >= failures {
                state.closed_until = now + pause;
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
