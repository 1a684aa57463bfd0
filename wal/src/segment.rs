//! Writes groups to a segment's file. One writer per segment; groups follow each other.

use std::future::Future;
use std::io;
use std::sync::Arc;

use crate::buffer::AlignedBuf;
use crate::format::SegmentHeader;
use crate::group::Group;

/// The file under a segment. Implemented with direct I/O by the server and by
/// [`crate::simdisk`] for tests.
pub trait SegmentFile {
    /// Writes whole pages at `offset`; not yet durable.
    fn write_at(&self, offset: u64, pages: Arc<AlignedBuf>)
    -> impl Future<Output = io::Result<()>>;
    /// Makes everything written durable.
    fn sync(&self) -> impl Future<Output = io::Result<()>>;
    /// Both in one trip.
    fn write_and_sync(
        &self,
        offset: u64,
        pages: Arc<AlignedBuf>,
    ) -> impl Future<Output = io::Result<()>>;
}

/// Why the log cannot go on. After an I/O error the segment must be given up; the sync is never
/// retried.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// The group does not fit into what is left of the segment.
    #[error("segment is full: {needed} bytes needed, {left} left")]
    Full {
        /// Bytes of the group.
        needed: u64,
        /// Bytes left.
        left: u64,
    },
    /// Write or sync failed.
    #[error("WAL write failed: {0}")]
    Io(#[from] io::Error),
}

/// When a group counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// After `fdatasync`.
    Durable,
    /// After the write; somebody syncs later (or never).
    Written,
}

/// A group that is on disk, and its bytes in memory: a piece of the segment's image.
#[derive(Clone)]
pub struct CommittedGroup {
    /// The group's pages; frame positions count from its start.
    pub pages: Arc<AlignedBuf>,
    /// Where it is in the file.
    pub offset: u64,
}

/// Appends groups to one segment.
pub struct SegmentWriter<F> {
    file: F,
}

impl<F: SegmentFile> SegmentWriter<F> {
    /// Begins a segment of `size_bytes`: writes and syncs its header.
    ///
    /// # Errors
    /// When the header cannot be made durable.
    pub async fn begin(file: F, header: &SegmentHeader, size_bytes: u64) -> Result<Self, WalError> {
        let _ = (&file, header, size_bytes);
        todo!()
    }

    /// Bytes left for groups.
    pub fn bytes_left(&self) -> u64 {
        todo!()
    }

    /// Writes `group` behind the last one.
    ///
    /// # Errors
    /// `Full` leaves segment and group usable (the group is returned in neither case, so ask
    /// [`SegmentWriter::bytes_left`] first); `Io` ends the segment.
    pub async fn write(
        &mut self,
        group: Group,
        commit: Commit,
    ) -> Result<CommittedGroup, WalError> {
        let _ = (group, commit, &self.file);
        todo!()
    }

    /// Makes everything written durable (for `Commit::Written`).
    ///
    /// # Errors
    /// When the sync failed.
    pub async fn sync(&self) -> Result<(), WalError> {
        todo!()
    }

    /// The file.
    pub fn file(&self) -> &F {
        &self.file
    }
}
