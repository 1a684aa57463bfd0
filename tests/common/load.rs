//! Load with a ledger, and the check of what became of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use stringendo_loadgen::verify::Api;
use stringendo_loadgen::{
    Endpoint, Protocol, Report, RunOptions, VerifyOptions, VerifyReport, WorkloadOptions, run,
    verify,
};

use super::{Server, http, wait};

/// A workload that is small and the same every time.
pub const WORKLOAD: WorkloadOptions = WorkloadOptions { seed: 11, batch_spans: 200, groups: 2 };

/// About how many traces are read back. Each takes a debug build some 30 ms of one core;
/// `cargo xtask crash` reads all of them from a release build.
pub const SAMPLE: u64 = 100;

fn endpoint(port: u16) -> Endpoint {
    Endpoint { authority: format!("127.0.0.1:{port}"), prefix: String::new() }
}

/// Flat-out load over gRPC for `duration`, recorded in `ledger`.
pub fn options(server: &Server, ledger: &Path, duration: Duration) -> RunOptions {
    let mut options = RunOptions::new(endpoint(server.ports.otlp_grpc), duration);
    options.workload = WORKLOAD;
    options.connections = 2;
    options.inflight = 2;
    options.ledger = Some(ledger.to_owned());
    options
}

/// The same over HTTP.
pub fn http_options(server: &Server, ledger: &Path, duration: Duration) -> RunOptions {
    RunOptions {
        protocol: Protocol::Http,
        endpoint: endpoint(server.ports.otlp_http),
        ..options(server, ledger, duration)
    }
}

/// Runs to the end.
pub fn send(options: RunOptions) -> Report {
    run(options, |_| ()).expect("the load generator runs")
}

/// The same, and everything was answered; how many spans were acknowledged.
pub fn send_all(options: RunOptions) -> u64 {
    let report = send(options);
    assert!(report.acknowledged.spans > 0, "{report}");
    assert_eq!(report.unanswered.batches, 0, "{report}");
    report.acknowledged.spans
}

/// All spans of the last quarter of an hour, as a metrics query counts them; no number as long as
/// the server does not answer it. It needs `query_end_cutoff: 0s`.
pub fn spans_counted(server: &Server) -> f64 {
    spans_counted_as(server, &[])
}

/// The same with headers.
pub fn spans_counted_as(server: &Server, headers: &[http::Header<'_>]) -> f64 {
    let now = wait::unix_nanos() / 1_000_000_000;
    // What lies in an interval that has not ended yet is left out.
    let (start, end) = ((now - 900).to_string(), (now + 1).to_string());
    let query = [("q", "{} | count_over_time()"), ("start", &start), ("end", &end), ("step", "1s")];
    let path = format!("/api/metrics/query_range?{}", http::query(&query));
    let answer = server.get_as(&path, headers);
    if answer.status != 200 {
        return f64::NAN;
    }
    let json = answer.json();
    let series = json["series"].as_array().into_iter().flatten();
    let samples = series.flat_map(|series| series["samples"].as_array().into_iter().flatten());
    samples.filter_map(|sample| sample["value"].as_f64()).sum()
}

/// A ledger's place beside the server's data.
pub fn ledger(server: &Server, name: &str) -> PathBuf {
    server.dir().join(format!("{name}.ledger"))
}

/// Reads back what the ledger says was acknowledged; of about `sample` traces, or of all.
pub fn check(server: &Server, ledger: &Path, sample: Option<u64>) -> VerifyReport {
    let options = VerifyOptions {
        ledger: ledger.to_owned(),
        http: endpoint(server.ports.api),
        api: Api::V2,
        tenant: None,
        sample,
        concurrency: 4,
        timeout: Duration::from_secs(30),
    };
    verify(options, |_| ()).expect("the ledger is readable")
}

/// The same, and every acknowledged span is there, exactly once, as it was sent.
pub fn assert_all_there(server: &Server, ledger: &Path, sample: Option<u64>) -> VerifyReport {
    let report = check(server, ledger, sample);
    assert!(report.is_clean() && report.spans_found > 0, "{}", report.to_json());
    report
}
