//! The golden answers that Tempo gave about another corpus: traces by id, searches and metrics,
//! from live data and from blocks.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::golden::{self, Case};
use common::{everywhere, golden_corpus, settings, with_engine};
use stringendo_engine::query::metrics::{MetricsProgress, MetricsRequest};
use stringendo_engine::{EngineSettings, Node, SearchRequest, TenantId};
use stringendo_proto::TraceId;
use stringendo_proto::tempopb::SearchResponse;
use stringendo_traceql::legacy_tags::compile_tags;
use stringendo_traceql::metrics::{MetricsPlan, RangeLimits, TimeAxis, compile_metrics};
use stringendo_traceql::{SearchPlan, compile_search, duration};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[test]
fn answers_are_the_golden_ones_live_and_from_blocks() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    // The golden answers were recorded without dedicated columns.
    let mut settings: EngineSettings = settings(dir.path());
    settings.block.dedicated_columns.clear();
    with_engine(2, settings, |node| async move {
        for request in golden_corpus() {
            node.ingest(&TenantId::single(), request).await.expect("accepted");
        }
        let mut report = String::new();
        for state in ["live", "stored"] {
            for case in golden::cases() {
                report += &check(&node, &case, state).await;
            }
            assert!(node.flush(None).await, "flushed");
        }
        assert!(report.is_empty(), "{report}");
    });
}

/// What is wrong with the answer, or nothing.
async fn check(node: &Node, case: &Case, state: &str) -> String {
    let found = match case.compare.as_str() {
        "trace" => trace(node, case).await,
        "search" | "search-no-span-attributes" | "trace-ids" => match plan(case) {
            Ok(plan) => search(node, case, plan).await,
            Err(error) => return format!("{} {:?}: {error}\n", case.id, case.param("q")),
        },
        "series" | "instant" => match compile_metrics(case.param("q").expect("a query")) {
            Ok(plan) => metrics(node, case, plan).await,
            Err(error) => return format!("{} {:?}: {error}\n", case.id, case.param("q")),
        },
        // Statuses and tags are answered elsewhere.
        _ => return String::new(),
    };
    if golden::is_same(&found, &case.answer) {
        return String::new();
    }
    format!(
        "{state} {} {:?}:\n found {found}\n expected {}\n",
        case.id,
        case.param("q"),
        case.answer
    )
}

async fn trace(node: &Node, case: &Case) -> serde_json::Value {
    let id = case.path.rsplit('/').next().and_then(|id| TraceId::parse_hex(id).ok());
    let request = everywhere(id.expect("an id"));
    let answer = node.trace(&TenantId::single(), &request).await.expect("an answer").value;
    golden::trace(&answer.trace.unwrap_or_default())
}

fn plan(case: &Case) -> Result<SearchPlan, String> {
    let duration = |name| {
        let text = case.param(name);
        text.map(|text| Duration::from_nanos(duration::parse_go(text).expect("valid") as u64))
    };
    match case.param("tags") {
        Some(tags) => compile_tags(tags, duration("minDuration"), duration("maxDuration"))
            .map_err(|error| error.to_string()),
        None => compile_search(case.param("q").expect("a query")).map_err(|e| e.to_string()),
    }
}

async fn metrics(node: &Node, case: &Case, plan: MetricsPlan) -> serde_json::Value {
    let limits = RangeLimits { range_nanos_max: 0, intervals_max: 0, end_unix_nanos_max: u64::MAX };
    let nanos = |name| case.number(name) * NANOS_PER_SECOND;
    let (start, end) = (nanos("start"), nanos("end"));
    let is_instant = case.compare == "instant";
    let axis = if is_instant {
        TimeAxis::instant(start, end, &limits)
    } else {
        TimeAxis::range(start, end, Some(nanos("step")), &limits)
    };
    let axis = axis.expect("a range");
    let request = MetricsRequest { plan: Arc::new(plan), axis, exemplars: 100, series_max: 0 };
    let (tenants, progress) = ([TenantId::single()], MetricsProgress::default());
    if is_instant {
        let answer = node.metrics_instant(&tenants, &request, &progress).await;
        return golden::instant(&answer.expect("an answer").value);
    }
    let answer = node.metrics_range(&tenants, &request, &progress).await;
    golden::series(&answer.expect("an answer").value)
}

async fn search(node: &Node, case: &Case, plan: SearchPlan) -> serde_json::Value {
    let request = SearchRequest {
        plan: Arc::new(plan),
        start_unix_nanos: case.number("start") * NANOS_PER_SECOND,
        end_unix_nanos: case.number("end") * NANOS_PER_SECOND,
        limit: case.number("limit") as usize,
        spans_per_span_set: case.param("spss").map_or(3, |_| case.number("spss") as usize),
    };
    let answer: SearchResponse =
        node.search(&TenantId::single(), request).await.expect("an answer").value;
    match case.compare.as_str() {
        "trace-ids" => golden::trace_ids(&answer),
        form => golden::search(&answer, form == "search"),
    }
}
