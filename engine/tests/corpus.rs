//! The corpus that Tempo recorded: every trace comes back as Tempo gave it, live, from a block, and
//! after a restart.

mod common;

use std::fmt::Write as _;
use std::sync::Arc;

use common::canonical::{Group, canonical, expected};
use common::{corpus, everywhere, recorded, settings, with_engine};
use stringendo_engine::{Node, TenantId, TraceRequest};
use stringendo_proto::TraceId;

/// A report shows the first few traces that differ.
const REPORT_BYTES_MAX: usize = 20_000;

async fn send_all(node: &Node) {
    for request in corpus() {
        // Some requests of the corpus hold no spans; all are valid.
        node.ingest(&TenantId::single(), request).await.expect("accepted");
    }
}

/// Where a trace is looked for.
type Places = fn(TraceId) -> TraceRequest;

fn live_alone(id: TraceId) -> TraceRequest {
    TraceRequest { blocks: None, ..everywhere(id) }
}

fn blocks_alone(id: TraceId) -> TraceRequest {
    TraceRequest { live: false, ..everywhere(id) }
}

/// Asks for every trace; one message about all that differ.
async fn compare_all(node: &Node, state: &str, places: Places) {
    let mut report = String::new();
    let mut different = 0;
    for (id, recorded) in recorded() {
        let answer = node.trace(&TenantId::single(), &places(id)).await.expect("an answer").value;
        let found = answer.trace.as_ref().map(canonical).unwrap_or_default();
        let expected = expected(id, recorded);
        if found != expected {
            different += 1;
            writeln!(report, "trace {id}:{}", difference(&found, &expected)).expect("memory");
        }
    }
    report.truncate(report.floor_char_boundary(REPORT_BYTES_MAX));
    assert!(different == 0, "{state}: {different} traces differ\n{report}");
}

/// The groups that only one side has.
fn difference(found: &[Group], expected: &[Group]) -> String {
    let only = |these: &[Group], others: &[Group], mark: &str| -> String {
        let missing = these.iter().filter(|group| !others.contains(group));
        missing.map(|group| format!("\n {mark} {group:#?}")).collect()
    };
    only(found, expected, "found") + &only(expected, found, "expected")
}

fn corpus_comes_back_on(cores_first: u16, cores_then: u16) {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let path = dir.path().to_owned();
    with_engine(cores_first, settings(&path), |node| async move {
        send_all(&node).await;
        compare_all(&node, "live", live_alone).await;
    });
    // Nothing was flushed: the restart reads the log back. It cannot be made into blocks as long
    // as a file is where their directory belongs.
    let in_the_way = path.join("blocks").join(TenantId::single().as_str());
    std::fs::write(&in_the_way, "not a directory").expect("written");
    with_engine(cores_then, settings(&path), |node| async move {
        compare_all(&node, "after a restart", live_alone).await;
    });
    std::fs::remove_file(&in_the_way).expect("removed");
    with_engine(cores_then, settings(&path), |node| async move {
        compare_all(&node, "after another restart", everywhere).await;
        assert!(node.flush(None).await, "flushed");
        compare_all(&node, "flushed", everywhere).await;
    });
    with_engine(cores_first, settings(&path), |node| async move {
        compare_all(&node, "from blocks alone", blocks_alone).await;
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
