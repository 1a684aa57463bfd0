//! Counts requests to a store, by kind and outcome.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the durations that are told apart, in seconds.
pub const BOUNDS_SECONDS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Requests of one kind and outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestSample {
    /// How many took at most each of [`BOUNDS_SECONDS`] and more than the one before; the last are
    /// those that took longer.
    pub counts: [u64; BOUNDS_SECONDS.len() + 1],
    /// Seconds of all of them.
    pub seconds: f64,
}

/// Requests that were made.
#[derive(Debug, Default)]
pub struct Requests {
    samples: Mutex<BTreeMap<(&'static str, String), RequestSample>>,
    hedged: AtomicU64,
}

impl Requests {
    /// Operation (`GET`, `PUT`, `POST`, `DELETE`, `HEAD`, `LIST`), status code (or `error`), and
    /// durations until the answer began.
    pub fn samples(&self) -> Vec<(&'static str, String, RequestSample)> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let sample = |((operation, status), sample): (&(&'static str, String), &RequestSample)| {
            (*operation, status.clone(), sample.clone())
        };
        samples.iter().map(sample).collect()
    }

    /// Reads that were asked for once more.
    pub fn hedged(&self) -> u64 {
        self.hedged.load(Ordering::Relaxed)
    }

    pub(crate) fn count_hedged(&self) {
        self.hedged.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self, operation: &'static str, status: Option<u16>, took: Duration) {
        let status = status.map_or_else(|| "error".to_owned(), |status| status.to_string());
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS_SECONDS.partition_point(|bound| *bound < seconds);
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let sample = samples.entry((operation, status)).or_default();
        sample.counts[bucket] += 1;
        sample.seconds += seconds;
    }
}

#[cfg(test)]
#[path = "requests_tests.rs"]
mod tests;
