//! Objects of blocks, open for reading.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::{ReadWriteFlags, preadv2};

use super::{aside, describe};

/// Ranges up to this size are first looked for in the page cache, on the core itself: copying them
/// takes a few tens of microseconds, about as long as handing them to another thread.
const INLINE_BYTES_MAX: usize = 128 << 10;

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
        let end = range.end.min(self.length);
        let start = range.start.min(end);
        let count = usize::try_from(end - start)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the range is too long"))?;
        let mut buffer = vec![0; count];
        let cached = if count <= INLINE_BYTES_MAX {
            read_cached(&self.file, start, &mut buffer)
                .map_err(|error| describe("read", &self.path, &error))?
        } else {
            0
        };
        if cached == count {
            return Ok(Bytes::from(buffer));
        }
        let file = Arc::clone(&self.file);
        aside("read", &self.path, move |_path| {
            let read = read_all(&file, start + cached as u64, &mut buffer[cached..])?;
            buffer.truncate(cached + read);
            Ok(Bytes::from(buffer))
        })
        .await
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
fn read_all(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
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
