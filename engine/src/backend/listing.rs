//! From the names that a store has to blocks with their metas.
//!
//! From: a store's listing ([`FoundBlock`]), and the block list as it is. To:
//! [`crate::block_poll`]. Blocks do not change, so only metas of new ones are read; what is
//! compacted now and was live before is taken over.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use stringendo_block::BlockMeta;
use stringendo_ring::yield_if_due;
use uuid::Uuid;

use super::{Backend, object};
use crate::block_list::{BlockEntry, BlockList, CompactedBlock};
use crate::limits::META_READS_MAX;
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
    /// Tenants that could not be listed, and why.
    pub errors: Vec<(TenantId, String)>,
}

impl Listing {
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

/// Lists all blocks.
///
/// # Errors
/// When the tenants cannot be listed.
pub async fn list(backend: &Backend, known: &BlockList) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for tenant in backend.tenants().await? {
        match backend.find_blocks(&tenant).await {
            Ok(found) => look_at(backend, known, &tenant, found, &mut listing).await,
            Err(error) => listing.errors.push((tenant, error.to_string())),
        }
    }
    Ok(listing)
}

async fn look_at(
    backend: &Backend,
    known: &BlockList,
    tenant: &TenantId,
    found: Vec<FoundBlock>,
    listing: &mut Listing,
) {
    let known = Known::new(known, tenant);
    let look = |block: FoundBlock| {
        let known = &known;
        async move { (block.block_id, look(backend, known, tenant, block).await) }
    };
    let mut looked = stream::iter(found.into_iter().map(look)).buffered(META_READS_MAX);
    while let Some((block_id, looked)) = looked.next().await {
        match looked {
            Looked::Live(entry) => listing.blocks.push(entry),
            Looked::Compacted(block) => listing.compacted.push(block),
            Looked::Skipped(why) => {
                listing.skipped.push(SkippedBlock { tenant: tenant.clone(), block_id, why });
            }
            Looked::Invisible => {}
        }
        yield_if_due().await;
    }
}

/// A tenant's blocks as they were listed before.
struct Known<'a> {
    live: HashMap<&'a Uuid, &'a Arc<BlockEntry>>,
    compacted: HashMap<&'a Uuid, &'a Arc<CompactedBlock>>,
}

impl<'a> Known<'a> {
    fn new(list: &'a BlockList, tenant: &TenantId) -> Self {
        let live = list.of(tenant).iter().map(|entry| (&entry.meta.block_id, entry));
        let compacted = list.compacted_of(tenant).iter();
        let compacted = compacted.map(|block| (&block.entry.meta.block_id, block));
        Self { live: live.collect(), compacted: compacted.collect() }
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

async fn look(
    backend: &Backend,
    known: &Known<'_>,
    tenant: &TenantId,
    block: FoundBlock,
) -> Looked {
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
