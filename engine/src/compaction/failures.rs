//! Blocks whose merging has failed, and when it may be tried again: after a minute, after twice as
//! long each time, up to some hours. So a damaged block does not keep others from being merged, and
//! a full disk is not written to again and again.

use std::collections::HashMap;
use std::time::Duration;

use super::keeping::BlockKey;

/// Pause after the first failure, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(4 * 3600));
/// Blocks that are remembered; then all are forgotten, and tried again.
const KNOWN_MAX: usize = 100_000;

struct Failure {
    pause: Duration,
    until: Duration,
    memory_bytes: u64,
}

/// Knows when to try again.
#[derive(Default)]
pub struct Failures {
    of: HashMap<BlockKey, Failure>,
}

impl Failures {
    /// A job with these inputs has failed.
    pub fn add(&mut self, blocks: impl IntoIterator<Item = BlockKey>, now: Duration) {
        if self.of.len() >= KNOWN_MAX {
            self.of.clear();
        }
        for block in blocks {
            let first = Failure { pause: PAUSE.0, until: now + PAUSE.0, memory_bytes: 0 };
            let again = |failure: &mut Failure| {
                failure.pause = (failure.pause * 2).min(PAUSE.1);
                failure.until = now + failure.pause;
            };
            self.of.entry(block).and_modify(again).or_insert(first);
        }
    }

    /// A job with these inputs needs so much memory; it may be tried again at once.
    pub fn note_memory(&mut self, blocks: &[BlockKey], bytes: u64) {
        for block in blocks {
            if let Some(failure) = self.of.get_mut(block) {
                let grows = bytes > failure.memory_bytes;
                failure.memory_bytes = failure.memory_bytes.max(bytes);
                if grows {
                    failure.until = Duration::ZERO;
                }
            }
        }
    }

    /// Memory that a job with these inputs is known to need.
    pub fn memory_needed(&self, blocks: &[BlockKey]) -> u64 {
        let needed = blocks.iter().filter_map(|block| self.of.get(block));
        needed.map(|failure| failure.memory_bytes).max().unwrap_or(0)
    }

    /// Whether the block is to be left alone now.
    pub fn holds_back(&self, block: &BlockKey, now: Duration) -> bool {
        self.of.get(block).is_some_and(|failure| failure.until > now)
    }

    /// These blocks have been merged.
    pub fn forgive(&mut self, blocks: &[BlockKey]) {
        blocks.iter().for_each(|block| {
            self.of.remove(block);
        });
    }

    /// Forgets blocks that were not tried again for long: they are gone.
    pub fn forget_old(&mut self, now: Duration) {
        self.of.retain(|_, failure| failure.until + 2 * PAUSE.1 > now);
    }
}

#[cfg(test)]
#[path = "failures_tests.rs"]
mod tests;
