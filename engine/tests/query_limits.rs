//! A query that has read what it may, or meets a trace that does not fit into memory, answers
//! what it found and says so.

mod common;

use std::sync::Arc;

use common::{search_request, settings, with_engine};
use stringendo_engine::query::metrics::{MetricsProgress, MetricsRequest};
use stringendo_engine::{Node, QueryError, TagLimits, TagValuesRequest, TenantId};
use stringendo_oracle::otlp;
use stringendo_oracle::rows::{Span, Trace, Value};
use stringendo_proto::tempopb::{PartialStatus, QueryRangeResponse, SearchResponse};
use stringendo_traceql::metrics::{RangeLimits, TimeAxis, compile_metrics};
use stringendo_traceql::narrow::{Narrowing, parse_tag};

const SECOND: u64 = 1_000_000_000;
const BASE_NANOS: u64 = 1_700_000_000 * SECOND;
const BLOCKS: u64 = 4;

fn span(number: u64, attributes: &[(&str, Value)]) -> Span {
    Span {
        id: number + 1,
        parent: number,
        name: "work".to_owned(),
        start_unix_nanos: BASE_NANOS + number,
        duration_nanos: SECOND,
        attributes: attributes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect(),
        ..Span::default()
    }
}

async fn store(node: &Node, traces: &[Trace]) {
    let request = otlp::request(traces);
    node.ingest(&TenantId::single(), request).await.expect("accepted");
    assert!(node.flush(None).await, "flushed");
}

async fn count(node: &Node, query: &str) -> QueryRangeResponse {
    let plan = Arc::new(compile_metrics(query).expect("a query"));
    let limits =
        RangeLimits { range_nanos_max: 0, intervals_max: 0, end_unix_nanos_max: u64::MAX / 4 };
    let (start, end) = (BASE_NANOS - SECOND, BASE_NANOS + 10 * SECOND);
    let axis = TimeAxis::range(start, end, Some(SECOND), &limits).expect("a range");
    let request = MetricsRequest { plan, axis, exemplars: 0, series_max: 0 };
    let tenants = [TenantId::single()];
    let answer = node.metrics_range(&tenants, &request, &MetricsProgress::default()).await;
    answer.expect("an answer").value
}

fn sum(answer: &QueryRangeResponse) -> f64 {
    let samples = answer.series.iter().flat_map(|series| &series.samples);
    samples.map(|sample| sample.value).sum()
}

async fn search(node: &Node, query: &str) -> SearchResponse {
    node.search(&TenantId::single(), search_request(query)).await.expect("an answer").value
}

#[test]
fn a_query_that_has_read_what_it_may_says_what_is_missing() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let mut settings = settings(dir.path());
    settings.query_bytes_max = 1;
    with_engine(1, settings, |node| async move {
        for number in 0..BLOCKS {
            let id = u128::from(number + 1).to_be_bytes();
            store(&node, &[Trace::new(id, vec![span(number, &[("x", Value::Int(1))])])]).await;
        }
        let answer = count(&node, "{ } | count_over_time()").await;
        assert!(sum(&answer) < BLOCKS as f64);
        assert_eq!(answer.status, PartialStatus::Partial as i32);
        assert!(answer.message.contains("has read as many bytes as it may"), "{}", answer.message);
        let cost = answer.metrics.expect("a cost");
        assert!(cost.completed_jobs < cost.total_jobs, "{cost:?}");

        let answer = search(&node, "{ .x = 1 }").await;
        assert!((answer.traces.len() as u64) < BLOCKS);
        let cost = answer.metrics.expect("a cost");
        assert_eq!(cost.additional_metrics.get("readLimitReached"), Some(&1));
        assert!(cost.completed_jobs < cost.total_jobs, "{cost:?}");

        let (tag, source) = parse_tag("name").expect("a tag");
        let request = TagValuesRequest {
            tag,
            source,
            narrowing: Narrowing::of("{ .x = 1 }", 100).expect("few alternatives"),
            start_unix_nanos: 0,
            end_unix_nanos: u64::MAX,
            limits: TagLimits { count: 0, stale: 0, bytes: 0, blocks: 0 },
        };
        let tenants = [TenantId::single()];
        let answer = node.tag_values(&tenants, request).await.expect("an answer").value.into_v2();
        let cost = answer.metrics.expect("a cost");
        assert_eq!(cost.additional_metrics.get("readLimitReached"), Some(&1));
    });
}

#[test]
fn a_query_without_a_limit_reads_all_and_says_nothing() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(1, settings(dir.path()), |node| async move {
        for number in 0..BLOCKS {
            let id = u128::from(number + 1).to_be_bytes();
            store(&node, &[Trace::new(id, vec![span(number, &[])])]).await;
        }
        let answer = count(&node, "{ } | count_over_time()").await;
        assert_eq!((sum(&answer), answer.status), (BLOCKS as f64, 0));
        let answer = search(&node, "{ }").await;
        assert_eq!(answer.traces.len() as u64, BLOCKS);
        let cost = answer.metrics.expect("a cost");
        assert!(!cost.additional_metrics.contains_key("readLimitReached"), "{cost:?}");
    });
}

/// Text of a span of which 1500 take half the memory of answers.
fn large(number: u64) -> String {
    format!("{number:02000}")
}

/// A trace of 1500 such spans in two blocks, and a small one.
async fn store_large(node: &Node, span_of: impl Fn(u64) -> Span) {
    let id = 7_u128.to_be_bytes();
    let large = |first: u64| Trace::new(id, (first..first + 1500).map(&span_of).collect());
    let small = Trace::new(9_u128.to_be_bytes(), vec![span(0, &[]), span(1, &[])]);
    store(node, &[large(0), small]).await;
    store(node, &[large(2000)]).await;
}

#[test]
fn a_split_trace_that_does_not_fit_into_memory_is_told_of() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let mut settings = settings(dir.path());
    settings.budget_bytes_per_core = 96 << 20;
    with_engine(1, settings, |node| async move {
        store_large(&node, |number| Span { message: large(number), ..span(number, &[]) }).await;
        let answer = search(&node, "{ } | count() > 1").await;
        assert_eq!(answer.traces.len(), 2, "the pieces match by themselves");
        let cost = answer.metrics.expect("a cost");
        assert_eq!(cost.additional_metrics.get("tracesNotWhole"), Some(&1));

        let answer = count(&node, "{ } | count() > 1 | count_over_time()").await;
        assert_eq!(sum(&answer), 2.0, "the small trace");
        assert_eq!(answer.status, PartialStatus::Partial as i32);
        assert!(answer.message.ends_with("no memory as a whole: 1"), "{}", answer.message);
    });
}

#[test]
fn attributes_that_a_query_does_not_name_take_no_memory_of_it() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let mut settings = settings(dir.path());
    settings.budget_bytes_per_core = 96 << 20;
    with_engine(1, settings, |node| async move {
        let text = |number| [("text", Value::Str(large(number)))];
        store_large(&node, |number| span(number, &text(number))).await;
        let answer = search(&node, "{ } | count() > 1").await;
        let cost = answer.metrics.expect("a cost");
        assert_eq!(cost.additional_metrics.get("tracesNotWhole"), None);
        let answer = count(&node, "{ } | count() > 1 | count_over_time()").await;
        assert_eq!((sum(&answer), answer.status), (3002.0, 0));
    });
}

fn numbered(count: u64) -> Vec<Trace> {
    let trace = |number: u64| {
        let id = u128::from(number + 1).to_be_bytes();
        Trace::new(id, vec![span(number, &[("n", Value::Int(number as i64))])])
    };
    (0..count).map(trace).collect()
}

async fn count_by_number(
    node: &Node,
    step: u64,
) -> Result<stringendo_engine::query::memory::Held<QueryRangeResponse>, QueryError> {
    let plan = Arc::new(compile_metrics("{ } | count_over_time() by(span.n)").expect("a query"));
    let limits =
        RangeLimits { range_nanos_max: 0, intervals_max: 0, end_unix_nanos_max: u64::MAX / 4 };
    let (start, end) = (BASE_NANOS - SECOND, BASE_NANOS + 10 * SECOND);
    let axis = TimeAxis::range(start, end, Some(step), &limits).expect("a range");
    let request = MetricsRequest { plan, axis, exemplars: 100, series_max: 0 };
    node.metrics_range(&[TenantId::single()], &request, &MetricsProgress::default()).await
}

#[test]
fn series_of_several_cores_are_all_there_however_many() {
    const SERIES: u64 = 1500;
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(2, settings(dir.path()), |node| async move {
        store(&node, &numbered(SERIES)).await;
        let request = otlp::request(&numbered(2 * SERIES)[SERIES as usize..]);
        node.ingest(&TenantId::single(), request).await.expect("accepted");
        let answer = count_by_number(&node, SECOND / 10).await.expect("an answer").value;
        assert_eq!(answer.series.len() as u64, 2 * SERIES);
        assert_eq!(sum(&answer), 2.0 * SERIES as f64);
        let one = |series: &stringendo_proto::tempopb::TimeSeries| {
            series.samples.iter().map(|sample| sample.value).sum::<f64>() == 1.0
        };
        assert!(answer.series.iter().all(one));
    });
}

#[test]
fn series_that_do_not_fit_into_memory_are_refused() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let mut settings = settings(dir.path());
    settings.budget_bytes_per_core = 96 << 20;
    with_engine(1, settings, |node| async move {
        node.ingest(&TenantId::single(), otlp::request(&numbered(1000))).await.expect("accepted");
        let few = count_by_number(&node, SECOND).await.expect("an answer").value;
        assert_eq!(few.series.len(), 1000);
        let error = count_by_number(&node, SECOND / 1000).await.expect_err("no memory");
        assert!(matches!(error, QueryError::NeedsTooMuch { .. }), "{error}");
        // All of it was given back.
        let few = count_by_number(&node, SECOND).await.expect("an answer").value;
        assert_eq!(few.series.len(), 1000);
    });
}
