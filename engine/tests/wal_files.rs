//! The log's files and memory over their whole life: prepared, begun, released, used again.

mod common;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use common::{corpus, recorded, settings, until, with_engine};
use stringendo_engine::budget::Use;
use stringendo_engine::{EngineSettings, IngestError, Node, TenantId};

/// Files of the log with this extension.
fn files(wal: &Path, extension: &str) -> usize {
    let entries = std::fs::read_dir(wal).expect("the directory is there");
    let names = entries.map(|entry| entry.expect("readable").path());
    names.filter(|path| path.extension().is_some_and(|found| found == extension)).count()
}

async fn send(node: &Node, body: Bytes) -> Result<(), IngestError> {
    node.ingest(&TenantId::single(), body).await.map(drop)
}

async fn send_corpus(node: &Node) {
    for request in corpus() {
        send(node, request).await.expect("accepted");
    }
}

fn small_segments(path: &Path) -> EngineSettings {
    EngineSettings { segment_bytes: 256 << 10, ..settings(path) }
}

#[test]
fn files_and_memory_of_a_segment_go_to_the_next_one() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let path = dir.path().to_owned();
    let wal = path.join("wal");
    with_engine(1, settings(&path), move |node| {
        let wal = wal.clone();
        async move {
            let budget = &node.shard().budget;
            for _ in 0..4 {
                send_corpus(&node).await;
                assert_eq!(files(&wal, "wal"), 1);
                assert!(budget.used_for(Use::Live) > budget.spare_bytes());
                assert!(node.flush(None).await);
                // All that is left is the group that gathers.
                assert!(budget.used_for(Use::Live) < 1 << 20);
                assert!(budget.spare_bytes() > 0);
                assert_eq!(budget.used_for(Use::Encode), 0);
                until("the segment is released", || files(&wal, "wal") == 0).await;
                // One prepared, one or two that were released.
                until("files are kept", || (2..=3).contains(&files(&wal, "free"))).await;
            }
        }
    });
    let free: Vec<_> = std::fs::read_dir(dir.path().join("wal")).expect("there").collect();
    assert!(free.len() <= 3);
}

#[test]
fn every_segment_is_read_back_once_whatever_the_number_of_cores() {
    for cores_then in [1, 2, 3] {
        let dir = Arc::new(tempfile::tempdir().expect("a directory"));
        let path = dir.path().to_owned();
        // No block can be written, so the segments pile up.
        let in_the_way = path.join("blocks").join(TenantId::single().as_str());
        let blocker = in_the_way.clone();
        with_engine(2, small_segments(&path), move |node| {
            std::fs::write(&blocker, "not a directory").expect("written");
            async move { send_corpus(&node).await }
        });
        let segments = files(&path.join("wal"), "wal");
        assert!(segments > 2, "{segments}");
        std::fs::remove_file(&in_the_way).expect("removed");
        with_engine(cores_then, small_segments(&path), move |node| async move {
            assert!(node.flush(None).await);
            let list = Arc::clone(&node.shard().blocks.borrow());
            let blocks = list.of(&TenantId::single());
            assert_eq!(blocks.len(), segments);
            let traces: u64 = blocks.iter().map(|block| block.meta.total_objects).sum();
            assert!(traces >= recorded().len() as u64);
        });
        assert_eq!(files(&path.join("wal"), "wal"), 0);
    }
}

#[test]
fn without_room_for_a_new_segment_spans_are_refused_until_there_is() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let path = dir.path().to_owned();
    with_engine(1, settings(&path), move |node| {
        let (wal, aside) = (path.join("wal"), path.join("wal-aside"));
        async move {
            let body = corpus().swap_remove(0);
            send(&node, body.clone()).await.expect("accepted");
            until("the next one is prepared", || files(&wal, "free") == 1).await;
            // As on a full disk: no file can be made. What is begun goes on.
            std::fs::rename(&wal, &aside).expect("renamed");
            send(&node, body.clone()).await.expect("there is room in the active segment");
            assert!(node.flush(None).await);
            for _ in 0..2 {
                let refused = send(&node, body.clone()).await.expect_err("no new segment");
                assert!(
                    matches!(refused, IngestError::Overloaded { retry_after: Some(_), .. }),
                    "{refused}"
                );
            }
            std::fs::rename(&aside, &wal).expect("renamed");
            let mut accepted = send(&node, body.clone()).await;
            for _ in 0..10 {
                if accepted.is_err() {
                    accepted = send(&node, body.clone()).await;
                }
            }
            accepted.expect("room again");
        }
    });
}
