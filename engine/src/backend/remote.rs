//! Blocks in an object store: `[prefix/]<tenant>/<block id>/…` (contract blocks.md §1).
//!
//! What was written is known to be there: the store is asked after each object
//! ([`stringendo_store`]). Nothing is kept on the local disk.

use std::io::{self, ErrorKind};
use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use stringendo_store::{Listed, Store, Upload};
use uuid::Uuid;

use super::leftovers::LeftObject;
use super::listing::{FoundBlock, META_BYTES_MAX};
use super::object;
use crate::block_list::BlockEntry;
use crate::tenant::TenantId;

/// Objects of a block that are removed at a time.
const REMOVALS_MAX: usize = 8;
/// First digits of block ids that are told apart when a tenant's keys are listed in ranges.
const BORDER_DIGITS: u32 = 8;

/// The backend over an object store.
#[derive(Clone, Debug)]
pub struct ObjectBackend {
    store: Store,
}

/// A block's rows in an object store.
pub struct ObjectData {
    store: Store,
    key: String,
    length: u64,
}

impl ObjectData {
    /// Bytes of the object.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes of `range`; shorter only at the end of the object.
    ///
    /// # Errors
    /// From the store.
    pub async fn read_at(&self, range: Range<u64>) -> io::Result<Bytes> {
        let end = range.end.min(self.length);
        let start = range.start.min(end);
        self.store.get_range(&self.key, start..end).await
    }
}

impl ObjectBackend {
    /// The backend over `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Opens a block's rows. Nothing is asked where the meta says how long they are.
    ///
    /// # Errors
    /// From the store.
    pub async fn open_data(&self, block: &BlockEntry) -> io::Result<ObjectData> {
        let length = match block.meta.size {
            0 => self.data_bytes(block).await?,
            size => size,
        };
        let key = key(&block.tenant, &block.meta.block_id, object::DATA);
        Ok(ObjectData { store: self.store.clone(), key, length })
    }

    /// Asks how long a block's rows are.
    ///
    /// # Errors
    /// From the store.
    pub async fn data_bytes(&self, block: &BlockEntry) -> io::Result<u64> {
        self.store.size(&key(&block.tenant, &block.meta.block_id, object::DATA)).await
    }

    /// Reads an object of a block whole.
    ///
    /// # Errors
    /// From the store; `InvalidData` if it is larger than `bytes_max`.
    pub async fn read_object(
        &self,
        tenant: &TenantId,
        block_id: &Uuid,
        name: &str,
        bytes_max: u64,
    ) -> io::Result<Bytes> {
        self.store.get(&key(tenant, block_id, name), bytes_max).await
    }

    /// Reads a range of an object of a block; shorter at the end of the object.
    ///
    /// # Errors
    /// From the store.
    pub async fn read_object_range(
        &self,
        tenant: &TenantId,
        block_id: &Uuid,
        name: &str,
        range: Range<u64>,
    ) -> io::Result<Bytes> {
        self.store.get_range(&key(tenant, block_id, name), range).await
    }

    /// Writes an object of a block.
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
        self.store.put(&key(tenant, block_id, name), data).await
    }

    /// Begins to write a block's rows.
    ///
    /// # Errors
    /// None that the names of blocks could cause.
    pub fn begin_data(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<Upload> {
        self.store.upload(&key(tenant, block_id, object::DATA))
    }

    /// Whether the block is there, live or compacted.
    ///
    /// # Errors
    /// From the store.
    pub async fn has_block(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<bool> {
        Ok(self.has(tenant, block_id, object::META).await?
            || self.has(tenant, block_id, object::META_COMPACTED).await?)
    }

    async fn has(&self, tenant: &TenantId, block_id: &Uuid, name: &str) -> io::Result<bool> {
        match self.store.size(&key(tenant, block_id, name)).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Copies `meta.json` to `meta.compacted.json`, then removes it.
    ///
    /// # Errors
    /// From the store; `NotFound` if the block is not there.
    pub async fn mark_compacted(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<()> {
        match self.read_object(tenant, block_id, object::META, META_BYTES_MAX).await {
            Ok(meta) => {
                self.write_object(tenant, block_id, object::META_COMPACTED, meta).await?;
                self.store.delete(&key(tenant, block_id, object::META)).await
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let marked = self.has(tenant, block_id, object::META_COMPACTED).await?;
                if marked { Ok(()) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// Removes all that a block has, `meta.compacted.json` last.
    ///
    /// # Errors
    /// From the store.
    pub async fn delete_compacted(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<()> {
        let directory = format!("{tenant}/{block_id}");
        let listed = self.store.list(&directory, &[], |_| true).await?;
        // A listing may be older than the last objects; these are always there.
        let always = [object::DATA, object::INDEX, object::FILTERS].map(str::to_owned);
        let mut names: Vec<String> = listed.into_iter().map(|listed| listed.name).collect();
        names.extend(always);
        names.retain(|name| name != object::META_COMPACTED);
        names.sort();
        names.dedup();
        let remove = |name: String| {
            let key = format!("{directory}/{name}");
            async move { self.store.delete(&key).await }
        };
        let removals = stream::iter(names.into_iter().map(remove));
        removals.buffer_unordered(REMOVALS_MAX).try_for_each(|()| async { Ok(()) }).await?;
        self.store.delete(&key(tenant, block_id, object::META_COMPACTED)).await
    }

    /// Names that can be tenants.
    ///
    /// # Errors
    /// From the store.
    pub async fn tenants(&self) -> io::Result<Vec<TenantId>> {
        let names = self.store.list_names("").await?;
        Ok(names.iter().filter_map(|name| TenantId::parse(name).ok()).collect())
    }

    /// Which blocks a tenant has.
    ///
    /// # Errors
    /// From the store.
    pub async fn find_blocks(&self, tenant: &TenantId) -> io::Result<Vec<FoundBlock>> {
        let borders = self.borders();
        let borders: Vec<&str> = borders.iter().map(String::as_str).collect();
        let is_wanted = |name: &str| parts(name).is_some();
        let listed = self.store.list(tenant.as_str(), &borders, is_wanted).await?;
        Ok(found_blocks(&listed))
    }

    /// Everything that a tenant has.
    ///
    /// # Errors
    /// From the store.
    pub async fn objects_of(&self, tenant: &TenantId) -> io::Result<Vec<LeftObject>> {
        let listed = self.store.list(tenant.as_str(), &[], |_| true).await?;
        let left = |listed: Listed| LeftObject {
            name: listed.name,
            modified_unix_nanos: listed.modified_unix_nanos,
        };
        Ok(listed.into_iter().map(left).collect())
    }

    /// Deletes objects of a tenant.
    ///
    /// # Errors
    /// From the store.
    pub async fn delete_objects_of(
        &self,
        tenant: &TenantId,
        objects: &[LeftObject],
    ) -> io::Result<()> {
        let remove = |object: &LeftObject| {
            let key = format!("{tenant}/{}", object.name);
            async move { self.store.delete(&key).await }
        };
        let removals = stream::iter(objects.iter().map(remove));
        removals.buffer_unordered(REMOVALS_MAX).try_for_each(|()| async { Ok(()) }).await
    }

    /// Where the ranges of ids begin that are listed at the same time. Azure has no listings that
    /// begin in the middle.
    fn borders(&self) -> Vec<String> {
        let ranges = self.store.listings_at_once() as u64;
        if ranges < 2 || self.store.name() == "azure" {
            return Vec::new();
        }
        let digits = BORDER_DIGITS as usize;
        let begin = |range: u64| (range << (4 * BORDER_DIGITS)) / ranges;
        // Behind the first border lies every name.
        (0..ranges)
            .map(
                |range| if range == 0 { "!".into() } else { format!("{:0digits$x}", begin(range)) },
            )
            .collect()
    }

    /// Reads an object that belongs to no block.
    ///
    /// # Errors
    /// From the store; `InvalidData` if it is larger than `bytes_max`.
    pub async fn read_root_object(&self, path: &str, bytes_max: u64) -> io::Result<Bytes> {
        self.store.get(path, bytes_max).await
    }

    /// Writes an object that belongs to no block.
    ///
    /// # Errors
    /// From the store.
    pub async fn write_root_object(&self, path: &str, data: Bytes) -> io::Result<()> {
        self.store.put(path, data).await
    }

    /// Removes an object that belongs to no block.
    ///
    /// # Errors
    /// From the store.
    pub async fn delete_root_object(&self, path: &str) -> io::Result<()> {
        self.store.delete(path).await
    }
}

fn key(tenant: &TenantId, block_id: &Uuid, name: &str) -> String {
    format!("{tenant}/{block_id}/{name}")
}

/// Block and name of an object that a listing looks at.
fn parts(name: &str) -> Option<(Uuid, &str)> {
    let (block_id, name) = name.split_once('/')?;
    let is_listed = [object::META, object::META_COMPACTED, object::NO_COMPACT].contains(&name);
    Some((Uuid::try_parse(block_id).ok().filter(|_| is_listed)?, name))
}

/// Objects of one block follow each other.
fn found_blocks(listed: &[Listed]) -> Vec<FoundBlock> {
    let mut found: Vec<FoundBlock> = Vec::new();
    for listed in listed {
        let Some((block_id, name)) = parts(&listed.name) else { continue };
        let same = found.last_mut().filter(|block| block.block_id == block_id);
        match same {
            Some(block) => block.has(name, listed.modified_unix_nanos),
            None => {
                let mut block = FoundBlock::new(block_id);
                block.has(name, listed.modified_unix_nanos);
                found.push(block);
            }
        }
    }
    found
}

#[cfg(test)]
#[path = "remote_tests.rs"]
mod tests;
