//! Whole-file operations on a thread aside; each names the path in its error.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use rustix::fs::{
    Advice, AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, fadvise, statvfs, utimensat,
};

use super::block::read_all;
use super::{aside, parent_of, sync_dir_now};

/// Reads a file of at most `bytes_max` bytes.
///
/// # Errors
/// From the operating system, or `InvalidData` if the file is larger.
pub async fn read(path: &Path, bytes_max: u64) -> io::Result<Bytes> {
    aside("read", path, move |path| read_now(path, bytes_max)).await
}

fn read_now(path: &Path, bytes_max: u64) -> io::Result<Bytes> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(bytes_max)).unwrap_or(0));
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let text = format!("is larger than {bytes_max} bytes");
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    Ok(Bytes::from(bytes))
}

/// Reads a range of a file, and no more of it from the disk; shorter only at its end.
///
/// # Errors
/// From the operating system.
pub async fn read_range(path: &Path, range: Range<u64>) -> io::Result<Bytes> {
    aside("read", path, move |path| {
        let file = File::open(path)?;
        // Else the system reads on behind the beginning of a file. Advice: nothing depends on it.
        let _ = fadvise(&file, 0, None, Advice::Random);
        let end = range.end.min(file.metadata()?.len());
        let start = range.start.min(end);
        let count = usize::try_from(end - start).map_err(io::Error::other)?;
        let mut bytes = vec![0; count];
        let read = read_all(&file, start, &mut bytes)?;
        bytes.truncate(read);
        Ok(Bytes::from(bytes))
    })
    .await
}

/// Writes a new file and syncs it, replacing what was there. The directory must exist; it is not
/// synced.
///
/// # Errors
/// From the operating system.
pub async fn write_durable(path: &Path, data: impl AsRef<[u8]> + Send + 'static) -> io::Result<()> {
    aside("write", path, move |path| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        file.write_all(data.as_ref())?;
        file.sync_all()
    })
    .await
}

/// Creates a directory and its parents (mode 0700) and syncs the parents.
///
/// # Errors
/// From the operating system.
pub async fn create_dir_all(path: &Path) -> io::Result<()> {
    aside("create directory", path, create_dir_all_now).await
}

fn create_dir_all_now(path: &Path) -> io::Result<()> {
    let missing: Vec<_> = path
        .ancestors()
        .take_while(|part| !part.as_os_str().is_empty() && !part.is_dir())
        .collect();
    for part in missing.into_iter().rev() {
        match DirBuilder::new().mode(0o700).create(part) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && part.is_dir() => {}
            outcome => outcome?,
        }
        sync_dir_now(parent_of(part))?;
    }
    Ok(())
}

/// Entries of a directory: path and whether it is a directory; empty if it does not exist. Sorted
/// by path.
///
/// # Errors
/// From the operating system.
pub async fn list_dir(path: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    aside("list directory", path, list_dir_now).await
}

fn list_dir_now(path: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let Some(entries) = unless_missing(fs::read_dir(path))? else { return Ok(Vec::new()) };
    let mut listed = Vec::new();
    for entry in entries {
        let entry = entry?;
        listed.push((entry.path(), entry.file_type()?.is_dir()));
    }
    listed.sort();
    Ok(listed)
}

/// Removes a file; a missing one is no error.
///
/// # Errors
/// From the operating system.
pub async fn remove_file(path: &Path) -> io::Result<()> {
    aside("remove", path, |path| unless_missing(fs::remove_file(path)).map(drop)).await
}

/// Removes a directory with all it holds; a missing one is no error.
///
/// # Errors
/// From the operating system.
pub async fn remove_dir_all(path: &Path) -> io::Result<()> {
    aside("remove directory", path, |path| unless_missing(fs::remove_dir_all(path)).map(drop)).await
}

/// Renames and syncs the directory of `to`.
///
/// # Errors
/// From the operating system.
pub async fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let to = to.to_owned();
    aside("rename", from, move |from| {
        fs::rename(from, &to)
            .and_then(|()| sync_dir_now(parent_of(&to)))
            .map_err(|error| io::Error::new(error.kind(), format!("to {}: {error}", to.display())))
    })
    .await
}

fn unless_missing<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// A directory below another one, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subdirectory {
    /// Its name; others than UTF-8 are left out.
    pub name: String,
    /// Names of the files in it.
    pub files: Vec<FileEntry>,
}

/// A file in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its name; others than UTF-8 are left out.
    pub name: String,
    /// When it was last written, nanoseconds since the Unix epoch.
    pub modified_unix_nanos: u64,
}

/// The directories below `path` and the files in each of them, in one go; empty if `path` does not
/// exist. Only files that `wanted` names are listed.
///
/// # Errors
/// From the operating system.
pub async fn list_subdirectories(
    path: &Path,
    wanted: &'static [&'static str],
) -> io::Result<Vec<Subdirectory>> {
    aside("list directory", path, move |path| {
        let mut listed = Vec::new();
        for (path, directory) in list_dir_now(path)? {
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(name) = name.filter(|_| directory) else { continue };
            listed.push(Subdirectory { name: name.to_owned(), files: list_files(&path, wanted)? });
        }
        Ok(listed)
    })
    .await
}

fn list_files(path: &Path, wanted: &[&str]) -> io::Result<Vec<FileEntry>> {
    let mut files = Vec::new();
    for name in wanted {
        let Some(metadata) = unless_missing(fs::metadata(path.join(name)))? else { continue };
        let modified_unix_nanos = modified_unix_nanos(&metadata)?;
        files.push(FileEntry { name: (*name).to_owned(), modified_unix_nanos });
    }
    Ok(files)
}

fn modified_unix_nanos(metadata: &fs::Metadata) -> io::Result<u64> {
    let since = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Everything below `path`, in no order, with paths relative to it; those of directories end with
/// `/`. Empty if `path` does not exist; links are not followed.
///
/// # Errors
/// From the operating system.
pub async fn list_tree(path: &Path) -> io::Result<Vec<FileEntry>> {
    aside("list directory", path, |path| {
        let (mut found, mut waiting) = (Vec::new(), vec![(path.to_owned(), String::new())]);
        while let Some((directory, prefix)) = waiting.pop() {
            for (path, is_directory) in list_dir_now(&directory)? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let end = if is_directory { "/" } else { "" };
                let name = format!("{prefix}{name}{end}");
                let modified_unix_nanos = modified_unix_nanos(&fs::symlink_metadata(&path)?)?;
                if is_directory {
                    waiting.push((path, name.clone()));
                }
                found.push(FileEntry { name, modified_unix_nanos });
            }
        }
        Ok(found)
    })
    .await
}

/// Removes a directory if it is empty; a missing one, or one that is not empty, is no error.
///
/// # Errors
/// From the operating system.
pub async fn remove_empty_dir(path: &Path) -> io::Result<()> {
    aside("remove directory", path, |path| match fs::remove_dir(path) {
        Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
        outcome => unless_missing(outcome).map(drop),
    })
    .await
}

/// Sets the time of last writing to now.
///
/// # Errors
/// From the operating system.
pub async fn touch(path: &Path) -> io::Result<()> {
    aside("touch", path, |path| {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        Ok(utimensat(CWD, path, &times, AtFlags::empty())?)
    })
    .await
}

/// Bytes that a process without privileges may still write on the file system of `path`.
///
/// # Errors
/// From the operating system.
pub async fn free_bytes(path: &Path) -> io::Result<u64> {
    aside("look at the file system of", path, |path| {
        let found = statvfs(path)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    })
    .await
}
