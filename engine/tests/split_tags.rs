//! Names and values of tags, narrowed by conditions that only whole traces can tell, are the same
//! whether traces are in one place or spread over live data and several blocks.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::spread::{State, bring};
use common::{settings, with_engine};
use stringendo_engine::query::tags::TagScope;
use stringendo_engine::{Node, TagLimits, TagNamesRequest, TagValuesRequest, TenantId};
use stringendo_oracle::dice::Dice;
use stringendo_oracle::naive::{Items, TraceView, run};
use stringendo_oracle::random_trace;
use stringendo_oracle::rows::Trace;
use stringendo_traceql::narrow::{Narrowing, parse_tag};
use stringendo_traceql::{Field, parse};

const BASE_UNIX_NANOS: u64 = 1_700_000_000_000_000_000;
const UNLIMITED: TagLimits = TagLimits { count: 0, stale: 0, bytes: 0, blocks: 0 };

const QUERIES: [&str; 9] = [
    r#"{ rootName = "A" }"#,
    r#"{ rootName = "" }"#,
    r#"{ rootServiceName = "front" && status = error }"#,
    "{ traceDuration > 1s }",
    "{ traceDuration <= 250ms }",
    "{ span:childCount = 0 }",
    "{ span:childCount > 1 }",
    r#"{ rootName = "B" || nestedSetLeft = 3 }"#,
    "{ status = error }",
];
const TAGS: [&str; 5] = ["name", "span.x", "resource.cluster", "rootName", "statusMessage"];

/// The spans that a query finds, each with its trace.
fn found<'v, 't>(views: &'v [TraceView<'t>], query: &str) -> Vec<(&'v TraceView<'t>, usize)> {
    let query = parse(query).expect("a query");
    let of_trace = |view: &'v TraceView<'t>| {
        let sets = run(view, &query.body).expect("spans");
        sets.into_iter().flat_map(|set| set.spans).map(move |span| (view, span))
    };
    views.iter().flat_map(of_trace).collect()
}

fn right_values(traces: &[Trace], query: &str, field: &Field) -> BTreeSet<String> {
    let views: Vec<_> = traces.iter().map(TraceView::of).collect();
    let value = |(view, span): (&TraceView<'_>, usize)| {
        let shown = view.field(span, Items::default(), field).shown();
        shown.split_once(' ').map(|(_, text)| text.to_owned())
    };
    let values = found(&views, query).into_iter().filter_map(value);
    // Only texts can say so, and none does.
    values.filter(|text| text != "nil").collect()
}

fn right_names(traces: &[Trace], query: &str) -> BTreeSet<String> {
    let views: Vec<_> = traces.iter().map(TraceView::of).collect();
    let found = found(&views, query).into_iter();
    found.flat_map(|(view, span)| view.rows.spans[span].attributes.keys().cloned()).collect()
}

async fn values(node: &Node, tenant: &TenantId, tag: &str, query: &str) -> BTreeSet<String> {
    let (field, source) = parse_tag(tag).expect("a tag");
    let request = TagValuesRequest {
        tag: field,
        source,
        narrowing: Narrowing::of(query, 100).expect("few alternatives"),
        start_unix_nanos: 0,
        end_unix_nanos: u64::MAX,
        limits: UNLIMITED,
    };
    let answer = node.tag_values(std::slice::from_ref(tenant), request).await.expect("an answer");
    let text = |bytes: &bytes::Bytes| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    answer.value.into_v2().tag_values.iter().map(|value| text(&value.value)).collect()
}

async fn names(node: &Node, tenant: &TenantId, query: &str) -> BTreeSet<String> {
    let request = TagNamesRequest {
        scopes: vec![TagScope::Span],
        narrowing: Narrowing::of(query, 100).expect("few alternatives"),
        start_unix_nanos: 0,
        end_unix_nanos: u64::MAX,
        limits: UNLIMITED,
    };
    let answer = node.tag_names(std::slice::from_ref(tenant), request).await.expect("an answer");
    let text = |bytes: &bytes::Bytes| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let scopes = answer.value.into_v2().scopes;
    scopes.iter().flat_map(|scope| &scope.tags).map(text).collect()
}

async fn check(node: &Node, tenant: &TenantId, traces: &[Trace], state: State) {
    for query in QUERIES {
        for tag in TAGS {
            let (Some(field), _) = parse_tag(tag).expect("a tag") else { panic!("{tag}") };
            let right = right_values(traces, query, &field);
            let given = values(node, tenant, tag, query).await;
            // A literal that is asked for is a value whatever is stored.
            if !query.contains(&format!("{tag} =")) {
                assert_eq!(given, right, "{state:?} {tag} {query}");
            }
        }
        let right = right_names(traces, query);
        assert_eq!(names(node, tenant, query).await, right, "{state:?} {query}");
    }
}

fn run_on(cores: u16) {
    let traces = Arc::new(random_trace::traces(&mut Dice::new(11), 40, BASE_UNIX_NANOS));
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(cores, settings(dir.path()), move |node| {
        let traces = Arc::clone(&traces);
        async move {
            for state in [State::Live, State::Stored, State::Spread, State::Pieces, State::Merged] {
                let tenant = TenantId::parse(&format!("{state:?}")).expect("a tenant");
                bring(&node, state, &[(tenant.clone(), &traces)]).await;
                check(&node, &tenant, &traces, state).await;
            }
        }
    });
}

#[test]
fn one_core_narrows_tags_by_what_whole_traces_tell() {
    run_on(1);
}

#[test]
fn two_cores_narrow_tags_by_what_whole_traces_tell() {
    run_on(2);
}
