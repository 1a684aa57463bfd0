//! Searches find in live data what they find in blocks.

mod common;

use std::sync::Arc;

use common::{corpus, search_all, settings, with_engine};
use stringendo_engine::TenantId;
use stringendo_proto::tempopb::TraceSearchMetadata;

/// With at least so many traces of the corpus that match.
const QUERIES: &[(&str, usize)] = &[
    ("{ }", 208),
    (r#"{ resource.service.name = "cart" }"#, 50),
    (r#"{ resource.service.name = "" }"#, 4),
    (r#"{ span.http.method = "GET" }"#, 10),
    ("{ span.http.status_code >= 500 }", 10),
    ("{ .http.response.status_code = 404 }", 5),
    (r#"{ span.http.request.method =~ "P.*" }"#, 10),
    (r#"{ span.url.path = "/b" || .server.port = 80 }"#, 1),
    ("{ .server.address != nil && span.url.path != nil }", 40),
    (r#"{ resource.k8s.pod.name =~ "p[12]" || .k8s.cluster.name = 1 }"#, 1),
    (r#"{ .http.status_code = "200" || .http.method = 7 || .server.port = 80.5 }"#, 1),
    (r#"{ span.http.url = "http://b" }"#, 1),
    (r#"{ span.k = "second" }"#, 0),
    (r#"{ span.k = "first" }"#, 0),
    ("{ status = error && kind = client }", 10),
    (r#"{ name =~ "SELECT .*" } && { status = error }"#, 10),
    ("{ duration > 1s } || { rootServiceName = `unicode` }", 50),
    ("{ traceDuration > 1s && name = `redis exec` }", 1),
    (r#"{ rootName =~ "GET .*" && span.feature.flag = true }"#, 5),
    (r#"{ instrumentation:name = "lib.a" }"#, 1),
    (r#"{ instrumentation.sc.k = "v" }"#, 1),
    (r#"{ instrumentation.sc.k = "other" }"#, 0),
    ("{ nestedSetParent < 0 }", 150),
    ("{ span:childCount > 10 }", 1),
    (r#"{ trace:id = "00000000000000000000000000000001" }"#, 1),
    ("{ .d.nan = 1.5 || .i.max > 9223372036854775806 }", 1),
    ("{ span.a.int = 2 }", 1),
    (r#"{ event:name = "exception" }"#, 1),
    ("{ event:timeSinceStart > 1ms }", 1),
    ("{ event.exception.type != nil }", 1),
    (r#"{ event.exception.type =~ ".*E.*" || event.k = "v" }"#, 0),
    (r#"{ link:traceID != "" }"#, 1),
    (r#"{ link:spanID =~ "[0-9a-f]{16}" }"#, 1),
    (r#"{ link.opentracing.ref_type = "child_of" || link.k != nil }"#, 0),
    ("{ span.user.id != nil && resource.host.name = nil }", 50),
];

#[test]
fn searches_find_in_live_data_what_they_find_in_blocks() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(2, settings(dir.path()), |node| async move {
        for request in corpus() {
            node.ingest(&TenantId::single(), request).await.expect("accepted");
        }
        let mut live = Vec::new();
        for (query, at_least) in QUERIES {
            let found = search_all(&node, query).await;
            assert!(found.len() >= *at_least, "{query}: {} traces", found.len());
            live.push(found);
        }
        assert!(node.flush(None).await, "flushed");
        let mut report = String::new();
        for ((query, _), live) in QUERIES.iter().zip(&live) {
            let stored = search_all(&node, query).await;
            report += &difference(query, &by_id(live), &by_id(&stored));
        }
        assert!(report.is_empty(), "{report}");
    });
}

/// Traces in the order of their ids, spans of each in the order of theirs.
fn by_id(found: &[TraceSearchMetadata]) -> Vec<TraceSearchMetadata> {
    let mut found = found.to_vec();
    for trace in &mut found {
        let sets = trace.span_sets.iter_mut().chain(&mut trace.span_set);
        sets.for_each(|set| set.spans.sort_by(|a, b| a.span_id.cmp(&b.span_id)));
    }
    found.sort_by(|a, b| a.trace_id.cmp(&b.trace_id));
    found
}

/// What only one side has.
fn difference(query: &str, live: &[TraceSearchMetadata], stored: &[TraceSearchMetadata]) -> String {
    let only = |these: &[TraceSearchMetadata], others: &[TraceSearchMetadata], state: &str| {
        let missing = these.iter().filter(|trace| !others.contains(trace));
        missing.map(|trace| format!("{query} {state}: {trace:?}\n")).collect::<String>()
    };
    only(live, stored, "live") + &only(stored, live, "stored")
}
