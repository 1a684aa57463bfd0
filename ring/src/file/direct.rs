//! Whole files read past the page cache.
//!
//! For what was written past it as well, the log's segments: in the page cache they are not, and
//! their way through it costs eight times the CPU time and four times the time (0.25 against 1 GB/s
//! on the machine of docs/PERFORMANCE.md).

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{aside, open_direct};

/// Reads a file of at most `bytes_max` bytes into what `memory` makes for its length: whole pages
/// of [`super::DIRECT_IO_ALIGNMENT`] that begin on one. Behind the file's end they are zero.
///
/// Where the file system knows no direct I/O, plain I/O is used.
///
/// # Errors
/// From the operating system, with the path, or `InvalidData` if the file is larger.
pub async fn read<M: AsMut<[u8]> + Send + 'static>(
    path: &Path,
    bytes_max: u64,
    memory: impl FnOnce(usize) -> M + Send + 'static,
) -> io::Result<M> {
    aside("read", path, move |path| read_now(path, bytes_max, memory)).await
}

fn read_now<M: AsMut<[u8]>>(
    path: &Path,
    bytes_max: u64,
    memory: impl FnOnce(usize) -> M,
) -> io::Result<M> {
    let mut file = open_direct(OpenOptions::new().read(true), path)?.0;
    let length = file.metadata()?.len();
    let fits = usize::try_from(length).ok().filter(|_| length <= bytes_max);
    let length = fits.ok_or_else(|| {
        let text = format!("is larger than {bytes_max} bytes");
        io::Error::new(ErrorKind::InvalidData, text)
    })?;
    let mut memory = memory(length);
    let pages = memory.as_mut();
    let (mut read, mut is_plain) = (0, false);
    while read < length {
        match file.read_at(&mut pages[read..], read as u64) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => read += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // What direct I/O does not take: a file system without it, the rest of an odd read.
            Err(error) if error.kind() == ErrorKind::InvalidInput && !is_plain => {
                (file, is_plain) = (File::open(path)?, true);
            }
            Err(error) => return Err(error),
        }
    }
    pages[length..].fill(0);
    Ok(memory)
}
