//! Filters beside a block, in an object of our own that other readers of blocks do not know: which
//! trace ids it may hold, which keys and values of attributes, and a summary of names and values of
//! tags.
//!
//! ```text
//! encode ─┐
//!         ├▶ gather ─▶ assemble ─▶ the object ─▶ directory ─▶ fuse (ids), split (keys, values)
//! rebuild ┘                                          └──────▶ listing (names, values of a key)
//! ```
//!
//! Nothing depends on it: where it is missing, damaged or of another version, everything may be
//! there, and it can be made again from the block. The format is described byte by byte in
//! `docs/format/filters.md`. `hash` says what entries of filters are made of.

pub mod assemble;
pub mod directory;
pub mod fuse;
pub mod gather;
pub mod hash;
pub mod listing;
pub mod split;

pub use assemble::Assembly;
pub use directory::{Directory, Part};
pub use gather::Gathered;
pub use hash::{KeyHash, Place};

/// Name of the object beside `data.parquet`.
pub const OBJECT: &str = "stringendo.filters";

/// Why an object is not what it should be; it is then as if it were missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filters: {0}")]
pub struct Damaged(pub &'static str);
