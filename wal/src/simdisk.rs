//! A disk for tests that keeps any subset of unsynced sectors when it crashes.
//!
//! Takes the place of the direct-I/O file under a [`crate::SegmentWriter`]; [`SimDisk::crash`]
//! yields the bytes that a restart would read. Its pessimism: until a sync has returned, each
//! sector of 512 bytes may hold the new bytes or the old ones, independently of all others; a
//! failed sync leaves that choice open for good, even if a later sync succeeds.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use crate::buffer::AlignedBuf;
use crate::segment::SegmentFile;

/// What a disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// A simulated disk of one file. Clones share it.
#[derive(Clone)]
pub struct SimDisk {
    state: Rc<RefCell<State>>,
}

struct State {
    /// What a sync has made durable.
    durable: Vec<u8>,
    /// Sectors written since: number and new bytes, oldest first.
    unsynced: Vec<(usize, [u8; SECTOR_BYTES])>,
    /// Sectors that a failed sync left open: never made durable any more.
    doubtful: Vec<(usize, [u8; SECTOR_BYTES])>,
    /// Operations until one fails; none: never.
    fails_after: Option<u32>,
}

impl SimDisk {
    /// A file of `size_bytes` zeros.
    pub fn new(size_bytes: usize) -> Self {
        Self::with_contents(vec![0; size_bytes])
    }

    /// A file that was in use before: a recycled segment, or what a crash left.
    pub fn with_contents(durable: Vec<u8>) -> Self {
        let (unsynced, doubtful) = (Vec::new(), Vec::new());
        let state = State { durable, unsynced, doubtful, fails_after: None };
        Self { state: Rc::new(RefCell::new(state)) }
    }

    /// Lets the operation after the next `operations` fail (a write and a sync count one each).
    pub fn fail_after(&self, operations: u32) {
        self.state.borrow_mut().fails_after = Some(operations);
    }

    /// The bytes after a crash now: of each unsynced sector, in the order written, `keep` says
    /// (by its number in the file) whether it has reached the disk. The disk itself goes on.
    pub fn crash(&self, mut keep: impl FnMut(usize) -> bool) -> Vec<u8> {
        let state = self.state.borrow();
        let mut image = state.durable.clone();
        for (sector, bytes) in state.doubtful.iter().chain(&state.unsynced) {
            if keep(*sector) {
                put_sector(&mut image, *sector, bytes);
            }
        }
        image
    }

    /// Number of sectors that a crash now may lose.
    pub fn unsynced_sectors(&self) -> usize {
        let state = self.state.borrow();
        state.unsynced.len() + state.doubtful.len()
    }

    fn write_now(&self, offset: u64, pages: &AlignedBuf) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        let (offset, bytes) = (offset as usize, pages.as_pages());
        if offset + bytes.len() > state.durable.len() {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "write behind the end"));
        }
        let (sectors, _) = bytes.as_chunks::<SECTOR_BYTES>();
        let first = offset / SECTOR_BYTES;
        state.unsynced.extend(sectors.iter().enumerate().map(|(i, bytes)| (first + i, *bytes)));
        state.count_operation("write")
    }

    fn sync_now(&self) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        let unsynced = std::mem::take(&mut state.unsynced);
        if let Err(error) = state.count_operation("sync") {
            state.doubtful.extend(unsynced);
            return Err(error);
        }
        for (sector, bytes) in &unsynced {
            put_sector(&mut state.durable, *sector, bytes);
        }
        Ok(())
    }
}

impl State {
    fn count_operation(&mut self, what: &str) -> io::Result<()> {
        match &mut self.fails_after {
            Some(0) => Err(io::Error::other(format!("simulated {what} error"))),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn put_sector(image: &mut [u8], sector: usize, bytes: &[u8; SECTOR_BYTES]) {
    image[sector * SECTOR_BYTES..][..SECTOR_BYTES].copy_from_slice(bytes);
}

/// Pending once, so that a test can look at the disk, or drop the future, while an operation is in
/// flight.
fn in_flight() -> impl Future<Output = ()> {
    let mut polled = false;
    poll_fn(move |context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

impl SegmentFile for SimDisk {
    async fn write_at(&self, offset: u64, pages: Arc<AlignedBuf>) -> io::Result<()> {
        let done = self.write_now(offset, &pages);
        in_flight().await;
        done
    }

    async fn sync(&self) -> io::Result<()> {
        in_flight().await;
        self.sync_now()
    }

    async fn write_and_sync(&self, offset: u64, pages: Arc<AlignedBuf>) -> io::Result<()> {
        self.write_at(offset, pages).await?;
        self.sync().await
    }
}
