//! Blocks that are merged and deleted in a bucket, by one server or by two, whatever the store does
//! on the way, and whenever the process is killed.

#[path = "common/bucket.rs"]
mod bucket;
mod common;

use std::path::PathBuf;
use std::time::Duration;

use bucket::{Bucket, is};
use common::{Options, Server, load, wait};
use stringendo_teststores::Fault;

/// Blocks are merged as soon as there are two, and deleted soon after.
const EAGER: &str = "\
compactor:
  compaction: {compaction_cycle: 200ms, compacted_block_retention: 3s}
backend_scheduler: {provider: {retention: {interval: 1s}}}
query_frontend: {query_end_cutoff: 0s}
";

/// The same, and they expire at once.
const SHORT_LIVED: &str = "\
compactor:
  compaction: {compaction_cycle: 200ms, block_retention: 4s, compacted_block_retention: 1s}
backend_scheduler: {provider: {retention: {interval: 1s}}}
query_frontend: {query_end_cutoff: 0s}
";

fn options(bucket: &Bucket, more_yaml: &'static str) -> Options {
    Options { budget_mib: 256, segment_mib: 2, block_age: "1s", more_yaml, ..bucket.options() }
}

/// Load for so long; the ledger, and how many spans were acknowledged.
fn send(server: &Server, name: &str, time: Duration) -> (PathBuf, u64) {
    let ledger = load::ledger(server, name);
    let spans = load::send_all(load::options(server, &ledger, time));
    (ledger, spans)
}

fn assert_all_there(server: &Server, ledgers: &[PathBuf]) {
    for ledger in ledgers {
        load::assert_all_there(server, ledger, Some(load::SAMPLE));
    }
}

#[test]
fn blocks_are_merged_in_the_bucket_and_superseded_ones_are_deleted_there() {
    let bucket = Bucket::new();
    let mut server = Server::start(options(&bucket, EAGER));
    let sent: Vec<_> = (0..3)
        .map(|round| send(&server, &format!("round-{round}"), Duration::from_millis(700)))
        .collect();
    server.flush();
    bucket.wait_until_merged();
    assert!(server.metric("tempodb_compaction_blocks_total", &[]) >= 2.0);
    assert!(server.metric("tempodb_retention_deleted_total", &[]) >= 2.0);
    assert_eq!(server.metric("tempodb_compaction_errors_total", &[]), 0.0);
    let ledgers: Vec<_> = sent.iter().map(|(ledger, _)| ledger.clone()).collect();
    let spans = sent.iter().map(|(_, spans)| *spans).sum::<u64>() as f64;
    assert_eq!(load::spans_counted(&server), spans);
    server.restart();
    assert_all_there(&server, &ledgers);
    assert_eq!(load::spans_counted(&server), spans);
}

#[test]
fn what_has_expired_is_deleted_in_the_bucket_too() {
    let bucket = Bucket::new();
    let server = Server::start(options(&bucket, SHORT_LIVED));
    send(&server, "some", Duration::from_millis(500));
    server.flush();
    assert!(!bucket.objects("data.parquet").is_empty());
    wait::until("the bucket is empty", || bucket.blocks().is_empty().then_some(()));
    assert_eq!(server.metric("tempodb_retention_errors_total", &[]), 0.0);
    // The server of the tests leaves the directory. A tenant that is gone has no old index.
    std::fs::remove_dir_all(bucket.path().join("some/prefix/single-tenant")).expect("removed");
    wait::until("no age of an index is shown", || {
        let shown = server.get("/metrics").ok();
        (!shown.text().contains("tempodb_blocklist_tenant_index_age_seconds{")).then_some(())
    });
}

/// What a store does that has a bad day.
fn spoil(bucket: &Bucket, round: u64) {
    let proxy = &bucket.proxy;
    proxy.heal();
    match round % 4 {
        0 => {
            // A block is there although the store has said three times that it is not.
            proxy.spoil(3, Fault::FalseFailure, is("PUT", "/meta.json"));
            proxy.spoil(4, Fault::Status(503), is("PUT", "bloom-0"));
        }
        1 => {
            proxy.spoil(3, Fault::FalseSuccess, is("PUT", "data.parquet"));
            proxy.spoil(6, Fault::Status(503), is("DELETE", ""));
        }
        2 => {
            proxy.spoil(2, Fault::FalseSuccess, is("PUT", "/meta"));
            proxy.spoil(8, Fault::Silence(Duration::from_millis(30)), is("PUT", ""));
        }
        _ => {
            proxy.spoil(30, Fault::Status(503), |_| true);
            proxy.spoil(6, Fault::Truncate(10), is("GET", "data.parquet"));
        }
    }
}

#[test]
fn kills_and_a_store_that_fails_lose_and_double_nothing_and_leave_nothing_behind() {
    let bucket = Bucket::new();
    let mut server = Server::start(options(&bucket, EAGER));
    let mut ledgers = Vec::new();
    for round in 0..4 {
        bucket.proxy.heal();
        ledgers.push(send(&server, &format!("round-{round}"), Duration::from_millis(500)).0);
        for kill in 0..3 {
            spoil(&bucket, round + kill);
            wait::pause(Duration::from_millis(150 + (round * 3 + kill) * 7919 % 1100));
            if kill < 2 {
                server.kill9();
                bucket.proxy.heal();
                server.start_again();
            }
        }
        bucket.proxy.heal();
        assert_all_there(&server, &ledgers);
    }
    server.flush();
    bucket.wait_until_merged();
    assert_all_there(&server, &ledgers);
    server.restart();
    assert_all_there(&server, &ledgers);
    assert_eq!(bucket.unfinished_uploads(), Vec::<String>::new());
}

#[test]
fn two_servers_on_one_bucket_lose_nothing_and_in_the_end_every_span_is_there_once() {
    let bucket = Bucket::new();
    let servers = [(); 2].map(|()| Server::start(options(&bucket, EAGER)));
    let (mut ledgers, mut sent) = (Vec::new(), 0);
    for round in 0..2 {
        for server in &servers {
            let (ledger, spans) =
                send(server, &format!("round-{round}"), Duration::from_millis(400));
            ledgers.push(ledger);
            sent += spans;
        }
    }
    servers.iter().for_each(Server::flush);
    bucket.wait_until_merged();
    for server in &servers {
        wait::until("every span is there once", || {
            (load::spans_counted(server) == sent as f64).then_some(())
        });
        assert_all_there(server, &ledgers);
    }
    // Once it is so it stays so.
    for _ in 0..5 {
        wait::pause(Duration::from_millis(500));
        assert!(servers.iter().all(|server| load::spans_counted(server) == sent as f64));
    }
}
