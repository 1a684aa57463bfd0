//! One process per log: a second one would recycle segments under the first.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Name of the lock file in the log's directory. It stays there; the lock goes with the process.
const NAME: &str = "stringendo.lock";

/// Locks the log's directory, which is created (mode 0700) if it is missing, for as long as the
/// returned file is open.
///
/// # Errors
/// With the path, when another process has the lock or the file cannot be made.
pub fn lock(wal_path: &Path) -> io::Result<File> {
    let path = wal_path.join(NAME);
    let describe = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let from_system = |error: io::Error| io::Error::new(error.kind(), describe(&error));
    DirBuilder::new().recursive(true).mode(0o700).create(wal_path).map_err(from_system)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    let opened = options.open(&path);
    let file = opened.map_err(from_system)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(from_system(error)),
        Err(TryLockError::WouldBlock) => {
            let text = "another process uses this write-ahead log; end it, or give this one a \
                        `storage.trace.wal.path` of its own";
            Err(io::Error::new(io::ErrorKind::WouldBlock, describe(&text)))
        }
    }
}

#[cfg(test)]
#[path = "data_lock_tests.rs"]
mod tests;
