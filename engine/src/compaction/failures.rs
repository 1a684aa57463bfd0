//! Blocks whose merging has failed, and when it may be tried again: after a minute, after twice as
//! long each time, up to some hours. So a damaged block does not keep others from being merged, and
//! a full disk is not written to again and again.

use std::collections::HashMap;
use std::time::Duration;

use super::keeping::BlockKey;

/// Pause after the first failure, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(4 * 3600));
/// A job has no fewer inputs.
const INPUTS_MIN: usize = 2;
/// Blocks that are remembered; then all are forgotten, and tried again.
const KNOWN_MAX: usize = 100_000;

struct Failure {
    pause: Duration,
    until: Duration,
    memory_bytes: u64,
    inputs_max: usize,
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
            let (pause, until) = (PAUSE.0, now + PAUSE.0);
            let first = Failure { pause, until, memory_bytes: 0, inputs_max: usize::MAX };
            let again = |failure: &mut Failure| {
                failure.pause = (failure.pause * 2).min(PAUSE.1);
                failure.until = now + failure.pause;
            };
            self.of.entry(block).and_modify(again).or_insert(first);
        }
    }

    /// A job with these inputs needs so much memory, of which there is `limit`. It may be tried
    /// again at once, with more memory or, if there is no more, with fewer inputs; if that is not
    /// possible either, it waits as after any failure. Tells if it may.
    pub fn add_memory(
        &mut self,
        blocks: &[BlockKey],
        bytes: u64,
        limit: u64,
        now: Duration,
    ) -> bool {
        let inputs_max = self.inputs_max(blocks).min(blocks.len());
        let fewer = (inputs_max / 2).max(INPUTS_MIN);
        let helps = bytes <= limit && bytes > self.memory_needed(blocks) || fewer < inputs_max;
        self.add(blocks.iter().cloned(), now);
        for block in blocks {
            let Some(failure) = self.of.get_mut(block) else { continue };
            match bytes <= limit {
                true => failure.memory_bytes = failure.memory_bytes.max(bytes),
                false => (failure.memory_bytes, failure.inputs_max) = (0, fewer),
            }
            if helps {
                (failure.until, failure.pause) = (now, PAUSE.0);
            }
        }
        helps
    }

    /// Inputs that a job with these at most has.
    pub fn inputs_max(&self, blocks: &[BlockKey]) -> usize {
        let known = blocks.iter().filter_map(|block| self.of.get(block));
        known.map(|failure| failure.inputs_max).min().unwrap_or(usize::MAX)
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
