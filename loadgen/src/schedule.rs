//! Deals out batches: which template, under which sequence numbers, due when.
//!
//! Open loop: due times follow the rate alone, whatever the answers do, so a slow server shows as
//! latency and is not spared (no coordinated omission). Flat out: a batch is due when it is taken.
//!
//! One counter serves all threads. Does not know connections or answers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::template::{BATCHES_PER_GROUP, TemplateSet};

/// One batch to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Index of the template.
    pub template: usize,
    /// How many group uses came before this one.
    pub instance: u64,
    /// Spans in it.
    pub spans: u64,
    /// When it is due, nanoseconds after the start; none means now.
    pub due_ns: Option<u64>,
}

/// The dealer.
#[derive(Debug)]
pub struct Schedule {
    next: AtomicU64,
    /// Spans in the templates before each, and in all of them at the end.
    spans_before: Vec<u64>,
    rate: Option<f64>,
    spans_max: u64,
    duration_ns: u64,
}

impl Schedule {
    /// A schedule over `set`, ending after `spans_max` spans or `duration_ns`.
    pub fn new(
        set: &TemplateSet,
        rate: Option<f64>,
        spans_max: Option<u64>,
        duration_ns: Option<u64>,
    ) -> Self {
        let mut spans_before = vec![0];
        let mut total = 0;
        for template in &set.templates {
            total += template.spans as u64;
            spans_before.push(total);
        }
        Self {
            next: AtomicU64::new(0),
            spans_before,
            rate,
            spans_max: spans_max.unwrap_or(u64::MAX),
            duration_ns: duration_ns.unwrap_or(u64::MAX),
        }
    }

    /// The next batch, or none when the run is over. `now_ns` counts from the start.
    pub fn next(&self, now_ns: u64) -> Option<Job> {
        loop {
            let number = self.next.fetch_add(1, Relaxed);
            let (job, spans_sent) = self.job(number);
            let due_ns =
                job.due_ns.unwrap_or(now_ns).max(if self.rate.is_some() { 0 } else { now_ns });
            if spans_sent >= self.spans_max || due_ns >= self.duration_ns {
                return None;
            }
            // Small groups may have batches without spans.
            if job.spans > 0 {
                return Some(job);
            }
        }
    }

    /// The job with this number, and the spans of all jobs before it.
    fn job(&self, number: u64) -> (Job, u64) {
        let templates = (self.spans_before.len() - 1) as u64;
        let (cycle, template) = (number / templates, (number % templates) as usize);
        let per_cycle = self.spans_before[templates as usize];
        let spans_sent = cycle.saturating_mul(per_cycle) + self.spans_before[template];
        let job = Job {
            template,
            instance: number / BATCHES_PER_GROUP as u64,
            spans: self.spans_before[template + 1] - self.spans_before[template],
            due_ns: self.rate.map(|rate| (spans_sent as f64 / rate * 1e9) as u64),
        };
        (job, spans_sent)
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
