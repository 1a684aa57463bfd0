//! Tempo's block: encode, read, scan. Pure: bytes in, bytes out (contract blocks.md).
//!
//! Writing: [`encode::BlockEncoder`] takes traces in order of their ids, as positions in OTLP
//! bytes, straight into columns; [`encode::FinishedBlock`] holds every object of the block.
//! Reading: [`read::BlockReader`] is made from `meta.json` and the footer, says which byte ranges
//! it needs, and decodes what was fetched.
//! Merging: [`merge::Merge`] reads several blocks from end to end and writes one.
//!
//! This crate does no I/O, knows no runtime and no query text.

pub mod bloom;
pub mod check;
pub mod combine;
pub mod encode;
pub mod filters;
pub mod id_filter;
pub mod index;
pub mod merge;
pub mod meta;
mod murmur;
pub mod nested_set;
pub mod read;
pub mod regroup;
pub mod scan;
pub mod schema;
pub mod stored_form;
pub mod tags;
pub mod tenant_index;
pub mod version;

pub use encode::{BlockEncoder, EncodeError, EncodeOptions, FinishedBlock, SpanPart};
pub use meta::{BlockMeta, DedicatedColumn};
pub use read::{
    BlockReader, DecodedDictionary, Fetched, KnownDictionaries, Names, NoDictionaries,
    PinnedDictionaries, ReadError, RowContent, RowPass,
};
pub use stored_form::StoredForm;
pub use version::Version;
