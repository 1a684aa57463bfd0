//! The real process on disks that are full: blocks cannot be written, then the log has no room,
//! and spans are refused; nothing acknowledged is lost, and all goes on when there is room.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::http::X_PROTOBUF;
use common::{Options, Server, load, spans, wait};

/// Both disks are small, and there is memory for more than they hold.
fn options() -> Options {
    Options {
        budget_mib: 256,
        segment_mib: 2,
        blocks_disk_mib: Some(8),
        wal_disk_mib: Some(16),
        ..Options::default()
    }
}

/// A directory as the server sees it, which has its disks for itself.
fn inside(server: &Server, name: &str) -> PathBuf {
    let dir = server.dir().join(name);
    let dir = dir.strip_prefix("/").expect("an absolute path");
    PathBuf::from(format!("/proc/{}/root", server.pid())).join(dir)
}

/// Takes all the room that a disk has.
fn fill(server: &Server, name: &str) -> PathBuf {
    let path = inside(server, name).join("in-the-way");
    let error = std::fs::write(&path, vec![1; 64 << 20]).expect_err("the disk is small");
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    path
}

fn metric(server: &Server, name: &str) -> f64 {
    server.metric(name, &[])
}

/// Every span that was acknowledged is there, once. In the last round there may be none.
fn assert_all_there(server: &Server, ledgers: &[PathBuf]) {
    for ledger in ledgers {
        let report = load::check(server, ledger, Some(load::SAMPLE));
        assert!(report.is_clean(), "{}", report.to_json());
    }
    for number in 1..ledgers.len() as u64 {
        let trace = server.get(&format!("/api/traces/{}", spans::hex(number)));
        assert_eq!(trace.status, 200, "{number}");
    }
}

#[test]
fn full_disks_refuse_spans_with_a_hint_lose_none_and_are_left_behind_when_there_is_room() {
    let mut server = Server::start(options());
    let in_the_way = fill(&server, "blocks");
    let mut ledgers = Vec::new();
    // Until the log's disk is full, too.
    let refusal = loop {
        let ledger = load::ledger(&server, &format!("round-{}", ledgers.len()));
        load::send(load::options(&server, &ledger, Duration::from_millis(300)));
        ledgers.push(ledger);
        let answer = server.export(X_PROTOBUF, &spans::numbered(ledgers.len() as u64));
        if answer.status != 200 {
            break answer;
        }
        assert!(ledgers.len() < 100, "the disk does not fill");
    };
    assert_eq!((refusal.status, refusal.header("retry-after")), (429, "5"), "{}", refusal.text());
    assert!(String::from_utf8_lossy(&refusal.body).contains("no room for a new WAL segment"));
    let reason = [("reason", "rate_limited")];
    assert!(server.metric("stringendo_receiver_refused_requests_total", &reason) > 0.0);
    assert!(metric(&server, "tempo_ingester_failed_flushes_total") > 0.0);
    assert_all_there(&server, &ledgers);
    std::fs::remove_file(in_the_way).expect("removed");
    wait::until("spans are taken again", || {
        (server.export(X_PROTOBUF, &spans::numbered(1000)).status == 200).then_some(())
    });
    wait::until("what waited is in blocks", || {
        (metric(&server, "tempo_ingester_flush_queue_length") == 0.0).then_some(())
    });
    server.flush();
    assert_all_there(&server, &ledgers);
    assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(1000))).status, 200);
    assert!(server.terminate().success());
}
