//! The real binary over an object store: what is acknowledged is there after the local disk was
//! lost, whatever the store does on the way.

#[path = "common/bucket.rs"]
mod bucket;
mod common;

use std::path::PathBuf;
use std::time::Duration;

use bucket::{Bucket, is};
use common::{Options, Server, http, load, spans, wait};
use stringendo_teststores::{Fault, Request};

fn lose_disk(server: &Server) {
    let wal = server.dir().join("wal");
    assert!(wal.exists() && !server.dir().join("blocks").exists());
    std::fs::remove_dir_all(wal).expect("removed");
}

fn send_some(server: &Server) -> PathBuf {
    let ledger = load::ledger(server, "some");
    load::send(load::options(server, &ledger, Duration::from_millis(500)));
    ledger
}

#[test]
fn blocks_in_s3_are_read_after_the_local_disk_was_lost() {
    let bucket = Bucket::new();
    let mut server = Server::start(bucket.options());
    let ledger = send_some(&server);
    server.flush();
    assert!(server.terminate().success());
    lose_disk(&server);
    server.start_again();
    load::assert_all_there(&server, &ledger, Some(load::SAMPLE));
    assert!(!server.search(&[("q", "{}")]).is_empty());
    assert!(!bucket.objects("meta.json").is_empty());
    for kind in ["GET", "LIST"] {
        let labels = [("operation", kind), ("status_code", "200")];
        let count = server.metric("tempodb_backend_request_duration_seconds_count", &labels);
        let partial = [("operation", kind), ("status_code", "206")];
        let ranges = server.metric("tempodb_backend_request_duration_seconds_count", &partial);
        assert!(count + ranges > 0.0, "{kind}");
    }
}

#[test]
fn a_tenant_index_is_written_and_spares_a_start_the_metas() {
    let bucket = Bucket::new();
    let mut server = Server::start(bucket.options());
    server.export(http::X_PROTOBUF, &spans::numbered(1)).ok();
    server.flush();
    let index = bucket.path().join("some/prefix/single-tenant/index.pb.zst");
    wait::until("the index is written", || index.exists().then_some(()));
    assert!(server.terminate().success());
    let metas = |request: &Request| is("GET", "/meta.json")(request);
    let before = bucket.proxy.count(metas);
    server.start_again();
    assert_eq!(server.search(&[("q", "{}")]).len(), 1);
    assert_eq!(bucket.proxy.count(metas), before);
}

#[test]
fn nothing_acknowledged_is_lost_when_writes_fail_or_only_seem_to_succeed() {
    let bucket = Bucket::new();
    let mut server = Server::start(bucket.options());
    let ledger = send_some(&server);
    let proxy = &bucket.proxy;
    proxy.spoil(4, Fault::Status(503), is("PUT", ""));
    proxy.spoil(2, Fault::FalseSuccess, is("PUT", "data.parquet"));
    proxy.spoil(1, Fault::FalseSuccess, is("PUT", "/meta.json"));
    proxy.spoil(1, Fault::FalseFailure, is("PUT", "bloom-0"));
    proxy.spoil(2, Fault::Silence(Duration::from_millis(20)), is("HEAD", ""));
    server.flush();
    let failed = server.metric("tempo_ingester_failed_flushes_total", &[]);
    assert!(failed >= 1.0, "success that was not is noticed");
    assert!(server.terminate().success());
    lose_disk(&server);
    proxy.heal();
    server.start_again();
    load::assert_all_there(&server, &ledger, Some(load::SAMPLE));
}

#[test]
fn a_block_that_was_written_without_our_hearing_of_it_is_listed_at_once() {
    let bucket = Bucket::new();
    let mut options = bucket.options();
    options.blocks = options.blocks.map(|yaml| yaml.replace("poll: 1s", "poll: 1h"));
    let server = Server::start(options);
    server.export(http::X_PROTOBUF, &spans::numbered(3)).ok();
    // The meta is written; whether it is, cannot be seen in three tries.
    bucket.proxy.spoil(3, Fault::Status(500), is("HEAD", "/meta.json"));
    server.flush();
    assert_eq!(server.metric("tempo_ingester_failed_flushes_total", &[]), 1.0);
    assert_eq!(server.metric("tempodb_blocklist_length", &[]), 1.0);
    assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(3))).status, 200);
}

#[test]
fn a_meta_that_is_no_meta_does_not_count_as_a_block_that_was_written() {
    let bucket = Bucket::new();
    let server = Server::start(bucket.options());
    server.export(http::X_PROTOBUF, &spans::numbered(3)).ok();
    let proxy = &bucket.proxy;
    proxy.spoil(usize::MAX, Fault::Status(500), is("PUT", "/data.parquet"));
    std::thread::scope(|scope| {
        scope.spawn(|| server.flush());
        wait::until("the block could not be written", || {
            let failed = server.metric("tempo_ingester_failed_flushes_total", &[]);
            (failed > 0.0).then_some(())
        });
        let written = proxy.seen().into_iter().find(|request| is("PUT", "/data.parquet")(request));
        let target = written.expect("a try").target;
        let data =
            bucket.root().join(target.split('?').next().unwrap_or_default().trim_matches('/'));
        let block = data.parent().expect("a block");
        std::fs::create_dir_all(block).expect("made");
        std::fs::write(block.join("meta.json"), "{\"format\":\"vPar").expect("written");
        proxy.heal();
    });
    assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(3))).status, 200);
    assert_eq!(server.metric("tempodb_blocklist_length", &[]), 1.0);
}

#[test]
fn what_was_acknowledged_while_the_store_was_away_is_there_after_a_crash() {
    let bucket = Bucket::new();
    let mut server = Server::start(bucket.options());
    bucket.proxy.spoil(usize::MAX, Fault::Status(500), |_| true);
    let ledger = send_some(&server);
    server.export(http::X_PROTOBUF, &spans::numbered(7)).ok();
    assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(7))).status, 200);
    server.kill9();
    bucket.proxy.heal();
    server.start_again();
    server.flush();
    assert!(server.terminate().success());
    lose_disk(&server);
    server.start_again();
    load::assert_all_there(&server, &ledger, Some(load::SAMPLE));
}

#[test]
fn a_server_waits_for_a_store_that_is_away_and_ends_if_the_bucket_is_not_there() {
    let bucket = Bucket::new();
    bucket.proxy.spoil(6, Fault::Status(503), |_| true);
    let mut server = Server::start(bucket.options());
    assert!(server.log().contains("the list of blocks could not be read; will try again"));
    assert!(server.terminate().success());
    std::fs::remove_dir_all(bucket.path()).expect("removed");
    server.spawn();
    assert!(!server.wait_for_exit().success());
    assert!(server.log().contains("NoSuchBucket"), "{}", server.log());
}

#[test]
fn answers_are_right_or_an_error_whatever_reads_do() {
    let bucket = Bucket::new();
    let mut server = Server::start(bucket.options());
    server.export(http::X_PROTOBUF, &spans::numbered(3)).ok();
    server.flush();
    let trace = format!("/api/traces/{}", spans::hex(3));
    let proxy = &bucket.proxy;
    // A fresh process has nothing in its caches.
    let mut fresh = |fault: Fault, times: usize| {
        proxy.heal();
        server.restart();
        proxy.spoil(times, fault, is("GET", "data.parquet"));
        server.get(&trace).status
    };
    assert_eq!(fresh(Fault::Truncate(10), 1), 200, "it is read again");
    assert_eq!(fresh(Fault::Slow(Duration::from_millis(30)), 10), 200);
    assert_eq!(fresh(Fault::Status(503), 2), 200);
    assert_eq!(fresh(Fault::Status(500), usize::MAX), 500, "no block, no answer");
    assert_eq!(fresh(Fault::Truncate(10), usize::MAX), 500);
    proxy.heal();
    assert_eq!(server.get(&trace).status, 200, "it recovers without a restart");
}

#[test]
fn a_bucket_that_vanishes_is_an_error_and_the_list_stays() {
    let bucket = Bucket::new();
    let server = Server::start(bucket.options());
    server.export(http::X_PROTOBUF, &spans::numbered(3)).ok();
    server.flush();
    let elsewhere = bucket.path().with_extension("gone");
    std::fs::rename(bucket.path(), &elsewhere).expect("renamed");
    let errors = || server.metric("tempodb_blocklist_poll_errors_total", &[]);
    wait::until("a poll has failed", || (errors() > 0.0).then_some(()));
    assert_eq!(server.metric("tempodb_blocklist_length", &[]), 1.0);
    std::fs::rename(elsewhere, bucket.path()).expect("renamed");
    assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(3))).status, 200);
}

#[test]
fn a_stale_listing_hides_no_block_that_this_process_has_written() {
    let bucket = Bucket::new();
    let server = Server::start(bucket.options());
    let listings = || bucket.proxy.count(is("GET", "list-type=2"));
    let wait_for_polls = || {
        let before = listings();
        wait::until("the store was listed", || (listings() > before + 12).then_some(()));
    };
    server.export(http::X_PROTOBUF, &spans::numbered(3)).ok();
    server.flush();
    wait_for_polls();
    bucket.proxy.spoil(usize::MAX, Fault::Stale, is("GET", "list-type=2"));
    server.export(http::X_PROTOBUF, &spans::numbered(4)).ok();
    server.flush();
    wait_for_polls();
    for number in [3, 4] {
        assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(number))).status, 200);
    }
}

#[test]
#[ignore = "needs Azurite: cargo xtask test"]
fn azure_keeps_blocks_when_the_local_disk_is_lost() {
    let address = std::env::var("AZURITE_ADDRESS").expect("cargo xtask test runs Azurite");
    let prefix = format!("{:x}", wait::unix_nanos());
    let blocks = format!(
        "backend: azure
    azure:
      container_name: traces
      prefix: {prefix}
      endpoint_suffix: {address}
      storage_account_name: devstoreaccount1
      storage_account_key: Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOt\
         r/KBHBeksoGMGw=="
    );
    assert_survives(Options { blocks: Some(blocks), ..Options::with_cores(1) });
}

#[test]
fn gcs_keeps_blocks_when_the_local_disk_is_lost() {
    let store = Bucket::unsigned();
    let blocks = format!(
        "backend: gcs
    gcs:
      bucket_name: traces
      endpoint: http://{}/storage/v1/
      insecure: true",
        store.server_address()
    );
    assert_survives(Options { blocks: Some(blocks), ..Options::with_cores(1) });
}

fn assert_survives(options: Options) {
    let mut server = Server::start(options);
    let ledger = send_some(&server);
    server.flush();
    assert!(server.terminate().success());
    lose_disk(&server);
    server.start_again();
    load::assert_all_there(&server, &ledger, Some(load::SAMPLE));
}
