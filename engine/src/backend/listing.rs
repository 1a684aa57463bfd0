//! From the names that a store has to blocks with their metas.
//!
//! From: a store's listing ([`FoundBlock`]), and the block list as it is. To:
//! [`crate::block_poll`]. Blocks do not change, so only metas of new ones are read; what is
//! compacted now and was live before is taken over. Of a tenant that is not known yet, the tenant
//! index has the metas. Who does not write indexes believes them, and lists blocks only where they
//! cannot be read.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use stringendo_block::BlockMeta;
use stringendo_block::tenant_index::TenantIndex;
use stringendo_ring::{sleep, yield_if_due};
use uuid::Uuid;

use super::{Backend, indexes, object};
use crate::block_list::{BlockEntry, BlockList, CompactedBlock};
use crate::budget::Charge;
use crate::settings::PollSettings;
use crate::tenant::TenantId;

/// Largest `meta.json` that is read.
pub const META_BYTES_MAX: u64 = 1 << 20;
/// Characters of an unknown version's name that are told.
const VERSION_CHARS_SHOWN: usize = 40;

/// What a listing found.
#[derive(Debug, Default)]
pub struct Listing {
    /// Live blocks that can be read.
    pub blocks: Vec<Arc<BlockEntry>>,
    /// Compacted blocks that could be read.
    pub compacted: Vec<Arc<CompactedBlock>>,
    /// Blocks that cannot be read: the rest is listed all the same.
    pub skipped: Vec<SkippedBlock>,
    /// Tenants that were listed.
    pub tenants: Vec<TenantId>,
    /// Tenants that could not be listed, and why.
    pub errors: Vec<(TenantId, String)>,
    /// Tenant indexes that could not be read, and why.
    pub index_errors: Vec<(TenantId, String)>,
    /// When the tenant indexes were made that were believed, nanoseconds since the Unix epoch.
    pub indexes: Vec<(TenantId, u64)>,
}

impl Listing {
    fn add(&mut self, mut other: Self) {
        self.blocks.append(&mut other.blocks);
        self.compacted.append(&mut other.compacted);
        self.skipped.append(&mut other.skipped);
        self.tenants.append(&mut other.tenants);
        self.errors.append(&mut other.errors);
        self.index_errors.append(&mut other.index_errors);
        self.indexes.append(&mut other.indexes);
    }

    /// Says of a block that was listed before whether this listing leaves open if it is there.
    pub fn doubts(&self) -> impl Fn(&BlockEntry) -> bool {
        let unseen: HashSet<_> = self.errors.iter().map(|(tenant, _)| tenant.clone()).collect();
        let unread = self.skipped.iter().filter(|block| matches!(block.why, Unreadable::Meta(_)));
        let unread: HashSet<_> =
            unread.map(|block| (block.tenant.clone(), block.block_id)).collect();
        move |entry| {
            unseen.contains(&entry.tenant)
                || unread.contains(&(entry.tenant.clone(), entry.meta.block_id))
        }
    }
}

/// A block that is there and not listed.
#[derive(Clone, Debug)]
pub struct SkippedBlock {
    /// Whose.
    pub tenant: TenantId,
    /// The name of its directory.
    pub block_id: Uuid,
    /// Why.
    pub why: Unreadable,
}

/// Why a block is not listed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Its format is not one that can be read.
    #[error("version {0:?}")]
    Version(String),
    /// Its `meta.json` cannot be read or does not fit; names it.
    #[error("{0}")]
    Meta(String),
}

impl Unreadable {
    /// For the label of a metric.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Version(_) => "unsupported_version",
            Self::Meta(_) => "unreadable_meta",
        }
    }
}

/// What a store's listing says of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundBlock {
    /// Its id.
    pub block_id: Uuid,
    /// It has `meta.json`.
    pub live: bool,
    /// It has `meta.compacted.json`, written then (nanoseconds since the Unix epoch).
    pub compacted_unix_nanos: Option<u64>,
    /// It has `nocompact.flg`.
    pub no_compact: bool,
}

impl FoundBlock {
    /// A block of which no object was seen yet.
    pub fn new(block_id: Uuid) -> Self {
        Self { block_id, live: false, compacted_unix_nanos: None, no_compact: false }
    }

    /// Notes an object.
    pub fn has(&mut self, name: &str, modified_unix_nanos: u64) {
        match name {
            object::META => self.live = true,
            object::META_COMPACTED => self.compacted_unix_nanos = Some(modified_unix_nanos),
            object::NO_COMPACT => self.no_compact = true,
            _ => {}
        }
    }
}

/// What became of a found block.
enum Looked {
    Live(Arc<BlockEntry>),
    Compacted(Arc<CompactedBlock>),
    Skipped(Unreadable),
    /// It has no meta (any more).
    Invisible,
}

/// How blocks are listed.
pub struct ListJob<'a> {
    /// Where.
    pub backend: &'a Backend,
    /// What is known already.
    pub known: &'a BlockList,
    /// What the configuration says.
    pub settings: &'a PollSettings,
    /// When the listing began, nanoseconds since the Unix epoch.
    pub now_unix_nanos: u64,
    /// What is charged for what is found, until it is on the list.
    pub memory: &'a ListMemory,
}

/// The account of a listing; none outside of a server.
#[derive(Debug, Default)]
pub struct ListMemory(Option<RefCell<Charge>>);

impl ListMemory {
    /// Charged to a core, from `charge` on.
    pub fn of(charge: Charge) -> Self {
        Self(Some(RefCell::new(charge)))
    }

    /// Most that may be charged.
    pub fn limit(&self) -> Option<u64> {
        self.0.as_ref().map(|charge| charge.borrow().limit())
    }

    /// Charges more, whether it fits or not: without the list nothing can be answered.
    pub fn grow(&self, bytes: u64) {
        if let Some(charge) = &self.0 {
            let held = charge.borrow().bytes();
            charge.borrow_mut().resize(held.saturating_add(bytes));
        }
    }
}

impl ListJob<'_> {
    /// Lists all blocks.
    ///
    /// # Errors
    /// When the tenants cannot be listed.
    pub async fn run(&self) -> io::Result<Listing> {
        let mut tenants = self.backend.tenants().await?;
        if self.backend.store().is_some() {
            // A listing of names may be old, too.
            let known = self.known.tenants().filter(|(_, blocks)| !blocks.is_empty());
            tenants.extend(known.map(|(tenant, _)| tenant.clone()));
            tenants.sort();
            tenants.dedup();
        }
        let looked = tenants.into_iter().map(|tenant| self.tenant(tenant));
        let mut looked = stream::iter(looked).buffered(self.settings.tenants_at_once.max(1));
        let mut listing = Listing::default();
        while let Some(tenant) = looked.next().await {
            listing.add(tenant);
        }
        Ok(listing)
    }

    async fn tenant(&self, tenant: TenantId) -> Listing {
        sleep(random_part(self.settings.jitter_max)).await;
        let mut listing = Listing::default();
        for retries_left in (0..=self.settings.tenant_retries_max).rev() {
            match self.try_tenant(&tenant, &mut listing).await {
                Ok(()) => {
                    listing.tenants.push(tenant);
                    break;
                }
                Err(error) if retries_left == 0 => {
                    listing.errors.push((tenant.clone(), error.to_string()));
                }
                Err(error) => tracing::debug!(%tenant, %error, "a tenant is listed once more"),
            }
        }
        listing
    }

    async fn try_tenant(&self, tenant: &TenantId, listing: &mut Listing) -> io::Result<()> {
        if !self.settings.writes_index {
            match self.believe_index(tenant, listing).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    listing.index_errors.push((tenant.clone(), error.to_string()));
                    if !self.settings.falls_back {
                        return Err(error);
                    }
                }
            }
        }
        let mut found = self.backend.find_blocks(tenant).await?;
        self.add_missing(tenant, &mut found).await;
        let known = self.known_of(tenant, listing).await;
        self.look_at(&known, tenant, found, listing).await;
        Ok(())
    }

    /// Takes a tenant's blocks from its index.
    async fn believe_index(&self, tenant: &TenantId, listing: &mut Listing) -> io::Result<()> {
        let index = indexes::read(self.backend, tenant, self.memory).await?;
        let age_nanos = self.now_unix_nanos.saturating_sub(index.created_unix_nanos);
        let too_old = |max: Duration| u128::from(age_nanos) > max.as_nanos();
        if self.settings.index_age_max.is_some_and(too_old) {
            let text = format!("tenant index: {} s old", age_nanos / 1_000_000_000);
            return Err(io::Error::other(text));
        }
        listing.indexes.push((tenant.clone(), index.created_unix_nanos));
        let mut known = Known::of_list(self.known, tenant);
        let mut found = Vec::with_capacity(index.live.len() + index.compacted.len());
        for (meta, compacted_unix_nanos) in metas_of(&index) {
            let mut block = FoundBlock::new(meta.block_id);
            block.live = compacted_unix_nanos.is_none();
            block.compacted_unix_nanos = compacted_unix_nanos;
            found.push(block);
        }
        self.add_missing(tenant, &mut found).await;
        known.add_index(tenant, index);
        self.look_at(&known, tenant, found, listing).await;
        Ok(())
    }

    /// Listings of object stores and indexes may be older than a block that was listed before, such
    /// as one that this process has just written: whether it is there, its `meta.json` says.
    async fn add_missing(&self, tenant: &TenantId, found: &mut Vec<FoundBlock>) {
        if self.backend.store().is_none() {
            return;
        }
        let ids: HashSet<Uuid> = found.iter().map(|block| block.block_id).collect();
        let known = self.known.of(tenant).iter();
        let missing = known.filter(|entry| !ids.contains(&entry.meta.block_id)).map(|entry| {
            let id = entry.meta.block_id;
            let block =
                FoundBlock { live: true, no_compact: entry.no_compact, ..FoundBlock::new(id) };
            async move { (block, self.backend.has_meta(tenant, &id).await) }
        });
        let at_once = self.settings.metas_at_once.max(1);
        let mut looked = stream::iter(missing).buffered(at_once);
        while let Some((block, there)) = looked.next().await {
            // What cannot be told stays.
            if there.unwrap_or(true) {
                found.push(block);
            }
        }
    }

    /// What is known of a tenant's blocks. Of a new one in an object store, where each meta costs a
    /// request, the index tells; it is no error if there is none.
    async fn known_of(&self, tenant: &TenantId, listing: &mut Listing) -> Known {
        let mut known = Known::of_list(self.known, tenant);
        if known.is_empty() && self.backend.store().is_some() {
            match indexes::read(self.backend, tenant, self.memory).await {
                Ok(index) => known.add_index(tenant, index),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => listing.index_errors.push((tenant.clone(), error.to_string())),
            }
        }
        known
    }

    async fn look_at(
        &self,
        known: &Known,
        tenant: &TenantId,
        found: Vec<FoundBlock>,
        listing: &mut Listing,
    ) {
        let look = |block: FoundBlock| async move {
            (block.block_id, look(self.backend, known, tenant, block).await)
        };
        let at_once = self.settings.metas_at_once.max(1);
        let mut looked = stream::iter(found.into_iter().map(look)).buffered(at_once);
        while let Some((block_id, looked)) = looked.next().await {
            match looked {
                Looked::Live(entry) => {
                    if Arc::strong_count(&entry) == 1 {
                        self.memory.grow(entry.memory_bytes() as u64);
                    }
                    listing.blocks.push(entry);
                }
                Looked::Compacted(block) => listing.compacted.push(block),
                Looked::Skipped(why) => {
                    listing.skipped.push(SkippedBlock { tenant: tenant.clone(), block_id, why });
                }
                Looked::Invisible => {}
            }
            yield_if_due().await;
        }
    }
}

/// A random time of at most `most`.
fn random_part(most: Duration) -> Duration {
    let (random, _) = Uuid::new_v4().as_u64_pair();
    most.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)
}

/// All metas of an index, and since when those of compacted blocks are.
fn metas_of(index: &TenantIndex) -> impl Iterator<Item = (&BlockMeta, Option<u64>)> {
    let compacted = index.compacted.iter().map(|(meta, since)| (meta, Some(*since)));
    index.live.iter().map(|meta| (meta, None)).chain(compacted)
}

/// What is known of a tenant's blocks.
struct Known {
    live: HashMap<Uuid, Arc<BlockEntry>>,
    compacted: HashMap<Uuid, Arc<CompactedBlock>>,
}

impl Known {
    fn of_list(list: &BlockList, tenant: &TenantId) -> Self {
        let live = list.of(tenant).iter().map(|entry| (entry.meta.block_id, Arc::clone(entry)));
        let compacted = list.compacted_of(tenant).iter();
        let compacted = compacted.map(|block| (block.entry.meta.block_id, Arc::clone(block)));
        Self { live: live.collect(), compacted: compacted.collect() }
    }

    fn is_empty(&self) -> bool {
        self.live.is_empty() && self.compacted.is_empty()
    }

    /// Takes metas of blocks that are not known. Those that cannot be read are left out: whoever
    /// finds the block reads its own meta, and says what is wrong with it.
    fn add_index(&mut self, tenant: &TenantId, index: TenantIndex) {
        let compacted = index.compacted.into_iter().map(|(meta, _)| meta);
        for meta in index.live.into_iter().chain(compacted) {
            let id = meta.block_id;
            if meta.version().is_some() && !self.compacted.contains_key(&id) {
                let entry = || Arc::new(BlockEntry::new(tenant.clone(), meta));
                self.live.entry(id).or_insert_with(entry);
            }
        }
    }

    fn look(&self, block: &FoundBlock) -> Option<Looked> {
        if let Some(found_unix_nanos) = block.compacted_unix_nanos {
            if let Some(compacted) = self.compacted.get(&block.block_id) {
                return Some(Looked::Compacted(Arc::clone(compacted)));
            }
            let entry = Arc::clone(self.live.get(&block.block_id)?);
            return Some(Looked::Compacted(CompactedBlock::found(entry, found_unix_nanos)));
        }
        let entry = self.live.get(&block.block_id)?;
        if entry.no_compact == block.no_compact {
            return Some(Looked::Live(Arc::clone(entry)));
        }
        let entry = BlockEntry { no_compact: block.no_compact, ..BlockEntry::clone(entry) };
        Some(Looked::Live(Arc::new(entry)))
    }
}

async fn look(backend: &Backend, known: &Known, tenant: &TenantId, block: FoundBlock) -> Looked {
    if !block.live && block.compacted_unix_nanos.is_none() {
        return Looked::Invisible;
    }
    if let Some(looked) = known.look(&block) {
        return looked;
    }
    if block.compacted_unix_nanos.is_none() {
        match read(backend, tenant, &block, object::META).await {
            Ok(Some(meta)) => {
                let mut entry = BlockEntry::new(tenant.clone(), meta);
                entry.no_compact = block.no_compact;
                return Looked::Live(Arc::new(entry));
            }
            // It went between listing and reading: is it compacted now?
            Ok(None) => {}
            Err(why) => return Looked::Skipped(why),
        }
    }
    match read(backend, tenant, &block, object::META_COMPACTED).await {
        Ok(Some(meta)) => {
            let mut entry = BlockEntry::new(tenant.clone(), meta);
            entry.no_compact = block.no_compact;
            // What was live a moment ago is listed as live until the next time: what takes its
            // place may have come too late to be seen.
            match block.compacted_unix_nanos {
                Some(since) => Looked::Compacted(CompactedBlock::found(Arc::new(entry), since)),
                None => Looked::Live(Arc::new(entry)),
            }
        }
        Ok(None) => Looked::Invisible,
        Err(why) => Looked::Skipped(why),
    }
}

/// A block's meta; `None` if it is not there.
async fn read(
    backend: &Backend,
    tenant: &TenantId,
    block: &FoundBlock,
    name: &str,
) -> Result<Option<BlockMeta>, Unreadable> {
    let read = backend.read_object(tenant, &block.block_id, name, META_BYTES_MAX).await;
    let json = match read {
        Ok(json) => json,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Unreadable::Meta(error.to_string())),
    };
    check(&json, tenant, &block.block_id, name).map(Some)
}

/// A meta, if it is of this block and of a format that can be read.
///
/// # Errors
/// Says why not.
fn check(
    json: &[u8],
    tenant: &TenantId,
    block_id: &Uuid,
    name: &str,
) -> Result<BlockMeta, Unreadable> {
    let unreadable =
        |what: &dyn Display| Unreadable::Meta(format!("{tenant}/{block_id}/{name}: {what}"));
    let meta = BlockMeta::parse(json).map_err(|error| unreadable(&error))?;
    if meta.version().is_none() {
        // The name comes from a file; it goes to the log.
        return Err(Unreadable::Version(meta.format.chars().take(VERSION_CHARS_SHOWN).collect()));
    }
    if meta.block_id != *block_id {
        return Err(unreadable(&format_args!("blockID {} is of another block", meta.block_id)));
    }
    Ok(meta)
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
