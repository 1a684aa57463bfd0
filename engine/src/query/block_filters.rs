//! A block's own filters ([`stringendo_block::filters`]) as queries ask them: read part by part,
//! with charged memory, and cached.
//!
//! From: searches and metrics, which leave out blocks without touching their rows; look-ups of
//! traces; names and values of tags. What cannot be read is not known, and then everything may be
//! there; a block whose filters are missing or damaged is reported to [`crate::filter_job`].

use std::io;
use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;
use stringendo_block::filters::directory::{FIRST_BYTES, Packed, Probe};
use stringendo_block::filters::fuse::FuseShard;
use stringendo_block::filters::{Damaged, Directory, Part, Place, listing};
use stringendo_block::id_filter::{self, IdFilter};
use stringendo_block::tags::{TagField, TagNames, TagValues};
use stringendo_proto::TraceId;

use crate::backend::object;
use crate::block_list::BlockEntry;
use crate::block_store::Reads;
use crate::block_store::filters::Known;
use crate::metrics::families as family;
use crate::outer_cache::{self, CacheRole, Found, Wanted};
use crate::shard::Shard;

/// The filters of one block.
pub struct BlockFilters<'a> {
    shard: &'a Shard,
    block: &'a BlockEntry,
    directory: Rc<Directory>,
}

/// Why filters are not there.
enum Unread {
    /// They are not what they should be, or missing.
    Unusable(Option<Damaged>),
    /// They could not be read this time.
    Failed,
}

impl From<Damaged> for Unread {
    fn from(damage: Damaged) -> Self {
        Self::Unusable(Some(damage))
    }
}

impl<'a> BlockFilters<'a> {
    /// The filters of `block`, if they are there. Nothing may be held to read with.
    pub async fn open(shard: &'a Shard, block: &'a BlockEntry, reads: &mut Reads) -> Option<Self> {
        let id = &block.cache_id();
        let directory = match shard.store.filters.known(id) {
            Some(Known::Missing) => return None,
            Some(Known::Stored(directory)) => directory,
            None => match read_directory(shard, block, reads).await {
                Ok((directory, front)) => {
                    for (part, bytes) in directory.ids_shards_in(&front) {
                        shard.store.keep_filter_part(id, part, bytes);
                    }
                    shard.store.keep_filters(id, directory)
                }
                Err(reason) => {
                    give_up(shard, block, &reason);
                    return None;
                }
            },
        };
        Some(Self { shard, block, directory })
    }

    /// Whether the block may hold it; `false` is certain.
    pub async fn may_hold(&self, probe: &Probe, reads: &mut Reads) -> bool {
        let Some(part) = self.directory.page_for(probe) else { return true };
        let page = self.part(part, reads).await;
        page.is_none_or(|page| self.directory.may_hold(probe, &page))
    }

    /// Whether the block may hold the trace, by the entry of its id; `None` if nothing is known.
    pub async fn may_hold_id(&self, entry: u64, reads: &mut Reads) -> Option<bool> {
        let part = self.directory.ids_shard_for(entry)?;
        let bytes = self.part(part, reads).await?;
        let shard = self.usable(FuseShard::decode(&bytes).map_err(Unread::from))?;
        Some(shard.may_hold(entry))
    }

    /// The filter over all trace ids, if it is there.
    pub async fn ids(&self, reads: &mut Reads) -> Option<IdFilter> {
        let range = self.directory.ids_range()?;
        let bytes = self.usable(read(self.shard, self.block, range, 0, reads).await)?;
        self.usable(self.directory.ids_of(&bytes).map_err(Unread::from))
    }

    /// The keys of all attributes, if they are listed.
    pub async fn names(&self, reads: &mut Reads) -> Option<TagNames> {
        let raw = self.unpack(&self.directory.names?, reads).await?;
        self.usable(listing::read_names(&raw).map_err(Unread::from))
    }

    /// The values of a field, if they are listed.
    pub async fn values(&self, field: &TagField, reads: &mut Reads) -> Option<TagValues> {
        let (place, key) = Place::of_field(field)?;
        self.values_at(place, key, reads).await
    }

    /// The values of a key, if they are listed.
    pub async fn values_at(
        &self,
        place: Place,
        key: &[u8],
        reads: &mut Reads,
    ) -> Option<TagValues> {
        let chunk = self.directory.chunk_of(place, key)?;
        let raw = self.chunk(&chunk.packed, reads).await?;
        self.usable(listing::read_values(&raw, place, key).map_err(Unread::from)).flatten()
    }

    /// An unpacked chunk of values. They are kept unless they are large, which is when one key has
    /// very many.
    async fn chunk(&self, packed: &Packed, reads: &mut Reads) -> Option<Bytes> {
        const KEPT_BYTES_MAX: u64 = 256 << 10;
        let (store, id) = (&self.shard.store, &self.block.cache_id());
        if let Some(raw) = store.filters.part(id, &packed.part) {
            return Some(raw);
        }
        let raw = Bytes::from(self.unpack(packed, reads).await?);
        if packed.raw_bytes() <= KEPT_BYTES_MAX {
            store.keep_filter_part(id, packed.part, raw.clone());
        }
        Some(raw)
    }

    async fn part(&self, part: Part, reads: &mut Reads) -> Option<Bytes> {
        let (store, id) = (&self.shard.store, &self.block.cache_id());
        if let Some(bytes) = store.filters.part(id, &part) {
            return Some(bytes);
        }
        let bytes = self.usable(self.read_part(part, 0, reads).await)?;
        let bytes = self.usable(part.check(bytes).map_err(Unread::from))?;
        store.keep_filter_part(id, part, bytes.clone());
        Some(bytes)
    }

    async fn unpack(&self, packed: &Packed, reads: &mut Reads) -> Option<Vec<u8>> {
        // What is unpacked is copied once more into lists.
        let memory = packed.raw_bytes() * 3;
        let bytes = self.usable(self.read_part(packed.part, memory, reads).await)?;
        self.usable(packed.unpack(bytes).map_err(Unread::from))
    }

    async fn read_part(
        &self,
        part: Part,
        more_memory: u64,
        reads: &mut Reads,
    ) -> Result<Bytes, Unread> {
        let (range, checksum) = (part.range(), part.checksum());
        let wanted = Wanted {
            role: CacheRole::Bloom,
            block: self.block,
            object: object::FILTERS,
            part: outer_cache::Part::Checked(range.start, range.end, checksum),
        };
        let memory = range.end - range.start + more_memory;
        let _memory = self.shard.memory_to_read(memory).await.map_err(|_| Unread::Failed)?;
        let read = read_range(self.shard, self.block, range);
        let found = self.shard.store.outer().or_read(wanted, read).await;
        taken(self.block, found, reads)
    }

    /// What was read, unless it was no use.
    fn usable<T>(&self, outcome: Result<T, Unread>) -> Option<T> {
        match outcome {
            Ok(found) => Some(found),
            Err(reason) => {
                give_up(self.shard, self.block, &reason);
                None
            }
        }
    }
}

/// Whether a block may hold a trace, as far as its filters tell; `None` if they do not.
pub async fn may_hold_id(
    shard: &Shard,
    block: &BlockEntry,
    id: &TraceId,
    reads: &mut Reads,
) -> Option<bool> {
    if let Some(filter) = shard.store.cached_id_filter(&block.cache_id()) {
        return Some(filter.may_hold(id));
    }
    let filters = BlockFilters::open(shard, block, reads).await?;
    filters.may_hold_id(id_filter::entry(id), reads).await
}

/// Also gives the front of the object, in which it is.
async fn read_directory(
    shard: &Shard,
    block: &BlockEntry,
    reads: &mut Reads,
) -> Result<(Directory, Bytes), Unread> {
    let id = &block.meta.block_id;
    let mut front = read(shard, block, 0..FIRST_BYTES, FIRST_BYTES, reads).await?;
    let bytes = Directory::bytes(&front, id)?;
    if bytes > front.len() as u64 {
        front = read(shard, block, 0..bytes, bytes * 2, reads).await?;
    }
    Ok((Directory::decode(&front, id)?, front))
}

/// Reads a range; its memory is charged for the time of reading, what is kept is charged by the
/// cache. The directory is made again with the object, so no cache outside has it.
async fn read(
    shard: &Shard,
    block: &BlockEntry,
    range: Range<u64>,
    more_memory: u64,
    reads: &mut Reads,
) -> Result<Bytes, Unread> {
    let memory = range.end - range.start + more_memory;
    let _memory = shard.memory_to_read(memory).await.map_err(|_| Unread::Failed)?;
    let bytes = read_range(shard, block, range).await;
    taken(block, bytes.map(|bytes| Found { bytes, is_cached: false }), reads)
}

async fn read_range(shard: &Shard, block: &BlockEntry, range: Range<u64>) -> io::Result<Bytes> {
    let (tenant, id) = (&block.tenant, &block.meta.block_id);
    shard.store.backend().read_object_range(tenant, id, object::FILTERS, range).await
}

fn taken(block: &BlockEntry, found: io::Result<Found>, reads: &mut Reads) -> Result<Bytes, Unread> {
    match found {
        Ok(found) => {
            reads.took(&found);
            Ok(found.bytes)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Unread::Unusable(None)),
        Err(error) => {
            tracing::warn!(block = %block.meta.block_id, %error, "filters could not be read");
            Err(Unread::Failed)
        }
    }
}

/// Queries go on without.
fn give_up(shard: &Shard, block: &BlockEntry, reason: &Unread) {
    let Unread::Unusable(damage) = reason else { return };
    let id = block.meta.block_id;
    if let Some(damage) = damage {
        tracing::warn!(block = %id, %damage, "filters of a block cannot be used");
    }
    let why = if damage.is_some() { "unusable" } else { "missing" };
    shard.metrics.add(&family::FILTERS_WITHOUT, &[why], 1.0);
    shard.store.forget_filters(&block.cache_id());
    shard.filter_work.request(block);
}
