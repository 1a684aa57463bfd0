//! What a core knows of the filters beside blocks: their directories, and the parts that were
//! asked, up to a limit in bytes.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use stringendo_block::filters::{Directory, Part};
use uuid::Uuid;

use super::cache::ByteCache;

/// What is known of a block's filters.
#[derive(Clone)]
pub enum Known {
    /// They are there.
    Stored(Rc<Directory>),
    /// There are none that could be used.
    Missing,
}

/// Of which block, and which: its checksum tells it from one at the same place of an object that
/// was made again.
type PartKey = (Uuid, Part);

/// Filters that were read.
pub struct FilterCache {
    known: RefCell<ByteCache<Uuid, Known>>,
    parts: RefCell<ByteCache<PartKey, Bytes>>,
}

impl FilterCache {
    /// None yet; for at most `limit` bytes each of directories and filters.
    pub fn new(limit: usize) -> Self {
        Self {
            known: RefCell::new(ByteCache::new(limit, usize::MAX)),
            parts: RefCell::new(ByteCache::new(limit, usize::MAX)),
        }
    }

    /// What is known of a block's filters; `None` if nobody looked.
    pub fn known(&self, block_id: &Uuid) -> Option<Known> {
        self.known.borrow_mut().get(block_id)
    }

    /// A part that was read, checked, and unpacked.
    pub fn part(&self, block_id: &Uuid, part: &Part) -> Option<Bytes> {
        self.parts.borrow_mut().get(&(*block_id, *part))
    }

    /// Something has changed: what is known of a block's filters is forgotten.
    pub fn look_again(&self, block_id: &Uuid) {
        self.known.borrow_mut().remove(block_id);
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.known.borrow().bytes() + self.parts.borrow().bytes()
    }

    pub(super) fn keep(&self, block_id: Uuid, known: Known) {
        const ENTRY_BYTES: usize = 64;
        let bytes = match &known {
            Known::Stored(directory) => directory.memory_bytes(),
            Known::Missing => 0,
        };
        self.known.borrow_mut().insert(block_id, known, ENTRY_BYTES + bytes);
    }

    pub(super) fn keep_part(&self, key: PartKey, bytes: Bytes) {
        const ENTRY_BYTES: usize = 96;
        let held = ENTRY_BYTES + bytes.len();
        self.parts.borrow_mut().insert(key, bytes, held);
    }
}
