//! Names and values of tags in a row group, for autocompletion (contract traceql.md §12).
//!
//! From: `engine`, which fetches. To: sets that it merges over row groups, blocks and cores. Where
//! nothing narrows, dictionaries are read ([`BlockReader::tag_names`], [`BlockReader::tag_values`]:
//! values of one attribute take the codes of keys and values besides); where a search has found the
//! spans that count, the keys of those ([`BlockReader::tag_names_of_spans`]). What is found is a
//! set, so reading may begin again with more memory and add to the same set.

mod columns;
mod distinct;
mod gather;
mod matched;
mod names;
mod pairs;
mod sets;
mod texts;
mod values;

pub use gather::{GatherPart, GatherScan};
pub use matched::{MatchedSpans, TagNamesOfSpans};
pub use names::TagNamesScan;
pub use sets::{DistinctValues, TagNames, TagNamesFound, TagValues};
pub use texts::{DistinctTexts, Texts};
pub use values::{TagField, TagValuesScan};

/// Where attributes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TagScope {
    /// On resources.
    Resource,
    /// On spans.
    Span,
    /// On events.
    Event,
    /// On links.
    Link,
    /// On instrumentation scopes.
    Instrumentation,
}

impl TagScope {
    /// All of them, in the order in which [`TagNames`] holds them.
    pub const ALL: [Self; 5] =
        [Self::Resource, Self::Span, Self::Event, Self::Link, Self::Instrumentation];
}

/// The key of the attribute that every resource has.
const SERVICE_NAME: &[u8] = b"service.name";
