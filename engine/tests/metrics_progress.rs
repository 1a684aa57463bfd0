//! What a range query shows while it runs: points that are known, the newest first, each once, and
//! with the values of the answer.

mod common;

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use common::{settings, with_engine};
use stringendo_engine::query::metrics::{MetricsProgress, MetricsRequest};
use stringendo_engine::{Node, TenantId};
use stringendo_oracle::{fixture, otlp};
use stringendo_proto::tempopb::QueryRangeResponse;
use stringendo_traceql::metrics::{RangeLimits, TimeAxis, compile_metrics};

const SECOND: u64 = 1_000_000_000;
const BASE: u64 = 1_700_000_040 * SECOND;
/// Blocks, and minutes of data: each block holds one of them.
const BLOCKS: u64 = 10;

/// Points by series, as the protobuf of its labels, and time.
type Points = HashMap<(Vec<Vec<u8>>, i64), f64>;

fn points(answer: &QueryRangeResponse) -> Points {
    let labels = |series: &stringendo_proto::tempopb::TimeSeries| -> Vec<Vec<u8>> {
        series.labels.iter().map(prost::Message::encode_to_vec).collect()
    };
    let series = answer.series.iter();
    series
        .flat_map(|series| series.samples.iter().map(move |sample| (labels(series), sample)))
        .map(|(labels, sample)| ((labels, sample.timestamp_ms), sample.value))
        .collect()
}

/// The messages before the answer that show points, and the answer.
async fn watched(node: &Node, query: &str) -> (Vec<Points>, Points) {
    let limits =
        RangeLimits { range_nanos_max: 0, intervals_max: 0, end_unix_nanos_max: u64::MAX / 4 };
    let end = BASE + BLOCKS * 60 * SECOND;
    let plan = Arc::new(compile_metrics(query).expect("valid"));
    let axis = TimeAxis::range(BASE, end, Some(10 * SECOND), &limits).expect("a range");
    let request = MetricsRequest { plan, axis, exemplars: 100, series_max: 0 };
    let (tenants, progress) = ([TenantId::single()], MetricsProgress::watched());
    let mut running = pin!(node.metrics_range(&tenants, &request, &progress));
    let mut shown = Vec::new();
    let answer = std::future::poll_fn(|context| {
        let outcome = running.as_mut().poll(context);
        if outcome.is_pending() {
            let mut memory = node.shard().answer_memory();
            let so_far = progress.range_so_far(&request, &mut memory).expect("memory");
            assert_eq!((so_far.status, so_far.message.as_str()), (0, ""));
            shown.push(points(&so_far));
        }
        match outcome {
            Poll::Ready(answer) => Poll::Ready(answer.expect("an answer")),
            Poll::Pending => Poll::Pending,
        }
    });
    let answer = points(&answer.await.value);
    shown.retain(|points| !points.is_empty());
    (shown, answer)
}

async fn bring(node: &Node) {
    for minute in 0..BLOCKS {
        for trace in &fixture::traces(BASE + minute * 60 * SECOND) {
            let request = otlp::request([trace]);
            node.ingest(&TenantId::single(), request).await.expect("accepted");
        }
        assert!(node.flush(None).await, "flushed");
    }
}

#[test]
fn points_are_shown_once_newest_first_as_they_are_in_the_answer() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(2, settings(dir.path()), |node| async move {
        bring(&node).await;
        for query in [
            "{ } | count_over_time() by (resource.service.name)",
            "{ status = error } | rate()",
            "{ } | quantile_over_time(duration, .5, .9)",
            "{ } | max_over_time(duration) by (name) > 300ms",
            "({ status = error } | rate()) / ({ } | rate())",
        ] {
            let (shown, answer) = watched(&node, query).await;
            assert!(shown.len() > 2, "{query}: {}", shown.len());
            let mut oldest = i64::MAX;
            for points in &shown {
                let times = || points.keys().map(|(_, time)| *time);
                assert!(times().max() < Some(oldest), "{query}: shown again");
                oldest = times().min().expect("some");
                for (point, value) in points {
                    assert_eq!(answer.get(point), Some(value), "{query}: {point:?}");
                }
            }
            assert!(shown.iter().map(HashMap::len).sum::<usize>() < answer.len(), "{query}");
        }
    });
}

#[test]
fn nothing_is_shown_that_more_data_may_change() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(2, settings(dir.path()), |node| async move {
        bring(&node).await;
        for query in [
            "{ } | rate() by (name) | topk(2)",
            "({ } | rate() by (name)) * ({ } | rate() by (name) | bottomk(1))",
            "{ kind = server } >> { } | rate()",
            "{ } | compare({ status = error })",
        ] {
            let (shown, answer) = watched(&node, query).await;
            assert!(shown.is_empty() && !answer.is_empty(), "{query}: {shown:?}");
        }
    });
}
