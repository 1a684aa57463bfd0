//! Dictionaries that outlive a read: the largest part of what reading one trace decodes, and the
//! first thing that every search asks.
//!
//! From: [`super::stream`] and [`super::BlockReader`], which decode them. To: whoever fetched the
//! bytes, and keeps them as long as it likes.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::page::{ColumnKind, PageHeader, decode_dictionary_page};
use super::values::{BadPage, Dictionary};

/// Smaller ones are decoded in no time.
const KEPT_BYTES_MIN: usize = 32 << 10;

/// A decoded dictionary of a column chunk.
#[derive(Clone, Debug)]
pub struct DecodedDictionary {
    pub(super) dictionary: Arc<Dictionary>,
}

impl DecodedDictionary {
    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.dictionary.memory_bytes()
    }
}

/// Keeps the dictionaries of one block.
pub trait KnownDictionaries: fmt::Debug {
    /// The one whose page is at `offset` of `data.parquet`.
    fn get(&self, offset: u64) -> Option<DecodedDictionary>;

    /// Offers one that was decoded.
    fn keep(&self, offset: u64, dictionary: &DecodedDictionary);
}

/// The dictionary of the page at `offset`: known, or decoded from the bytes after its header.
pub(crate) fn decode(
    known: Option<&dyn KnownDictionaries>,
    offset: u64,
    column: &ColumnKind,
    header: &PageHeader,
    body: &Bytes,
) -> Result<Arc<Dictionary>, BadPage> {
    if let Some(found) = known.and_then(|known| known.get(offset)) {
        return Ok(found.dictionary);
    }
    let dictionary = Arc::new(decode_dictionary_page(column, header, body)?);
    if let Some(known) = known.filter(|_| dictionary.memory_bytes() >= KEPT_BYTES_MIN) {
        known.keep(offset, &DecodedDictionary { dictionary: Arc::clone(&dictionary) });
    }
    Ok(dictionary)
}
