//! A block's rows, open for reading or being written.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use stringendo_ring::file::{AppendFile, BlockFile};
use stringendo_store::Upload;

use super::remote::ObjectData;
use crate::limits::FETCHES_MAX;

/// A block's rows, open for reading. Any number of reads may be in flight.
pub enum BlockData {
    /// In a file.
    Local(BlockFile),
    /// In an object store.
    Object(ObjectData),
}

impl BlockData {
    /// Bytes of the object.
    pub fn len(&self) -> u64 {
        match self {
            Self::Local(file) => file.len(),
            Self::Object(object) => object.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of `range`; shorter only at the end of the object.
    ///
    /// # Errors
    /// From the store; `NotFound` if the object is gone.
    pub async fn read_at(&self, range: Range<u64>) -> io::Result<Bytes> {
        match self {
            Self::Local(file) => file.read_at(range).await,
            Self::Object(object) => Box::pin(object.read_at(range)).await,
        }
    }

    /// The bytes of each of these ranges, which ascend, with some reads in flight.
    ///
    /// # Errors
    /// As [`BlockData::read_at`].
    pub async fn read_ranges(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        match self {
            Self::Local(file) => file.read_ranges(ranges).await,
            Self::Object(object) => {
                let reads = ranges.iter().map(|range| object.read_at(range.clone()));
                Box::pin(stream::iter(reads).buffered(FETCHES_MAX).try_collect()).await
            }
        }
    }
}

/// A block's rows on their way into the store. They are there when [`DataUpload::finish`] has
/// returned; after an error the upload must be given up.
pub enum DataUpload {
    /// Into a file.
    Local(AppendFile),
    /// Into an object store.
    Object(Upload),
}

impl DataUpload {
    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        match self {
            Self::Local(file) => file.len(),
            Self::Object(upload) => upload.len(),
        }
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// From the store.
    pub async fn append(&mut self, data: Bytes) -> io::Result<()> {
        match self {
            Self::Local(file) => file.append(data).await,
            Self::Object(upload) => Box::pin(upload.append(data)).await,
        }
    }

    /// Makes the object durable.
    ///
    /// # Errors
    /// From the store.
    pub async fn finish(self) -> io::Result<()> {
        match self {
            Self::Local(file) => file.finish().await,
            Self::Object(upload) => Box::pin(upload.finish()).await,
        }
    }

    /// Gives up, and removes what was written. What cannot be removed is logged: the block has no
    /// meta, so nobody reads it.
    pub async fn abort(self) {
        let removed = match self {
            Self::Local(file) => file.abort().await,
            Self::Object(upload) => Box::pin(upload.abort()).await,
        };
        if let Err(error) = removed {
            tracing::warn!(%error, "rows of a block that was given up could not be removed");
        }
    }
}
