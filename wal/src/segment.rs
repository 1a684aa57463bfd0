//! Writes groups to a segment's file. One writer per segment; groups follow each other.
//!
//! Groups come from [`crate::group`]; the bytes go to a [`SegmentFile`] and stay in memory as
//! [`CommittedGroup`]s, the image that live queries read. The writer decides where a group stands
//! and never writes a page twice; it knows no path, no clock and no runtime.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use crate::buffer::{AlignedBuf, PAGE_BYTES, Pages};
use crate::format::{SEGMENT_BYTES_MAX, SegmentHeader, UNIT_HEADER_BYTES, Unit};
use crate::group::Group;

/// The file under a segment. Implemented with direct I/O by the server and by
/// [`crate::simdisk`] for tests.
pub trait SegmentFile {
    /// Writes whole pages at `offset`; not yet durable. What is to be written is
    /// [`AlignedBuf::as_pages`] ([`Pages`] for types that take `AsRef<[u8]>`).
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
    /// An earlier write or sync of this segment failed, or was abandoned half-way.
    #[error("WAL segment was given up after an earlier error")]
    GivenUp,
    /// The segment would be too small for any group, too large for its offsets, or not whole
    /// pages.
    #[error(
        "WAL segment of {0} bytes: must be a multiple of 4096 from 8192 to {SEGMENT_BYTES_MAX}"
    )]
    BadSize(u64),
    /// The group was gathered for another segment.
    #[error("group of WAL segment {group} given to segment {segment}")]
    WrongSegment {
        /// The group's.
        group: Uuid,
        /// The writer's.
        segment: Uuid,
    },
}

/// When a group counts as written.
///
/// | | process crash | machine crash or power loss |
/// |---|---|---|
/// | `Durable` | loses nothing | loses nothing (if the device honours flushes) |
/// | `Written` | loses nothing | loses what was written since the last sync, in any pattern |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// After `fdatasync`: once the write returns, the frames survive any crash. At most the one
    /// group in flight is torn.
    Durable,
    /// After the write; somebody syncs later (or never). Since the disk may keep any of the
    /// unsynced sectors, a group may be missing although a later one is there: recovery then
    /// reports a damaged range where in truth nothing durable was lost.
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

impl CommittedGroup {
    /// The group's bytes, sharing the memory of `pages`; [`crate::FramePos::range`] slices a
    /// payload out of it without a copy.
    pub fn bytes(&self) -> Bytes {
        Pages(self.pages.clone()).bytes()
    }
}

/// Appends groups to one segment.
pub struct SegmentWriter<F> {
    file: F,
    header: SegmentHeader,
    size_bytes: u64,
    next_offset: u64,
    next_sequence: u32,
    /// Set while a write is in flight, so that an abandoned one also ends the segment: its pages
    /// may or may not be on disk.
    given_up: Cell<bool>,
}

impl<F: SegmentFile> SegmentWriter<F> {
    /// Begins a segment of `size_bytes`: writes and syncs its header.
    ///
    /// # Errors
    /// When the header cannot be made durable, or the size is no segment's.
    pub async fn begin(file: F, header: &SegmentHeader, size_bytes: u64) -> Result<Self, WalError> {
        let pages = size_bytes / PAGE_BYTES as u64;
        let whole = size_bytes.is_multiple_of(PAGE_BYTES as u64);
        if !whole || pages < 2 || size_bytes > SEGMENT_BYTES_MAX {
            return Err(WalError::BadSize(size_bytes));
        }
        file.write_and_sync(0, Arc::new(header_page(header))).await?;
        Ok(Self {
            file,
            header: header.clone(),
            size_bytes,
            next_offset: PAGE_BYTES as u64,
            next_sequence: 1,
            given_up: Cell::new(false),
        })
    }

    /// Bytes left for groups.
    pub fn bytes_left(&self) -> u64 {
        self.size_bytes - self.next_offset
    }

    /// Bytes of the file in use, header page included.
    pub fn bytes_used(&self) -> u64 {
        self.next_offset
    }

    /// What the segment's header says.
    pub fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// Writes `group` behind the last one.
    ///
    /// # Errors
    /// `Full` and `WrongSegment` leave the segment usable (the group is returned in no case, so
    /// ask [`SegmentWriter::bytes_left`] first); `Io` ends the segment. A future dropped before
    /// it is ready ends the segment too.
    pub async fn write(
        &mut self,
        group: Group,
        commit: Commit,
    ) -> Result<CommittedGroup, WalError> {
        self.check(&group)?;
        let offset = self.next_offset;
        let pages = Arc::new(group.seal(&self.header, self.next_sequence, offset));
        self.given_up.set(true);
        match commit {
            Commit::Durable => self.file.write_and_sync(offset, pages.clone()).await?,
            Commit::Written => self.file.write_at(offset, pages.clone()).await?,
        }
        self.given_up.set(false);
        self.next_offset += pages.as_pages().len() as u64;
        self.next_sequence += 1;
        Ok(CommittedGroup { pages, offset })
    }

    /// Whether `group` can be written here and now.
    fn check(&self, group: &Group) -> Result<(), WalError> {
        if self.given_up.get() {
            return Err(WalError::GivenUp);
        }
        let segment = self.header.segment_id;
        if group.segment_id() != segment {
            return Err(WalError::WrongSegment { group: group.segment_id(), segment });
        }
        let (needed, left) = (group.bytes_on_disk() as u64, self.bytes_left());
        if needed > left { Err(WalError::Full { needed, left }) } else { Ok(()) }
    }

    /// Makes everything written durable (for `Commit::Written`).
    ///
    /// # Errors
    /// When the sync failed: the segment is then ended, since what was written may be lost.
    pub async fn sync(&self) -> Result<(), WalError> {
        if self.given_up.get() {
            return Err(WalError::GivenUp);
        }
        self.file.sync().await.inspect_err(|_| self.given_up.set(true))?;
        Ok(())
    }

    /// The file.
    pub fn file(&self) -> &F {
        &self.file
    }
}

fn header_page(header: &SegmentHeader) -> AlignedBuf {
    let bytes = UNIT_HEADER_BYTES as u32;
    let unit = Unit { segment: header.clone(), sequence: 0, offset: 0, bytes, frames: 0 };
    let mut page = AlignedBuf::with_capacity(PAGE_BYTES);
    page.append(&unit.encode());
    page
}
