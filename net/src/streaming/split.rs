//! Messages that are too large for one packet, in several (contract http-api.md §12.1): split
//! between entries, with the cost in each.

use prost::Message;
use stringendo_proto::tempopb::{QueryInstantResponse, QueryRangeResponse, SearchResponse};

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
    groups.into_iter().map(move |traces| SearchResponse { traces, metrics })
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
        true => QueryRangeResponse { series, metrics, status, message: message.clone() },
        false => QueryRangeResponse { series, metrics, ..QueryRangeResponse::default() },
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
        true => QueryInstantResponse { series, metrics, status, message: message.clone() },
        false => QueryInstantResponse { series, metrics, ..QueryInstantResponse::default() },
    })
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
