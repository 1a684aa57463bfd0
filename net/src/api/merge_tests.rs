use super::*;

fn trace(id: &str, start: u64, matched: u32) -> TraceSearchMetadata {
    let set = SpanSet { matched, ..SpanSet::default() };
    TraceSearchMetadata {
        trace_id: id.to_owned(),
        root_service_name: "<root span not yet received>".to_owned(),
        start_time_unix_nano: start,
        duration_ms: matched,
        span_set: Some(set.clone()),
        span_sets: vec![set],
        ..TraceSearchMetadata::default()
    }
}

fn answer(traces: Vec<TraceSearchMetadata>) -> SearchResponse {
    let metrics = SearchMetrics { inspected_bytes: 5, completed_jobs: 1, ..Default::default() };
    SearchResponse { traces, metrics: Some(metrics) }
}

#[test]
fn traces_of_all_tenants_are_in_one_order_within_the_limit() {
    let answers = vec![
        answer(vec![trace("c", 30, 1), trace("a", 10, 1)]),
        answer(vec![trace("d", 40, 1), trace("1b", 10, 1)]),
    ];
    let merged = searches(answers, 3);
    let ids: Vec<_> = merged.traces.iter().map(|trace| trace.trace_id.as_str()).collect();
    assert_eq!(ids, ["d", "c", "a"]);
    let metrics = merged.metrics.unwrap();
    assert_eq!((metrics.inspected_bytes, metrics.completed_jobs), (10, 2));
}

#[test]
fn a_trace_of_two_tenants_is_one_with_the_best_of_both() {
    let mut rooted = trace("a", 20, 3);
    rooted.root_service_name = "shop".to_owned();
    let merged = searches(vec![answer(vec![trace("a", 10, 1)]), answer(vec![rooted])], 20);
    let [found] = merged.traces.as_slice() else { panic!("{merged:?}") };
    assert_eq!((found.start_time_unix_nano, found.duration_ms), (10, 3));
    assert_eq!(found.root_service_name, "shop");
    assert_eq!((found.span_sets.len(), found.span_sets[0].matched), (1, 3));
    assert_eq!(found.span_set.as_ref().map(|set| set.matched), Some(3));
}
