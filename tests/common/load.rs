//! Load with a ledger, and the check of what became of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use stringendo_loadgen::verify::Api;
use stringendo_loadgen::{
    Endpoint, Protocol, Report, RunOptions, VerifyOptions, VerifyReport, WorkloadOptions, run,
    verify,
};

use super::Server;

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
