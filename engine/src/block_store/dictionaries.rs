//! Decoded dictionaries of the blocks that this core reads, kept up to a limit in bytes.
//!
//! From: the decoder, which finds them through [`Fetched`](stringendo_block::Fetched). Where a
//! query looks at a block again, they are most of what it would decode.

use std::cell::RefCell;
use std::rc::Rc;

use stringendo_block::{DecodedDictionary, KnownDictionaries};
use uuid::Uuid;

use super::cache::ByteCache;
use crate::budget::{Budget, Charge, Use};

/// Block, and offset in its file.
type Key = (Uuid, u64);

/// Those of all blocks.
#[derive(Clone)]
pub struct Dictionaries {
    kept: Rc<RefCell<Kept>>,
}

struct Kept {
    cache: ByteCache<Key, DecodedDictionary>,
    charge: Charge,
}

impl Dictionaries {
    /// None yet; at most `bytes_max`, less with a small budget.
    pub fn new(bytes_max: usize, budget: &Rc<Budget>) -> Self {
        let limit = bytes_max.min(budget.limit() as usize / 16);
        let cache = ByteCache::new(limit, usize::MAX);
        let kept = Kept { cache, charge: budget.charge(Use::Cache, 0) };
        Self { kept: Rc::new(RefCell::new(kept)) }
    }

    /// Forgets those of a block.
    pub fn forget(&self, block_id: &Uuid) {
        let mut kept = self.kept.borrow_mut();
        kept.cache.remove_where(|(of, _)| of == block_id);
        let bytes = kept.cache.bytes() as u64;
        kept.charge.resize(bytes);
    }

    /// Those of one block.
    pub fn of(&self, block_id: Uuid) -> Rc<BlockDictionaries> {
        Rc::new(BlockDictionaries { block_id, all: self.clone() })
    }
}

/// Those of one block.
pub struct BlockDictionaries {
    block_id: Uuid,
    all: Dictionaries,
}

impl std::fmt::Debug for BlockDictionaries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "dictionaries of block {}", self.block_id)
    }
}

impl KnownDictionaries for BlockDictionaries {
    fn get(&self, offset: u64) -> Option<DecodedDictionary> {
        self.all.kept.borrow_mut().cache.get(&(self.block_id, offset))
    }

    fn keep(&self, offset: u64, dictionary: &DecodedDictionary) {
        let mut kept = self.all.kept.borrow_mut();
        let bytes = dictionary.memory_bytes();
        kept.cache.insert((self.block_id, offset), dictionary.clone(), bytes);
        let bytes = kept.cache.bytes() as u64;
        kept.charge.resize(bytes);
    }
}
