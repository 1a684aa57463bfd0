//! Counts what happens to batches, and how long they take. All threads share one; it is touched
//! once per batch.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hdrhistogram::Histogram;

use crate::report::Latency;

/// Longest latency told apart, microseconds (ten minutes).
const LATENCY_US_MAX: u64 = 600_000_000;
/// How many different failures are kept word for word.
const REASONS_MAX: usize = 8;

/// Batches and spans of one fate.
#[derive(Debug, Default)]
pub struct Count {
    /// Batches.
    pub batches: AtomicU64,
    /// Spans.
    pub spans: AtomicU64,
}

impl Count {
    /// Counts one batch.
    pub fn add(&self, spans: u64) {
        self.batches.fetch_add(1, Relaxed);
        self.spans.fetch_add(spans, Relaxed);
    }

    /// Batches and spans so far.
    pub fn get(&self) -> (u64, u64) {
        (self.batches.load(Relaxed), self.spans.load(Relaxed))
    }
}

/// All counters of a run.
#[derive(Debug)]
pub struct Tally {
    /// The server has them.
    pub acknowledged: Count,
    /// Refused with a hint when to try again.
    pub refused_with_hint: Count,
    /// Refused without one.
    pub refused_without_hint: Count,
    /// Answered otherwise.
    pub failed: Count,
    /// Sent without an answer.
    pub unanswered: Count,
    /// Sends after a refusal.
    pub retries: AtomicU64,
    /// Connections made again.
    pub reconnects: AtomicU64,
    /// Encoded bytes acknowledged, before compression.
    pub acknowledged_bytes: AtomicU64,
    /// Requests without an answer at this moment.
    pub in_flight: AtomicU64,
    histograms: Mutex<Histograms>,
    reasons: Mutex<Vec<(String, u64)>>,
}

#[derive(Debug)]
struct Histograms {
    from_due: Histogram<u64>,
    from_send: Histogram<u64>,
    interval: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            acknowledged: Count::default(),
            refused_with_hint: Count::default(),
            refused_without_hint: Count::default(),
            failed: Count::default(),
            unanswered: Count::default(),
            retries: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            acknowledged_bytes: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            histograms: Mutex::new(Histograms {
                from_due: histogram(),
                from_send: histogram(),
                interval: histogram(),
            }),
            reasons: Mutex::default(),
        }
    }
}

impl Tally {
    /// Takes the latencies of an acknowledged batch, in nanoseconds.
    pub fn latency(&self, from_due_ns: u64, from_send_ns: u64) {
        if let Ok(mut all) = self.histograms.lock() {
            all.from_due.saturating_record(from_due_ns / 1000);
            all.from_send.saturating_record(from_send_ns / 1000);
            all.interval.saturating_record(from_due_ns / 1000);
        }
    }

    /// Percentiles since the last call of this.
    pub fn interval_latency(&self) -> Latency {
        let mut latency = Latency::default();
        if let Ok(mut all) = self.histograms.lock() {
            latency = summarize(&all.interval);
            all.interval.reset();
        }
        latency
    }

    /// Percentiles of the run: from the due time, and from the time of sending.
    pub fn latencies(&self) -> (Latency, Latency) {
        let all = self.histograms.lock();
        all.map(|all| (summarize(&all.from_due), summarize(&all.from_send))).unwrap_or_default()
    }

    /// Takes note of why a batch was refused or failed.
    pub fn reason(&self, reason: &str) {
        let Ok(mut reasons) = self.reasons.lock() else { return };
        if let Some((_, count)) = reasons.iter_mut().find(|(known, _)| known == reason) {
            *count += 1;
        } else if reasons.len() < REASONS_MAX {
            reasons.push((reason.to_owned(), 1));
        }
    }

    /// The first different reasons, with how often each was given.
    pub fn reasons(&self) -> Vec<(String, u64)> {
        self.reasons.lock().map(|reasons| reasons.clone()).unwrap_or_default()
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("the bounds are constants in range")
}

fn summarize(histogram: &Histogram<u64>) -> Latency {
    Latency {
        count: histogram.len(),
        mean_us: histogram.mean(),
        p50_us: histogram.value_at_quantile(0.5),
        p90_us: histogram.value_at_quantile(0.9),
        p99_us: histogram.value_at_quantile(0.99),
        p999_us: histogram.value_at_quantile(0.999),
        max_us: histogram.max(),
    }
}
