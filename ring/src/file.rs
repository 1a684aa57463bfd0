//! Files: the WAL's segments (direct I/O, preallocated), data of blocks as it is written (direct
//! I/O), and finished block objects.
//!
//! The WAL's bytes come from its group commit as aligned, shared buffers and go to the disk from a
//! thread that each core has for this alone (`wal-io-N`): one trip writes and syncs. Blocks are
//! read where they lie in the page cache without leaving the core, and on the threads of
//! [`offload`](mod@crate::offload) where they do not. What the bytes mean is not known here.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub use append::AppendFile;
pub use block::BlockFile;
pub use wal::WalFile;

use crate::offload;

mod append;
mod block;
pub mod direct;
mod wal;
pub mod whole;

/// Direct I/O works on whole multiples of this.
pub const DIRECT_IO_ALIGNMENT: usize = 4096;

/// Says which file an error is about and what was tried; keeps the kind.
fn describe(action: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{action} {}: {error}", path.display()))
}

/// Runs file work on a thread aside, with `path` in its errors.
async fn aside<T: Send + 'static>(
    action: &'static str,
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let path = path.to_owned();
    offload(move || work(&path).map_err(|error| describe(action, &path, &error))).await?
}

/// Opens a file for direct I/O where its file system knows that, else for plain I/O; whether it is
/// direct.
fn open_direct(options: &OpenOptions, path: &Path) -> io::Result<(File, bool)> {
    match options.clone().custom_flags(libc::O_DIRECT).open(path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            options.open(path).map(|file| (file, false))
        }
        opened => opened.map(|file| (file, true)),
    }
}

/// Makes the entries of a directory durable.
fn sync_dir_now(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The directory that holds `path`.
fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
