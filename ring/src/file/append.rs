//! A file that is written once, from its start to its end, and then durable.
//!
//! For the data of blocks. What is appended is gathered into whole pages and goes to the disk
//! around the page cache: queries read few of a block's pages, and the way through the cache costs
//! a copy into pages that were never touched, 6 % of all CPU time of a span on the machine of
//! docs/PERFORMANCE.md.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use bytes::Bytes;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::{DIRECT_IO_ALIGNMENT, aside, describe, open_direct, parent_of, sync_dir_now, whole};

/// Bytes that are gathered for one write.
const GATHERED_BYTES: usize = 1 << 20;

/// Aligned for direct I/O.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(4096))]
struct Page([u8; DIRECT_IO_ALIGNMENT]);

const _: () = assert!(align_of::<Page>() == DIRECT_IO_ALIGNMENT);

/// A file that grows at its end; its directory must exist.
pub struct AppendFile {
    path: PathBuf,
    file: Arc<File>,
    /// What is not written yet begins with it; none while it is being written, and when that failed
    /// or was given up.
    pages: Option<Vec<Page>>,
    /// Bytes in `pages`.
    gathered: usize,
    /// Bytes before `pages`: whole pages.
    written: u64,
}

impl AppendFile {
    /// Memory that a file holds, in bytes.
    pub const MEMORY_BYTES: usize = GATHERED_BYTES;

    /// Creates `path`, in place of a file that is there. That one is not emptied but removed: a
    /// write that was given up may still be under way in it.
    ///
    /// Where the file system knows no direct I/O, plain I/O is used.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn create(path: &Path) -> io::Result<Self> {
        let file = Arc::new(aside("create", path, open).await?);
        let pages = Some(vec![Page::zeroed(); GATHERED_BYTES / DIRECT_IO_ALIGNMENT]);
        Ok(Self { path: path.to_owned(), file, pages, gathered: 0, written: 0 })
    }

    /// Bytes appended so far.
    pub fn len(&self) -> u64 {
        self.written + self.gathered as u64
    }

    /// Whether nothing was appended yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends to the end; some of it may be written later. After an error, or when the future was
    /// dropped, the file must be given up.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn append(&mut self, data: Bytes) -> io::Result<()> {
        let mut rest = &data[..];
        while !rest.is_empty() {
            let pages = self.pages.as_mut().ok_or_else(|| given_up(&self.path))?;
            let room = &mut bytemuck::cast_slice_mut(pages)[self.gathered..];
            let count = rest.len().min(room.len());
            room[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            self.gathered += count;
            if self.gathered == GATHERED_BYTES {
                self.write().await?;
            }
        }
        Ok(())
    }

    /// Makes the file and its entry in the directory durable.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn finish(mut self) -> io::Result<()> {
        let length = self.len();
        self.write().await?;
        aside("sync", &self.path, move |path| {
            // The last page was written whole.
            self.file.set_len(length)?;
            self.file.sync_all()?;
            sync_dir_now(parent_of(path))
        })
        .await
    }

    /// Removes the file.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn abort(self) -> io::Result<()> {
        whole::remove_file(&self.path).await
    }

    /// Writes what is gathered, up to the end of its last page.
    async fn write(&mut self) -> io::Result<()> {
        let mut pages = self.pages.take().ok_or_else(|| given_up(&self.path))?;
        let (file, offset, count) = (Arc::clone(&self.file), self.written, self.gathered);
        let pages = aside("write", &self.path, move |_path| {
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut pages);
            let end = count.next_multiple_of(DIRECT_IO_ALIGNMENT);
            bytes[count..end].fill(0);
            write_now(&file, offset, &bytes[..end])?;
            Ok(pages)
        })
        .await?;
        self.pages = Some(pages);
        self.written += count as u64;
        self.gathered = 0;
        Ok(())
    }
}

fn given_up(path: &Path) -> io::Error {
    describe("write", path, &io::Error::other("an earlier write has not ended well"))
}

fn open(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    Ok(open_direct(&options, path)?.0)
}

/// Some file systems take direct I/O when a file is opened, and refuse it when it is written.
fn write_now(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    match file.write_all_at(bytes, offset) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            fcntl_setfl(file, fcntl_getfl(file)? - OFlags::DIRECT)?;
            file.write_all_at(bytes, offset)
        }
        written => written,
    }
}
