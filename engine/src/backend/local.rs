//! Blocks in a directory: `<tenant>/<block id>/…` (contract blocks.md §1).

use std::collections::HashSet;
use std::fmt::Display;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use stringendo_block::{BlockMeta, FinishedBlock};
use stringendo_ring::file::{BlockFile, whole};
use uuid::Uuid;

use super::object;
use crate::block_list::BlockEntry;
use crate::tenant::TenantId;

/// Largest `meta.json` that is read.
const META_BYTES_MAX: u64 = 1 << 20;
/// Characters of an unknown version's name that are told.
const VERSION_CHARS_SHOWN: usize = 40;
/// Largest Bloom filter object that is read (the setting's own limit is far below).
const BLOOM_BYTES_MAX: u64 = 64 << 20;

/// The local backend.
#[derive(Clone, Debug)]
pub struct LocalBackend {
    root: PathBuf,
}

/// What a listing found.
#[derive(Debug, Default)]
pub struct Listing {
    /// Live blocks that can be read.
    pub blocks: Vec<Arc<BlockEntry>>,
    /// Live blocks that cannot be read: the rest is listed all the same.
    pub skipped: Vec<SkippedBlock>,
    /// Tenants whose directory could not be listed, and why.
    pub errors: Vec<(TenantId, String)>,
}

impl Listing {
    /// Says of a block that was listed before whether this listing leaves open if it is there.
    pub fn doubts(&self) -> impl Fn(&BlockEntry) -> bool {
        let unseen: HashSet<_> = self.errors.iter().map(|(tenant, _)| tenant).collect();
        let unread = self.skipped.iter().filter(|block| matches!(block.why, Unreadable::Meta(_)));
        let unread: HashSet<_> = unread.map(|block| (&block.tenant, &block.block_id)).collect();
        move |entry| {
            unseen.contains(&entry.tenant)
                || unread.contains(&(&entry.tenant, &entry.meta.block_id))
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

impl LocalBackend {
    /// The backend under `root`, which is created if missing.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn open(root: &Path) -> io::Result<Self> {
        whole::create_dir_all(root).await?;
        Ok(Self { root: root.to_owned() })
    }

    fn dir(&self, tenant: &str, block_id: &Uuid) -> PathBuf {
        self.root.join(tenant).join(block_id.to_string())
    }

    /// Writes a block's objects, `meta.json` last and whole, and makes all of it durable.
    ///
    /// # Errors
    /// From the operating system; what was written is invisible and is overwritten by the next try.
    pub async fn write_block(&self, block: &FinishedBlock) -> io::Result<()> {
        let dir = self.dir(&block.meta.tenant_id, &block.meta.block_id);
        whole::create_dir_all(&dir).await?;
        whole::write_durable(&dir.join(object::DATA), block.data.clone()).await?;
        for (number, bloom) in block.blooms.iter().enumerate() {
            whole::write_durable(&dir.join(bloom_name(number as u32)), bloom.clone()).await?;
        }
        whole::write_durable(&dir.join(object::INDEX), block.index.clone()).await?;
        whole::write_durable(&dir.join(object::FILTERS), block.filters.clone()).await?;
        let unfinished = dir.join("meta.json.tmp");
        whole::write_durable(&unfinished, block.meta.to_json()).await?;
        whole::rename(&unfinished, &dir.join(object::META)).await
    }

    /// Whether the block is there, live or compacted.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn has_block(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<bool> {
        let entries = whole::list_dir(&self.dir(tenant.as_str(), block_id)).await?;
        let is_meta = |path: &Path| {
            path.file_name()
                .is_some_and(|name| name == object::META || name == object::META_COMPACTED)
        };
        Ok(entries.iter().any(|(path, _)| is_meta(path)))
    }

    /// All live blocks.
    ///
    /// # Errors
    /// When the root itself cannot be listed.
    pub async fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for (path, directory) in whole::list_dir(&self.root).await? {
            let name = path.file_name().and_then(|name| name.to_str());
            // Other directories (a WAL beside the blocks) are no tenants of ours.
            let Some(Ok(tenant)) = name.filter(|_| directory).map(TenantId::parse) else {
                continue;
            };
            self.list_tenant(&tenant, &path, &mut listing).await;
        }
        Ok(listing)
    }

    async fn list_tenant(&self, tenant: &TenantId, path: &Path, listing: &mut Listing) {
        let entries = match whole::list_dir(path).await {
            Ok(entries) => entries,
            Err(error) => return listing.errors.push((tenant.clone(), error.to_string())),
        };
        for (path, directory) in entries {
            let name = path.file_name().and_then(|name| name.to_str());
            let id = name.filter(|_| directory).and_then(|name| Uuid::try_parse(name).ok());
            let Some(block_id) = id else { continue };
            match read_meta(&path, block_id).await {
                Ok(Some(meta)) => {
                    listing.blocks.push(Arc::new(BlockEntry::new(tenant.clone(), meta)));
                }
                Ok(None) => {}
                Err(why) => {
                    listing.skipped.push(SkippedBlock { tenant: tenant.clone(), block_id, why });
                }
            }
        }
    }

    /// Opens a block's rows.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn open_data(&self, block: &BlockEntry) -> io::Result<BlockFile> {
        let dir = self.dir(block.tenant.as_str(), &block.meta.block_id);
        BlockFile::open(&dir.join(object::DATA)).await
    }

    /// Reads a Bloom filter object.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn read_bloom(&self, block: &BlockEntry, shard: u32) -> io::Result<Bytes> {
        let dir = self.dir(block.tenant.as_str(), &block.meta.block_id);
        whole::read(&dir.join(bloom_name(shard)), BLOOM_BYTES_MAX).await
    }

    /// Reads a range of the filters beside a block; shorter at the end of the object.
    ///
    /// # Errors
    /// From the operating system; `NotFound` if the block has none.
    pub async fn read_filters(&self, block: &BlockEntry, range: Range<u64>) -> io::Result<Bytes> {
        let dir = self.dir(block.tenant.as_str(), &block.meta.block_id);
        BlockFile::open(&dir.join(object::FILTERS)).await?.read_at(range).await
    }

    /// Writes the filters beside a block that is there, whole or not at all.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn write_filters(&self, block: &BlockEntry, filters: Bytes) -> io::Result<()> {
        let dir = self.dir(block.tenant.as_str(), &block.meta.block_id);
        let unfinished = dir.join("stringendo.filters.tmp");
        whole::write_durable(&unfinished, filters).await?;
        whole::rename(&unfinished, &dir.join(object::FILTERS)).await
    }
}

/// The meta of the block in `dir`; `None` if it is not live.
async fn read_meta(dir: &Path, block_id: Uuid) -> Result<Option<BlockMeta>, Unreadable> {
    let path = dir.join(object::META);
    let json = match whole::read(&path, META_BYTES_MAX).await {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Unreadable::Meta(error.to_string())),
    };
    let unreadable = |what: &dyn Display| Unreadable::Meta(format!("{}: {what}", path.display()));
    let meta = BlockMeta::parse(&json).map_err(|error| unreadable(&error))?;
    if !meta.is_readable() {
        // The name comes from a file; it goes to the log.
        return Err(Unreadable::Version(meta.format.chars().take(VERSION_CHARS_SHOWN).collect()));
    }
    if meta.block_id != block_id {
        return Err(unreadable(&format_args!("blockID {} is of another block", meta.block_id)));
    }
    Ok(Some(meta))
}

fn bloom_name(shard: u32) -> String {
    format!("bloom-{shard}")
}

/// Joins ranges that lie close together, so that few reads fetch them all.
pub fn coalesce(mut ranges: Vec<Range<u64>>, gap_bytes: u64) -> Vec<Range<u64>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(gap_bytes) => {
                last.end = last.end.max(range.end);
            }
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
