//! The memory of one core: a fixed budget, and who holds how much of it.
//!
//! Everything that grows with load is charged here before it grows: requests in flight, live
//! segments, the segment being encoded and its block, caches, answers of queries. When the budget is
//! used up, ingest is refused with a retry hint. What is not counted one by one (code, stacks,
//! allocator slack) is [`limits::UNACCOUNTED_BYTES`].

use std::cell::Cell;
use std::rc::Rc;

use crate::limits;

/// What holds memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Bodies of requests that are not answered yet.
    Requests,
    /// Live and sealed segments: images and indexes.
    Live,
    /// Columns being encoded and blocks being written.
    Encode,
    /// Footers and filters of blocks.
    Cache,
    /// What queries hold.
    Query,
}

impl Use {
    /// All of them, in order.
    pub const ALL: [Use; 5] = [Use::Requests, Use::Live, Use::Encode, Use::Cache, Use::Query];

    /// Label value in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Use::Requests => "requests",
            Use::Live => "live",
            Use::Encode => "encode",
            Use::Cache => "cache",
            Use::Query => "query",
        }
    }
}

/// The account of one core.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    used: [Cell<u64>; Use::ALL.len()],
}

impl Budget {
    /// An account of `configured_bytes` less what cannot be counted.
    pub fn new(configured_bytes: u64) -> Rc<Self> {
        let configured = configured_bytes.max(limits::BUDGET_BYTES_MIN);
        Rc::new(Self { limit: configured - limits::UNACCOUNTED_BYTES, used: Default::default() })
    }

    /// Bytes that may be charged in all.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes charged now.
    pub fn used(&self) -> u64 {
        self.used.iter().map(Cell::get).sum()
    }

    /// Bytes charged now for one use.
    pub fn used_for(&self, usage: Use) -> u64 {
        self.used[usage as usize].get()
    }

    /// Whether `bytes` more fit.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.used() + bytes <= self.limit
    }

    /// Charges `bytes` if they fit.
    pub fn try_charge(self: &Rc<Self>, usage: Use, bytes: u64) -> Option<Charge> {
        self.has_room(bytes).then(|| self.charge(usage, bytes))
    }

    /// Charges `bytes` whether they fit or not: for memory that frees more than it takes (encoding)
    /// or that must be kept (recovered data).
    pub fn charge(self: &Rc<Self>, usage: Use, bytes: u64) -> Charge {
        let used = &self.used[usage as usize];
        used.set(used.get() + bytes);
        Charge { budget: Rc::clone(self), usage, bytes }
    }
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

    /// Changes the charge to `bytes`, whether they fit or not.
    pub fn resize(&mut self, bytes: u64) {
        let used = &self.budget.used[self.usage as usize];
        used.set(used.get() - self.bytes + bytes);
        self.bytes = bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.resize(0);
    }
}
