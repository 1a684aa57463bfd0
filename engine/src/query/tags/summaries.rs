//! Summaries of names and values of tags, per core: what all spans of a block, or of a live segment
//! so far, have.
//!
//! A summary is made when it is first asked for, and kept as long as there is room. Nothing depends
//! on it: without one, the same is read again.

use std::cell::RefCell;
use std::rc::Rc;

use stringendo_block::tags::{TagNames, TagValues};
use stringendo_traceql::Field;
use uuid::Uuid;

use crate::block_store::cache::ByteCache;
use crate::budget::{Budget, Charge, Use};
use crate::limits::TAG_SUMMARY_BYTES;
use crate::tenant::TenantId;

/// What a summary is of; `None` stands for the names of all scopes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A block.
    Block(Uuid, Option<Field>),
    /// A tenant's part of a live segment.
    Live(Uuid, TenantId, Option<Field>),
}

/// What spans have.
#[derive(Clone, Debug, Default)]
pub(super) struct Summary {
    /// Keys, if it is a summary of names.
    pub(super) names: TagNames,
    /// Values, if it is a summary of values.
    pub(super) values: TagValues,
    /// Values were gathered up to so many bytes of texts. `None`: there are no more.
    pub(super) cut_at: Option<usize>,
    /// Of a live segment: how many spans were looked at.
    pub(super) spans: usize,
    /// Of a live segment: the earliest start of those.
    pub(super) start_unix_nanos: u64,
    /// Of a live segment: the latest end of those.
    pub(super) end_unix_nanos: u64,
}

impl Summary {
    /// Whether it tells all that an answer of so many bytes needs.
    pub(super) fn suffices(&self, bytes_max: usize) -> bool {
        self.cut_at.is_none_or(|cut_at| cut_at >= bytes_max)
    }

    /// Memory held.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.names.memory_bytes() + self.values.memory_bytes()
    }
}

/// A core's summaries.
pub struct TagSummaries {
    cache: RefCell<ByteCache<Key, Rc<Summary>>>,
    charge: RefCell<Charge>,
}

impl TagSummaries {
    /// None yet; charged to `budget`.
    pub fn new(budget: &Rc<Budget>) -> Self {
        // A small budget gets few.
        let limit = TAG_SUMMARY_BYTES.min(budget.limit() as usize / 16);
        Self {
            cache: RefCell::new(ByteCache::new(limit, usize::MAX)),
            charge: RefCell::new(budget.charge(Use::Cache, 0)),
        }
    }

    /// A summary that is kept.
    pub(super) fn get(&self, key: &Key) -> Option<Rc<Summary>> {
        self.cache.borrow_mut().get(key)
    }

    /// Keeps a summary, if there is room.
    pub(super) fn keep(&self, key: Key, summary: &Rc<Summary>) {
        const KEY_BYTES: usize = 256;
        let mut cache = self.cache.borrow_mut();
        cache.insert(key, Rc::clone(summary), summary.memory_bytes() + KEY_BYTES);
        self.charge.borrow_mut().resize(cache.bytes() as u64);
    }
}
