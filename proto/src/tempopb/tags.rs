//! Answers about tags (contract http-api.md §5, §12.2). Texts are bytes that are UTF-8: they share
//! the memory of the sets that they come from.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

/// `SearchTagsResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct SearchTagsResponse {
    /// Names of all scopes, sorted.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub tag_names: Vec<Bytes>,
    /// What answering cost.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<MetadataMetrics>,
}

/// `SearchTagsV2Response`.
#[derive(Clone, PartialEq, Message)]
pub struct SearchTagsV2Response {
    /// Names by scope.
    #[prost(message, repeated, tag = "1")]
    pub scopes: Vec<TagScope>,
    /// What answering cost.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<MetadataMetrics>,
}

/// `SearchTagsV2Scope`.
#[derive(Clone, PartialEq, Message)]
pub struct TagScope {
    /// `span`, `resource` …
    #[prost(string, tag = "1")]
    pub name: String,
    /// Names of its tags.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub tags: Vec<Bytes>,
}

/// `SearchTagValuesResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct SearchTagValuesResponse {
    /// Values as texts, sorted.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub tag_values: Vec<Bytes>,
    /// What answering cost.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<MetadataMetrics>,
}

/// `SearchTagValuesV2Response`.
#[derive(Clone, PartialEq, Message)]
pub struct SearchTagValuesV2Response {
    /// Values with their types.
    #[prost(message, repeated, tag = "1")]
    pub tag_values: Vec<TagValue>,
    /// What answering cost.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<MetadataMetrics>,
}

/// `TagValue`.
#[derive(Clone, PartialEq, Message)]
pub struct TagValue {
    /// `string`, `int`, `float`, `bool`, `duration` or `keyword`.
    #[prost(bytes = "bytes", tag = "1")]
    pub kind: Bytes,
    /// The value as text.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// What an answer about tags cost.
#[derive(Clone, PartialEq, Message)]
pub struct MetadataMetrics {
    /// Bytes looked at.
    #[prost(uint64, tag = "1")]
    pub inspected_bytes: u64,
    /// Jobs planned.
    #[prost(uint32, tag = "2")]
    pub total_jobs: u32,
    /// Jobs done.
    #[prost(uint32, tag = "3")]
    pub completed_jobs: u32,
    /// Blocks in the range.
    #[prost(uint32, tag = "4")]
    pub total_blocks: u32,
    /// Bytes of those blocks.
    #[prost(uint64, tag = "5")]
    pub total_block_bytes: u64,
    /// Reads of the backend.
    #[prost(uint64, tag = "6")]
    pub backend_reads: u64,
    /// Bytes read from the backend.
    #[prost(uint64, tag = "7")]
    pub backend_bytes: u64,
    /// More figures by name, without those that are zero.
    #[prost(btree_map = "string, int64", tag = "8")]
    pub additional_metrics: BTreeMap<String, i64>,
}
