//! Files: the WAL's segments (direct I/O, preallocated) and finished block objects.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// Direct I/O works on whole multiples of this.
pub const DIRECT_IO_ALIGNMENT: usize = 4096;

/// A WAL segment's file, open for direct I/O.
pub struct WalFile {
    _private: (),
}

impl WalFile {
    /// Creates (or reuses) the file, allocates `size_bytes` on disk, syncs file and directory.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn create(path: &Path, size_bytes: u64) -> io::Result<Self> {
        let _ = (path, size_bytes);
        todo!()
    }

    /// Writes all of `data` at `offset`. Offset, length and the address of `data` are multiples of
    /// [`DIRECT_IO_ALIGNMENT`]. Durable only after [`WalFile::sync`].
    ///
    /// # Errors
    /// From the operating system; the file must then be given up.
    pub async fn write_at(
        &self,
        offset: u64,
        data: impl AsRef<[u8]> + Send + Sync + 'static,
    ) -> io::Result<()> {
        let _ = (offset, data);
        todo!()
    }

    /// `fdatasync`. Never retried after an error.
    ///
    /// # Errors
    /// From the operating system; what was written since the last sync may be lost.
    pub async fn sync(&self) -> io::Result<()> {
        todo!()
    }

    /// Write and sync in one trip, for group commit.
    ///
    /// # Errors
    /// As for [`WalFile::write_at`] and [`WalFile::sync`].
    pub async fn write_and_sync(
        &self,
        offset: u64,
        data: impl AsRef<[u8]> + Send + Sync + 'static,
    ) -> io::Result<()> {
        let _ = (offset, data);
        todo!()
    }
}

/// An object of a block, open for reading.
pub struct BlockFile {
    path: PathBuf,
}

impl BlockFile {
    /// Opens `path`.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn open(path: &Path) -> io::Result<Self> {
        let _ = path;
        todo!()
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        todo!()
    }

    /// Whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of `range`; shorter only at the end of the file.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn read_at(&self, range: Range<u64>) -> io::Result<Bytes> {
        let _ = range;
        todo!()
    }
}

/// Whole-file operations on a thread aside; each names the path in its error.
pub mod whole {
    use super::{Bytes, Path, PathBuf, io};

    /// Reads a file of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// From the operating system, or `InvalidData` if the file is larger.
    pub async fn read(path: &Path, bytes_max: u64) -> io::Result<Bytes> {
        let _ = (path, bytes_max);
        todo!()
    }

    /// Writes a new file and syncs it. The directory must exist; it is not synced.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn write_durable(
        path: &Path,
        data: impl AsRef<[u8]> + Send + 'static,
    ) -> io::Result<()> {
        let _ = (path, data);
        todo!()
    }

    /// Creates a directory and its parents (mode 0700) and syncs the parents.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn create_dir_all(path: &Path) -> io::Result<()> {
        let _ = path;
        todo!()
    }

    /// Makes the entries of a directory durable.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn sync_dir(path: &Path) -> io::Result<()> {
        let _ = path;
        todo!()
    }

    /// Entries of a directory: path and whether it is a directory; empty if it does not exist.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn list_dir(path: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
        let _ = path;
        todo!()
    }

    /// Removes a file; a missing one is no error.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn remove_file(path: &Path) -> io::Result<()> {
        let _ = path;
        todo!()
    }

    /// Removes a directory with all it holds; a missing one is no error.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn remove_dir_all(path: &Path) -> io::Result<()> {
        let _ = path;
        todo!()
    }

    /// Renames and syncs the directory of `to`.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn rename(from: &Path, to: &Path) -> io::Result<()> {
        let _ = (from, to);
        todo!()
    }
}
