//! `stringendo blocks` on blocks in an object store, with the configuration of the server that
//! wrote them.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "common/bucket.rs"]
mod bucket;
mod common;

use std::process::{Command, Output};

use bucket::{Bucket, is};
use common::http::X_PROTOBUF;
use common::{Server, spans};
use stringendo_teststores::Fault;

const BLOCKS: u64 = 40;

/// A bucket with as many blocks, each of one trace, whose server has ended.
fn stored(blocks: u64) -> (Bucket, Server) {
    let bucket = Bucket::new();
    let options = bucket.options();
    let more_yaml = "compactor: {disabled: true}\n";
    let mut server = Server::start(common::Options { cores: 1, more_yaml, ..options });
    for number in 1..=blocks {
        server.export(X_PROTOBUF, &spans::numbered(number)).ok();
        server.flush();
    }
    assert!(server.terminate().success());
    (bucket, server)
}

fn run(server: &Server, arguments: &[&str]) -> Output {
    let config = format!("--config.file={}", server.dir().join("config.yaml").display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_stringendo"));
    command.arg("blocks").args(arguments).arg(config).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that must end well; gives what it printed.
fn printed(server: &Server, arguments: &[&str]) -> String {
    let output = run(server, arguments);
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

/// Runs a command that must end badly; gives what it printed.
fn refused(server: &Server, arguments: &[&str]) -> String {
    let output = run(server, arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn blocks_in_s3_are_listed_several_at_a_time_and_one_that_cannot_be_opened_is_named() {
    let (bucket, server) = stored(BLOCKS);
    let table = printed(&server, &["list"]);
    let expected = format!("{BLOCKS} traces, {BLOCKS} spans");
    assert!(table.contains(&format!("{BLOCKS} blocks")) && table.contains(&expected), "{table}");
    let footers = bucket.proxy.count(is("GET", "data.parquet")) as u64;
    assert_eq!(footers, BLOCKS, "one request for each");
    let lines = printed(&server, &["list", "--json"]);
    let ids = |lines: &str| -> Vec<String> {
        let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.map(|line: serde_json::Value| line["block"].as_str().unwrap().to_owned()).collect()
    };
    let ids = ids(&lines);
    assert!(ids.len() as u64 == BLOCKS && ids.is_sorted(), "in order");
    let data = bucket.objects("data.parquet").remove(0);
    std::fs::remove_file(&data).unwrap();
    let told = refused(&server, &["list"]);
    let id = data.parent().unwrap().file_name().unwrap().to_str().unwrap();
    assert!(told.contains(&format!("not opened: single-tenant/{id}: ")), "{told}");
    assert!(told.contains(&format!("{BLOCKS} blocks")), "{told}");
}

#[test]
fn blocks_in_s3_are_shown_checked_and_their_filters_made_again() {
    let (bucket, server) = stored(3);
    let data = bucket.objects("data.parquet").remove(0);
    let id = data.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    let shown = printed(&server, &["show", &id]);
    assert!(shown.contains(&id) && shown.contains("row group 0: 1 traces"), "{shown}");
    assert!(printed(&server, &["check"]).contains("3 blocks, 0 faults"));
    std::fs::remove_file(data.with_file_name("stringendo.filters")).unwrap();
    let made = printed(&server, &["rebuild-filters", "--missing"]);
    assert!(made.lines().count() == 1 && made.contains(&id), "{made}");
    assert!(data.with_file_name("stringendo.filters").exists());
    assert!(printed(&server, &["check", &id]).contains("1 blocks, 0 faults"));
    let mut bytes = std::fs::read(&data).unwrap();
    bytes[100] ^= 0xff;
    std::fs::write(&data, bytes).unwrap();
    let told = refused(&server, &["check"]);
    assert!(told.contains(&id) && told.contains("sound") && told.contains("3 blocks"), "{told}");
    bucket.proxy.spoil(usize::MAX, Fault::Status(503), |_| true);
    let away = refused(&server, &["list"]);
    assert!(away.contains("503"), "{away}");
}

#[test]
fn a_crash_while_a_trace_is_deleted_leaves_the_old_block_or_the_new_one() {
    let bucket = Bucket::new();
    let more_yaml = "compactor: {disabled: true}\n";
    let options = common::Options { cores: 1, more_yaml, ..bucket.options() };
    let mut server = Server::start(options);
    for number in 1..=3 {
        server.export(X_PROTOBUF, &spans::numbered(number)).ok();
    }
    server.flush();
    assert!(server.terminate().success());
    let id = spans::hex(2);
    let traces = |expected: &str| {
        let table = printed(&server, &["list"]);
        assert!(table.contains("1 blocks, ") && table.contains(expected), "{table}");
    };
    for (object, left) in
        [("data.parquet", "3 traces"), ("/meta.json", "3 traces"), ("meta.compacted", "2 traces")]
    {
        bucket.proxy.spoil(usize::MAX, Fault::Status(403), is("PUT", object));
        let failed = refused(&server, &["delete-trace", &id]);
        assert!(failed.contains("not rewritten: ") && failed.contains("1 failures"), "{failed}");
        bucket.proxy.heal();
        traces(left);
    }
    assert_eq!(bucket.objects("data.parquet").len(), 2, "nothing of what failed is left");
    // The mark is made up for by the next try, and by a server.
    let again = printed(&server, &["delete-trace", &id]);
    assert!(again.contains("0 spans removed from 0 of 1 blocks"), "{again}");
    assert!(again.contains("superseded, still has it"), "{again}");
    assert_eq!(bucket.objects("meta.compacted.json").len(), 1);
    server.start_again();
    let found: Vec<u16> =
        (1..=3).map(|n| server.get(&format!("/api/traces/{}", spans::hex(n))).status).collect();
    assert_eq!(found, [200, 404, 200]);
}

#[test]
fn a_trace_is_deleted_from_blocks_in_s3_and_a_failure_on_the_way_leaves_it_as_it_was() {
    let (bucket, mut server) = stored(3);
    let id = spans::hex(2);
    let plan = printed(&server, &["delete-trace", &id, "--dry-run"]);
    assert!(plan.contains("1 spans would go from 1 of 3 blocks"), "{plan}");
    // Nothing else is in its block, so there is nothing to write but the mark.
    bucket.proxy.spoil(usize::MAX, Fault::Status(403), is("PUT", "meta.compacted.json"));
    let failed = refused(&server, &["delete-trace", &id, "--purge"]);
    assert!(failed.contains("not rewritten: ") && failed.contains("1 failures"), "{failed}");
    assert!(printed(&server, &["list"]).contains("3 blocks"));
    bucket.proxy.heal();
    let receipt = printed(&server, &["delete-trace", &id, "--purge"]);
    assert!(receipt.contains("there was nothing else in it: deleted"), "{receipt}");
    assert_eq!(bucket.objects("data.parquet").len(), 2, "deleted there, too");
    assert!(printed(&server, &["check"]).contains("2 blocks, 0 faults"));
    server.start_again();
    assert_eq!(server.get(&format!("/api/traces/{id}")).status, 404);
    assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(3))).status, 200);
}
