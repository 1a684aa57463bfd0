//! A filter over the trace ids of a block: smaller and faster than the Bloom filter that is written
//! for others, and wrong about one id in 65,000.
//!
//! Built by whoever has all ids: from a segment that became a block, or from the block's column of
//! trace ids ([`crate::BlockReader::read_ids_within`]). It is never needed for an answer to be
//! right: without it every id may be there.

use foldhash::fast::FixedState;
use std::hash::BuildHasher as _;

use stringendo_proto::TraceId;
use xorf::{BinaryFuse16, Filter as _};

/// Memory that building takes, per id.
pub const BUILD_BYTES_PER_ID: u64 = 48;

/// Which trace ids a block may hold.
#[derive(Clone, Debug)]
pub struct IdFilter {
    ids: Ids,
}

#[derive(Clone, Debug)]
enum Ids {
    None,
    Some(BinaryFuse16),
    /// Nothing is known.
    Any,
}

impl IdFilter {
    /// The filter over these ids, in any order.
    pub fn of<'a>(ids: impl Iterator<Item = &'a TraceId>) -> Self {
        let mut keys: Vec<u64> = ids.map(key).collect();
        keys.sort_unstable();
        keys.dedup();
        Self::of_keys(&keys)
    }

    fn of_keys(keys: &[u64]) -> Self {
        if keys.is_empty() {
            return Self::none();
        }
        // Building fails for want of luck only, after a thousand tries.
        let ids = BinaryFuse16::try_from(keys).map_or(Ids::Any, Ids::Some);
        Self { ids }
    }

    /// The filter of a block that is not there any more.
    pub fn none() -> Self {
        Self { ids: Ids::None }
    }

    /// Whether the block may hold the trace; `false` is certain.
    pub fn may_hold(&self, id: &TraceId) -> bool {
        match &self.ids {
            Ids::None => false,
            Ids::Some(filter) => filter.contains(&key(id)),
            Ids::Any => true,
        }
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let filter = match &self.ids {
            Ids::Some(filter) => filter.len() * size_of::<u16>(),
            Ids::None | Ids::Any => 0,
        };
        size_of::<Self>() + filter
    }
}

/// Ids may be counted up, or have zeros in one half.
fn key(id: &TraceId) -> u64 {
    FixedState::default().hash_one(u128::from_be_bytes(id.0))
}

#[cfg(test)]
#[path = "id_filter_tests.rs"]
mod tests;
