//! Messages that are too large for one packet, in several (contract http-api.md §12.1): split
//! between entries, with the cost in each.

use bytes::Bytes;
use prost::Message;
use stringendo_proto::tempopb::{
    QueryInstantResponse, QueryRangeResponse, SearchResponse, SearchTagValuesResponse,
    SearchTagValuesV2Response, SearchTagsResponse, SearchTagsV2Response, TagScope,
};

/// Entries in order, in groups of at most `bytes_max` bytes each, or of a single larger entry. At
/// least one group, so that an answer without entries is sent, too.
pub fn groups<T>(entries: Vec<T>, bytes_max: usize, bytes_of: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut groups = vec![Vec::new()];
    let mut filled = 0;
    for entry in entries {
        let bytes = bytes_of(&entry);
        if filled > 0 && filled + bytes > bytes_max {
            groups.push(Vec::new());
            filled = 0;
        }
        filled += bytes;
        if let Some(last) = groups.last_mut() {
            last.push(entry);
        }
    }
    groups
}

/// Bytes of a message inside of another one, with its tag and length.
pub fn entry_bytes(entry: &impl Message) -> usize {
    let bytes = entry.encoded_len();
    1 + prost::length_delimiter_len(bytes) + bytes
}

/// A search's answer in packets.
pub fn search(answer: SearchResponse, bytes_max: usize) -> impl Iterator<Item = SearchResponse> {
    let metrics = answer.metrics;
    let groups = groups(answer.traces, bytes_max, entry_bytes);
    groups.into_iter().map(move |traces| SearchResponse { traces, metrics: metrics.clone() })
}

/// A range query's answer in packets; only the last one says whether it is whole.
pub fn range(
    answer: QueryRangeResponse,
    bytes_max: usize,
) -> impl Iterator<Item = QueryRangeResponse> {
    let QueryRangeResponse { series, metrics, status, message } = answer;
    let groups = groups(series, bytes_max, entry_bytes);
    let last = groups.len() - 1;
    groups.into_iter().enumerate().map(move |(number, series)| match number == last {
        true => QueryRangeResponse {
            series,
            metrics: metrics.clone(),
            status,
            message: message.clone(),
        },
        false => {
            QueryRangeResponse { series, metrics: metrics.clone(), ..QueryRangeResponse::default() }
        }
    })
}

/// An instant query's answer in packets; only the last one says whether it is whole.
pub fn instant(
    answer: QueryInstantResponse,
    bytes_max: usize,
) -> impl Iterator<Item = QueryInstantResponse> {
    let QueryInstantResponse { series, metrics, status, message } = answer;
    let groups = groups(series, bytes_max, entry_bytes);
    let last = groups.len() - 1;
    groups.into_iter().enumerate().map(move |(number, series)| match number == last {
        true => QueryInstantResponse {
            series,
            metrics: metrics.clone(),
            status,
            message: message.clone(),
        },
        false => QueryInstantResponse {
            series,
            metrics: metrics.clone(),
            ..QueryInstantResponse::default()
        },
    })
}

/// Names of tags in packets.
pub fn tag_names(
    answer: SearchTagsResponse,
    bytes_max: usize,
) -> impl Iterator<Item = SearchTagsResponse> {
    let metrics = answer.metrics;
    let groups = groups(answer.tag_names, bytes_max, text_bytes);
    groups
        .into_iter()
        .map(move |tag_names| SearchTagsResponse { tag_names, metrics: metrics.clone() })
}

/// Names of tags by scope in packets: a scope may be in several.
pub fn tag_names_v2(
    answer: SearchTagsV2Response,
    bytes_max: usize,
) -> impl Iterator<Item = SearchTagsV2Response> {
    let metrics = answer.metrics;
    let scopes = answer.scopes.into_iter().flat_map(move |TagScope { name, tags }| {
        let groups = groups(tags, bytes_max, text_bytes);
        groups.into_iter().map(move |tags| TagScope { name: name.clone(), tags })
    });
    let groups = groups(scopes.collect(), bytes_max, entry_bytes);
    groups.into_iter().map(move |scopes| SearchTagsV2Response { scopes, metrics: metrics.clone() })
}

/// Values of a tag in packets.
pub fn tag_values(
    answer: SearchTagValuesResponse,
    bytes_max: usize,
) -> impl Iterator<Item = SearchTagValuesResponse> {
    let metrics = answer.metrics;
    let groups = groups(answer.tag_values, bytes_max, text_bytes);
    groups
        .into_iter()
        .map(move |tag_values| SearchTagValuesResponse { tag_values, metrics: metrics.clone() })
}

/// Values of a tag with types in packets.
pub fn tag_values_v2(
    answer: SearchTagValuesV2Response,
    bytes_max: usize,
) -> impl Iterator<Item = SearchTagValuesV2Response> {
    let metrics = answer.metrics;
    let groups = groups(answer.tag_values, bytes_max, entry_bytes);
    groups
        .into_iter()
        .map(move |tag_values| SearchTagValuesV2Response { tag_values, metrics: metrics.clone() })
}

/// Bytes of a text inside of a message, with its tag and length.
fn text_bytes(text: &Bytes) -> usize {
    1 + prost::length_delimiter_len(text.len()) + text.len()
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
