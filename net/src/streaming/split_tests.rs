use stringendo_proto::tempopb::{Sample, SearchMetrics, TimeSeries, TraceSearchMetadata};

use super::*;

#[test]
fn entries_fill_packets_in_order() {
    let sizes = groups(vec![4, 4, 4, 9, 1], 10, |entry| *entry);
    assert_eq!(sizes, [vec![4, 4], vec![4], vec![9, 1]]);
}

#[test]
fn an_entry_that_is_too_large_has_a_packet_of_its_own() {
    assert_eq!(groups(vec![1, 20, 1], 10, |entry| *entry), [vec![1], vec![20], vec![1]]);
}

#[test]
fn an_empty_answer_is_one_packet() {
    assert_eq!(groups(Vec::<usize>::new(), 10, |entry| *entry), [Vec::<usize>::new()]);
}

#[test]
fn every_packet_of_a_search_carries_the_cost() {
    let trace = |name: &str| TraceSearchMetadata {
        root_trace_name: name.repeat(60),
        ..TraceSearchMetadata::default()
    };
    let metrics = Some(SearchMetrics { completed_jobs: 3, ..SearchMetrics::default() });
    let answer = SearchResponse { traces: vec![trace("a"), trace("b")], metrics: metrics.clone() };
    let packets: Vec<_> = search(answer.clone(), 100).collect();
    assert_eq!(packets.len(), 2);
    assert!(packets.iter().all(|packet| packet.metrics == metrics));
    let traces: Vec<_> = packets.into_iter().flat_map(|packet| packet.traces).collect();
    assert_eq!(traces, answer.traces);
}

#[test]
fn only_the_last_packet_of_a_range_query_says_that_something_is_missing() {
    let series =
        TimeSeries { samples: vec![Sample { value: 1.5, timestamp_ms: 7 }], ..<_>::default() };
    let answer = QueryRangeResponse {
        series: vec![series; 3],
        metrics: Some(SearchMetrics { completed_jobs: 2, ..SearchMetrics::default() }),
        status: 1,
        message: "too many series".to_owned(),
    };
    let packets: Vec<_> = range(answer.clone(), 1).collect();
    let said: Vec<_> = packets.iter().map(|one| (one.status, one.message.as_str())).collect();
    assert_eq!(said, [(0, ""), (0, ""), (1, "too many series")]);
    assert!(packets.iter().all(|one| one.metrics == answer.metrics));
    assert_eq!(range(answer.clone(), 1 << 20).collect::<Vec<_>>(), [answer]);
}

#[test]
fn a_scope_with_many_names_is_in_several_packets() {
    let names = |names: &[&'static str]| names.iter().copied().map(Bytes::from).collect();
    let scope = |name: &str, tags| TagScope { name: name.to_owned(), tags };
    let scopes = vec![scope("span", names(&["aaaa", "bbbb", "cccc"])), scope("link", names(&[]))];
    let packets = tag_names_v2(SearchTagsV2Response { scopes, metrics: None }, 20);
    let packets: Vec<_> = packets.map(|packet| packet.scopes).collect();
    let expected =
        [vec![scope("span", names(&["aaaa", "bbbb", "cccc"]))], vec![scope("link", names(&[]))]];
    assert_eq!(packets, expected);
    let scopes = vec![scope("span", names(&["aaaa", "bbbb", "cccc"]))];
    let packets = tag_names_v2(SearchTagsV2Response { scopes, metrics: None }, 12);
    let packets: Vec<_> = packets.map(|packet| packet.scopes).collect();
    let expected =
        [vec![scope("span", names(&["aaaa", "bbbb"]))], vec![scope("span", names(&["cccc"]))]];
    assert_eq!(packets, expected);
}
