//! `cargo xtask bench ingest`: what a span costs the server, in CPU time, memory and bytes.
//!
//! Two runs on a fresh server with one core on one processor, the load generator on another:
//! *until the ack* with sealing put off, so that nothing but receiving, committing and indexing is
//! counted; *all work*, which seals, encodes and flushes as usual, until the server is idle.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgMatches};
use serde_json::{Value, json};

use super::figure::{Better, Figure};
use super::{machine, number};
use crate::error::{What, XtaskError, failed};
use crate::loadgen;
use crate::server::{self, Server, ServerOptions};
use crate::tools::{self, Binaries};

const MIB: u64 = 1 << 20;
/// The figure that says how much of a disk spans take.
const BLOCK_BYTES: &str = "blocks, bytes per span";
/// Bytes of a span in the log, with slack, without the padding of its batch.
const WAL_BYTES_PER_SPAN: u64 = 500;
/// Live memory of a span, with slack: its bytes and its place in the index.
const LIVE_BYTES_PER_SPAN: u64 = 900;
/// Live data may take about this part of a core's budget before it is sealed.
const LIVE_SHARE: f64 = 0.25;
/// Longest segment of the log.
const SEGMENT_BYTES_MAX: u64 = (4 << 30) - (1 << 20);
/// After one a million spans still touch 25,000 pages for the first time, each of which may have to
/// be found by a virtual machine's host; after three, a few thousand.
const WARM_UPS: usize = 3;
/// Longest start of the server.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// The subcommand.
pub fn command() -> clap::Command {
    let option = |name, shape, help| Arg::new(name).long(name).value_name(shape).help(help);
    clap::Command::new("ingest").about("CPU time, latency, memory and bytes of a span").args([
        option("spans", "N", "Spans of each run, as 500k or 2m").default_value("1m"),
        option("compression", "NAME", "none or gzip").default_value("none"),
        option("protocol", "NAME", "grpc or http").default_value("grpc"),
        option("batch-spans", "N", "About how many spans a request holds").default_value("1000"),
        option("durability", "NAME", "sync, interval or os").default_value("sync"),
        tools::no_build_arg(),
    ])
}

/// What a server has used and written so far.
struct Used {
    /// CPU time in the kernel.
    kernel_s: f64,
    wal_bytes: f64,
    block_bytes: u64,
    blocks: f64,
}

impl Used {
    fn by(server: &Server, data: &Path) -> Result<Self, XtaskError> {
        Ok(Self {
            kernel_s: super::cpu_s(server.pid(), &[super::KERNEL])?,
            wal_bytes: server.metric("stringendo_wal_bytes_total")?,
            block_bytes: bytes_below(&data.join("blocks"))?,
            blocks: server.metric("tempo_ingester_blocks_flushed_total")?,
        })
    }
}

/// What is sent, and how it is acknowledged.
#[derive(Clone, Debug)]
pub struct Load {
    /// Of each run.
    pub spans: u64,
    /// `grpc` or `http`.
    pub protocol: String,
    /// `none` or `gzip`.
    pub compression: String,
    /// Spans of a request.
    pub batch_spans: u64,
    /// `stringendo.wal.durability`.
    pub durability: &'static str,
}

impl Load {
    /// Of the defaults, so many spans.
    pub fn of(spans: u64) -> Self {
        let (protocol, compression) = ("grpc".to_owned(), "none".to_owned());
        Self { spans, protocol, compression, batch_spans: 1000, durability: "sync" }
    }

    fn of_arguments(matches: &ArgMatches) -> Result<Self, XtaskError> {
        let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
        Ok(Self {
            spans: number(text("spans"))?,
            protocol: text("protocol").to_owned(),
            compression: text("compression").to_owned(),
            batch_spans: number(text("batch-spans"))?,
            durability: match text("durability") {
                "interval" => "interval",
                "os" => "os",
                _ => "sync",
            },
        })
    }

    /// For the load generator.
    fn arguments(&self) -> Vec<String> {
        let (spans, batch) = (self.spans.to_string(), self.batch_spans.to_string());
        let pairs = [
            ("--spans", &spans),
            ("--protocol", &self.protocol),
            ("--compression", &self.compression),
            ("--batch-spans", &batch),
        ];
        pairs.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).clone()]).collect()
    }
}

/// A server on one processor, the load generator on another.
pub struct Bench {
    load: Load,
    binaries: Binaries,
    dir: PathBuf,
    server_cpu: usize,
    loadgen_cpu: usize,
}

/// Runs it.
///
/// # Errors
/// When a server or the load generator fails.
pub fn run(matches: &ArgMatches) -> Result<(), XtaskError> {
    let dir = super::directory()?;
    let binaries = tools::build("release", matches)?.copied_to(&dir)?;
    let bench = Bench::new(Load::of_arguments(matches)?, binaries, dir)?;
    let (until_ack, in_all) = bench.both()?;
    let result = json!({
        "machine": machine(),
        "arguments": bench.load.arguments(),
        "until_ack": until_ack,
        "in_all": in_all,
    });
    bench.print(&until_ack, &in_all);
    super::write(&bench.dir.join("ingest.json"), &result)
}

impl Bench {
    /// # Errors
    /// When there is no processor to run on.
    pub fn new(load: Load, binaries: Binaries, dir: PathBuf) -> Result<Self, XtaskError> {
        let cpus = server::cpus()?;
        let (Some(&server_cpu), Some(&loadgen_cpu)) = (cpus.first(), cpus.last()) else {
            return failed("no processor to run on");
        };
        Ok(Self { load, binaries, dir, server_cpu, loadgen_cpu })
    }

    /// The reports of both runs: until the ack, and all work.
    fn both(&self) -> Result<(Value, Value), XtaskError> {
        let until_ack = self.measure("until-ack", &self.unsealed()?, false)?;
        Ok((until_ack, self.measure("in-all", &self.usual(), true)?))
    }

    /// What the table of all figures shows of them.
    ///
    /// # Errors
    /// When a server or the load generator fails.
    pub fn figures(&self) -> Result<Vec<Figure>, XtaskError> {
        let (until_ack, in_all) = self.both()?;
        let reports = [("until the ack", &until_ack), ("in all", &in_all)];
        let mut figures = Vec::new();
        for (suffix, report) in reports {
            let number = |path: &str| report.pointer(path).and_then(Value::as_f64);
            let costs = format!(
                "/server/cpu_s_per_million_{}",
                suffix.replace("the ", "").replace(' ', "_")
            );
            let lower = |name: &str, value: Option<f64>| {
                value.map(|value| Figure::new(format!("{name} {suffix}"), Better::Lower, value))
            };
            figures.extend(lower("CPU-s per million spans", number(&costs)));
            figures.extend(lower("of it in the kernel,", per_span(report, "kernel_cpu_s", 1e6)));
        }
        let sizes = [("WAL, bytes per span", "wal_bytes"), (BLOCK_BYTES, "block_bytes")];
        for (name, key) in sizes {
            let value = per_span(&in_all, key, 1.0);
            figures.extend(value.map(|value| Figure::new(name, Better::Lower, value)));
        }
        Ok(figures)
    }

    /// All of the run stays in one live segment.
    ///
    /// # Errors
    /// When it does not fit one.
    pub fn unsealed(&self) -> Result<ServerOptions, XtaskError> {
        let spans = self.load.spans;
        // A batch is padded to whole pages.
        let wal_bytes_per_span = WAL_BYTES_PER_SPAN + 4096 / self.load.batch_spans;
        let segment_bytes = (spans * wal_bytes_per_span + 16 * MIB).next_multiple_of(MIB);
        if segment_bytes > SEGMENT_BYTES_MAX {
            return failed(format!("{spans} spans do not fit one segment; take fewer"));
        }
        let live_bytes = spans * LIVE_BYTES_PER_SPAN + 64 * MIB;
        Ok(ServerOptions {
            segment_bytes,
            budget_bytes: (live_bytes as f64 / LIVE_SHARE) as u64,
            block_age: Duration::from_secs(3600),
            block_bytes: segment_bytes * 2,
            ..self.usual()
        })
    }

    /// Defaults, with memory for what flat-out load piles up before it is encoded.
    pub fn usual(&self) -> ServerOptions {
        ServerOptions {
            data: self.dir.join("data"),
            cores: 1,
            durability: self.load.durability,
            segment_bytes: 64 * MIB,
            budget_bytes: 2048 * MIB,
            block_age: Duration::from_secs(30),
            block_bytes: 50 * MIB,
            // A figure of its own (`merge.rs`): when jobs begin would decide what a run costs.
            compacts: false,
            cpu: Some(self.server_cpu),
        }
    }

    /// One run on a fresh server: the load generator's report with what we know beside it.
    fn measure(
        &self,
        name: &str,
        options: &ServerOptions,
        settle: bool,
    ) -> Result<Value, XtaskError> {
        let server = self.start(options)?;
        self.warm_up(&server)?;
        let before = Used::by(&server, &options.data)?;
        let report = self.dir.join(format!("{name}.json"));
        let mut arguments = self.load.arguments();
        arguments.push("--retry".to_owned());
        if settle {
            arguments.push("--settle-flush".to_owned());
        }
        let mut figures = self.send(&server, arguments, &report)?;
        let used = Used::by(&server, &options.data)?;
        figures["kernel_cpu_s"] = json!(used.kernel_s - before.kernel_s);
        figures["wal_bytes"] = json!(used.wal_bytes - before.wal_bytes);
        figures["block_bytes"] = json!(used.block_bytes - before.block_bytes);
        figures["blocks_flushed"] = json!(used.blocks - before.blocks);
        self.end(server, options)?;
        Ok(figures)
    }

    /// A server without data.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, options: &ServerOptions) -> Result<Server, XtaskError> {
        tools::fresh_dir(&options.data)?;
        let mut server = Server::start(&self.binaries.server, options)?;
        server.wait_ready(READY_TIMEOUT)?;
        Ok(server)
    }

    /// Ends a server and removes its data.
    ///
    /// # Errors
    /// When it ever panicked.
    pub fn end(&self, server: Server, options: &ServerOptions) -> Result<(), XtaskError> {
        server.kill()?;
        server::no_panic(&options.data)?;
        tools::remove_dir(&options.data)
    }

    /// Sends spans from the other processor; the load generator's report.
    ///
    /// # Errors
    /// When it fails.
    pub fn send(
        &self,
        server: &Server,
        mut arguments: Vec<String>,
        report: &Path,
    ) -> Result<Value, XtaskError> {
        let http = format!("http://127.0.0.1:{}", server.ports().http);
        for (name, value) in [
            ("--server-pid", server.pid().to_string()),
            ("--http", http),
            ("--pin-core", self.loadgen_cpu.to_string()),
            ("--report", report.display().to_string()),
        ] {
            arguments.extend([name.to_owned(), value]);
        }
        loadgen::run(&self.binaries.loadgen, self.port(server), &arguments)?;
        super::read(report)
    }

    /// The same load before, each time with a flush: the log's files and the memory of segments are
    /// then made and waiting, as they are in a server that has run for a minute.
    ///
    /// # Errors
    /// When the load generator or the flush fails.
    pub fn warm_up(&self, server: &Server) -> Result<(), XtaskError> {
        for _ in 0..WARM_UPS {
            self.fill(server)?;
            server.flush()?;
        }
        Ok(())
    }

    /// The load once, with nobody measuring.
    ///
    /// # Errors
    /// When the load generator fails.
    pub fn fill(&self, server: &Server) -> Result<(), XtaskError> {
        let mut arguments = self.load.arguments();
        arguments.push("--retry".to_owned());
        loadgen::run(&self.binaries.loadgen, self.port(server), &arguments)
    }

    /// The server's program.
    pub fn server_binary(&self) -> &Path {
        &self.binaries.server
    }

    fn port(&self, server: &Server) -> u16 {
        match self.load.protocol.as_str() {
            "http" => server.ports().otlp_http,
            _ => server.ports().otlp_grpc,
        }
    }
}

/// The table, and where the figures come from.
impl Bench {
    fn print(&self, until_ack: &Value, in_all: &Value) {
        let arguments = self.load.arguments().join(" ");
        println!("\ningest {arguments} on {}", machine());
        println!(
            "server: 1 core, pinned to CPU {}; loadgen on CPU {}",
            self.server_cpu, self.loadgen_cpu
        );
        println!(
            "until the ack: sealing put off, so that no encoding is counted; all work: sealed,"
        );
        println!("encoded and flushed as usual, until idle\n");
        if self.server_cpu == self.loadgen_cpu {
            println!("only one processor: rate and latency are those of both together\n");
        }
        println!("{:<38} {:>14} {:>14}", "", "until the ack", "all work");
        for (what, path, unit) in ROWS {
            let cells = [until_ack, in_all].map(|figures| cell(figures, path, *unit));
            println!("{what:<38} {:>14} {:>14}", cells[0], cells[1]);
        }
        for (what, name, spans) in PER_SPAN {
            let cells = [until_ack, in_all].map(|figures| per_spans(figures, name, *spans));
            println!("{what:<38} {:>14} {:>14}", cells[0], cells[1]);
        }
        println!();
    }
}

/// Rows of the table: what, where in the report, divided by what.
const ROWS: &[(&str, &str, f64)] = &[
    ("spans acknowledged", "/acknowledged/spans", 1.0),
    ("batches refused, sent again", "/retries", 1.0),
    ("spans per second", "/acknowledged_per_s", 1.0),
    ("CPU-s per million spans until last ack", "/server/cpu_s_per_million_until_ack", 1.0),
    ("CPU-s per million spans in all", "/server/cpu_s_per_million_in_all", 1.0),
    ("ack latency p50, ms", "/latency_from_send/p50_us", 1000.0),
    ("ack latency p99, ms", "/latency_from_send/p99_us", 1000.0),
    ("peak memory, MiB", "/server/rss_bytes_max", MIB as f64),
    ("blocks", "/blocks_flushed", 1.0),
];

fn cell(figures: &Value, path: &str, unit: f64) -> String {
    match figures.pointer(path).and_then(Value::as_f64) {
        Some(value) if value.fract() == 0.0 && unit == 1.0 => format!("{value}"),
        Some(value) if value / unit >= 1000.0 => format!("{:.0}", value / unit),
        Some(value) => format!("{:.2}", value / unit),
        None => "-".to_owned(),
    }
}

/// More rows: what, where, per how many spans.
const PER_SPAN: &[(&str, &str, f64)] = &[
    ("of CPU-s per million, in the kernel", "kernel_cpu_s", 1e6),
    ("WAL, bytes per span", "wal_bytes", 1.0),
    ("blocks, bytes per span", "block_bytes", 1.0),
];

fn per_spans(figures: &Value, name: &str, per: f64) -> String {
    per_span(figures, name, per).map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

/// An amount of a report, per so many acknowledged spans; none if nothing was counted.
fn per_span(report: &Value, name: &str, per: f64) -> Option<f64> {
    let spans = report["acknowledged"]["spans"].as_f64().filter(|spans| *spans > 0.0)?;
    Some(report[name].as_f64().filter(|amount| *amount > 0.0)? * per / spans)
}

/// Bytes of all files below a directory; 0 if it is missing.
fn bytes_below(directory: &Path) -> Result<u64, XtaskError> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(0) };
    let what = || directory.display().to_string();
    let mut bytes = 0;
    for entry in entries {
        let entry = entry.what(what)?;
        let metadata = entry.metadata().what(what)?;
        bytes += if metadata.is_dir() { bytes_below(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
