//! `meta.json` (contract blocks.md §2).
//!
//! Written with a block, read when blocks are listed. This module does not know where metas lie.

mod read;

use jiff::Timestamp;
pub(crate) use read::MetaJson;
use serde::{Deserialize, Serialize};

use crate::version::Version;

/// A block's `meta.json`. Every key may be missing when read; unknown keys are ignored.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
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
    /// Exact bytes of `data.parquet`; left out when 0.
    #[serde(skip_serializing_if = "is_zero_u64")]
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
    /// 1 for everything that is written today; left out when 0.
    #[serde(skip_serializing_if = "is_zero_u32")]
    pub replication_factor: u32,
    /// Blocks whose place this one takes: what it was merged from. A key of our own, which other
    /// readers ignore; left out when empty.
    #[serde(rename = "stringendoInputs", skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<uuid::Uuid>,
}

impl BlockMeta {
    /// Parses `meta.json`. The case of keys does not matter, unknown keys are ignored, a missing
    /// key (or `null`) has its zero value.
    ///
    /// # Errors
    /// Not a JSON object, or a key of the wrong type.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json).map(|read: MetaJson| read.meta)
    }

    /// Memory that it holds beside itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        let columns = self.dedicated_columns.iter();
        let columns = columns
            .map(|column| size_of_val(column) + column.name.len() + column.options.len())
            .sum::<usize>();
        let texts = [&self.format, &self.tenant_id, &self.start_time, &self.end_time];
        let texts: usize = texts.iter().map(|text| text.len()).sum();
        columns + texts + size_of_val(self.inputs.as_slice())
    }

    /// The version of the block's format; `None` for one that this crate does not read.
    pub fn version(&self) -> Option<Version> {
        Version::parse(&self.format)
    }

    /// `meta.json`: compact, keys in Tempo's order, no trailing newline.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a meta holds only strings, numbers and lists")
    }

    /// Start and end as nanoseconds since the Unix epoch (0 where missing or not parsable).
    pub fn time_range_unix_nanos(&self) -> (u64, u64) {
        (unix_nanos(&self.start_time), unix_nanos(&self.end_time))
    }
}

fn is_zero_u64(value: &u64) -> bool {
    *value == 0
}

fn is_zero_u32(value: &u32) -> bool {
    *value == 0
}

fn unix_nanos(text: &str) -> u64 {
    let time = text.parse::<Timestamp>().map_or(0, Timestamp::as_nanosecond);
    u64::try_from(time).unwrap_or(0)
}

/// A time as metas hold it: RFC 3339, UTC, up to nine fractional digits without trailing zeros.
/// All of `u64` nanoseconds can be shown: they end in the year 2554.
pub fn rfc3339(unix_nanos: u64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(unix_nanos));
    time.expect("jiff reaches to the year 9999").to_string()
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
    use DedicatedScope::{Resource, Span};
    use DedicatedType::{Int, String};
    let columns = [
        (Resource, "k8s.cluster.name", String),
        (Resource, "k8s.namespace.name", String),
        (Resource, "k8s.pod.name", String),
        (Resource, "k8s.container.name", String),
        (Span, "http.request.method", String),
        (Span, "http.response.status_code", Int),
        (Span, "url.path", String),
        (Span, "url.route", String),
        (Span, "server.address", String),
        (Span, "server.port", Int),
        (Span, "http.method", String),
        (Span, "http.url", String),
        (Span, "http.route", String),
        (Span, "http.status_code", Int),
    ];
    let column = |(scope, name, kind): (_, &str, _)| DedicatedColumn {
        scope,
        name: name.to_owned(),
        kind,
        options: Vec::new(),
    };
    columns.map(column).into()
}

#[cfg(test)]
#[path = "meta_tests.rs"]
mod tests;
