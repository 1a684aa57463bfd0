//! Which blocks there are. Core 0 is the only writer ([`crate::block_changes`],
//! [`crate::block_poll`]); every core holds the same immutable snapshot.
//!
//! A snapshot shares with the one before it all tenants that did not change.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use stringendo_block::BlockMeta;
use uuid::Uuid;

use crate::backend::Listing;
use crate::query::damage::Damaged;
use crate::tenant::TenantId;

/// A live block.
#[derive(Clone, Debug)]
pub struct BlockEntry {
    /// Whose.
    pub tenant: TenantId,
    /// Its `meta.json`.
    pub meta: BlockMeta,
    /// Earliest start of a span, nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// Latest end of a span.
    pub end_unix_nanos: u64,
    /// It has `nocompact.flg`: whoever wrote it wants it to stay as it is.
    pub no_compact: bool,
}

impl BlockEntry {
    /// An entry for a block's meta.
    pub fn new(tenant: TenantId, meta: BlockMeta) -> Self {
        let (start_unix_nanos, end_unix_nanos) = meta.time_range_unix_nanos();
        Self { tenant, meta, start_unix_nanos, end_unix_nanos, no_compact: false }
    }

    /// What caches of this process know the block by.
    pub fn cache_id(&self) -> Uuid {
        cache_id(&self.tenant, &self.meta.block_id)
    }

    /// Bytes held with its meta and its place on a list, about.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + size_of::<Arc<Self>>() + self.meta.heap_bytes()
    }

    /// Whether a trace within the given time may be here. Metas of Tempo hold whole seconds with
    /// the end rounded down (contract blocks.md §2), so both sides are widened to whole seconds.
    pub fn overlaps(&self, start_unix_nanos: u64, end_unix_nanos: u64) -> bool {
        let end = self.end_unix_nanos.saturating_add(999_999_999);
        self.start_unix_nanos <= end_unix_nanos && end >= start_unix_nanos
    }
}

/// Bytes of the rows of some blocks, as far as their metas are right: numbers from outside may be
/// as large as can be.
pub fn data_bytes(blocks: &[Arc<BlockEntry>]) -> u64 {
    blocks.iter().fold(0, |bytes, block| bytes.saturating_add(block.meta.size))
}

/// What caches of this process know a tenant's block by. Ids of blocks alone may be the same where
/// a tenant's blocks were copied to another, and nobody can tell which names would make them so:
/// the keys of the hash are random.
pub fn cache_id(tenant: &TenantId, block_id: &Uuid) -> Uuid {
    static KEYS: LazyLock<[RandomState; 2]> =
        LazyLock::new(|| std::array::from_fn(|_| RandomState::new()));
    let [high, low] = KEYS.each_ref().map(|key| key.hash_one((tenant, block_id)));
    Uuid::from_u64_pair(high, low)
}

/// A block that was superseded or has expired, and whose objects are still there.
#[derive(Clone, Debug)]
pub struct CompactedBlock {
    /// What it was.
    pub entry: Arc<BlockEntry>,
    /// Since when, nanoseconds since the Unix epoch.
    pub compacted_unix_nanos: u64,
    /// What takes its place came on the list in the same step: by this process, or because the
    /// listing that it was found in has that, too.
    pub replaced_here: bool,
}

impl CompactedBlock {
    /// A block that was live until then, as found in the backend.
    pub fn found(entry: Arc<BlockEntry>, compacted_unix_nanos: u64) -> Arc<Self> {
        Arc::new(Self { entry, compacted_unix_nanos, replaced_here: false })
    }

    fn here(entry: Arc<BlockEntry>, compacted_unix_nanos: u64) -> Arc<Self> {
        Arc::new(Self { entry, compacted_unix_nanos, replaced_here: true })
    }
}

/// What changes on the list.
#[derive(Clone, Debug)]
pub enum BlockChange {
    /// A block is there, durable.
    Added(Arc<BlockEntry>),
    /// A block was superseded or has expired (since when, nanoseconds since the Unix epoch).
    Compacted(TenantId, Uuid, u64),
    /// A block's objects were removed.
    Removed(TenantId, Uuid),
}

impl BlockChange {
    fn tenant(&self) -> &TenantId {
        match self {
            Self::Added(entry) => &entry.tenant,
            Self::Compacted(tenant, ..) | Self::Removed(tenant, _) => tenant,
        }
    }
}

/// The blocks of a tenant.
#[derive(Clone, Debug, Default)]
struct TenantBlocks {
    /// Newest first, so that searches find the newest traces first, and the same on every run.
    live: Vec<Arc<BlockEntry>>,
    compacted: Vec<Arc<CompactedBlock>>,
    /// Blocks that are there, and not listed since their metas cannot be read.
    unlisted: Damaged,
}

/// All blocks of all tenants.
#[derive(Clone, Debug, Default)]
pub struct BlockList {
    version: u64,
    tenants: HashMap<TenantId, Arc<TenantBlocks>>,
}

impl BlockList {
    /// Grows with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The same list with one block more (or replaced).
    pub fn with(&self, entry: Arc<BlockEntry>) -> Self {
        self.changed(vec![BlockChange::Added(entry)])
    }

    /// The list after some changes. Takes time for each tenant that they touch, not for each
    /// change: changes that come together are best made together.
    pub fn changed(&self, changes: Vec<BlockChange>) -> Self {
        let mut list = self.clone();
        list.version += 1;
        let mut by_tenant: HashMap<TenantId, Vec<BlockChange>> = HashMap::new();
        for change in changes {
            by_tenant.entry(change.tenant().clone()).or_default().push(change);
        }
        for (tenant, changes) in by_tenant {
            let blocks = list.tenants.entry(tenant).or_default();
            *blocks = Arc::new(blocks.changed(changes));
        }
        list
    }

    /// What a poll makes of this list, if it began when the list was `before`: what was found, but
    /// for what has changed here meanwhile. Blocks that the poll could not look at stay.
    pub fn polled(&self, before: &Self, listing: &Listing) -> Self {
        let doubts = listing.doubts();
        let mut found: HashMap<&TenantId, Found<'_>> = HashMap::new();
        for entry in &listing.blocks {
            found.entry(&entry.tenant).or_default().live.push(entry);
        }
        for block in &listing.skipped {
            found.entry(&block.tenant).or_default().unlisted.add(block.block_id);
        }
        // Of a tenant that could not be listed nothing new is known.
        for (tenant, _) in &listing.errors {
            found.entry(tenant).or_default().unlisted.merge(self.unlisted_of(tenant));
        }
        for block in &listing.compacted {
            found.entry(&block.entry.tenant).or_default().compacted.push(block);
        }
        let mut tenants: HashSet<&TenantId> = self.tenants.keys().collect();
        tenants.extend(found.keys());
        let polled = tenants.into_iter().map(|tenant| {
            let found = found.get(tenant).cloned().unwrap_or_default();
            let (now, before) = (self.blocks(tenant), before.blocks(tenant));
            (tenant.clone(), now.polled(before, &found, &doubts))
        });
        Self { version: self.version + 1, tenants: polled.collect() }
    }

    /// Whether both name the same blocks.
    pub fn same_blocks(&self, other: &Self) -> bool {
        self.tenants.len() == other.tenants.len()
            && self.tenants.iter().all(|(tenant, blocks)| {
                other
                    .tenants
                    .get(tenant)
                    .is_some_and(|others| Arc::ptr_eq(blocks, others) || blocks.same_blocks(others))
            })
    }

    /// Blocks of a tenant, newest first.
    pub fn of(&self, tenant: &TenantId) -> &[Arc<BlockEntry>] {
        &self.blocks(tenant).live
    }

    /// Compacted blocks of a tenant whose objects are still there.
    pub fn compacted_of(&self, tenant: &TenantId) -> &[Arc<CompactedBlock>] {
        &self.blocks(tenant).compacted
    }

    /// Whether a block is on the list, live or compacted.
    pub fn knows(&self, tenant: &TenantId, block_id: &Uuid) -> bool {
        let is_it = |entry: &BlockEntry| entry.meta.block_id == *block_id;
        self.of(tenant).iter().any(|entry| is_it(entry))
            || self.compacted_of(tenant).iter().any(|block| is_it(&block.entry))
    }

    /// Blocks of a tenant that are not listed, since their metas cannot be read: what of the
    /// tenant's data they hold, and of which time, nobody knows.
    pub fn unlisted_of(&self, tenant: &TenantId) -> &Damaged {
        &self.blocks(tenant).unlisted
    }

    /// Blocks of a tenant that may hold what no live one on this list does: the live ones, and
    /// those that others have compacted since the given time, for what took their place may have
    /// come too late for the last poll (contract blocks.md §19).
    pub fn with_pieces(
        &self,
        tenant: &TenantId,
        compacted_since_unix_nanos: u64,
    ) -> impl Iterator<Item = &Arc<BlockEntry>> + use<'_> {
        let is_recent = move |block: &&Arc<CompactedBlock>| {
            !block.replaced_here && block.compacted_unix_nanos >= compacted_since_unix_nanos
        };
        let recent = self.compacted_of(tenant).iter().filter(is_recent);
        self.of(tenant).iter().chain(recent.map(|block| &block.entry))
    }

    /// Tenants that have or had blocks, and their blocks.
    pub fn tenants(&self) -> impl Iterator<Item = (&TenantId, &[Arc<BlockEntry>])> {
        self.tenants.iter().map(|(tenant, blocks)| (tenant, blocks.live.as_slice()))
    }

    /// Bytes held, about: blocks of a tenant are taken to be as large as its first one.
    pub fn memory_bytes(&self) -> u64 {
        let of_tenant = |blocks: &Arc<TenantBlocks>| {
            let compacted = blocks.compacted.first().map(|block| &block.entry);
            let one = blocks.live.first().or(compacted).map_or(0, |entry| entry.memory_bytes());
            (blocks.live.len() + blocks.compacted.len()) * one + size_of::<TenantBlocks>()
        };
        self.tenants.values().map(of_tenant).sum::<usize>() as u64
    }

    fn blocks(&self, tenant: &TenantId) -> &TenantBlocks {
        static NONE: TenantBlocks =
            TenantBlocks { live: Vec::new(), compacted: Vec::new(), unlisted: Damaged::NONE };
        self.tenants.get(tenant).map_or(&NONE, |blocks| blocks)
    }
}

/// What a poll found of a tenant.
#[derive(Clone, Default)]
struct Found<'a> {
    live: Vec<&'a Arc<BlockEntry>>,
    compacted: Vec<&'a Arc<CompactedBlock>>,
    unlisted: Damaged,
}

impl TenantBlocks {
    fn changed(&self, changes: Vec<BlockChange>) -> Self {
        // The last word on each block.
        let mut last: HashMap<Uuid, BlockChange> =
            changes.into_iter().map(|change| (change.block_id(), change)).collect();
        // What was superseded stays so: who adds it has seen it before it was marked.
        for known in &self.compacted {
            let id = known.entry.meta.block_id;
            if matches!(last.get(&id), Some(BlockChange::Added(_))) {
                last.remove(&id);
            }
        }
        let mut next = Self { unlisted: self.unlisted, ..Self::default() };
        for entry in &self.live {
            match last.get(&entry.meta.block_id) {
                None => next.live.push(Arc::clone(entry)),
                Some(BlockChange::Compacted(_, _, since)) => {
                    next.compacted.push(CompactedBlock::here(Arc::clone(entry), *since));
                }
                Some(_) => {}
            }
        }
        let stays = |block: &&Arc<CompactedBlock>| {
            let change = last.get(&block.entry.meta.block_id);
            matches!(change, None | Some(BlockChange::Compacted(..)))
        };
        next.compacted.extend(self.compacted.iter().filter(stays).cloned());
        next.live.extend(last.into_values().filter_map(|change| match change {
            BlockChange::Added(entry) => Some(entry),
            _ => None,
        }));
        next.sorted()
    }

    fn polled(
        &self,
        before: &Self,
        found: &Found<'_>,
        doubts: &impl Fn(&BlockEntry) -> bool,
    ) -> Arc<Self> {
        let (now, before) = (Ids::of(self), Ids::of(before));
        let found_ids = Ids::found(found);
        let mut next = Self::default();
        // A block that was superseded here stays so: its mark may still be on its way. One that
        // went here while the poll looked does not come back.
        let is_live = |entry: &&&Arc<BlockEntry>| {
            let id = &entry.meta.block_id;
            !now.compacted.contains(id) && (now.live.contains(id) || !before.has(id))
        };
        next.live.extend(found.live.iter().filter(is_live).map(|entry| Arc::clone(entry)));
        let stays_live = |entry: &&Arc<BlockEntry>| {
            let id = &entry.meta.block_id;
            !found_ids.has(id) && (!before.live.contains(id) || doubts(entry))
        };
        next.live.extend(self.live.iter().filter(stays_live).cloned());
        let is_compacted = |block: &&&Arc<CompactedBlock>| {
            let id = &block.entry.meta.block_id;
            !now.compacted.contains(id) && (now.live.contains(id) || !before.has(id))
        };
        let compacted = found.compacted.iter().filter(is_compacted);
        next.compacted.extend(compacted.map(|block| Arc::clone(block)));
        let stays_compacted = |block: &&Arc<CompactedBlock>| {
            let id = &block.entry.meta.block_id;
            found_ids.has(id) || !before.compacted.contains(id) || doubts(&block.entry)
        };
        next.compacted.extend(self.compacted.iter().filter(stays_compacted).cloned());
        // What was listed before stays on the list, and is read.
        let is_listed = |id: &&Uuid| next.live.iter().any(|entry| entry.meta.block_id == **id);
        let unlisted = found.unlisted.ids().iter().filter(|id| !is_listed(id));
        unlisted.for_each(|id| next.unlisted.add(*id));
        Arc::new(next.sorted())
    }

    fn sorted(mut self) -> Self {
        self.live.sort_by_key(|block| (Reverse(block.end_unix_nanos), block.meta.block_id));
        self.compacted.sort_by_key(|block| (block.compacted_unix_nanos, block.entry.meta.block_id));
        self
    }

    fn same_blocks(&self, other: &Self) -> bool {
        let same_live = |(a, b): (&Arc<BlockEntry>, &Arc<BlockEntry>)| {
            a.meta.block_id == b.meta.block_id && a.no_compact == b.no_compact
        };
        let same_compacted = |(a, b): (&Arc<CompactedBlock>, &Arc<CompactedBlock>)| {
            a.entry.meta.block_id == b.entry.meta.block_id
        };
        self.live.len() == other.live.len()
            && self.compacted.len() == other.compacted.len()
            && self.unlisted == other.unlisted
            && self.live.iter().zip(&other.live).all(same_live)
            && self.compacted.iter().zip(&other.compacted).all(same_compacted)
    }
}

impl BlockChange {
    fn block_id(&self) -> Uuid {
        match self {
            Self::Added(entry) => entry.meta.block_id,
            Self::Compacted(_, id, _) | Self::Removed(_, id) => *id,
        }
    }
}

/// Ids of a tenant's blocks.
struct Ids<'a> {
    live: HashSet<&'a Uuid>,
    compacted: HashSet<&'a Uuid>,
}

impl<'a> Ids<'a> {
    fn of(blocks: &'a TenantBlocks) -> Self {
        Self {
            live: blocks.live.iter().map(|entry| &entry.meta.block_id).collect(),
            compacted: blocks.compacted.iter().map(|block| &block.entry.meta.block_id).collect(),
        }
    }

    fn found(found: &Found<'a>) -> Self {
        Self {
            live: found.live.iter().map(|entry| &entry.meta.block_id).collect(),
            compacted: found.compacted.iter().map(|block| &block.entry.meta.block_id).collect(),
        }
    }

    fn has(&self, id: &Uuid) -> bool {
        self.live.contains(id) || self.compacted.contains(id)
    }
}

#[cfg(test)]
#[path = "block_list_tests.rs"]
mod tests;
