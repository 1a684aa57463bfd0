//! Where blocks are kept. One variant per kind of store; names of objects are contract blocks.md
//! §1.

pub mod local;

pub use local::LocalBackend;

/// Objects of a block beside `bloom-<n>`.
pub mod object {
    /// Rows.
    pub const DATA: &str = "data.parquet";
    /// Row-group index.
    pub const INDEX: &str = "index";
    /// Filters and summaries of our own, which other readers ignore; may be missing.
    pub use stringendo_block::filters::OBJECT as FILTERS;
    /// A live block has it; written last.
    pub const META: &str = "meta.json";
    /// A superseded block has it instead.
    pub const META_COMPACTED: &str = "meta.compacted.json";
}
