//! Blocks become one: the same spans, each once, whenever a crash comes; and what cannot be merged
//! stays as it is.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::spread::{State, bring};
use common::{everywhere, settings, with_engine};
use stringendo_engine::compaction::conductor::Conductor;
use stringendo_engine::metrics::{Family, Sample, families as family};
use stringendo_engine::settings::CompactionSettings;
use stringendo_engine::{EngineSettings, Node, TenantId};
use stringendo_oracle::dice::Dice;
use stringendo_oracle::random_trace;
use stringendo_oracle::rows::Trace;
use stringendo_proto::TraceId;
use uuid::Uuid;

const BASE_NANOS: u64 = 1_700_000_000_000_000_000;

/// Compaction plans only when the test does.
fn quiet(dir: &Path) -> EngineSettings {
    let cycle = std::time::Duration::from_secs(3600);
    let compaction = CompactionSettings { cycle, ..CompactionSettings::default() };
    EngineSettings { compaction, ..settings(dir) }
}

fn traces() -> Vec<Trace> {
    random_trace::traces(&mut Dice::new(7), 40, BASE_NANOS)
}

/// Four blocks of which each has a piece of most traces.
async fn bring_pieces(node: &Node) {
    let traces = traces();
    bring(node, State::Pieces, &[(TenantId::single(), &traces)]).await;
}

async fn compact(node: &Node) {
    Conductor::new(node.clone()).run_once().await;
}

fn listed(node: &Node) -> Vec<Uuid> {
    let list = Arc::clone(&node.shard().blocks.borrow());
    list.of(&TenantId::single()).iter().map(|block| block.meta.block_id).collect()
}

/// Span ids of every trace, as they are answered.
async fn answered(node: &Node) -> BTreeMap<[u8; 16], Vec<Vec<u8>>> {
    let mut answers = BTreeMap::new();
    for trace in traces() {
        let request = everywhere(TraceId(trace.id));
        let answer = node.trace(&TenantId::single(), &request).await.expect("an answer");
        let found = answer.value.trace.expect("a trace").resource_spans;
        let spans = found.iter().flat_map(|one| &one.scope_spans).flat_map(|one| &one.spans);
        let mut ids: Vec<_> = spans.map(|span| span.span_id.to_vec()).collect();
        ids.sort();
        answers.insert(trace.id, ids);
    }
    answers
}

fn sent() -> BTreeMap<[u8; 16], Vec<Vec<u8>>> {
    let ids = |trace: &Trace| {
        let mut ids: Vec<_> =
            trace.spans.iter().map(|span| span.id.to_be_bytes().to_vec()).collect();
        ids.sort();
        (trace.id, ids)
    };
    traces().iter().map(ids).collect()
}

async fn counted(node: &Node, family: &'static Family) -> f64 {
    let series = node.metrics().await.into_iter();
    let of_family = series.filter(|series| series.family.name == family.name);
    let number = |sample| if let Sample::Number(number) = sample { number } else { 0.0 };
    of_family.map(|series| number(series.sample)).sum()
}

fn tenant_dir(root: &Path) -> PathBuf {
    root.join("blocks/single-tenant")
}

fn has(root: &Path, block: Uuid, name: &str) -> bool {
    tenant_dir(root).join(block.to_string()).join(name).exists()
}

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
            stringendo_engine::block_poll::BlockPoll::new(node.clone())
                .poll()
                .await
                .expect("lists");
            compact(&node).await;
            assert_eq!(listed(&node), blocks);
        }
    });
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(1, settings(dir.path()), move |node| async move {
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
            let objects = std::fs::read_dir(tenant_dir(dir.path())).expect("blocks").count();
            assert_eq!(objects, blocks.len() + 1, "nothing half written is left");
        }
    });
}
