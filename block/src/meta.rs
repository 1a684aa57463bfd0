//! `meta.json` (contract blocks.md §2).

use serde::{Deserialize, Serialize};

/// Format version that this crate writes.
pub const VPARQUET5: &str = "vParquet5";

/// A block's `meta.json`. Every key may be missing when read; unknown keys are ignored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BlockMeta {
    /// `vParquet3`, `vParquet4` or `vParquet5`.
    pub format: String,
    /// Equal to the directory's name.
    #[serde(rename = "blockID")]
    pub block_id: uuid::Uuid,
    /// Equal to the tenant directory's name.
    #[serde(rename = "tenantID")]
    pub tenant_id: String,
    /// Earliest span start, RFC 3339.
    pub start_time: String,
    /// Latest span end, RFC 3339.
    pub end_time: String,
    /// Traces.
    pub total_objects: u64,
    /// Exact bytes of `data.parquet`.
    pub size: u64,
    /// 0 for a fresh block.
    pub compaction_level: u32,
    /// Always 0.
    pub index_page_size: u32,
    /// Row groups in `data.parquet`.
    pub total_records: u32,
    /// `bloom-<n>` objects.
    pub bloom_shards: u32,
    /// Footer bytes without the 8 trailing ones.
    pub footer_size: u32,
    /// Order assigns the spare columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dedicated_columns: Vec<DedicatedColumn>,
    /// 1 for everything that is written today.
    pub replication_factor: u32,
}

impl BlockMeta {
    /// Parses `meta.json`.
    ///
    /// # Errors
    /// Not JSON, or a key of the wrong type.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let _ = json;
        todo!()
    }

    /// `meta.json`: compact, keys in Tempo's order, no trailing newline.
    pub fn to_json(&self) -> Vec<u8> {
        todo!()
    }

    /// Start and end as nanoseconds since the Unix epoch (0 where missing or not parsable).
    pub fn time_range_unix_nanos(&self) -> (u64, u64) {
        todo!()
    }
}

/// An attribute with a column of its own (contract blocks.md §11).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DedicatedColumn {
    /// Scope; left out in JSON for `span`.
    #[serde(rename = "s", default, skip_serializing_if = "DedicatedScope::is_span")]
    pub scope: DedicatedScope,
    /// Attribute name.
    #[serde(rename = "n")]
    pub name: String,
    /// Type; left out in JSON for `string`.
    #[serde(rename = "t", default, skip_serializing_if = "DedicatedType::is_string")]
    pub kind: DedicatedType,
    /// Options.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<DedicatedOption>,
}

/// Scope of a dedicated column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DedicatedScope {
    /// Resource attributes.
    Resource,
    /// Span attributes.
    #[default]
    Span,
    /// Event attributes.
    Event,
}

impl DedicatedScope {
    fn is_span(&self) -> bool {
        *self == Self::Span
    }
}

/// Type of a dedicated column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DedicatedType {
    /// Strings.
    #[default]
    String,
    /// 64-bit integers.
    Int,
}

impl DedicatedType {
    fn is_string(&self) -> bool {
        *self == Self::String
    }
}

/// Option of a dedicated column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DedicatedOption {
    /// Arrays are expected; changes nothing in the file.
    Array,
    /// Long strings: Zstd, no dictionary, no page bounds.
    Blob,
}

/// Tempo's default list of 14 dedicated columns (contract blocks.md §11).
pub fn default_dedicated_columns() -> Vec<DedicatedColumn> {
    todo!()
}
