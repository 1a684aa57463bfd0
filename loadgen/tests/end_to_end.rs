//! Runs against a peer that speaks the real protocols, and reads back what was acknowledged.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests too.

mod peer;

use std::path::Path;
use std::time::Duration;

use peer::{Manners, Peer};
use stringendo_loadgen::ledger::{Fate, Ledger};
use stringendo_loadgen::verify::Api;
use stringendo_loadgen::{
    Compression, Protocol, Report, RunOptions, VerifyOptions, VerifyReport, WorkloadOptions, run,
    verify,
};

const SPANS: u64 = 3_000;

fn options(peer: &Peer, ledger: &Path) -> RunOptions {
    let mut options = RunOptions::new(peer.grpc.clone(), Duration::from_secs(60));
    options.workload = WorkloadOptions { seed: 6, batch_spans: 500, groups: 1 };
    options.spans = Some(SPANS);
    options.connections = 2;
    options.inflight = 2;
    options.ledger = Some(ledger.to_owned());
    options
}

fn run_quietly(options: RunOptions) -> Report {
    run(options, |_| ()).unwrap()
}

fn check(peer: &Peer, ledger: &Path, sample: Option<u64>) -> VerifyReport {
    let options = VerifyOptions {
        ledger: ledger.to_owned(),
        http: peer.http.clone(),
        api: Api::V2,
        tenant: None,
        sample,
        concurrency: 4,
        timeout: Duration::from_secs(30),
    };
    verify(options, |_| ()).unwrap()
}

/// Runs with what `adjust` changes, and expects that everything is there afterwards.
fn run_and_check(manners: Manners, adjust: impl FnOnce(&Peer, &mut RunOptions)) -> Report {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    let peer = Peer::start(manners);
    let mut options = options(&peer, &ledger);
    adjust(&peer, &mut options);
    let report = run_quietly(options);
    let found = check(&peer, &ledger, None);
    assert!(found.is_clean(), "{found:#?}");
    assert_eq!(found.spans_found, report.acknowledged.spans);
    report
}

#[test]
fn every_span_acknowledged_over_grpc_is_read_back() {
    let report = run_and_check(Manners::default(), |_, options| options.threads = 2);
    assert!(report.acknowledged.spans >= SPANS);
    assert_eq!(report.latency_from_due.count, report.acknowledged.batches);
    assert!((400.0..480.0).contains(&report.bytes_per_span), "{}", report.bytes_per_span);
    let example = report.example.unwrap();
    assert!(example.services.len() >= 3, "{example:?}");
    assert!(example.error.is_some(), "{example:?}");
}

#[test]
fn gzip_over_grpc_arrives_whole() {
    run_and_check(Manners::default(), |_, options| options.compression = Compression::Gzip(1));
}

#[test]
fn http_with_gzip_arrives_whole() {
    run_and_check(Manners::default(), |peer, options| {
        options.protocol = Protocol::Http;
        options.endpoint = peer.http.clone();
        options.compression = Compression::Gzip(6);
    });
}

#[test]
fn refusals_are_counted_and_not_sent_again() {
    let manners = Manners { refuse_every: Some(2), ..Manners::default() };
    let report = run_and_check(manners, |_, _| ());
    assert!(report.refused_with_hint.batches >= 1);
    assert_eq!((report.retries, report.refused_without_hint.batches), (0, 0));
    assert!(report.reasons[0].0.contains("RATE_LIMITED"), "{:?}", report.reasons);
}

#[test]
fn refused_batches_arrive_when_they_are_to_be_sent_again() {
    let manners = Manners { refuse_every: Some(2), ..Manners::default() };
    let report = run_and_check(manners, |_, options| options.retry = true);
    assert!(report.acknowledged.spans >= SPANS);
    assert_eq!(report.retries, report.refused_with_hint.batches);
}

#[test]
fn http_refusals_carry_their_hint() {
    let manners = Manners { refuse_every: Some(2), ..Manners::default() };
    let report = run_and_check(manners, |peer, options| {
        options.protocol = Protocol::Http;
        options.endpoint = peer.http.clone();
        options.retry = true;
    });
    assert_eq!(report.retries, report.refused_with_hint.batches);
}

#[test]
fn an_open_loop_run_ends_on_time_and_measures_from_the_due_time() {
    let report = run_and_check(Manners::default(), |_, options| {
        options.workload.batch_spans = 100;
        options.workload.groups = 3;
        options.rate = Some(4_000.0);
        options.spans = None;
        options.duration = Some(Duration::from_millis(500));
    });
    assert!((1_900..=2_100).contains(&report.acknowledged.spans), "{report}");
    assert!(report.latency_from_due.mean_us >= report.latency_from_send.mean_us);
}

#[test]
fn a_broken_connection_ends_the_run_and_leaves_a_whole_ledger() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let manners = Manners { hang_up_every: Some(6), ..Manners::default() };
        let dir = tempfile::tempdir().unwrap();
        let ledger = dir.path().join("ledger");
        let peer = Peer::start(manners);
        let mut options = options(&peer, &ledger);
        options.spans = Some(100_000);
        options.stop_on_disconnect = true;
        if protocol == Protocol::Http {
            options.endpoint = peer.http.clone();
        }
        options.protocol = protocol;
        let report = run_quietly(options);
        // The reset of one stream is an answer that failed; what follows on it breaks.
        assert!(report.disconnected.is_some(), "{report}");
        assert!(report.unanswered.batches >= 1, "{report}");
        let entries = Ledger::read(&ledger).unwrap().entries;
        let count = |fate| entries.iter().filter(|entry| entry.fate == fate).count() as u64;
        assert_eq!(count(Fate::Acknowledged), report.acknowledged.batches);
        let lost = report.unanswered.batches + report.failed.batches;
        assert_eq!(count(Fate::Unanswered), lost);
        assert!(check(&peer, &ledger, None).is_clean());
    }
}

#[test]
fn without_stopping_a_broken_connection_is_made_again() {
    let manners = Manners { hang_up_every: Some(3), ..Manners::default() };
    let report = run_and_check(manners, |peer, options| {
        options.protocol = Protocol::Http;
        options.endpoint = peer.http.clone();
        options.spans = Some(8_000);
    });
    assert!(report.reconnects >= 1 && report.disconnected.is_none(), "{report}");
}

#[test]
fn nobody_there_is_an_error_that_names_the_endpoint() {
    let dir = tempfile::tempdir().unwrap();
    let peer = Peer::start(Manners::default());
    let mut options = options(&peer, &dir.path().join("ledger"));
    options.endpoint = stringendo_loadgen::Endpoint::parse("127.0.0.1:9").unwrap();
    options.connect_timeout = Duration::from_millis(50);
    let error = run(options, |_| ()).unwrap_err().to_string();
    assert!(error.starts_with("connect to 127.0.0.1:9: "), "{error}");
}

#[test]
fn verify_finds_a_missing_and_a_repeated_span() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    let peer = Peer::start(Manners::default());
    run_quietly(options(&peer, &ledger));
    let spans = peer.spans() as u64;
    peer.tamper(|trace| drop(trace.pop()));
    let found = check(&peer, &ledger, None);
    assert_eq!((found.spans_missing, found.spans_found), (1, spans - 1));
    assert!(!found.is_clean() && found.problems[0].contains("is missing"), "{found:?}");
    peer.tamper(|trace| trace.push(trace[0].clone()));
    let found = check(&peer, &ledger, None);
    assert_eq!((found.spans_missing, found.spans_duplicated), (1, 1));
    assert_eq!(found.problems.len(), 2);
}

#[test]
fn a_sample_checks_about_as_many_traces_as_asked() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    let peer = Peer::start(Manners::default());
    run_quietly(options(&peer, &ledger));
    let found = check(&peer, &ledger, Some(20));
    assert!(found.is_clean() && (3..80).contains(&found.traces_checked), "{found:?}");
}
