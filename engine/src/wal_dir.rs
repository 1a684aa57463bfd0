//! The files of the log: begun, recycled, removed. The only place that names them.
//!
//! Files are in one directory for all cores. `<uuid>.wal` is a segment: its header is durable, and
//! a restart reads it back. `<uuid>.free` is not: newly allocated, prepared for the segment that
//! comes next, or a segment whose blocks are durable. One becomes the other by renaming, so that a
//! crash never reads a segment back after it was released, and never finds a segment without its
//! header.
//!
//! A file belongs to the core that its name hashes to, and a core only makes files that are its
//! own. So cores need not agree on what is in the directory while each of them adds, renames and
//! removes, and after a restart with another number of cores every file still has exactly one
//! owner.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stringendo_ring::CoreId;
use stringendo_ring::file::{WalFile, whole};
use stringendo_wal::buffer::{AlignedBuf, Pages};
use stringendo_wal::{SegmentFile, SegmentHeader, SegmentWriter, WalError};
use uuid::Uuid;

use crate::limits::FREE_SEGMENTS_MAX;

/// Extension of segments.
const SEGMENT: &str = "wal";
/// Extension of files without a segment.
const FREE: &str = "free";

/// A segment's file, for the log's writer.
pub struct SegmentOnDisk(WalFile);

impl SegmentFile for SegmentOnDisk {
    async fn write_at(&self, offset: u64, pages: Arc<AlignedBuf>) -> io::Result<()> {
        self.0.write_at(offset, Pages(pages)).await
    }

    async fn sync(&self) -> io::Result<()> {
        self.0.sync().await
    }

    async fn write_and_sync(&self, offset: u64, pages: Arc<AlignedBuf>) -> io::Result<()> {
        self.0.write_and_sync(offset, Pages(pages)).await
    }
}

/// A segment that only lacks its name: allocated, its header durable.
pub struct PreparedSegment {
    path: PathBuf,
    writer: SegmentWriter<SegmentOnDisk>,
}

/// The log's directory, as one core sees it.
pub struct WalDir {
    path: PathBuf,
    segment_bytes: u64,
    core: CoreId,
    cores: u16,
    free: RefCell<Vec<PathBuf>>,
}

impl WalDir {
    /// Creates the directory if it is missing.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn open(
        path: &Path,
        segment_bytes: u64,
        core: CoreId,
        cores: u16,
    ) -> io::Result<Self> {
        whole::create_dir_all(path).await?;
        Ok(Self { path: path.to_owned(), segment_bytes, core, cores, free: RefCell::default() })
    }

    /// This core's segments, in order of name. To be asked before the first segment is begun.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn segments(&self) -> io::Result<Vec<PathBuf>> {
        self.own_files(SEGMENT).await
    }

    /// Takes over this core's share of the free files that an earlier process left.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn adopt_free(&self) -> io::Result<()> {
        for path in self.own_files(FREE).await? {
            self.keep_or_remove(path).await?;
        }
        Ok(())
    }

    async fn own_files(&self, extension: &str) -> io::Result<Vec<PathBuf>> {
        let entries = whole::list_dir(&self.path).await?;
        let wanted = |path: &Path| {
            path.extension().is_some_and(|found| found == extension) && self.owns(path)
        };
        let files = entries.into_iter();
        Ok(files.filter_map(|(path, dir)| (!dir && wanted(&path)).then_some(path)).collect())
    }

    fn owns(&self, path: &Path) -> bool {
        owner(path, self.cores) == self.core.0
    }

    /// Allocates a file, unless there is a free one, and makes the header of a segment durable in
    /// it. All of a new file is written once, so this may take a second.
    ///
    /// # Errors
    /// When the file cannot be allocated or its header not be made durable.
    pub async fn prepare(&self, header: &SegmentHeader) -> Result<PreparedSegment, WalError> {
        let recycled = self.free.borrow_mut().pop();
        let path = recycled.unwrap_or_else(|| self.new_path());
        match self.prepare_at(&path, header).await {
            Ok(writer) => Ok(PreparedSegment { path, writer }),
            Err(error) => {
                // A half-allocated file would hold the very space that is missing. If it cannot be
                // removed either, the error that led here says more.
                let _ = whole::remove_file(&path).await;
                Err(error)
            }
        }
    }

    async fn prepare_at(
        &self,
        path: &Path,
        header: &SegmentHeader,
    ) -> Result<SegmentWriter<SegmentOnDisk>, WalError> {
        let file = WalFile::create(path, self.segment_bytes).await?;
        SegmentWriter::begin(SegmentOnDisk(file), header, self.segment_bytes).await
    }

    fn new_path(&self) -> PathBuf {
        loop {
            let path = self.path.join(Uuid::new_v4().to_string()).with_extension(FREE);
            if self.owns(&path) {
                return path;
            }
        }
    }

    /// Makes a prepared segment one that a restart reads back.
    ///
    /// # Errors
    /// When it cannot be renamed; it is then given up.
    pub async fn begin(
        &self,
        prepared: PreparedSegment,
    ) -> Result<(PathBuf, SegmentWriter<SegmentOnDisk>), WalError> {
        let PreparedSegment { path, writer } = prepared;
        let segment = path.with_extension(SEGMENT);
        if let Err(error) = writer.file().0.rename(&segment).await {
            // Whatever its name is now, it holds nothing; the error says more than these would.
            let _ = whole::remove_file(&path).await;
            let _ = whole::remove_file(&segment).await;
            return Err(error.into());
        }
        Ok((segment, writer))
    }

    /// Takes back a segment whose blocks are durable.
    ///
    /// # Errors
    /// From the operating system; the segment may then be read back after a restart, where it is
    /// found to be in its block already.
    pub async fn release(&self, segment: &Path) -> io::Result<()> {
        let free = segment.with_extension(FREE);
        whole::rename(segment, &free).await?;
        self.keep_or_remove(free).await
    }

    async fn keep_or_remove(&self, free: PathBuf) -> io::Result<()> {
        let bytes = file_len(&free).await?;
        if bytes != self.segment_bytes || self.free.borrow().len() >= FREE_SEGMENTS_MAX {
            return whole::remove_file(&free).await;
        }
        self.free.borrow_mut().push(free);
        Ok(())
    }
}

async fn file_len(path: &Path) -> io::Result<u64> {
    let path = path.to_owned();
    let metadata = stringendo_ring::offload(move || std::fs::metadata(path)).await;
    Ok(metadata.map_err(io::Error::other)??.len())
}

/// The core of `cores` that a file belongs to, by its name without the extension (FNV-1a).
fn owner(path: &Path, cores: u16) -> u16 {
    let name = path.file_stem().unwrap_or_default().as_encoded_bytes();
    let hash = name.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash % u64::from(cores.max(1))) as u16
}

#[cfg(test)]
#[path = "wal_dir_tests.rs"]
mod tests;
