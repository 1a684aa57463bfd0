use proptest::prelude::*;
use prost::Message;
use serde_json::Value as Json;

use super::*;
use crate::api_json::{parse_any_value, parse_trace};
use crate::otlp::{AnyValue, ResourceSpans};
use crate::tempopb::{
    Exemplar, InstantSeries, PartialStatus, Sample, SearchMetrics, ServiceStats, SpanSet,
    TimeSeries, TraceSearchMetadata,
};
use crate::test_data::{any_value, traces};

/// Trace ids and what Tempo answered about them over `/api/v2/traces/{id}`.
fn recorded_answers() -> Vec<Json> {
    let lines = include_str!("../../tests/data/blocks/vparquet5.traces.jsonl");
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn recorded_answers_of_tempo_are_rendered_the_same_to_the_byte() {
    let lines = include_str!("../../tests/data/blocks/vparquet5.traces.jsonl");
    let answers = recorded_answers();
    assert!(answers.len() > 100);
    for (answer, line) in answers.iter().zip(lines.lines()) {
        let body = answer["body"].to_string();
        let trace = Some(parse_trace(body.as_bytes()).unwrap());
        let inspected = answer["body"]["metrics"]["inspectedBytes"].as_str().unwrap();
        let metrics = TraceByIdMetrics {
            inspected_bytes: inspected.parse().unwrap(),
            ..TraceByIdMetrics::default()
        };
        let rendered =
            trace_v2(&TraceByIdResponse { trace, metrics: Some(metrics), ..Default::default() });
        let rendered = std::str::from_utf8(&rendered).unwrap();
        assert_eq!(serde_json::from_str::<Json>(rendered).unwrap(), answer["body"]);
        assert!(line.ends_with(&format!(r#""body":{rendered}}}"#)), "{line}\n{rendered}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is not UTF-8 changes once; then nothing changes any more.
    #[test]
    fn rendered_traces_read_back_the_same(data in traces()) {
        let first = parse_trace(&trace_v1(&data)).unwrap();
        let second = parse_trace(&trace_v1(&first)).unwrap();
        prop_assert_eq!(&first, &second);
        if std::str::from_utf8(&data.encode_to_vec()).is_ok() {
            prop_assert_eq!(&first, &data);
        }
        let answer = TraceByIdResponse { trace: Some(first.clone()), ..Default::default() };
        prop_assert_eq!(parse_trace(&trace_v2(&answer)).unwrap(), first);
    }

    #[test]
    fn rendered_values_read_back_the_same(value in any_value()) {
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        put_any_value(&mut once, &value);
        put_any_value(&mut twice, &parse_any_value(&once).unwrap());
        prop_assert_eq!(once, twice);
    }
}

#[test]
fn the_first_version_calls_the_list_batches() {
    let data = TracesData { resource_spans: vec![ResourceSpans::default()] };
    assert_eq!(trace_v1(&data), br#"{"batches":[{}]}"#);
    assert_eq!(trace_v1(&TracesData::default()), b"{}");
}

#[test]
fn a_trace_that_is_not_found_or_not_whole_says_so_in_the_second_version() {
    let none = TraceByIdResponse {
        trace: Some(TracesData::default()),
        metrics: Some(TraceByIdMetrics::default()),
        ..Default::default()
    };
    assert_eq!(trace_v2(&none), br#"{"trace":{},"metrics":{}}"#);
    let partial = TraceByIdResponse {
        status: PartialStatus::Partial as i32,
        message: "too \"large\"".to_owned(),
        ..TraceByIdResponse::default()
    };
    assert_eq!(trace_v2(&partial), br#"{"status":"PARTIAL","message":"too \"large\""}"#);
}

#[test]
fn oneof_members_are_shown_even_if_zero() {
    let shown = |value| {
        let mut out = Vec::new();
        put_any_value(&mut out, &AnyValue { value });
        std::string::String::from_utf8(out).unwrap()
    };
    use crate::otlp::Value::*;
    assert_eq!(shown(None), "{}");
    assert_eq!(shown(Some(Int(0))), r#"{"intValue":"0"}"#);
    assert_eq!(shown(Some(String("".into()))), r#"{"stringValue":""}"#);
    assert_eq!(shown(Some(Bool(false))), r#"{"boolValue":false}"#);
    assert_eq!(shown(Some(Double(0.0))), r#"{"doubleValue":0}"#);
    assert_eq!(shown(Some(Bytes("".into()))), r#"{"bytesValue":""}"#);
    assert_eq!(shown(Some(Array(Default::default()))), r#"{"arrayValue":{}}"#);
    assert_eq!(shown(Some(Kvlist(Default::default()))), r#"{"kvlistValue":{}}"#);
}

#[test]
fn a_search_answer_looks_as_tempo_writes_it() {
    let attribute = crate::otlp::KeyValue {
        key: "status".into(),
        value: Some(AnyValue { value: Some(crate::otlp::Value::String("error".into())) }),
    };
    let span = crate::tempopb::Span {
        span_id: "563d623c76514f8e".to_owned(),
        start_time_unix_nano: 1,
        duration_nanos: 446_979_497,
        attributes: vec![attribute],
        ..Default::default()
    };
    let set = SpanSet { spans: vec![span], matched: 1, attributes: vec![] };
    let stats = ServiceStats { span_count: 4, error_count: 1 };
    let trace = TraceSearchMetadata {
        trace_id: "2f3e0cee77ae5dc9c17ade3689eb2e54".to_owned(),
        root_service_name: "shop".to_owned(),
        root_trace_name: "GET /".to_owned(),
        start_time_unix_nano: 1_684_778_327_699_392_724,
        duration_ms: 557,
        span_set: Some(set.clone()),
        span_sets: vec![set],
        service_stats: [("shop".to_owned(), stats), ("a".to_owned(), stats)].into(),
    };
    let metrics =
        SearchMetrics { inspected_traces: 3100, total_block_bytes: 9, ..Default::default() };
    let shown = search(&SearchResponse { traces: vec![trace], metrics: Some(metrics) });
    let set = concat!(
        r#"{"spans":[{"spanID":"563d623c76514f8e","startTimeUnixNano":"1","#,
        r#""durationNanos":"446979497","#,
        r#""attributes":[{"key":"status","value":{"stringValue":"error"}}]}],"matched":1}"#,
    );
    let expected = [
        r#"{"traces":[{"traceID":"2f3e0cee77ae5dc9c17ade3689eb2e54","rootServiceName":"shop","#,
        r#""rootTraceName":"GET /","startTimeUnixNano":"1684778327699392724","durationMs":557,"#,
        &format!(r#""spanSet":{set},"spanSets":[{set}],"#),
        r#""serviceStats":{"a":{"spanCount":4,"errorCount":1},"#,
        r#""shop":{"spanCount":4,"errorCount":1}}}],"#,
        r#""metrics":{"inspectedTraces":3100,"totalBlockBytes":"9"}}"#,
    ];
    assert_eq!(String::from_utf8(shown).unwrap(), expected.concat());
}

#[test]
fn a_search_without_results_still_has_its_list() {
    assert_eq!(search(&SearchResponse::default()), br#"{"traces":[]}"#);
}

#[test]
fn answers_of_metrics_queries_are_written_like_the_contract_shows() {
    use crate::otlp::{KeyValue, Value};
    let label = |key: &'static str, value| KeyValue {
        key: bytes::Bytes::from_static(key.as_bytes()),
        value: Some(AnyValue { value: Some(value) }),
    };
    let labels = vec![label(".foo", Value::Int(1)), label("p", Value::Double(0.5))];
    let exemplar = Exemplar {
        labels: vec![label("trace:id", Value::String(bytes::Bytes::from_static(b"2f")))],
        value: 0.2,
        timestamp_ms: 1_700_000_000_001,
    };
    let range = QueryRangeResponse {
        series: vec![TimeSeries {
            labels: labels.clone(),
            samples: vec![
                Sample { value: 1.5, timestamp_ms: 1_700_000_000_000 },
                Sample { value: 0.0, timestamp_ms: 1_700_000_060_000 },
            ],
            exemplars: vec![exemplar],
        }],
        metrics: Some(SearchMetrics { completed_jobs: 1, total_jobs: 1, ..Default::default() }),
        status: 1,
        message: "cut".to_owned(),
    };
    let labels_shown = concat!(
        r#""labels":[{"key":".foo","value":{"intValue":"1"}},"#,
        r#"{"key":"p","value":{"doubleValue":0.5}}]"#,
    );
    let expected = [
        r#"{"series":[{"#,
        labels_shown,
        r#","samples":[{"timestampMs":"1700000000000","value":1.5},"#,
        r#"{"timestampMs":"1700000060000"}],"#,
        r#""exemplars":[{"labels":[{"key":"trace:id","value":{"stringValue":"2f"}}],"#,
        r#""value":0.2,"timestampMs":"1700000000001"}]}],"#,
        r#""metrics":{"completedJobs":1,"totalJobs":1},"status":"PARTIAL","message":"cut"}"#,
    ];
    assert_eq!(String::from_utf8(query_range(&range)).unwrap(), expected.concat());
    assert_eq!(query_range(&QueryRangeResponse::default()), br#"{"series":[]}"#);
    let series = vec![InstantSeries { labels, value: 12.0 }];
    let instant = QueryInstantResponse { series, ..Default::default() };
    let expected = [r#"{"series":[{"#, labels_shown, r#","value":12}]}"#].concat();
    assert_eq!(String::from_utf8(query_instant(&instant)).unwrap(), expected);
    assert_eq!(query_instant(&QueryInstantResponse::default()), b"{}");
}
