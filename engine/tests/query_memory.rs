//! Memory of queries: charged before it is taken, waited for, never more than the limit, and given
//! back whatever becomes of the query.

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{corpus, everywhere, search_request, settings, until, with_engine};
use futures_util::future::{Either, join, join_all, select};
use prost::Message;
use stringendo_engine::budget::{Charge, Use};
use stringendo_engine::metrics::Sample;
use stringendo_engine::query::memory::Held;
use stringendo_engine::{Node, QueryError, TenantId, TraceRequest};
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{
    AnyValue, KeyValue, ResourceSpans, ScopeSpans, Span, TracesData, Value,
};
use stringendo_proto::tempopb::SearchResponse;
use stringendo_ring::{Class, sleep, spawn};

const MIB: u64 = 1 << 20;
const QUERIES: &[&str] =
    &["{ }", "{ span.http.status_code >= 500 }", r#"{ resource.service.name = "cart" }"#];

async fn send(node: &Node, body: Bytes) {
    node.ingest(&TenantId::single(), body).await.expect("accepted");
}

async fn with_blocks(node: &Node) {
    for request in corpus() {
        send(node, request).await;
    }
    assert!(node.flush(None).await, "flushed");
}

async fn search(node: &Node, query: &str) -> Result<Held<SearchResponse>, QueryError> {
    node.search(&TenantId::single(), search_request(query)).await
}

fn held(node: &Node) -> [u64; 2] {
    Use::WAITING.map(|usage| node.shard().budget.used_for(usage))
}

/// Until all memory of queries was given back.
async fn until_free(node: &Node) {
    until("memory is given back", || held(node) == [0, 0]).await;
    assert_eq!(node.shard().budget.waiters(), 0);
}

/// Takes all that queries may read with, except for `left_bytes`.
fn hog(node: &Node, left_bytes: u64) -> Charge {
    let budget = &node.shard().budget;
    budget.charge(Use::Query, budget.limit_for(Use::Query) - left_bytes)
}

/// Runs `work`, and checks all the while that no more is charged than may be.
async fn within_limits<T>(node: &Node, work: impl Future<Output = T>) -> T {
    let watch = async {
        loop {
            let budget = &node.shard().budget;
            for usage in Use::WAITING {
                let (used, limit) = (budget.used_for(usage), budget.limit_for(usage));
                assert!(used <= limit, "{usage:?}: {used} of {limit}");
            }
            sleep(Duration::from_micros(200)).await;
        }
    };
    futures_util::pin_mut!(work, watch);
    match select(work, watch).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right((never, _)) => never,
    }
}

#[test]
fn searches_share_a_little_memory_and_give_it_back() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(1, settings(dir.path()), |node| async move {
        with_blocks(&node).await;
        let mut expected = Vec::new();
        for query in QUERIES {
            expected.push(search(&node, query).await.expect("an answer").value.traces);
        }
        until_free(&node).await;
        for left_bytes in [3 * MIB, 2 * MIB, MIB] {
            let hog = hog(&node, left_bytes);
            let many = (0..30).map(|number| search(&node, QUERIES[number % QUERIES.len()]));
            let answers = within_limits(&node, join_all(many)).await;
            for (number, answer) in answers.iter().enumerate() {
                match answer {
                    Ok(answer) => {
                        assert_eq!(answer.value.traces, expected[number % QUERIES.len()]);
                    }
                    // The decoder may need more than is left.
                    Err(error) => assert!(matches!(error, QueryError::Overloaded), "{error}"),
                }
            }
            assert!(answers.iter().any(Result::is_ok), "{left_bytes}");
            drop((answers, hog));
            until_free(&node).await;
        }
    });
}

#[test]
fn a_search_waits_until_there_is_memory() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(1, settings(dir.path()), |node| async move {
        with_blocks(&node).await;
        let hog = hog(&node, 0);
        let let_go = async {
            until("the search waits", || node.shard().budget.waiters() == 1).await;
            drop(hog);
        };
        let (answer, ()) = join(search(&node, "{ }"), let_go).await;
        let answer = answer.expect("an answer");
        assert!(held(&node)[1] > 0, "the answer is charged until it was sent");
        drop(answer);
        until_free(&node).await;
    });
}

#[test]
fn without_memory_queries_are_refused_and_counted() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(1, settings(dir.path()), |node| async move {
        with_blocks(&node).await;
        let found = search(&node, "{ }").await.expect("an answer").value;
        let id = TraceId::parse_hex(&found.traces[0].trace_id).expect("an id");
        drop(found);
        until_free(&node).await;
        let hog = hog(&node, 0);
        let in_blocks = TraceRequest { live: false, ..everywhere(id) };
        let tenant = TenantId::single();
        let both = join(search(&node, "{ }"), node.trace(&tenant, &in_blocks));
        let (searched, looked_up) = within_limits(&node, both).await;
        assert!(matches!(searched, Err(QueryError::Overloaded)), "{searched:?}");
        assert!(matches!(looked_up, Err(QueryError::Overloaded)), "{looked_up:?}");
        assert_eq!(refusals(&node, "no_room").await, 2.0);
        drop(hog);
        until_free(&node).await;
        assert!(search(&node, "{ }").await.is_ok());
    });
}

async fn refusals(node: &Node, reason: &str) -> f64 {
    let series = node.metrics().await;
    let refused = series.iter().find(|series| {
        series.family.name == "stringendo_query_parts_refused_total" && series.labels == [reason]
    });
    match refused.map(|series| &series.sample) {
        Some(Sample::Number(count)) => *count,
        _ => 0.0,
    }
}

#[test]
fn a_query_that_is_given_up_leaves_the_line_and_gives_back_its_memory() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(2, settings(dir.path()), |node| async move {
        with_blocks(&node).await;
        let hog = hog(&node, 0);
        let asking = {
            let node = node.clone();
            spawn(Class::Query, async move { search(&node, "{ }").await.is_ok() })
        };
        until("the search waits", || node.shard().budget.waiters() > 0).await;
        drop(asking);
        until("the search left the line", || node.shard().budget.waiters() == 0).await;
        drop(hog);
        // Given up at any other moment: while it reads, merges, or holds its answer.
        for polls in 1..40 {
            let mut asking = Box::pin(search(&node, "{ }"));
            for _ in 0..polls {
                if futures_util::poll!(asking.as_mut()).is_ready() {
                    break;
                }
                sleep(Duration::from_micros(20)).await;
            }
            drop(asking);
        }
        until_free(&node).await;
    });
}

#[test]
fn a_trace_that_can_never_fit_is_refused_with_the_limit() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let mut settings = settings(dir.path());
    settings.budget_bytes_per_core = 0;
    with_engine(1, settings, |node| async move {
        let id = TraceId([7; 16]);
        for number in 0..60 {
            send(&node, large_request(id, number)).await;
        }
        for state in ["live", "stored"] {
            let answer = node.trace(&TenantId::single(), &everywhere(id)).await;
            let limit = node.shard().budget.limit_for(Use::Answer);
            let error = answer.expect_err("too large").to_string();
            assert!(error.contains(&format!("({limit})")), "{state}: {error}");
            until_free(&node).await;
            assert!(node.flush(None).await);
        }
        assert_eq!(refusals(&node, "too_large").await, 2.0);
        // Others are not in its way.
        assert_eq!(search(&node, "{ }").await.expect("an answer").value.traces.len(), 1);
    });
}

/// 100 spans of about 1100 bytes, all of one trace.
fn large_request(id: TraceId, number: u64) -> Bytes {
    let text = |text: String| Some(AnyValue { value: Some(Value::String(text.into())) });
    let span = |at: u64| Span {
        trace_id: Bytes::copy_from_slice(&id.0),
        span_id: Bytes::copy_from_slice(&(number * 100 + at + 1).to_be_bytes()),
        name: "large".into(),
        start_time_unix_nano: 1_700_000_000_000_000_000 + at,
        end_time_unix_nano: 1_700_000_001_000_000_000 + at,
        attributes: vec![KeyValue { key: "text".into(), value: text(format!("{at:01000}")) }],
        ..Span::default()
    };
    let scope_spans =
        vec![ScopeSpans { spans: (0..100).map(span).collect(), ..Default::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..Default::default() }];
    TracesData { resource_spans }.encode_to_vec().into()
}

#[test]
fn a_search_that_nobody_waits_for_ends_on_every_core() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(2, settings(dir.path()), |node| async move {
        with_blocks(&node).await;
        let hog = hog(&node, 0);
        {
            let mut asking = Box::pin(search(&node, "{ }"));
            assert!(futures_util::poll!(asking.as_mut()).is_pending());
            until("the search waits", || node.shard().budget.waiters() > 0).await;
        }
        until("the search left the line", || node.shard().budget.waiters() == 0).await;
        drop(hog);
        let name = "stringendo_query_parts_cancelled_total";
        let all = node.metrics().await;
        let cancelled = all.iter().filter(|series| series.family.name == name);
        let counts = cancelled.map(|series| match series.sample {
            Sample::Number(count) => count,
            _ => 0.0,
        });
        assert!(counts.sum::<f64>() >= 1.0);
        until_free(&node).await;
    });
}

#[test]
fn a_tenant_has_only_so_many_queries_under_way() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(1, settings(dir.path()), |node| async move {
        let (one, other) = (TenantId::single(), TenantId::parse("other").expect("valid"));
        node.limit_outstanding(2);
        let first = node.begin_query(&one).expect("room");
        let _second = node.begin_query(&one).expect("room");
        let refused = node.begin_query(&one).map(drop).expect_err("two are under way");
        assert_eq!(refused.to_string(), "too many outstanding requests");
        let _of_another = node.begin_query(&other).expect("room");
        drop(first);
        let _third = node.begin_query(&one).expect("one has ended");
    });
}
