//! Bytes of a block at hand, by where they are in the file.
//!
//! From: `engine`, which fetches. To: [`super::BlockReader`], which asks for ranges again.

use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;

use super::{KnownDictionaries, ReadError};

/// Byte ranges of `data.parquet` that were fetched.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// By offset.
    parts: Vec<(u64, Bytes)>,
    dictionaries: Option<Rc<dyn KnownDictionaries>>,
}

impl Fetched {
    /// Has dictionaries that were decoded before, and those that are decoded now kept.
    #[must_use]
    pub fn with_dictionaries(mut self, dictionaries: Rc<dyn KnownDictionaries>) -> Self {
        self.dictionaries = Some(dictionaries);
        self
    }

    pub(crate) fn dictionaries(&self) -> Option<Rc<dyn KnownDictionaries>> {
        self.dictionaries.clone()
    }

    /// Adds the bytes found at `offset`.
    pub fn insert(&mut self, offset: u64, bytes: Bytes) {
        let at = self.parts.partition_point(|(other, _)| *other <= offset);
        self.parts.insert(at, (offset, bytes));
    }

    /// The bytes of `range`, if one fetched part holds all of it.
    pub fn get(&self, range: &Range<u64>) -> Option<Bytes> {
        let before = self.parts.partition_point(|(offset, _)| *offset <= range.start);
        let holds = |(offset, part): &&(u64, Bytes)| range.end <= offset + part.len() as u64;
        let (offset, part) = self.parts[..before].iter().rev().find(holds)?;
        Some(part.slice((range.start - offset) as usize..(range.end - offset) as usize))
    }

    pub(crate) fn need(&self, range: &Range<u64>) -> Result<Bytes, ReadError> {
        // Nothing is asked for where a damaged footer says that a column has no bytes.
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        self.get(range).ok_or_else(|| ReadError::NotFetched(range.clone()))
    }
}
