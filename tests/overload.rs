//! More load than one core with little memory can take: memory stays within the budget, refusals
//! say when to come again, and what was accepted is there.

mod common;

use std::time::Duration;

use common::{Options, Server, load};
use stringendo_loadgen::process::usage;
use stringendo_loadgen::{Report, RunOptions};

const BUDGET_MIB: u64 = 112;

fn small() -> Options {
    Options { budget_mib: BUDGET_MIB, segment_mib: 8, ..Options::default() }
}

/// How long the load lasts; `STRINGENDO_OVERLOAD_SECONDS` says otherwise.
fn duration() -> Duration {
    let seconds = std::env::var("STRINGENDO_OVERLOAD_SECONDS").ok();
    Duration::from_secs(seconds.map_or(15, |text| text.parse().expect("seconds")))
}

fn flat_out(mut options: RunOptions) -> Report {
    options.connections = 8;
    options.inflight = 8;
    options.workload.batch_spans = 2_000;
    load::send(options)
}

/// Of the whole life of the process so far, as the kernel counted.
fn assert_within_budget(server: &Server, after: &str) {
    let peak = usage(server.pid()).expect("the server runs").rss_bytes_max;
    let budget = server.options.budget_bytes();
    let (peak_mib, budget_mib) = (peak >> 20, budget >> 20);
    let text =
        format!("peak after {after}: {peak_mib} MiB of resident memory, budget {budget_mib}");
    println!("{text}");
    assert!(peak <= budget, "{text}");
}

fn assert_refused_with_hints(report: &Report) {
    println!("{report}");
    assert!(report.refused_with_hint.batches > 0, "{report}");
    assert_eq!(report.refused_without_hint.batches, 0, "{report}");
    assert_eq!(report.failed.batches + report.unanswered.batches, 0, "{report}");
    assert!(report.acknowledged.spans > 0, "{report}");
    assert!(report.reasons.iter().all(|(reason, _)| reason.contains("RATE_LIMITED")), "{report}");
}

#[test]
fn flat_out_grpc_stays_within_the_budget_and_loses_nothing_accepted() {
    let mut server = Server::start(small());
    let ledger = load::ledger(&server, "grpc");
    let report = flat_out(load::options(&server, &ledger, duration()));
    assert_refused_with_hints(&report);
    assert_within_budget(&server, "the load");
    load::assert_all_there(&server, &ledger, Some(load::SAMPLE));
    assert_within_budget(&server, "reading back");
    server.restart();
    load::assert_all_there(&server, &ledger, Some(load::SAMPLE));
}

#[test]
fn flat_out_http_is_refused_with_retry_after() {
    let server = Server::start(small());
    let ledger = load::ledger(&server, "http");
    let report = flat_out(load::http_options(&server, &ledger, duration() / 3));
    assert_refused_with_hints(&report);
    assert_within_budget(&server, "the load");
    load::assert_all_there(&server, &ledger, Some(load::SAMPLE));
    assert_within_budget(&server, "reading back");
}
