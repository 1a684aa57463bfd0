//! Objects that belong to no block and that several processes change: read with a version, and
//! replaced only as long as they have it.
//!
//! In a directory a content is its own version, and nothing keeps two processes apart that write at
//! the same moment. An object store has versions, and compares and writes in one step.

use std::io;

use bytes::Bytes;
use stringendo_store::{Version, is_conflict};

use super::{Backend, check_root_path};

/// One content of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootVersion {
    /// For people and clients; not empty, and never `0`.
    pub name: String,
    /// Where a store has given it.
    of_store: Option<Version>,
}

impl RootVersion {
    fn of_content(data: &[u8]) -> Self {
        Self { name: content_name(data), of_store: None }
    }

    fn of_store(version: Version, data: &[u8]) -> Self {
        match version.name() {
            "" | "0" => Self { of_store: Some(version), ..Self::of_content(data) },
            name => Self { name: name.to_owned(), of_store: Some(version) },
        }
    }
}

impl Backend {
    /// Reads an object that belongs to no block, and which version of it that was.
    ///
    /// # Errors
    /// As [`Backend::read_root_object`].
    pub async fn read_version(
        &self,
        path: &str,
        bytes_max: u64,
    ) -> io::Result<(Bytes, RootVersion)> {
        check_root_path(path)?;
        match self {
            Self::Local(local) => {
                let data = local.read_root_object(path, bytes_max).await?;
                let version = RootVersion::of_content(&data);
                Ok((data, version))
            }
            Self::Object(objects) => {
                let read = Box::pin(objects.store().get_versioned(path, bytes_max)).await;
                let (data, version) = read?;
                let version = RootVersion::of_store(version, &data);
                Ok((data, version))
            }
        }
    }

    /// Writes an object that belongs to no block in place of a version of it, or of none; the
    /// version that it has then.
    ///
    /// # Errors
    /// As [`Backend::write_root_object`]; `AlreadyExists` if it has another version by now.
    pub async fn replace_version(
        &self,
        path: &str,
        data: Bytes,
        replaced: Option<&RootVersion>,
    ) -> io::Result<RootVersion> {
        let Self::Object(objects) = self else {
            let version = RootVersion::of_content(&data);
            return self.write_root_object(path, data).await.map(|()| version);
        };
        check_root_path(path)?;
        let of_store = replaced.and_then(|replaced| replaced.of_store.as_ref());
        let written = Box::pin(objects.store().replace(path, data.clone(), of_store)).await;
        match written {
            Ok(version) => Ok(RootVersion::of_store(version, &data)),
            // A first try may have been successful without our hearing of it.
            Err(error) if is_conflict(&error) => {
                match self.read_version(path, data.len() as u64).await {
                    Ok((found, version)) if found == data => Ok(version),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}

/// Names a content (FNV-1a).
fn content_name(data: &[u8]) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = data.iter().fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
    hash.max(1).to_string()
}

#[cfg(test)]
#[path = "versioned_tests.rs"]
mod tests;
