//! Blocks become one: the same spans, each once, whenever a crash comes; and what cannot be merged
//! stays as it is.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::keeping::{
    BASE_NANOS, answered, bring_pieces, compact, counted, has, listed, quiet, sent, tenant_dir,
    traces,
};
use common::{everywhere, spread, with_engine};
use futures_util::future::join;
use stringendo_engine::block_poll::BlockPoll;
use stringendo_engine::compaction::conductor::Conductor;
use stringendo_engine::metrics::families as family;
use stringendo_engine::query::metrics::{MetricsProgress, MetricsRequest};
use stringendo_engine::settings::CompactionSettings;
use stringendo_engine::{EngineSettings, Limits, Node, TenantId, TenantLimits};
use stringendo_oracle::otlp;
use stringendo_oracle::rows::{Span, Trace};
use stringendo_proto::TraceId;
use stringendo_traceql::metrics::{RangeLimits, TimeAxis, compile_metrics};
use uuid::Uuid;

#[test]
fn pieces_of_traces_in_several_blocks_become_one_block_with_every_span_once() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(2, quiet(dir.path()), move |node| {
        let dir = Arc::clone(&dir);
        async move {
            bring_pieces(&node).await;
            let inputs = listed(&node);
            assert!(inputs.len() >= 3, "{inputs:?}");
            assert_eq!(answered(&node).await, sent());
            while listed(&node).len() > 1 {
                let before = listed(&node).len();
                compact(&node).await;
                assert!(listed(&node).len() < before, "nothing was merged");
                assert_eq!(answered(&node).await, sent());
            }
            let merged = listed(&node)[0];
            assert!(has(dir.path(), merged, "meta.json"));
            for input in inputs {
                assert!(!has(dir.path(), input, "meta.json"));
                assert!(has(dir.path(), input, "meta.compacted.json"));
            }
            let list = Arc::clone(&node.shard().blocks.borrow());
            let meta = &list.of(&TenantId::single())[0].meta;
            assert_eq!(meta.total_objects, traces().len() as u64);
            assert!(meta.compaction_level > 0 && !meta.inputs.is_empty());
            assert!(counted(&node, &family::COMPACTION_BLOCKS).await >= 3.0);
            assert_eq!(counted(&node, &family::COMPACTION_ERRORS).await, 0.0);
            assert_eq!(counted(&node, &family::COMPACTION_OUTSTANDING).await, 0.0);
            let notes = std::fs::read_dir(dir.path().join("wal/compaction")).expect("notes");
            assert_eq!(notes.count(), 0);
        }
    });
}

/// What is on the disk after a crash right after the publication of the merged block.
fn unmark(root: &Path, blocks: &[Uuid]) {
    for block in blocks {
        let dir = tenant_dir(root).join(block.to_string());
        let marked = dir.join("meta.compacted.json");
        std::fs::rename(marked, dir.join("meta.json")).expect("renamed");
    }
}

#[test]
fn after_a_crash_between_publishing_and_marking_the_merged_block_alone_is_listed() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let root = dir.path().to_owned();
    let inputs = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (first, noted) = (root.clone(), Arc::clone(&inputs));
    with_engine(1, quiet(&first), move |node| {
        let noted = Arc::clone(&noted);
        async move {
            bring_pieces(&node).await;
            *noted.lock().expect("one") = listed(&node);
            compact(&node).await;
            assert_eq!(listed(&node).len(), 1);
        }
    });
    let inputs = inputs.lock().expect("one").clone();
    unmark(&root, &inputs);
    let again = root.clone();
    with_engine(2, quiet(&root), move |node| {
        let (root, inputs) = (again.clone(), inputs.clone());
        async move {
            assert_eq!(listed(&node).len(), 1);
            assert_eq!(answered(&node).await, sent());
            // The conductor at the start has made up for the marks.
            let marked = || inputs.iter().all(|input| has(&root, *input, "meta.compacted.json"));
            common::until("inputs are marked", marked).await;
        }
    });
}

#[test]
fn a_merged_block_without_its_rows_takes_nobodys_place() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let root = dir.path().to_owned();
    let inputs = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (first, noted) = (root.clone(), Arc::clone(&inputs));
    with_engine(1, quiet(&first), move |node| {
        let (noted, root) = (Arc::clone(&noted), first.clone());
        async move {
            bring_pieces(&node).await;
            *noted.lock().expect("one") = listed(&node);
            compact(&node).await;
            let merged = tenant_dir(&root).join(listed(&node)[0].to_string());
            std::fs::remove_file(merged.join("data.parquet")).expect("removed");
        }
    });
    let inputs = inputs.lock().expect("one").clone();
    unmark(&root, &inputs);
    with_engine(1, quiet(&root), move |node| {
        let inputs = inputs.clone();
        async move {
            let listed = listed(&node);
            assert!(inputs.iter().all(|input| listed.contains(input)));
        }
    });
}

#[test]
fn what_a_crash_left_half_written_is_removed_at_the_next_start() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let root = dir.path().to_owned();
    let (half, other) = (Uuid::from_u128(5), Uuid::from_u128(6));
    for block in [half, other] {
        let block = tenant_dir(&root).join(block.to_string());
        std::fs::create_dir_all(&block).expect("a directory");
        std::fs::write(block.join("data.parquet"), b"PAR1").expect("written");
    }
    let notes = root.join("wal/compaction");
    std::fs::create_dir_all(&notes).expect("a directory");
    std::fs::write(notes.join(half.to_string()), b"single-tenant").expect("written");
    std::fs::write(notes.join("no note"), b"x").expect("written");
    let again = root.clone();
    with_engine(1, quiet(&root), move |_node| {
        let (root, notes) = (again.clone(), notes.clone());
        async move {
            let is_gone = || !tenant_dir(&root).join(half.to_string()).exists();
            common::until("the half block is gone", is_gone).await;
            assert!(has(&root, other, "data.parquet"), "nobody noted it");
            let are_gone = || std::fs::read_dir(&notes).expect("notes").count() == 0;
            common::until("notes are gone", are_gone).await;
        }
    });
}

#[test]
fn flagged_blocks_and_blocks_of_disabled_tenants_are_not_merged() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(1, quiet(dir.path()), move |node| {
        let dir = Arc::clone(&dir);
        async move {
            bring_pieces(&node).await;
            let blocks = listed(&node);
            for block in &blocks[1..] {
                let flag = tenant_dir(dir.path()).join(block.to_string()).join("nocompact.flg");
                std::fs::write(flag, b"").expect("written");
            }
            BlockPoll::new(node.clone()).poll().await.expect("lists");
            compact(&node).await;
            assert_eq!(listed(&node), blocks);
        }
    });
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let compaction = CompactionSettings { disabled: true, ..CompactionSettings::default() };
    let settings = EngineSettings { compaction, ..quiet(dir.path()) };
    with_engine(1, settings, move |node| async move {
        bring_pieces(&node).await;
        let blocks = listed(&node);
        compact(&node).await;
        assert_eq!(listed(&node), blocks);
    });
}

#[test]
fn a_damaged_block_is_reported_and_left_alone_and_the_others_are_merged() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(1, quiet(dir.path()), move |node| {
        let dir = Arc::clone(&dir);
        async move {
            bring_pieces(&node).await;
            let blocks = listed(&node);
            let damaged = blocks[0];
            let data = tenant_dir(dir.path()).join(damaged.to_string()).join("data.parquet");
            let length = std::fs::metadata(&data).expect("a file").len();
            let file = std::fs::OpenOptions::new().write(true).open(&data).expect("opens");
            file.set_len(length / 2).expect("cut");
            let mut conductor = Conductor::new(node.clone());
            for _ in 0..3 {
                conductor.run_once().await;
            }
            assert_eq!(counted(&node, &family::COMPACTION_ERRORS).await, 1.0);
            let after = listed(&node);
            assert!(after.contains(&damaged) && after.len() == 2, "{after:?}");
            assert!(has(dir.path(), damaged, "meta.json"));
            assert_eq!(counted(&node, &family::DAMAGED_BLOCKS).await, 1.0);
            let objects = std::fs::read_dir(tenant_dir(dir.path())).expect("blocks").count();
            assert_eq!(objects, blocks.len() + 1, "nothing half written is left");
        }
    });
}

/// Spans that a metrics query counts.
async fn spans_counted(node: &Node) -> f64 {
    let limits =
        RangeLimits { range_nanos_max: 0, intervals_max: 0, end_unix_nanos_max: u64::MAX / 4 };
    let (start, second) = (BASE_NANOS - 1_000_000_000, 1_000_000_000);
    let axis = TimeAxis::range(start, start + 600 * second, Some(second), &limits);
    let request = MetricsRequest {
        plan: Arc::new(compile_metrics("{ } | count_over_time()").expect("a query")),
        axis: axis.expect("a range"),
        exemplars: 0,
        series_max: 0,
    };
    let tenants = [TenantId::single()];
    let answer = node.metrics_range(&tenants, &request, &MetricsProgress::default()).await;
    let series = answer.expect("an answer").value.series;
    series.iter().flat_map(|series| &series.samples).map(|sample| sample.value).sum()
}

#[test]
fn metrics_count_every_span_once_while_blocks_are_written_and_merged() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(2, quiet(dir.path()), move |node| async move {
        let mut conductor = Conductor::new(node.clone());
        let mut sent = 0;
        for (number, some) in traces().chunks(4).enumerate() {
            spread::send(&node, &TenantId::single(), some).await;
            sent += some.iter().map(|trace| trace.spans.len()).sum::<usize>();
            let keep = async {
                node.flush(None).await;
                conductor.run_once().await;
                conductor.run_once().await;
            };
            let ask = async {
                for _ in 0..6 {
                    assert_eq!(spans_counted(&node).await, sent as f64, "round {number}");
                }
            };
            join(keep, ask).await;
        }
        assert!(counted(&node, &family::COMPACTION_BLOCKS).await > 2.0);
    });
}

#[test]
fn a_directory_that_vanishes_loses_nothing_and_merging_goes_on_when_it_is_back() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(1, quiet(dir.path()), move |node| {
        let dir = Arc::clone(&dir);
        async move {
            bring_pieces(&node).await;
            let before = listed(&node);
            let (blocks, away) = (dir.path().join("blocks"), dir.path().join("away"));
            std::fs::rename(&blocks, &away).expect("renamed");
            compact(&node).await;
            assert_eq!(listed(&node), before);
            let polled = BlockPoll::new(node.clone()).poll().await;
            assert!(polled.is_err(), "a store without its root is not an empty one");
            assert_eq!(listed(&node), before);
            // What a job may have written meanwhile is of no use.
            drop(std::fs::remove_dir_all(&blocks));
            std::fs::rename(&away, &blocks).expect("renamed");
            let dropped = counted(&node, &family::JOBS_DROPPED).await;
            let failed = counted(&node, &family::COMPACTION_ERRORS).await;
            assert!(dropped + failed > 0.0);
            while listed(&node).len() > 1 {
                let before = listed(&node).len();
                compact(&node).await;
                assert!(listed(&node).len() < before);
            }
            assert_eq!(answered(&node).await, sent());
        }
    });
}

#[test]
fn blocks_that_another_process_has_merged_meanwhile_are_left_to_it() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(1, quiet(dir.path()), move |node| {
        let dir = Arc::clone(&dir);
        async move {
            bring_pieces(&node).await;
            let blocks = listed(&node);
            // As Tempo's compactor does; of what it has made of it nothing is known here yet.
            for block in &blocks[..2] {
                let block = tenant_dir(dir.path()).join(block.to_string());
                let marked = block.join("meta.compacted.json");
                std::fs::rename(block.join("meta.json"), marked).expect("renamed");
            }
            compact(&node).await;
            assert_eq!(counted(&node, &family::COMPACTION_ERRORS).await, 0.0);
            assert!(counted(&node, &family::JOBS_DROPPED).await > 0.0);
            // Inputs are deleted by nobody but the one who has merged them, and nothing is doubled.
            let dirs = std::fs::read_dir(tenant_dir(dir.path())).expect("blocks").count();
            assert_eq!(dirs, blocks.len());
            assert_eq!(answered(&node).await, sent());
        }
    });
}

/// A trace of one span with a long message.
fn one_long_span(trace: u8, span: u64) -> Trace {
    let span = Span {
        id: span,
        message: "x".repeat(600),
        start_unix_nanos: BASE_NANOS,
        duration_nanos: 1,
        ..Span::default()
    };
    Trace::new([trace; 16], vec![span])
}

#[test]
fn of_a_trace_whose_pieces_are_too_large_together_one_stays_and_the_others_are_counted() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(1, quiet(dir.path()), move |node| async move {
        const WHOLE: u8 = 9;
        let tenant = TenantId::single();
        for number in 1..=3 {
            let own = one_long_span(number, u64::from(number));
            let piece = one_long_span(WHOLE, u64::from(number));
            node.ingest(&tenant, otlp::request(&[own, piece])).await.expect("accepted");
            node.flush(None).await;
        }
        let mut limits = Limits::default();
        let own = TenantLimits { trace_bytes_max: 1000, ..TenantLimits::default() };
        limits.tenants.insert(tenant.clone(), Arc::new(own));
        node.shard().limits.replace(Arc::new(limits));
        compact(&node).await;
        assert_eq!(listed(&node).len(), 1);
        for (trace, spans) in [(1, 1), (2, 1), (3, 1), (WHOLE, 1)] {
            let request = everywhere(TraceId([trace; 16]));
            let answer = node.trace(&tenant, &request).await.expect("an answer").value;
            let resources = answer.trace.expect("a trace").resource_spans;
            let scopes = resources.iter().flat_map(|resource| &resource.scope_spans);
            assert_eq!(scopes.map(|scope| scope.spans.len()).sum::<usize>(), spans);
        }
        assert_eq!(counted(&node, &family::DISCARDED_SPANS).await, 2.0);
    });
}
