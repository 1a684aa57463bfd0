//! A file that is written once, from its start to its end, and then durable.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::{aside, parent_of, sync_dir_now, whole};

/// A file that grows at its end; its directory must exist.
pub struct AppendFile {
    path: PathBuf,
    file: Arc<File>,
    length: u64,
}

impl AppendFile {
    /// Creates `path`, or empties it.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn create(path: &Path) -> io::Result<Self> {
        let file = aside("create", path, |path| {
            OpenOptions::new().write(true).create(true).truncate(true).open(path)
        })
        .await?;
        Ok(Self { path: path.to_owned(), file: Arc::new(file), length: 0 })
    }

    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Writes at the end. After an error the file must be given up.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn append(&mut self, data: Bytes) -> io::Result<()> {
        let (file, length) = (Arc::clone(&self.file), data.len() as u64);
        aside("write", &self.path, move |_path| (&*file).write_all(&data)).await?;
        self.length += length;
        Ok(())
    }

    /// Makes the file and its entry in the directory durable.
    ///
    /// # Errors
    /// From the operating system, with the path.
    pub async fn finish(self) -> io::Result<()> {
        let file = self.file;
        aside("sync", &self.path, move |path| {
            file.sync_all()?;
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
}
