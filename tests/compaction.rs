//! Compaction in the real process: killed at any moment, on a full disk, without its directory.
//! What was acknowledged is there, once, all the while.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::{Options, Server, load, wait};
use stringendo_loadgen::Report;

/// Of the last day's blocks one of each level may be left alone.
const BLOCKS_LEFT: f64 = 6.0;

/// Many small blocks, merged as soon as there are two.
const EAGER: &str = "compactor: {compaction: {compaction_cycle: 200ms}}\n";

fn eager(cores: usize) -> Options {
    let (block_age, more_yaml) = ("1s", EAGER);
    Options { cores, budget_mib: 256, segment_mib: 2, block_age, more_yaml, ..Options::default() }
}

/// Load for so long, recorded in a ledger of its own.
fn send(server: &Server, name: &str, time: Duration) -> PathBuf {
    let ledger = load::ledger(server, name);
    let report: Report = load::send(load::options(server, &ledger, time));
    assert!(report.acknowledged.spans > 0, "{report}");
    ledger
}

fn merged(server: &Server) -> f64 {
    server.metric("tempodb_compaction_blocks_total", &[])
}

fn blocks(server: &Server) -> f64 {
    server.metric("tempodb_blocklist_length", &[])
}

fn wait_until_merged(server: &Server) {
    wait::until("all is merged", || {
        let waiting = server.metric("tempodb_compaction_outstanding_blocks", &[])
            + server.metric("tempo_backend_scheduler_jobs_active", &[]);
        (waiting == 0.0 && blocks(server) <= BLOCKS_LEFT).then_some(())
    });
}

/// Rounds of load and kills; `STRINGENDO_COMPACTION_ROUNDS` says otherwise.
fn rounds() -> u64 {
    let rounds = std::env::var("STRINGENDO_COMPACTION_ROUNDS").ok();
    rounds.map_or(3, |text| text.parse().expect("a number"))
}

/// Pauses between kills: from before the first plan to after the first jobs.
fn kill_after(number: u64) -> Duration {
    // Any numbers do, as long as they are spread.
    Duration::from_millis(60 + number * 7919 % 900)
}

#[test]
fn blocks_that_are_merged_again_and_again_under_kills_keep_every_span_once() {
    let mut server = Server::start(eager(2));
    let mut ledgers = Vec::new();
    for round in 0..rounds() {
        ledgers.push(send(&server, &format!("round-{round}"), Duration::from_millis(1500)));
        for kill in 0..4 {
            wait::pause(kill_after(round * 4 + kill));
            server.kill9();
            server.options.cores = if kill % 2 == 0 { 1 } else { 2 };
            server.start_again();
        }
        for ledger in &ledgers {
            load::assert_all_there(&server, ledger, Some(load::SAMPLE));
        }
    }
    server.flush();
    wait_until_merged(&server);
    assert_eq!(server.metric("tempodb_compaction_errors_total", &[]), 0.0);
    server.restart();
    assert!(blocks(&server) <= BLOCKS_LEFT);
    for ledger in &ledgers {
        load::assert_all_there(&server, ledger, Some(load::SAMPLE));
    }
    // Of every block that ever was either the one meta is there or the other; nothing half written,
    // once the jobs are done that the last start has found.
    wait::until("nothing is half written", || {
        let notes = std::fs::read_dir(server.dir().join("wal/compaction")).expect("notes");
        (notes.count() == 0 && half_written(&server).is_none()).then_some(())
    });
    let merges = server.log().matches("message=\"blocks merged\"").count();
    println!("{} kills, {merges} merges", rounds() * 4);
}

/// A directory of a block that has neither meta, or both.
fn half_written(server: &Server) -> Option<PathBuf> {
    let blocks = std::fs::read_dir(server.tenant_dir()).expect("blocks");
    let mut blocks = blocks.map(|block| block.expect("a block").path());
    blocks.find(|block| {
        block.join("meta.json").exists() == block.join("meta.compacted.json").exists()
    })
}

#[test]
fn merging_goes_on_under_load_and_answers_stay_whole() {
    let server = Server::start(eager(2));
    let ledger = send(&server, "all", Duration::from_secs(6));
    assert!(merged(&server) > 0.0, "merged under load");
    load::assert_all_there(&server, &ledger, Some(load::SAMPLE));
    server.flush();
    wait_until_merged(&server);
    load::assert_all_there(&server, &ledger, Some(load::SAMPLE));
}

#[test]
fn a_full_disk_is_reported_and_everything_goes_on_when_there_is_room_again() {
    const SHORT: &str = "compactor: {compaction: {compaction_cycle: 200ms, \
                         compacted_block_retention: 25s}}\n\
                         backend_scheduler: {provider: {retention: {interval: 2s}}}\n";
    let options = Options { blocks_disk_mib: Some(6), more_yaml: SHORT, ..eager(1) };
    let server = Server::start(options);
    let mut ledgers = Vec::new();
    let failed = |reason| {
        server.metric("stringendo_compaction_failures_total", &[("reason", reason)])
            + server.metric("tempo_ingester_failed_flushes_total", &[])
    };
    // The disk fills with superseded blocks, more than with live ones.
    for round in 0..40 {
        if failed("disk_full") > 0.0 {
            break;
        }
        ledgers.push(send(&server, &format!("round-{round}"), Duration::from_millis(100)));
        wait::pause(Duration::from_millis(1200));
    }
    assert!(failed("disk_full") > 0.0, "the disk did not fill");
    for ledger in &ledgers {
        load::assert_all_there(&server, ledger, Some(load::SAMPLE));
    }
    // They are deleted when their time has come, and what waited is written.
    wait::until("what is live is in blocks", || {
        let live = server.metric("tempo_ingester_flush_queue_length", &[]);
        let deleted = server.metric("tempodb_retention_deleted_total", &[]);
        (live == 0.0 && deleted > 0.0).then_some(())
    });
    for ledger in &ledgers {
        load::assert_all_there(&server, ledger, Some(load::SAMPLE));
    }
}
