//! Where blocks are kept. One variant per kind of store; names of objects are contract blocks.md
//! §1.
//!
//! Objects of a block are written in any order, `meta.json` last ([`Backend::publish`]): until then
//! the block is invisible. It is superseded by [`Backend::mark_compacted`], and goes with
//! [`Backend::delete_block`]. Errors have the kind `NotFound` where something is gone. What the
//! objects mean is not known here, but for `meta.json`.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures_util::future::{ready, try_join};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use stringendo_block::{BlockMeta, FinishedBlock};
use stringendo_ring::file::AppendFile;
use stringendo_store::{Store, Upload};
use uuid::Uuid;

use crate::block_list::{BlockEntry, BlockList};
use crate::limits::{FETCH_GAP_BYTES_LOCAL, FETCH_GAP_BYTES_REMOTE};
use crate::settings::{BackendSettings, PollSettings};
use crate::tenant::TenantId;

mod data;
pub mod indexes;
pub mod leftovers;
pub mod listing;
pub mod local;
mod ranges;
pub mod remote;
mod versioned;

pub use data::{BlockData, DataUpload};
pub use listing::Listing;
pub use local::LocalBackend;
pub use ranges::coalesce;
pub use remote::ObjectBackend;
pub use versioned::RootVersion;

use leftovers::LeftObject;
use listing::{FoundBlock, ListJob, ListMemory, META_BYTES_MAX};

/// Objects of a block beside `bloom-<n>`.
pub mod object {
    /// Rows.
    pub const DATA: &str = "data.parquet";
    /// Row-group index.
    pub const INDEX: &str = "index";
    /// Filters and summaries of our own, which other readers ignore; may be missing.
    pub use stringendo_block::filters::OBJECT as FILTERS;
    /// A live block has it; written last.
    pub const META: &str = "meta.json";
    /// A superseded block has it instead.
    pub const META_COMPACTED: &str = "meta.compacted.json";
    /// Empty; the block must not be compacted yet.
    pub const NO_COMPACT: &str = "nocompact.flg";

    /// A Bloom filter.
    pub fn bloom(shard: u32) -> String {
        format!("bloom-{shard}")
    }
}

/// Largest Bloom filter object that is read (the setting's own limit is far below).
pub const BLOOM_BYTES_MAX: u64 = 64 << 20;

/// Small objects of a block that are written at a time.
const WRITES_MAX: usize = 4;

/// The store of blocks. Futures of object stores are boxed: they are large, and whoever awaits one
/// holds room for it, also where blocks are in a directory.
#[derive(Clone, Debug)]
pub enum Backend {
    /// A directory.
    Local(LocalBackend),
    /// S3, GCS or Azure.
    Object(ObjectBackend),
}

impl Backend {
    /// The backend that the settings name.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn open(settings: &BackendSettings) -> io::Result<Self> {
        Ok(match settings {
            BackendSettings::Local(root) => Self::Local(LocalBackend::open(root).await?),
            BackendSettings::Object(store) => Self::Object(ObjectBackend::new(store.clone())),
        })
    }

    /// The object store, if it is one.
    pub fn store(&self) -> Option<&Store> {
        match self {
            Self::Local(_) => None,
            Self::Object(objects) => Some(objects.store()),
        }
    }

    /// Ranges closer together than this are fetched in one read.
    pub fn fetch_gap_bytes(&self) -> u64 {
        match self {
            Self::Local(_) => FETCH_GAP_BYTES_LOCAL,
            Self::Object(_) => FETCH_GAP_BYTES_REMOTE,
        }
    }

    /// Bytes that an upload of rows holds at most beyond the piece that it was given last.
    pub fn upload_memory_bytes(&self) -> u64 {
        match self {
            Self::Local(_) => AppendFile::MEMORY_BYTES as u64,
            Self::Object(objects) => Upload::memory_bytes(objects.store()),
        }
    }

    /// Opens a block's rows.
    ///
    /// # Errors
    /// From the store; `NotFound` if the block is gone.
    pub async fn open_data(&self, block: &BlockEntry) -> io::Result<BlockData> {
        match self {
            Self::Local(local) => local.open_data(block).await.map(BlockData::Local),
            Self::Object(objects) => {
                Box::pin(objects.open_data(block)).await.map(BlockData::Object)
            }
        }
    }

    /// Bytes that a block's rows have in the store, whatever its meta says.
    ///
    /// # Errors
    /// From the store; `NotFound` if the block is gone.
    pub async fn data_bytes(&self, block: &BlockEntry) -> io::Result<u64> {
        match self {
            Self::Local(local) => Ok(local.open_data(block).await?.len()),
            Self::Object(objects) => Box::pin(objects.data_bytes(block)).await,
        }
    }

    /// Reads an object of a block whole.
    ///
    /// # Errors
    /// From the store; `NotFound` if it is not there, `InvalidData` if it is larger than
    /// `bytes_max`.
    pub async fn read_object(
        &self,
        tenant: &TenantId,
        block_id: &Uuid,
        name: &str,
        bytes_max: u64,
    ) -> io::Result<Bytes> {
        match self {
            Self::Local(local) => local.read_object(tenant, block_id, name, bytes_max).await,
            Self::Object(objects) => {
                Box::pin(objects.read_object(tenant, block_id, name, bytes_max)).await
            }
        }
    }

    /// Reads a range of an object of a block; shorter at the end of the object.
    ///
    /// # Errors
    /// From the store; `NotFound` if it is not there.
    pub async fn read_object_range(
        &self,
        tenant: &TenantId,
        block_id: &Uuid,
        name: &str,
        range: Range<u64>,
    ) -> io::Result<Bytes> {
        match self {
            Self::Local(local) => local.read_object_range(tenant, block_id, name, range).await,
            Self::Object(objects) => {
                Box::pin(objects.read_object_range(tenant, block_id, name, range)).await
            }
        }
    }

    /// Reads a Bloom filter object.
    ///
    /// # Errors
    /// As [`Backend::read_object`].
    pub async fn read_bloom(&self, block: &BlockEntry, shard: u32) -> io::Result<Bytes> {
        let name = object::bloom(shard);
        self.read_object(&block.tenant, &block.meta.block_id, &name, BLOOM_BYTES_MAX).await
    }

    /// Writes an object of a block, whole or not at all, and makes it durable.
    ///
    /// # Errors
    /// From the store.
    pub async fn write_object(
        &self,
        tenant: &TenantId,
        block_id: &Uuid,
        name: &str,
        data: Bytes,
    ) -> io::Result<()> {
        match self {
            Self::Local(local) => local.write_object(tenant, block_id, name, data).await,
            Self::Object(objects) => {
                Box::pin(objects.write_object(tenant, block_id, name, data)).await
            }
        }
    }

    /// Begins to write a block's rows, in place of any that an earlier try left.
    ///
    /// # Errors
    /// From the store.
    pub async fn begin_data(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<DataUpload> {
        match self {
            Self::Local(local) => local.begin_data(tenant, block_id).await.map(DataUpload::Local),
            Self::Object(objects) => objects.begin_data(tenant, block_id).map(DataUpload::Object),
        }
    }

    /// Makes a block visible: writes `meta.json`. All other objects must be there.
    ///
    /// # Errors
    /// From the store, or the meta's tenant is no tenant's name.
    pub async fn publish(&self, meta: &BlockMeta) -> io::Result<()> {
        let tenant = tenant_of(meta)?;
        let json = Bytes::from(meta.to_json());
        self.write_object(&tenant, &meta.block_id, object::META, json).await
    }

    /// Writes all objects of a block, `meta.json` last.
    ///
    /// # Errors
    /// From the store; what was written is invisible and is overwritten by the next try.
    pub async fn write_block(&self, block: &FinishedBlock) -> io::Result<()> {
        let (tenant, id) = (tenant_of(&block.meta)?, &block.meta.block_id);
        let blooms = block.blooms.iter().enumerate();
        let blooms = blooms.map(|(number, bloom)| (object::bloom(number as u32), bloom));
        let named = [(object::INDEX, &block.index), (object::FILTERS, &block.filters)];
        let named = named.map(|(name, data)| (name.to_owned(), data));
        let others = blooms.chain(named).map(|(name, data)| {
            let tenant = &tenant;
            async move { self.write_object(tenant, id, &name, data.clone()).await }
        });
        let others = stream::iter(others).buffered(WRITES_MAX).try_for_each(|()| ready(Ok(())));
        let data = self.write_data(&tenant, id, block.data.clone());
        Box::pin(try_join(data, others)).await?;
        self.publish(&block.meta).await
    }

    async fn write_data(&self, tenant: &TenantId, id: &Uuid, data: Bytes) -> io::Result<()> {
        let mut upload = self.begin_data(tenant, id).await?;
        if let Err(error) = upload.append(data).await {
            upload.abort().await;
            return Err(error);
        }
        upload.finish().await
    }

    /// Whether the block is there, live or compacted.
    ///
    /// # Errors
    /// From the store.
    pub async fn has_block(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<bool> {
        match self {
            Self::Local(local) => local.has_block(tenant, block_id).await,
            Self::Object(objects) => Box::pin(objects.has_block(tenant, block_id)).await,
        }
    }

    /// Whether a block is live.
    ///
    /// # Errors
    /// From the store.
    pub async fn has_meta(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<bool> {
        match self.read_object(tenant, block_id, object::META, META_BYTES_MAX).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Marks a block as superseded: `meta.json` becomes `meta.compacted.json`. Doing it again
    /// changes nothing.
    ///
    /// # Errors
    /// From the store; `NotFound` if the block is not there.
    pub async fn mark_compacted(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<()> {
        match self {
            Self::Local(local) => local.mark_compacted(tenant, block_id).await,
            Self::Object(objects) => Box::pin(objects.mark_compacted(tenant, block_id)).await,
        }
    }

    /// Removes all objects of a block. It becomes invisible first, and what a crash leaves is still
    /// listed as a compacted block, so that it is found and removed again. A missing block is no
    /// error.
    ///
    /// # Errors
    /// From the store.
    pub async fn delete_block(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<()> {
        match self.mark_compacted(tenant, block_id).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match self {
            Self::Local(local) => local.delete_compacted(tenant, block_id).await,
            Self::Object(objects) => Box::pin(objects.delete_compacted(tenant, block_id)).await,
        }
    }

    /// All live and compacted blocks.
    ///
    /// # Errors
    /// When the tenants cannot be listed.
    pub async fn list(&self) -> io::Result<Listing> {
        let (known, settings) = (BlockList::default(), PollSettings::default());
        let memory = ListMemory::default();
        let (known, settings, memory) = (&known, &settings, &memory);
        ListJob { backend: self, known, settings, now_unix_nanos: 0, memory }.run().await
    }

    /// Names of tenants that may have blocks, or other objects.
    ///
    /// # Errors
    /// From the store.
    pub async fn tenants(&self) -> io::Result<Vec<TenantId>> {
        match self {
            Self::Local(local) => local.tenants().await,
            Self::Object(objects) => Box::pin(objects.tenants()).await,
        }
    }

    /// Which blocks a tenant has.
    async fn find_blocks(&self, tenant: &TenantId) -> io::Result<Vec<FoundBlock>> {
        match self {
            Self::Local(local) => local.find_blocks(tenant).await,
            Self::Object(objects) => Box::pin(objects.find_blocks(tenant)).await,
        }
    }

    /// Everything that a tenant has.
    async fn objects_of(&self, tenant: &TenantId) -> io::Result<Vec<LeftObject>> {
        match self {
            Self::Local(local) => local.objects_of(tenant).await,
            Self::Object(objects) => Box::pin(objects.objects_of(tenant)).await,
        }
    }

    /// Deletes objects of a tenant, and directories that are empty then.
    async fn delete_objects_of(&self, tenant: &TenantId, objects: &[LeftObject]) -> io::Result<()> {
        match self {
            Self::Local(local) => local.delete_objects_of(tenant, objects).await,
            Self::Object(store) => Box::pin(store.delete_objects_of(tenant, objects)).await,
        }
    }

    /// Bytes that are free on the disk of the blocks; `None` where there is no such limit.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn free_bytes(&self) -> io::Result<Option<u64>> {
        match self {
            Self::Local(local) => local.free_bytes().await.map(Some),
            Self::Object(_) => Ok(None),
        }
    }

    /// Reads an object that belongs to no block; `path` is relative, with `/`.
    ///
    /// # Errors
    /// From the store; `NotFound` if it is not there, `InvalidData` if it is larger than
    /// `bytes_max`, `InvalidInput` if the path leaves the store.
    pub async fn read_root_object(&self, path: &str, bytes_max: u64) -> io::Result<Bytes> {
        check_root_path(path)?;
        match self {
            Self::Local(local) => local.read_root_object(path, bytes_max).await,
            Self::Object(objects) => Box::pin(objects.read_root_object(path, bytes_max)).await,
        }
    }

    /// Writes an object that belongs to no block, whole or not at all, and makes it durable.
    ///
    /// # Errors
    /// From the store; `InvalidInput` if the path leaves it.
    pub async fn write_root_object(&self, path: &str, data: Bytes) -> io::Result<()> {
        check_root_path(path)?;
        match self {
            Self::Local(local) => local.write_root_object(path, data).await,
            Self::Object(objects) => Box::pin(objects.write_root_object(path, data)).await,
        }
    }

    /// Removes an object that belongs to no block; a missing one is no error.
    ///
    /// # Errors
    /// From the store; `InvalidInput` if the path leaves it.
    pub async fn delete_root_object(&self, path: &str) -> io::Result<()> {
        check_root_path(path)?;
        match self {
            Self::Local(local) => local.delete_root_object(path).await,
            Self::Object(objects) => Box::pin(objects.delete_root_object(path)).await,
        }
    }
}

fn tenant_of(meta: &BlockMeta) -> io::Result<TenantId> {
    TenantId::parse(&meta.tenant_id)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

/// Parts of a path must be names.
fn check_root_path(path: &str) -> io::Result<()> {
    let is_name = |part: &str| !part.is_empty() && part != "." && part != "..";
    if path.split('/').all(is_name) && !path.contains(['\\', '\0']) {
        return Ok(());
    }
    let text = format!("{path:?} is not a path below the store");
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

#[cfg(test)]
#[path = "backend_tests.rs"]
mod tests;
