//! Filters beside blocks: what they spare, that nothing depends on them, and that they are made
//! again.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{corpus, data_path, search_request, settings, with_engine};
use stringendo_engine::metrics::{Family, Sample, families as family};
use stringendo_engine::query::tags::TagScope;
use stringendo_engine::{Node, TagLimits, TagNamesRequest, TenantId};
use stringendo_traceql::narrow::Narrowing;

const QUERIES: [&str; 17] = [
    "{ }",
    "{ name = `no such name` }",
    "{ .no.such.key = 1 }",
    "{ resource.service.name = `frontend` }",
    "{ resource.service.name = `` }",
    "{ span.http.method = `GET` && .no.such.key != nil }",
    "{ .http.status_code = 200 } && { name =~ `.*` }",
    "{ event.exception.type != nil } || { status = error }",
    "{ span.http.method != `GET` }",
    "{ .no.such.key = nil }",
    "{ event:name = `exception` }",
    "{ trace:id = `1` }",
    "{ span.http.status_code >= 500 }",
    "{ .http.status_code > 1e9 } || { .http.status_code < 201.5 }",
    "{ name =~ `.*o.*` }",
    "{ event.exception.type =~ `.*Err.*` }",
    "{ .no.such.key > 5 || resource.service.name =~ `f.*` }",
];

async fn flushed(node: &Node, parts: usize) {
    for request in corpus().chunks(corpus().len().div_ceil(parts)) {
        for request in request {
            node.ingest(&TenantId::single(), request.clone()).await.expect("accepted");
        }
        assert!(node.flush(None).await);
    }
}

async fn answer(node: &Node, query: &str) -> Vec<(String, u32)> {
    let answer = node.search(&TenantId::single(), search_request(query)).await.expect("an answer");
    let matched = |sets: &[stringendo_proto::tempopb::SpanSet]| {
        sets.iter().map(|set| set.matched).sum::<u32>()
    };
    answer.value.traces.iter().map(|t| (t.trace_id.clone(), matched(&t.span_sets))).collect()
}

async fn answers(node: &Node) -> Vec<Vec<(String, u32)>> {
    let mut all = Vec::new();
    for query in QUERIES {
        all.push(answer(node, query).await);
    }
    all
}

async fn counted(node: &Node, family: &'static Family, label: &str) -> f64 {
    let series = node.metrics().await.into_iter().filter(|series| {
        series.family.name == family.name && series.labels.iter().any(|found| found == label)
    });
    let number = |sample| if let Sample::Number(number) = sample { number } else { 0.0 };
    series.map(|series| number(series.sample)).sum()
}

/// Waits until the filters of so many blocks were made again.
async fn made(node: &Node, blocks: usize) {
    for _ in 0..500 {
        if counted(node, &family::FILTERS_REBUILT, "made").await >= blocks as f64 {
            return;
        }
        stringendo_ring::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("filters were not made");
}

/// The objects of filters below a directory.
fn objects(root: &Path) -> Vec<PathBuf> {
    let list = |dir: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).expect("a directory");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let blocks = list(&root.join("blocks").join("single-tenant"));
    let objects = blocks.into_iter().map(|block| block.join("stringendo.filters"));
    objects.filter(|object| object.exists()).collect()
}

#[test]
fn blocks_that_cannot_match_are_left_out_without_reading_their_rows() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let root = dir.path().to_owned();
    with_engine(2, settings(dir.path()), move |node| {
        let root = root.clone();
        async move {
            flushed(&node, 4).await;
            let blocks = objects(&root).len() as f64;
            assert!(blocks >= 4.0);
            for (number, query) in [
                "{ .nobody.has.this = 5 }",
                "{ name = `nobody` } >> { }",
                "{ span.http.status_code > 1e9 }",
                "{ .http.status_code < -5 && kind = server }",
                "{ name =~ `nobody.*` }",
                "{ event.exception.type =~ `Nothing.*` } | count() > 3",
            ]
            .into_iter()
            .enumerate()
            {
                let request = search_request(query);
                let found =
                    node.search(&TenantId::single(), request).await.expect("an answer").value;
                assert!(found.traces.is_empty());
                let metrics = found.metrics.expect("metrics");
                assert_eq!(metrics.inspected_traces, 0, "{query}");
                let skipped = counted(&node, &family::FILTERS_ASKED, "skipped").await;
                assert!(skipped >= blocks * (number + 1) as f64, "{query}: {skipped} of {blocks}");
            }
            assert!(!answer(&node, "{ span.http.method = `GET` }").await.is_empty());
            assert!(counted(&node, &family::FILTERS_ASKED, "read").await > 0.0);
        }
    });
}

#[test]
fn narrowed_tags_leave_out_blocks_that_cannot_match() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let root = dir.path().to_owned();
    with_engine(2, settings(dir.path()), move |node| {
        let root = root.clone();
        async move {
            flushed(&node, 4).await;
            let blocks = objects(&root).len() as f64;
            assert_eq!(names(&node, "{ .nobody.has.this = 5 }").await, 0);
            let skipped = counted(&node, &family::FILTERS_ASKED, "skipped").await;
            assert!(skipped >= blocks, "{skipped} of {blocks}");
            assert!(names(&node, "{ span.http.method = `GET` }").await > 0);
        }
    });
}

/// How many names of tags there are on some spans.
async fn names(node: &Node, query: &str) -> usize {
    let request = TagNamesRequest {
        scopes: TagScope::ALL.into(),
        narrowing: Narrowing::of(query, 100).expect("few alternatives"),
        start_unix_nanos: 0,
        end_unix_nanos: u64::MAX,
        limits: TagLimits { count: 0, stale: 0, bytes: 0, blocks: 0 },
    };
    let answer = node.tag_names(&[TenantId::single()], request).await.expect("an answer").value;
    answer.into_v2().scopes.iter().map(|scope| scope.tags.len()).sum()
}

#[test]
fn answers_are_the_same_without_filters_and_they_are_made_again() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let known = Arc::new(std::sync::Mutex::new(Vec::new()));
    let remember = Arc::clone(&known);
    with_engine(2, settings(dir.path()), move |node| {
        let remember = Arc::clone(&remember);
        async move {
            flushed(&node, 3).await;
            *remember.lock().expect("nobody panicked") = answers(&node).await;
        }
    });
    let expected = Arc::new(known.lock().expect("nobody panicked").clone());
    assert!(expected.iter().filter(|answer| !answer.is_empty()).count() > 5);
    let all = objects(dir.path());
    for (number, object) in all.iter().enumerate() {
        // Missing, cut off, or damaged where an entry would be looked for.
        let bytes = std::fs::read(object).expect("an object");
        match number % 3 {
            0 => std::fs::remove_file(object).expect("removed"),
            1 => std::fs::write(object, &bytes[..60]).expect("written"),
            _ => std::fs::write(object, vec![0; bytes.len()]).expect("written"),
        }
    }
    let (root, count) = (dir.path().to_owned(), all.len());
    with_engine(2, settings(dir.path()), move |node| {
        let (root, expected) = (root.clone(), Arc::clone(&expected));
        async move {
            assert_eq!(answers(&node).await, *expected, "without filters");
            made(&node, count).await;
            assert_eq!(objects(&root).len(), count);
            assert_eq!(answers(&node).await, *expected, "with new filters");
            assert!(counted(&node, &family::FILTERS_ASKED, "skipped").await >= count as f64);
        }
    });
}

#[test]
fn a_block_that_tempo_wrote_gets_filters_when_it_is_first_asked() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let tenant = dir.path().join("blocks").join("single-tenant");
    let from = data_path("blocks/vparquet5-dedicated/single-tenant");
    let block = std::fs::read_dir(from).expect("a directory").map(|e| e.expect("one").path());
    let block = block.into_iter().find(|path| path.is_dir()).expect("a block");
    let to = tenant.join(block.file_name().expect("a name"));
    std::fs::create_dir_all(&to).expect("a directory");
    for file in std::fs::read_dir(block).expect("a directory") {
        let path = file.expect("a file").path();
        std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
    let root = dir.path().to_owned();
    with_engine(1, settings(dir.path()), move |node| {
        let root = root.clone();
        async move {
            let before = answers(&node).await;
            made(&node, 1).await;
            assert_eq!(objects(&root).len(), 1);
            assert_eq!(answers(&node).await, before);
            assert!(counted(&node, &family::FILTERS_ASKED, "skipped").await > 0.0);
        }
    });
}
