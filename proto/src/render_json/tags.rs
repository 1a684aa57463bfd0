//! Answers about tags (contract http-api.md §5). Lists are there even if they are empty.

use bytes::Bytes;
use prost::Message;

use super::search::put_additional;
use crate::json::{Object, put_array, put_string};
use crate::tempopb::{
    MetadataMetrics, SearchTagValuesResponse, SearchTagValuesV2Response, SearchTagsResponse,
    SearchTagsV2Response, TagScope, TagValue,
};

/// `GET /api/search/tags`.
pub fn tag_names_v1(answer: &SearchTagsResponse) -> Vec<u8> {
    written(2 * answer.encoded_len(), answer.metrics.as_ref(), |object| {
        put_texts(object.key("tagNames"), &answer.tag_names)
    })
}

/// `GET /api/v2/search/tags`.
pub fn tag_names_v2(answer: &SearchTagsV2Response) -> Vec<u8> {
    written(2 * answer.encoded_len(), answer.metrics.as_ref(), |object| {
        put_array(object.key("scopes"), &answer.scopes, put_scope);
    })
}

/// `GET /api/search/tag/{tag}/values`.
pub fn tag_values_v1(answer: &SearchTagValuesResponse) -> Vec<u8> {
    let values = &answer.tag_values;
    written(2 * answer.encoded_len(), answer.metrics.as_ref(), |object| {
        put_texts(object.key("tagValues"), values)
    })
}

/// `GET /api/v2/search/tag/{identifier}/values`.
pub fn tag_values_v2(answer: &SearchTagValuesV2Response) -> Vec<u8> {
    written(2 * answer.encoded_len(), answer.metrics.as_ref(), |object| {
        put_array(object.key("tagValues"), &answer.tag_values, put_value);
    })
}

/// The same in the form for language models: texts by type.
pub fn tag_values_llm(answer: &SearchTagValuesV2Response) -> Vec<u8> {
    written(2 * answer.encoded_len(), answer.metrics.as_ref(), |object| {
        let mut types = Object::begin(object.key("tagValues"));
        for of_type in answer.tag_values.chunk_by(|a, b| a.kind == b.kind) {
            let kind = String::from_utf8_lossy(&of_type[0].kind);
            put_array(types.key(&kind), of_type, |out, value| put_string(out, &value.value));
        }
        types.end();
    })
}

/// The answer around a list; its JSON likely has `likely_bytes`, twice its protobuf.
fn written(
    likely_bytes: usize,
    metrics: Option<&MetadataMetrics>,
    put: impl FnOnce(&mut Object<'_>),
) -> Vec<u8> {
    let mut out = Vec::with_capacity(likely_bytes);
    let mut object = Object::begin(&mut out);
    put(&mut object);
    object.message_if_set("metrics", metrics, put_metrics);
    object.end();
    out
}

fn put_texts(out: &mut Vec<u8>, texts: &[Bytes]) {
    put_array(out, texts, |out, text| put_string(out, text));
}

fn put_scope(out: &mut Vec<u8>, scope: &TagScope) {
    let mut object = Object::begin(out);
    object.string_unless_empty("name", scope.name.as_bytes());
    if !scope.tags.is_empty() {
        put_texts(object.key("tags"), &scope.tags);
    }
    object.end();
}

/// There may be very many, so their keys are written as they are.
fn put_value(out: &mut Vec<u8>, value: &TagValue) {
    out.extend_from_slice(b"{\"type\":");
    put_string(out, &value.kind);
    if !value.value.is_empty() {
        out.extend_from_slice(b",\"value\":");
        put_string(out, &value.value);
    }
    out.push(b'}');
}

fn put_metrics(out: &mut Vec<u8>, metrics: &MetadataMetrics) {
    let mut object = Object::begin(out);
    object.u64_unless_zero("inspectedBytes", metrics.inspected_bytes);
    object.u32_unless_zero("totalJobs", metrics.total_jobs);
    object.u32_unless_zero("completedJobs", metrics.completed_jobs);
    object.u32_unless_zero("totalBlocks", metrics.total_blocks);
    object.u64_unless_zero("totalBlockBytes", metrics.total_block_bytes);
    object.u64_unless_zero("backendReads", metrics.backend_reads);
    object.u64_unless_zero("backendBytes", metrics.backend_bytes);
    put_additional(&mut object, &metrics.additional_metrics);
    object.end();
}

#[cfg(test)]
#[path = "tags_tests.rs"]
mod tests;
