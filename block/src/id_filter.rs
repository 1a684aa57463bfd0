//! A filter over the trace ids of a block: smaller and faster than the Bloom filter that is written
//! for others, and wrong about one id in 65,000.
//!
//! Read from the block's own filters ([`crate::filters`]), or built by whoever has all ids, for
//! example from the block's column of trace ids ([`crate::BlockReader::read_ids_within`]). It is
//! never needed for an answer to be right: without it every id may be there.

use bytes::Bytes;
use stringendo_proto::TraceId;
use uuid::Uuid;

use crate::filters::Directory;
use crate::filters::fuse::{self, FuseShard};
use crate::filters::hash::text_hash;

/// Memory that building takes, per id.
pub const BUILD_BYTES_PER_ID: u64 = 48;

/// Which trace ids a block may hold.
#[derive(Clone, Debug)]
pub struct IdFilter {
    /// None: the block is not there any more.
    shards: Vec<FuseShard>,
}

impl IdFilter {
    /// The filter over these ids, in any order.
    pub fn of<'a>(ids: impl Iterator<Item = &'a TraceId>) -> Self {
        let entries: Vec<u64> = ids.map(entry).collect();
        let shards = fuse::build_all(&entries).into_iter();
        Self { shards: shards.filter_map(|shard| FuseShard::decode(&shard.into()).ok()).collect() }
    }

    /// The filter of these shards, all of them, in order.
    pub fn of_shards(shards: Vec<FuseShard>) -> Self {
        Self { shards }
    }

    /// The filter in a block's object of filters, as far as it has one.
    pub fn of_object(object: &Bytes, block_id: &Uuid) -> Option<Self> {
        let directory = Directory::decode(object, block_id).ok()?;
        let all = directory.ids_range()?;
        // Not to keep the whole object in memory.
        let bytes = object.get(all.start as usize..all.end as usize).map(Bytes::copy_from_slice)?;
        directory.ids_of(&bytes).ok()
    }

    /// The filter of a block that is not there any more.
    pub fn none() -> Self {
        Self { shards: Vec::new() }
    }

    /// Whether the block may hold the trace; `false` is certain.
    pub fn may_hold(&self, id: &TraceId) -> bool {
        self.may_hold_entry(entry(id))
    }

    /// The same for an id that many filters are asked for, as its [`entry`].
    #[inline]
    pub fn may_hold_entry(&self, entry: u64) -> bool {
        let shard = self.shards.get(fuse::shard_of(entry, self.shards.len() as u32));
        shard.is_some_and(|shard| shard.may_hold(entry))
    }

    /// Marks those of the entries that the block may hold, in the same order.
    pub fn mark_entries(&self, entries: &[u64], marks: &mut [bool]) {
        if let [shard] = self.shards.as_slice() {
            return shard.mark(entries, marks);
        }
        for (entry, mark) in entries.iter().zip(marks) {
            *mark |= self.may_hold_entry(*entry);
        }
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.shards.iter().map(FuseShard::memory_bytes).sum::<usize>()
    }
}

/// What stands for an id in the filter. Ids may be counted up, or have zeros in one half.
pub fn entry(id: &TraceId) -> u64 {
    text_hash(&id.0)
}

#[cfg(test)]
#[path = "id_filter_tests.rs"]
mod tests;
