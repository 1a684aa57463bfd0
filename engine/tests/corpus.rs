//! The corpus that Tempo recorded: every trace comes back as Tempo gave it, live, from a block, and
//! after a restart.

mod common;

use std::sync::Arc;

use common::{canonical, corpus, everywhere, recorded, settings, with_engine};
use stringendo_engine::{Node, TenantId};

async fn send_all(node: &Node) {
    for request in corpus() {
        // Some requests of the corpus hold no spans; all are valid.
        node.ingest(&TenantId::single(), request).await.expect("accepted");
    }
}

async fn compare_all(node: &Node, state: &str) {
    let mut different = Vec::new();
    for (id, expected) in recorded() {
        let answer = node.trace(&TenantId::single(), &everywhere(id)).await.expect("an answer");
        let Some(trace) = answer.trace else {
            different.push(format!("{state}: {id} is missing"));
            continue;
        };
        let (found, expected) = (canonical(&trace), canonical(&expected));
        if found != expected {
            different.push(format!("{state}: {id}\n  found {found:#?}\n  expected {expected:#?}"));
        }
    }
    assert!(different.is_empty(), "{} differ; first: {}", different.len(), different[0]);
}

fn corpus_comes_back_on(cores_first: u16, cores_then: u16) {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let path = dir.path().to_owned();
    with_engine(cores_first, settings(&path), |node| async move {
        send_all(&node).await;
        compare_all(&node, "live").await;
    });
    // Nothing was flushed: the restart reads the log back.
    with_engine(cores_then, settings(&path), |node| async move {
        compare_all(&node, "after a restart").await;
        node.flush(None).await;
        compare_all(&node, "flushed").await;
    });
    with_engine(cores_first, settings(&path), |node| async move {
        compare_all(&node, "from blocks alone").await;
    });
}

#[test]
fn every_trace_of_the_corpus_comes_back_live_and_flushed_and_restarted() {
    corpus_comes_back_on(1, 1);
}

#[test]
fn every_trace_comes_back_after_a_restart_on_another_number_of_cores() {
    corpus_comes_back_on(2, 1);
    corpus_comes_back_on(1, 3);
}
