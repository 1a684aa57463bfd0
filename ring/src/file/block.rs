//! Objects of blocks, open for reading.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;
use rustix::fs::{Advice, fadvise};
use rustix::io::{ReadWriteFlags, preadv2};

use super::{aside, describe};

/// Ranges up to this size are first looked for in the page cache, on the core itself: copying them
/// takes a few tens of microseconds, about as long as handing them to another thread.
const INLINE_BYTES_MAX: usize = 128 << 10;
/// Of many ranges so much is copied on the core itself, in a tenth of a millisecond or two.
const INLINE_BYTES_OF_ALL_MAX: usize = 1 << 20;
/// A thread aside reads so much of many ranges, then the next one takes over.
const ASIDE_BYTES: u64 = 1 << 20;
/// What is closer together than this comes from the disk in one go.
const AHEAD_GAP_BYTES: u64 = 64 << 10;

/// An object of a block, open for reading. Any number of reads may be in flight.
pub struct BlockFile {
    path: PathBuf,
    file: Arc<File>,
    length: u64,
}

impl BlockFile {
    /// Opens `path`.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn open(path: &Path) -> io::Result<Self> {
        let (file, length) = aside("open", path, |path| {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        })
        .await?;
        Ok(Self { path: path.to_owned(), file: Arc::new(file), length })
    }

    /// Length in bytes, as it was when the file was opened.
    pub fn len(&self) -> u64 {
        self.length
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
    /// From the operating system, with the path.
    pub async fn read_at(&self, range: Range<u64>) -> io::Result<Bytes> {
        let mut read = Reading::of(&range, self.length)?;
        if read.count() <= INLINE_BYTES_MAX && self.read_cached(&mut read)? {
            return Ok(read.done());
        }
        let file = Arc::clone(&self.file);
        aside("read", &self.path, move |_path| read.finish(&file)).await
    }

    /// The bytes of each of these ranges, which ascend; shorter only at the end of the file. What
    /// is in no cache is asked of the disk for all of them before any of it is waited for.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn read_ranges(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        let (mut parts, mut copied) = (Vec::with_capacity(ranges.len()), 0);
        let mut left = ranges.iter();
        let mut begun = None;
        for range in left.by_ref() {
            let mut read = Reading::of(range, self.length)?;
            copied += read.count();
            let is_small = read.count() <= INLINE_BYTES_MAX && copied <= INLINE_BYTES_OF_ALL_MAX;
            if !(is_small && self.read_cached(&mut read)?) {
                begun = Some(read);
                break;
            }
            parts.push(read.done());
        }
        let left = left.map(|range| Reading::of(range, self.length));
        let left = begun.into_iter().map(Ok).chain(left).collect::<io::Result<Vec<_>>>()?;
        let read = shares(left).into_iter().map(|share| {
            let file = Arc::clone(&self.file);
            aside("read", &self.path, move |_path| read_share(&file, share))
        });
        parts.extend(try_join_all(read).await?.into_iter().flatten());
        Ok(parts)
    }

    /// Reads what the page cache holds; whether that is all.
    fn read_cached(&self, read: &mut Reading) -> io::Result<bool> {
        read.cached(&self.file).map_err(|error| describe("read", &self.path, &error))
    }
}

/// A range that is being read.
struct Reading {
    start: u64,
    buffer: Vec<u8>,
    filled: usize,
}

impl Reading {
    /// Of a file of this length.
    fn of(range: &Range<u64>, length: u64) -> io::Result<Self> {
        let end = range.end.min(length);
        let start = range.start.min(end);
        let count = usize::try_from(end - start)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the range is too long"))?;
        Ok(Self { start, buffer: vec![0; count], filled: 0 })
    }

    fn count(&self) -> usize {
        self.buffer.len()
    }

    fn end(&self) -> u64 {
        self.start + self.count() as u64
    }

    fn cached(&mut self, file: &File) -> io::Result<bool> {
        self.filled = read_cached(file, self.start, &mut self.buffer)?;
        Ok(self.filled == self.count())
    }

    /// Waits for the disk. The file may have become shorter.
    fn finish(mut self, file: &File) -> io::Result<Bytes> {
        let behind = &mut self.buffer[self.filled..];
        let read = read_all(file, self.start + self.filled as u64, behind)?;
        self.buffer.truncate(self.filled + read);
        Ok(Bytes::from(self.buffer))
    }

    fn done(self) -> Bytes {
        Bytes::from(self.buffer)
    }
}

/// One share for each thread aside.
fn shares(all: Vec<Reading>) -> Vec<Vec<Reading>> {
    let (mut shares, mut bytes) = (Vec::new(), ASIDE_BYTES);
    for read in all {
        if bytes >= ASIDE_BYTES {
            shares.push(Vec::new());
            bytes = 0;
        }
        bytes += read.count() as u64;
        if let Some(share) = shares.last_mut() {
            share.push(read);
        }
    }
    shares
}

fn read_share(file: &File, share: Vec<Reading>) -> io::Result<Vec<Bytes>> {
    announce(file, &share);
    share.into_iter().map(|read| read.finish(file)).collect()
}

/// Has the system begin to read what is not cached.
fn announce(file: &File, share: &[Reading]) {
    let near = |a: &Reading, b: &Reading| b.start <= a.end().saturating_add(AHEAD_GAP_BYTES);
    for run in share.chunk_by(near) {
        if let [first, .., last] | [first @ last] = run {
            let length = std::num::NonZeroU64::new(last.end().saturating_sub(first.start));
            // Advice; what does not help is read when its turn comes.
            let _ = fadvise(file, first.start, length, Advice::WillNeed);
        }
    }
}

/// Reads what the page cache holds, without waiting for the disk.
fn read_cached(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    use rustix::io::Errno;
    if buffer.is_empty() {
        return Ok(0);
    }
    match preadv2(file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT) {
        Ok(read) => Ok(read),
        // Not cached, interrupted, or a file system that cannot tell: read it aside.
        Err(Errno::AGAIN | Errno::INTR | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Reads until the buffer is full or the file ends.
pub(super) fn read_all(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
