//! `cargo xtask bench ingest`: what a span costs the server, in CPU time, memory and bytes.
//!
//! Two runs on a fresh server with one core on one processor, the load generator on another:
//! *until the ack* with sealing put off, so that nothing but receiving, committing and indexing is
//! counted; *all work*, which seals, encodes and flushes as usual, until the server is idle.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgMatches};
use serde_json::{Value, json};

use super::{machine, number};
use crate::error::{What, XtaskError, failed};
use crate::loadgen;
use crate::server::{self, Server, ServerOptions};
use crate::tools::{self, Binaries};

const MIB: u64 = 1 << 20;
/// Bytes of a span in the log, with slack, without the padding of its batch.
const WAL_BYTES_PER_SPAN: u64 = 500;
/// Live memory of a span, with slack: its bytes and its place in the index.
const LIVE_BYTES_PER_SPAN: u64 = 900;
/// Live data may take about this part of a core's budget before it is sealed.
const LIVE_SHARE: f64 = 0.25;
/// Longest segment of the log.
const SEGMENT_BYTES_MAX: u64 = (4 << 30) - (1 << 20);
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

struct Bench<'a> {
    matches: &'a ArgMatches,
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
    let cpus = server::cpus()?;
    let (Some(&server_cpu), Some(&loadgen_cpu)) = (cpus.first(), cpus.last()) else {
        return failed("no processor to run on");
    };
    let dir = tools::target().join("bench");
    std::fs::create_dir_all(&dir).what(|| dir.display().to_string())?;
    let binaries = tools::build("release", matches)?.copied_to(&dir)?;
    let bench = Bench { matches, binaries, dir, server_cpu, loadgen_cpu };
    let spans = number(bench.text("spans"))?;
    let until_ack = bench.measure("until-ack", &bench.unsealed(spans)?, false)?;
    let in_all = bench.measure("in-all", &bench.usual(), true)?;
    let result = json!({
        "machine": machine(),
        "arguments": bench.arguments(),
        "until_ack": until_ack,
        "in_all": in_all,
    });
    let path = bench.dir.join("ingest.json");
    let text = format!("{result:#}\n");
    std::fs::write(&path, text).what(|| path.display().to_string())?;
    bench.print(&until_ack, &in_all);
    println!("JSON: {}", path.display());
    Ok(())
}

impl Bench<'_> {
    fn text(&self, name: &str) -> &str {
        self.matches.get_one::<String>(name).map_or("", String::as_str)
    }

    fn arguments(&self) -> Vec<String> {
        let names = ["spans", "protocol", "compression", "batch-spans"];
        let pairs = names.iter().map(|name| [format!("--{name}"), self.text(name).to_owned()]);
        pairs.flatten().collect()
    }

    /// All of the run stays in one live segment.
    fn unsealed(&self, spans: u64) -> Result<ServerOptions, XtaskError> {
        // A batch is padded to whole pages.
        let wal_bytes_per_span = WAL_BYTES_PER_SPAN + 4096 / number(self.text("batch-spans"))?;
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
    fn usual(&self) -> ServerOptions {
        let durability = match self.text("durability") {
            "interval" => "interval",
            "os" => "os",
            _ => "sync",
        };
        ServerOptions {
            data: self.dir.join("data"),
            cores: 1,
            durability,
            segment_bytes: 64 * MIB,
            budget_bytes: 2048 * MIB,
            block_age: Duration::from_secs(30),
            block_bytes: 50 * MIB,
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
        tools::fresh_dir(&options.data)?;
        let mut server = Server::start(&self.binaries.server, options)?;
        server.wait_ready(READY_TIMEOUT)?;
        let port = match self.text("protocol") {
            "http" => server.ports().otlp_http,
            _ => server.ports().otlp_grpc,
        };
        self.warm_up(&server, port)?;
        let before = Used::by(&server, &options.data)?;
        let report = self.dir.join(format!("{name}.json"));
        loadgen::run(&self.binaries.loadgen, port, &self.load(&server, &report, settle))?;
        let used = Used::by(&server, &options.data)?;
        let text = std::fs::read_to_string(&report).what(|| report.display().to_string())?;
        let mut figures: Value = match serde_json::from_str(&text) {
            Ok(figures) => figures,
            Err(error) => return failed(format!("{}: {error}", report.display())),
        };
        figures["kernel_cpu_s"] = json!(used.kernel_s - before.kernel_s);
        figures["wal_bytes"] = json!(used.wal_bytes - before.wal_bytes);
        figures["block_bytes"] = json!(used.block_bytes - before.block_bytes);
        figures["blocks_flushed"] = json!(used.blocks - before.blocks);
        server.kill()?;
        server::no_panic(&options.data)?;
        tools::remove_dir(&options.data)?;
        Ok(figures)
    }

    /// The same load once before, and a flush: the log's files and the memory of segments are then
    /// made and waiting, as they are in a server that has run for a minute.
    fn warm_up(&self, server: &Server, port: u16) -> Result<(), XtaskError> {
        let mut arguments = self.arguments();
        arguments.push("--retry".to_owned());
        loadgen::run(&self.binaries.loadgen, port, &arguments)?;
        server.flush()
    }

    fn load(&self, server: &Server, report: &Path, settle: bool) -> Vec<String> {
        let mut arguments = self.arguments();
        let http = format!("http://127.0.0.1:{}", server.ports().http);
        for (name, value) in [
            ("--server-pid", server.pid().to_string()),
            ("--http", http),
            ("--pin-core", self.loadgen_cpu.to_string()),
            ("--report", report.display().to_string()),
        ] {
            arguments.extend([name.to_owned(), value]);
        }
        arguments.push("--retry".to_owned());
        if settle {
            arguments.push("--settle-flush".to_owned());
        }
        arguments
    }
}

/// The table, and where the figures come from.
impl Bench<'_> {
    fn print(&self, until_ack: &Value, in_all: &Value) {
        let arguments = self.arguments().join(" ");
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
    let spans = figures["acknowledged"]["spans"].as_f64().unwrap_or(0.0);
    match figures[name].as_f64() {
        Some(amount) if amount > 0.0 && spans > 0.0 => format!("{:.2}", amount * per / spans),
        _ => "-".to_owned(),
    }
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
