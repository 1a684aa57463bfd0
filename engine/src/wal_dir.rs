//! The files of the log: begun, recycled, removed. The only place that names them.
//!
//! Files are called `<uuid>.wal`, in one directory for all cores; which core reads one back after a
//! restart depends on their order alone ([`mine`]), so the number of cores may change.
//!
//! A file is free when its blocks are durable. Its header page is then zeroed and synced before
//! anything else happens to it: a crash never reads it back a second time.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stringendo_ring::file::{WalFile, whole};
use stringendo_wal::buffer::{AlignedBuf, PAGE_BYTES, Pages};
use stringendo_wal::{SegmentFile, SegmentHeader, SegmentWriter, WalError};
use uuid::Uuid;

use crate::limits::FREE_SEGMENTS_MAX;

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

    /// All segment files, in order of name.
    ///
    /// # Errors
    /// From the operating system.
    pub async fn segments(&self) -> io::Result<Vec<PathBuf>> {
        let entries = whole::list_dir(&self.path).await?;
        let is_segment = |path: &Path| path.extension().is_some_and(|extension| extension == "wal");
        let mut segments: Vec<_> = entries
            .into_iter()
            .filter_map(|(path, directory)| (!directory && is_segment(&path)).then_some(path))
            .collect();
        segments.sort();
        Ok(segments)
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
        let path = recycled.unwrap_or_else(|| self.path.join(format!("{}.wal", Uuid::new_v4())));
        let begun = self.begin_in(&path, header).await;
        if begun.is_err() {
            // Half-allocated files would hold the space that is missing.
            drop(whole::remove_file(&path).await);
        }
        Ok((path, begun?))
    }

    async fn begin_in(
        &self,
        path: &Path,
        header: &SegmentHeader,
    ) -> Result<SegmentWriter<SegmentOnDisk>, WalError> {
        let file = WalFile::create(path, self.segment_bytes).await?;
        SegmentWriter::begin(SegmentOnDisk(file), header, self.segment_bytes).await
    }

    /// Takes back a file whose blocks are durable: wipes its header, keeps it for the next segment
    /// or removes it.
    ///
    /// # Errors
    /// From the operating system; the file may then be read back after a restart, where it is found
    /// to be in a block already.
    pub async fn release(&self, path: &Path) -> io::Result<()> {
        let bytes = std::fs::metadata(path).map(|metadata| metadata.len());
        let reusable = bytes.is_ok_and(|bytes| bytes == self.segment_bytes);
        if !reusable || self.free.borrow().len() >= FREE_SEGMENTS_MAX {
            return whole::remove_file(path).await;
        }
        let file = WalFile::create(path, self.segment_bytes).await?;
        let mut page = AlignedBuf::with_capacity(PAGE_BYTES);
        page.append(&[0; PAGE_BYTES]);
        file.write_and_sync(0, Pages(Arc::new(page))).await?;
        self.free.borrow_mut().push(path.to_owned());
        Ok(())
    }
}

/// Which of `segments` core `core` of `cores` reads back.
pub fn mine(segments: Vec<PathBuf>, core: u16, cores: u16) -> Vec<PathBuf> {
    let cores = usize::from(cores.max(1));
    segments.into_iter().skip(usize::from(core)).step_by(cores).collect()
}
