//! A server under a given load: how fast it acknowledges below its peak, what it accepts above it,
//! and how fast it comes back after a kill.

use std::time::Duration;

use super::figure::{Better, Figure};
use super::ingest::Bench;
use super::{KERNEL, USER, cpu_s};
use crate::error::XtaskError;
use crate::server::Server;

const MIB: f64 = (1 << 20) as f64;
const GB: f64 = 1e9;
/// How long a load lasts.
const SECONDS: u64 = 15;
/// Parts of the peak at which latency is measured, in percent.
const LOADS: [u64; 2] = [50, 90];
/// Longest start over a log.
const REPLAY_TIMEOUT: Duration = Duration::from_secs(120);

/// Latency of acknowledgements at parts of what one core can do for long, open loop: a request that
/// has to wait to be sent counts from when it was due.
///
/// # Errors
/// When a server or the load generator fails.
pub fn latency(bench: &Bench, peak_spans_per_s: f64) -> Result<Vec<Figure>, XtaskError> {
    let mut figures = Vec::new();
    for percent in LOADS {
        let options = bench.usual();
        let server = bench.start(&options)?;
        bench.warm_up(&server)?;
        let rate = peak_spans_per_s * percent as f64 / 100.0;
        let report = bench.send(&server, open_loop(rate), &options.data.join("latency.json"))?;
        bench.end(server, &options)?;
        for quantile in ["p50", "p99", "p999"] {
            let micros = report["latency_from_due"][format!("{quantile}_us")].as_f64();
            let name = format!("ack latency at {percent} % of peak, {quantile}, ms");
            let figure = |micros| Figure::new(name, Better::Lower, micros / 1000.0);
            figures.extend(micros.map(figure));
        }
    }
    Ok(figures)
}

/// What is accepted of twice as much as one core can do for long, without sending anything again.
///
/// # Errors
/// When a server or the load generator fails.
pub fn overload(bench: &Bench, peak_spans_per_s: f64) -> Result<Vec<Figure>, XtaskError> {
    let options = bench.usual();
    let server = bench.start(&options)?;
    bench.warm_up(&server)?;
    let arguments = open_loop(peak_spans_per_s * 2.0);
    let report = bench.send(&server, arguments, &options.data.join("overload.json"))?;
    bench.end(server, &options)?;
    let goodput = report["acknowledged_per_s"].as_f64().unwrap_or(0.0) / peak_spans_per_s;
    let peak_memory = report["server"]["rss_bytes_max"].as_f64().unwrap_or(0.0) / MIB;
    Ok(vec![
        Figure::new("goodput under twice the peak, of the peak", Better::Higher, goodput),
        Figure::new("memory under twice the peak, MiB", Better::Lower, peak_memory),
    ])
}

/// Reading the log back after `kill -9`: the longer start, and its CPU time, per byte of log.
///
/// # Errors
/// When a server or the load generator fails.
pub fn replay(bench: &Bench) -> Result<Vec<Figure>, XtaskError> {
    let options = bench.unsealed()?;
    let mut empty = bench.start(&options)?;
    let empty_start = empty.wait_ready(REPLAY_TIMEOUT)?;
    bench.fill(&empty)?;
    let bytes = empty.metric("stringendo_wal_bytes_total")?;
    empty.kill()?;
    let mut server = Server::start(bench.server_binary(), &options)?;
    let start = server.wait_ready(REPLAY_TIMEOUT)?;
    let cpu_s = cpu_s(server.pid(), &[USER, KERNEL])?;
    bench.end(server, &options)?;
    let seconds = start.saturating_sub(empty_start).as_secs_f64();
    Ok(vec![
        Figure::new("replay, GB/s", Better::Higher, bytes / GB / seconds),
        Figure::new("replay, CPU-s per GB", Better::Lower, cpu_s / (bytes / GB)),
    ])
}

fn open_loop(rate: f64) -> Vec<String> {
    let rate = format!("{}", rate.round());
    let seconds = format!("{SECONDS}s");
    ["--rate", &rate, "--duration", &seconds, "--connections", "8", "--inflight", "16"]
        .map(str::to_owned)
        .into()
}
