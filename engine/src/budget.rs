//! The memory of one core: a fixed budget, and who holds how much of it.
//!
//! Everything that grows with load is charged here before it grows: requests in flight, live
//! segments, the segment being encoded and its block, caches, answers of queries. When the budget
//! is used up, ingest is refused with a retry hint. What is not counted one by one (code, stacks,
//! allocator slack) is [`limits::UNACCOUNTED_BYTES`] and
//! [`limits::ALLOCATOR_SLACK_DIVISOR`].
//!
//! Two things keep the sum under the limit. Encoding cannot be refused (it is what frees memory),
//! so its share is never given to anybody else. And memory that waits to be used again
//! ([`crate::spare`]) is freed the moment that a charge needs it.
//!
//! Queries may wait for memory ([`waiting`]). A small share of each of their two uses is kept for
//! them, and what the first one in line waits for is kept from ingest.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub mod waiting;

use stringendo_wal::AlignedBuf;

use crate::limits;
use crate::spare::Spare;
use waiting::Waiting;

/// What holds memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Buffers of open connections.
    Connections,
    /// Bodies of requests that are not answered yet.
    Requests,
    /// Live and sealed segments: images and indexes.
    Live,
    /// Columns being encoded and blocks being written.
    Encode,
    /// Footers and filters of blocks.
    Cache,
    /// What queries read: fetched ranges of blocks, and columns decoded from them.
    Query,
    /// What queries found, until the answer was sent.
    Answer,
    /// Blocks being merged.
    Compact,
    /// The list of blocks, on core 0: all cores share it.
    BlockList,
}

impl Use {
    /// All of them, in order.
    pub const ALL: [Use; 9] = [
        Use::Connections,
        Use::Requests,
        Use::Live,
        Use::Encode,
        Use::Cache,
        Use::Query,
        Use::Answer,
        Use::Compact,
        Use::BlockList,
    ];

    /// Label value in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Use::Connections => "connections",
            Use::Requests => "requests",
            Use::Live => "live",
            Use::Encode => "encode",
            Use::Cache => "cache",
            Use::Query => "query",
            Use::Answer => "answer",
            Use::Compact => "compact",
            Use::BlockList => "block_list",
        }
    }
}

/// The account of one core.
#[derive(Debug)]
pub struct Budget {
    total: u64,
    /// Part of it that merging may take, when there is room.
    merging_share_max: f64,
    used: [Cell<u64>; Use::ALL.len()],
    spare: RefCell<Spare>,
    waiting: Waiting,
}

impl Budget {
    /// An account of `configured_bytes` less what cannot be counted.
    pub fn new(configured_bytes: u64) -> Rc<Self> {
        Rc::new(Self::of_total(counted(configured_bytes)))
    }

    /// The same in a process that merges blocks and does nothing else.
    pub fn of_merging_alone(configured_bytes: u64) -> Rc<Self> {
        let merging_share_max = limits::COMPACT_ALONE_BUDGET_SHARE_MAX;
        let budget = Self::of_total(counted(configured_bytes));
        Rc::new(Self { merging_share_max, ..budget })
    }

    fn of_total(total: u64) -> Self {
        let (used, spare, waiting) = (Default::default(), RefCell::default(), Waiting::default());
        let merging_share_max = limits::COMPACT_BUDGET_SHARE_MAX;
        Self { total, merging_share_max, used, spare, waiting }
    }

    /// Bytes that may be charged in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Bytes that may be charged for all but encoding and queries, which have shares of their own.
    pub fn limit(&self) -> u64 {
        self.total - self.share(limits::ENCODE_BUDGET_SHARE) - self.kept_for_queries(&Use::WAITING)
    }

    /// Bytes charged now.
    pub fn used(&self) -> u64 {
        self.used.iter().map(Cell::get).sum()
    }

    /// Bytes charged now for one use.
    pub fn used_for(&self, usage: Use) -> u64 {
        self.used[usage as usize].get()
    }

    /// Whether `bytes` more fit beside what encoding and queries may come to need.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.fits(bytes, self.kept_for_queries(&Use::WAITING))
    }

    /// Whether `bytes` more fit beside what encoding may come to need, and `kept`.
    fn fits(&self, bytes: u64, kept: u64) -> bool {
        let encode = self.used_for(Use::Encode);
        let reserved = self.share(limits::ENCODE_BUDGET_SHARE).saturating_sub(encode);
        self.used().saturating_add(reserved).saturating_add(kept).saturating_add(bytes)
            <= self.total
    }

    /// A part of the total.
    pub fn share(&self, share: f64) -> u64 {
        (self.total as f64 * share) as u64
    }

    /// Memory that is free to be used again, not part of [`Budget::used`].
    pub fn spare_bytes(&self) -> u64 {
        self.spare.borrow().bytes()
    }

    /// Takes memory with room for `bytes` that was used before, if there is any of about that size.
    pub fn take_spare(&self, bytes: usize) -> Option<AlignedBuf> {
        self.spare.borrow_mut().take(bytes)
    }

    /// Keeps memory for the next use, as far as there is room for it now.
    pub fn keep_spare(&self, buf: AlignedBuf) {
        let bytes = self.spare_bytes() + buf.capacity() as u64;
        if bytes <= self.spare_max() {
            self.spare.borrow_mut().put(buf);
        }
    }

    fn spare_max(&self) -> u64 {
        self.total.saturating_sub(self.used()).min(self.share(limits::SPARE_BUDGET_SHARE))
    }

    /// Frees the spare memory that no longer fits.
    fn trim_spare(&self) {
        if self.used() + self.spare_bytes() > self.total {
            self.spare.borrow_mut().shrink_to(self.spare_max());
        }
    }

    /// Charges `bytes` if they fit.
    pub fn try_charge(self: &Rc<Self>, usage: Use, bytes: u64) -> Option<Charge> {
        self.has_room_for(usage, bytes).then(|| self.charge(usage, bytes))
    }

    /// Charges `bytes` whether they fit or not: for memory that frees more than it takes (encoding)
    /// or that must be kept (recovered data).
    pub fn charge(self: &Rc<Self>, usage: Use, bytes: u64) -> Charge {
        let used = &self.used[usage as usize];
        used.set(used.get() + bytes);
        self.trim_spare();
        Charge { budget: Rc::clone(self), usage, bytes }
    }
}

/// What can be counted of a budget.
fn counted(configured_bytes: u64) -> u64 {
    let configured = configured_bytes.max(limits::BUDGET_BYTES_MIN);
    configured - limits::UNACCOUNTED_BYTES - configured / limits::ALLOCATOR_SLACK_DIVISOR
}

/// Some charged bytes; given back when dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Rc<Budget>,
    usage: Use,
    bytes: u64,
}

impl Charge {
    /// Bytes charged.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Most that may be charged for its use.
    pub fn limit(&self) -> u64 {
        self.budget.limit_for(self.usage)
    }

    /// Charges `bytes` more if they fit, without waiting.
    #[must_use]
    pub fn try_grow(&mut self, bytes: u64) -> bool {
        let fits = self.budget.has_room_for(self.usage, bytes);
        if fits {
            self.resize(self.bytes + bytes);
        }
        fits
    }

    /// Takes over the bytes of another charge of the same use and core.
    pub fn absorb(&mut self, mut other: Charge) {
        debug_assert!(Rc::ptr_eq(&self.budget, &other.budget) && self.usage == other.usage);
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Changes the charge to `bytes`, whether they fit or not.
    pub fn resize(&mut self, bytes: u64) {
        let used = &self.budget.used[self.usage as usize];
        used.set(used.get() - self.bytes + bytes);
        if bytes > self.bytes {
            self.budget.trim_spare();
        } else if bytes < self.bytes {
            self.budget.waiting.wake();
        }
        self.bytes = bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.resize(0);
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
