//! Blocks in a directory: `<tenant>/<block id>/…` (contract blocks.md §1).

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use stringendo_ring::file::{AppendFile, BlockFile, whole};
use uuid::Uuid;

use super::leftovers::LeftObject;
use super::listing::FoundBlock;
use super::object;
use crate::block_list::BlockEntry;
use crate::tenant::TenantId;

/// What a listing looks at.
const LISTED: &[&str] = &[object::META, object::META_COMPACTED, object::NO_COMPACT];

/// The local backend.
#[derive(Clone, Debug)]
pub struct LocalBackend {
    root: PathBuf,
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

    fn dir(&self, tenant: &TenantId, block_id: &Uuid) -> PathBuf {
        self.root.join(tenant.as_str()).join(block_id.to_string())
    }

    /// Opens a block's rows.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn open_data(&self, block: &BlockEntry) -> io::Result<BlockFile> {
        BlockFile::open(&self.dir(&block.tenant, &block.meta.block_id).join(object::DATA)).await
    }

    /// Reads an object of a block whole.
    ///
    /// # Errors
    /// From the operating system; `InvalidData` if it is larger than `bytes_max`.
    pub async fn read_object(
        &self,
        tenant: &TenantId,
        block_id: &Uuid,
        name: &str,
        bytes_max: u64,
    ) -> io::Result<Bytes> {
        whole::read(&self.dir(tenant, block_id).join(name), bytes_max).await
    }

    /// Reads a range of an object of a block; shorter at the end of the object.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn read_object_range(
        &self,
        tenant: &TenantId,
        block_id: &Uuid,
        name: &str,
        range: Range<u64>,
    ) -> io::Result<Bytes> {
        whole::read_range(&self.dir(tenant, block_id).join(name), range).await
    }

    /// Writes an object of a block, whole or not at all, and makes it durable.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn write_object(
        &self,
        tenant: &TenantId,
        block_id: &Uuid,
        name: &str,
        data: Bytes,
    ) -> io::Result<()> {
        let dir = self.dir(tenant, block_id);
        whole::create_dir_all(&dir).await?;
        replace(&dir.join(name), data).await
    }

    /// Begins to write a block's rows.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn begin_data(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<AppendFile> {
        let dir = self.dir(tenant, block_id);
        whole::create_dir_all(&dir).await?;
        AppendFile::create(&dir.join(object::DATA)).await
    }

    /// Whether the block is there, live or compacted.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn has_block(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<bool> {
        let entries = whole::list_dir(&self.dir(tenant, block_id)).await?;
        let is_meta = |path: &Path| {
            path.file_name()
                .is_some_and(|name| name == object::META || name == object::META_COMPACTED)
        };
        Ok(entries.iter().any(|(path, _)| is_meta(path)))
    }

    /// Renames `meta.json`. Its time of last writing becomes that of the compaction.
    ///
    /// # Errors
    /// From the operating system; `NotFound` if the block is not there.
    pub async fn mark_compacted(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<()> {
        let dir = self.dir(tenant, block_id);
        let (live, compacted) = (dir.join(object::META), dir.join(object::META_COMPACTED));
        let marked = match whole::touch(&live).await {
            Ok(()) => whole::rename(&live, &compacted).await,
            Err(error) => Err(error),
        };
        match marked {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if self.has_block(tenant, block_id).await? { Ok(()) } else { Err(error) }
            }
            outcome => outcome,
        }
    }

    /// Removes all that a block has, `meta.compacted.json` last.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn delete_compacted(&self, tenant: &TenantId, block_id: &Uuid) -> io::Result<()> {
        let dir = self.dir(tenant, block_id);
        for (path, directory) in whole::list_dir(&dir).await? {
            if directory {
                whole::remove_dir_all(&path).await?;
            } else if path.file_name().is_none_or(|name| name != object::META_COMPACTED) {
                whole::remove_file(&path).await?;
            }
        }
        whole::remove_dir_all(&dir).await
    }

    /// Names of directories that can be tenants.
    ///
    /// # Errors
    /// When the root cannot be listed.
    pub async fn tenants(&self) -> io::Result<Vec<TenantId>> {
        // A root that has vanished is not one without tenants.
        self.free_bytes().await?;
        let listed = whole::list_dir(&self.root).await?;
        let name = |(path, directory): &(PathBuf, bool)| {
            // Other directories (a WAL beside the blocks) are no tenants of ours.
            TenantId::parse(path.file_name()?.to_str().filter(|_| *directory)?).ok()
        };
        Ok(listed.iter().filter_map(name).collect())
    }

    /// Which blocks a tenant has.
    ///
    /// # Errors
    /// When the tenant's directory, or one in it, cannot be listed.
    pub async fn find_blocks(&self, tenant: &TenantId) -> io::Result<Vec<FoundBlock>> {
        let listed = whole::list_subdirectories(&self.root.join(tenant.as_str()), LISTED).await?;
        let mut found = Vec::with_capacity(listed.len());
        for directory in listed {
            let Ok(block_id) = Uuid::try_parse(&directory.name) else { continue };
            let mut block = FoundBlock::new(block_id);
            for file in directory.files {
                block.has(&file.name, file.modified_unix_nanos);
            }
            found.push(block);
        }
        Ok(found)
    }

    /// Everything below a tenant's directory.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn objects_of(&self, tenant: &TenantId) -> io::Result<Vec<LeftObject>> {
        let found = whole::list_tree(&self.root.join(tenant.as_str())).await?;
        let left = |file: whole::FileEntry| LeftObject {
            name: file.name,
            modified_unix_nanos: file.modified_unix_nanos,
        };
        Ok(found.into_iter().map(left).collect())
    }

    /// Deletes files below a tenant's directory, then directories that are empty.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn delete_objects_of(
        &self,
        tenant: &TenantId,
        objects: &[LeftObject],
    ) -> io::Result<()> {
        let root = self.root.join(tenant.as_str());
        let (mut directories, files): (Vec<&str>, Vec<&str>) =
            objects.iter().map(|object| object.name.as_str()).partition(|it| it.ends_with('/'));
        for file in files {
            whole::remove_file(&root.join(file)).await?;
        }
        // Those within others first.
        directories.sort_unstable_by(|a, b| b.cmp(a));
        for directory in directories {
            whole::remove_empty_dir(&root.join(directory)).await?;
        }
        whole::remove_empty_dir(&root).await
    }

    /// Bytes that are free on the disk of the directory.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn free_bytes(&self) -> io::Result<u64> {
        whole::free_bytes(&self.root).await
    }

    /// Reads an object that belongs to no block.
    ///
    /// # Errors
    /// From the operating system; `InvalidData` if it is larger than `bytes_max`.
    pub async fn read_root_object(&self, path: &str, bytes_max: u64) -> io::Result<Bytes> {
        whole::read(&self.root.join(path), bytes_max).await
    }

    /// Writes an object that belongs to no block.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn write_root_object(&self, path: &str, data: Bytes) -> io::Result<()> {
        let path = self.root.join(path);
        whole::create_dir_all(path.parent().unwrap_or(&self.root)).await?;
        replace(&path, data).await
    }

    /// Removes an object that belongs to no block.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn delete_root_object(&self, path: &str) -> io::Result<()> {
        whole::remove_file(&self.root.join(path)).await
    }
}

/// Writes a file beside its place, then renames it.
async fn replace(path: &Path, data: Bytes) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".tmp");
    let unfinished = PathBuf::from(unfinished);
    whole::write_durable(&unfinished, data).await?;
    whole::rename(&unfinished, path).await
}
