//! The files of the log: begun, recycled, removed. The only place that names them.
//!
//! Files are in one directory for all cores. `<uuid>.wal` is a segment: its header is durable, and a
//! restart reads it back. `<uuid>.free` is not: newly allocated, or a segment whose blocks are
//! durable. One becomes the other by renaming, so that a crash never reads a segment back after it
//! was released, and never finds a segment without its header. Which core reads which segment back
//! depends on the order of names alone ([`mine`]), so the number of cores may change.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// The log's directory, as one core sees it.
pub struct WalDir {
    path: PathBuf,
    segment_bytes: u64,
    free: RefCell<Vec<PathBuf>>,
}

impl WalDir {
    /// Creates the directory if it is missing.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn open(path: &Path, segment_bytes: u64) -> io::Result<Self> {
        whole::create_dir_all(path).await?;
        Ok(Self { path: path.to_owned(), segment_bytes, free: RefCell::default() })
    }

    /// All segments, in order of name.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn segments(&self) -> io::Result<Vec<PathBuf>> {
        self.files(SEGMENT).await
    }

    /// Takes over this core's share of the free files that an earlier process left.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn adopt_free(&self, core: u16, cores: u16) -> io::Result<()> {
        for path in mine(self.files(FREE).await?, core, cores) {
            self.keep_or_remove(path).await?;
        }
        Ok(())
    }

    async fn files(&self, extension: &str) -> io::Result<Vec<PathBuf>> {
        let entries = whole::list_dir(&self.path).await?;
        let wanted = |path: &Path| path.extension().is_some_and(|found| found == extension);
        let mut files: Vec<_> = entries
            .into_iter()
            .filter_map(|(path, directory)| (!directory && wanted(&path)).then_some(path))
            .collect();
        files.sort();
        Ok(files)
    }

    /// Begins a segment, in a free file if there is one.
    ///
    /// # Errors
    /// When the file cannot be allocated or its header not be made durable.
    pub async fn begin(
        &self,
        header: &SegmentHeader,
    ) -> Result<(PathBuf, SegmentWriter<SegmentOnDisk>), WalError> {
        let recycled = self.free.borrow_mut().pop();
        let new = || self.path.join(Uuid::new_v4().to_string()).with_extension(FREE);
        let path = recycled.unwrap_or_else(new);
        let begun = self.begin_in(&path, header).await;
        if begun.is_err() {
            // A half-allocated file would hold the very space that is missing. If it cannot be
            // removed either, the error that led here says more.
            let _ = whole::remove_file(&path).await;
        }
        begun
    }

    async fn begin_in(
        &self,
        path: &Path,
        header: &SegmentHeader,
    ) -> Result<(PathBuf, SegmentWriter<SegmentOnDisk>), WalError> {
        let file = WalFile::create(path, self.segment_bytes).await?;
        let disk = SegmentOnDisk(file);
        let writer = SegmentWriter::begin(disk, header, self.segment_bytes).await?;
        let segment = path.with_extension(SEGMENT);
        whole::rename(path, &segment).await?;
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

/// Which of `segments` core `core` of `cores` reads back.
pub fn mine(segments: Vec<PathBuf>, core: u16, cores: u16) -> Vec<PathBuf> {
    let cores = usize::from(cores.max(1));
    segments.into_iter().skip(usize::from(core)).step_by(cores).collect()
}
