//! The blocks of one search, shared out among cores: each begins with those whose footers and
//! filters it keeps ([`crate::affinity`]), and takes more from the longest share once it is done.
//!
//! Which core searches a block does not change the answer: the newest traces are kept wherever they
//! are found. Sums of floating point numbers would depend on it, so metrics keep to their shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stringendo_ring::CoreId;

use super::trace::share;
use crate::block_list::BlockEntry;

/// Blocks that wait for a core.
#[derive(Debug)]
pub struct Shares {
    /// By core.
    shares: Vec<Share>,
}

#[derive(Debug)]
struct Share {
    /// Newest first.
    blocks: Vec<Arc<BlockEntry>>,
    /// How many were taken.
    taken: AtomicUsize,
}

impl Share {
    fn left(&self) -> usize {
        // No other memory depends on it: blocks do not change.
        self.blocks.len().saturating_sub(self.taken.load(Ordering::Relaxed))
    }

    fn take(&self) -> Option<&Arc<BlockEntry>> {
        self.blocks.get(self.taken.fetch_add(1, Ordering::Relaxed))
    }

    fn give_up(&self) {
        self.taken.fetch_max(self.blocks.len(), Ordering::Relaxed);
    }
}

impl Shares {
    /// Of blocks, newest first.
    pub fn of(blocks: &[Arc<BlockEntry>], cores: u16) -> Self {
        let share =
            |core| Share { blocks: share(blocks, CoreId(core), cores), taken: AtomicUsize::new(0) };
        Self { shares: (0..cores).map(share).collect() }
    }

    /// Whether there is a use for a core: it has a share, or others have more than one block each.
    pub fn has_work_for(&self, core: CoreId) -> bool {
        let of_core = self.shares.get(usize::from(core.0)).map_or(0, Share::left);
        of_core > 0 || self.shares.iter().any(|share| share.left() > 1)
    }

    /// The next block for a core; `None` if no block that is left is wanted. Blocks behind one that
    /// is not wanted are older, and given up with it.
    pub fn next(
        &self,
        core: CoreId,
        wants: impl Fn(&BlockEntry) -> bool,
    ) -> Option<&Arc<BlockEntry>> {
        let mut share = self.shares.get(usize::from(core.0))?;
        loop {
            match share.take() {
                Some(block) if wants(block) => return Some(block),
                Some(_) => share.give_up(),
                None => {
                    share = self.shares.iter().max_by_key(|share| share.left())?;
                    if share.left() == 0 {
                        return None;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "shares_tests.rs"]
mod tests;
