//! Dictionaries that outlive a read: the largest part of what reading one trace decodes, and the
//! first thing that every search asks.
//!
//! From: [`super::stream`] and [`super::BlockReader`], which decode them. To: whoever fetched the
//! bytes, and keeps them as long as it likes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::page::{Codec, ColumnKind, PageHeader, decode_dictionary_page};
use super::values::{BadPage, Dictionary};

/// Memory of one that is kept beside its values.
const ENTRY_BYTES: usize = 192;

/// A decoded dictionary of a column chunk.
#[derive(Clone, Debug)]
pub struct DecodedDictionary {
    pub(crate) dictionary: Arc<Dictionary>,
}

impl DecodedDictionary {
    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.dictionary.memory_bytes() + ENTRY_BYTES
    }
}

/// Keeps the dictionaries of one block.
pub trait KnownDictionaries: fmt::Debug {
    /// The one whose page is at `offset` of `data.parquet`.
    fn get(&self, offset: u64) -> Option<DecodedDictionary>;

    /// Offers one that was decoded.
    fn keep(&self, offset: u64, dictionary: &DecodedDictionary);
}

/// Dictionaries that were known when they were asked for, and stay so: what is known need not be
/// fetched. To be held until what was fetched without them is decoded.
#[derive(Debug)]
pub struct PinnedDictionaries {
    all: Rc<dyn KnownDictionaries>,
    pinned: RefCell<HashMap<u64, DecodedDictionary>>,
}

impl PinnedDictionaries {
    /// None is pinned yet.
    pub fn new(all: Rc<dyn KnownDictionaries>) -> Self {
        Self { all, pinned: RefCell::default() }
    }

    /// Bytes of memory of those that are.
    pub fn memory_bytes(&self) -> u64 {
        let pinned = self.pinned.borrow();
        pinned.values().map(|dictionary| dictionary.memory_bytes() as u64).sum()
    }
}

impl KnownDictionaries for PinnedDictionaries {
    fn get(&self, offset: u64) -> Option<DecodedDictionary> {
        if let Some(pinned) = self.pinned.borrow().get(&offset) {
            return Some(pinned.clone());
        }
        let known = self.all.get(offset)?;
        self.pinned.borrow_mut().insert(offset, known.clone());
        Some(known)
    }

    fn keep(&self, offset: u64, dictionary: &DecodedDictionary) {
        self.all.keep(offset, dictionary);
    }
}

/// None is known, and none is kept.
#[derive(Clone, Copy, Debug)]
pub struct NoDictionaries;

impl KnownDictionaries for NoDictionaries {
    fn get(&self, _offset: u64) -> Option<DecodedDictionary> {
        None
    }

    fn keep(&self, _offset: u64, _dictionary: &DecodedDictionary) {}
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
    // What is not compressed is where it was fetched, and would keep all of that in memory.
    if let Some(known) = known.filter(|_| column.codec != Codec::None) {
        known.keep(offset, &DecodedDictionary { dictionary: Arc::clone(&dictionary) });
    }
    Ok(dictionary)
}
