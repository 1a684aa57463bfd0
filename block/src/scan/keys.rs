//! Which attributes have a wanted key.
//!
//! From: columns of keys. To: [`super::attributes`] and [`super::pages`].

use std::sync::Arc;

use bytes::Bytes;

use crate::read::values::{ByteValues, Values};

/// Wanted keys, looked up in a dictionary once.
#[derive(Debug, Default)]
pub(super) struct KeyMatcher {
    pub(super) keys: Vec<Bytes>,
    /// The dictionary that `codes` are of.
    dictionary: Option<Arc<ByteValues>>,
    /// Per entry of the dictionary the wanted key, if it is one.
    codes: Vec<u32>,
}

/// No wanted key.
const NONE: u32 = u32::MAX;

impl KeyMatcher {
    /// For a single key.
    pub(super) fn of(key: Bytes) -> Self {
        Self { keys: vec![key], ..Self::default() }
    }

    /// To be called before [`KeyMatcher::key`] is asked about these values.
    pub(super) fn prepare(&mut self, values: &Values) {
        let Values::Codes { dictionary, .. } = values else { return };
        if self.dictionary.as_ref().is_some_and(|known| Arc::ptr_eq(known, dictionary)) {
            return;
        }
        self.dictionary = Some(Arc::clone(dictionary));
        let wanted = |at| self.position(dictionary.get(at)).map_or(NONE, |key| key as u32);
        self.codes = (0..dictionary.len()).map(wanted).collect();
    }

    fn position(&self, key: &[u8]) -> Option<usize> {
        self.keys.iter().position(|wanted| wanted == key)
    }

    /// The number of the wanted key that a value is.
    pub(super) fn key(&self, values: &Values, at: usize) -> Option<usize> {
        match values {
            Values::Codes { codes, .. } => {
                let key = self.codes[codes[at] as usize];
                (key != NONE).then_some(key as usize)
            }
            other => self.position(other.byte_slice(at)),
        }
    }

    /// The values of wanted keys, in order: number in `values`, and number of the key.
    pub(super) fn find(
        &self,
        values: &Values,
        range: std::ops::Range<usize>,
        out: &mut Vec<(u32, u32)>,
    ) {
        match values {
            Values::Codes { codes, .. } => {
                let keys = codes[range.clone()].iter().map(|code| self.codes[*code as usize]);
                let keys = range.zip(keys).filter(|(_, key)| *key != NONE);
                out.extend(keys.map(|(at, key)| (at as u32, key)));
            }
            other => {
                let key = |at| Some((at as u32, self.position(other.byte_slice(at))? as u32));
                out.extend(range.filter_map(key));
            }
        }
    }
}
