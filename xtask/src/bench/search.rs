//! `cargo xtask bench search`: what queries over blocks cost, cold and warm.
//!
//! Loads spans, moves them into blocks, and restarts the server. Every query is then asked on a
//! freshly started server whose blocks are in no cache of the system (*cold*), and several more
//! times (*warm*, of which the middle counts); of traces by id, another one each time, all of which
//! were asked for once before.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::{Arg, ArgMatches};
use rustix::fs::{Advice, fadvise};
use serde_json::{Value, json};

use super::figure::{Better, Figure};
use super::{KERNEL, USER, cpu_s, machine, number};
use crate::error::{What, XtaskError, failed};
use crate::loadgen;
use crate::server::{self, Server, ServerOptions};
use crate::tools::{self, Binaries};

const MIB: u64 = 1 << 20;
/// Longest start of the server.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest end of the server.
const END_TIMEOUT: Duration = Duration::from_secs(60);
/// Warm answers of less CPU time than this are repeated more often: the kernel counts hundredths
/// of a second.
const CPU_S_MIN: f64 = 0.5;
/// Most repetitions.
const REPEATS_MAX: u32 = 200;
/// Metrics leave out what is younger than 30 s, and then what is left of a step, which is 5 s here.
const METRICS_CUT_OFF: Duration = Duration::from_secs(37);
/// Least number of warm answers.
const REPEATS: u32 = 5;
/// Size of blocks when they are cut.
const BLOCK_MIB: u64 = 8;
/// What the table of all figures shows of a query: name, where, times what.
const FIGURES: &[(&str, &str, f64)] = &[
    ("cold ms", "cold_ms", 1.0),
    ("warm ms", "warm_ms_median", 1.0),
    ("warm p99 ms", "warm_ms_p99", 1.0),
    ("warm CPU ms", "warm_cpu_s", 1000.0),
];
/// Traces that a search answers with.
const FOUND_MAX: u32 = 20;
/// Finds traces by their ids, which are random, so that all blocks have some.
const SOME_TRACES: &str = r#"{ nestedSetParent < 0 && trace:id =~ "7f0.*" }"#;
/// An id that no trace has.
const NO_TRACE: &str = "0123456789abcdef0123456789abcdef";

/// The subcommand.
pub fn command() -> clap::Command {
    let option = |name, shape, help| Arg::new(name).long(name).value_name(shape).help(help);
    clap::Command::new("search").about("Time, CPU and bytes of queries over blocks").args([
        option("spans", "N", "Spans in blocks, as 500k or 3m").default_value("3m"),
        option("cores", "N", "Cores of the server").default_value("1"),
        option("repeat", "N", "Least number of warm answers").default_value("5"),
        option("block-mib", "N", "Live data of a block").default_value("8"),
        tools::no_build_arg(),
    ])
}

/// How a query is asked.
enum Ask {
    /// Traces that the data holds, one after the other.
    TraceHit,
    /// A trace that it does not hold.
    TraceMiss,
    /// `/api/search`
    Search(&'static str),
    /// `/api/metrics/query_range`
    Metrics(&'static str),
    /// `/api/v2/search/tags`
    TagNames,
    /// `/api/v2/search/tag/{tag}/values`
    TagValues(&'static str),
}

/// What is measured.
const QUERIES: &[(&str, Ask)] = &[
    ("trace by id, hit", Ask::TraceHit),
    ("trace by id, miss", Ask::TraceMiss),
    ("selective search", Ask::Search(r#"{ resource.service.name = "payment" && status = error }"#)),
    ("search without a match", Ask::Search(r#"{ span.http.method = "NOSUCH" }"#)),
    ("attribute without a match", Ask::Search("{ span.nosuch = 1 }")),
    ("numbers without a match", Ask::Search("{ span.db.rows > 1000000000 }")),
    ("duration without a match", Ask::Search("{ duration > 10h }")),
    ("regex", Ask::Search(r#"{ name =~ ".*no such name.*" }"#)),
    ("structural", Ask::Search(r#"{ resource.service.name = "ad" } >> { name = "nosuch" }"#)),
    ("aggregate", Ask::Search("{ kind = server } | count() > 1000000")),
    ("rate() by", Ask::Metrics("{} | rate() by(resource.service.name)")),
    ("quantiles", Ask::Metrics("{ kind = server } | quantile_over_time(duration, .5, .9, .99)")),
    ("tag names", Ask::TagNames),
    ("tag values", Ask::TagValues("resource.service.name")),
    ("tag values of names", Ask::TagValues("name")),
    ("tag values, one per trace", Ask::TagValues("span.session.id")),
];

/// Runs it.
///
/// # Errors
/// When a server or the load generator fails.
pub fn run(matches: &ArgMatches) -> Result<(), XtaskError> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let dir = super::directory()?;
    let binaries = tools::build("release", matches)?.copied_to(&dir)?;
    let mut bench = Bench::new(binaries, &dir, number(text("spans"))?);
    bench.options.cores = number(text("cores"))?;
    bench.options.block_bytes = number(text("block-mib"))? * MIB;
    bench.repeat = u32::try_from(number(text("repeat"))?).unwrap_or(REPEATS_MAX);
    let result = bench.run()?;
    print(&result);
    super::write(&dir.join("search.json"), &result)
}

/// A server whose blocks are searched.
pub struct Bench {
    binaries: Binaries,
    options: ServerOptions,
    spans: u64,
    repeat: u32,
    /// All of the data, unix seconds.
    range_s: [u64; 2],
    /// Some of its traces, from all blocks.
    trace_ids: Vec<String>,
}

/// What one answer cost.
struct Answer {
    wall: Duration,
    status: u16,
    body: String,
}

impl Bench {
    /// With the command's defaults.
    pub fn new(binaries: Binaries, dir: &Path, spans: u64) -> Self {
        let options = ServerOptions {
            data: dir.join("search-data"),
            cores: 1,
            durability: "os",
            segment_bytes: 64 * MIB,
            budget_bytes: 2048 * MIB,
            block_age: Duration::from_secs(3600),
            block_bytes: BLOCK_MIB * MIB,
            // As many blocks as were written are what is searched.
            compacts: false,
            cpu: None,
        };
        Self { binaries, options, spans, repeat: REPEATS, range_s: [0, 0], trace_ids: Vec::new() }
    }

    /// Loads, and asks all queries.
    fn run(&mut self) -> Result<Value, XtaskError> {
        let loaded = self.load()?;
        let mut rows = Vec::new();
        for (name, ask) in QUERIES {
            eprintln!("{name} …");
            rows.push(self.measure(name, ask)?);
        }
        server::no_panic(&self.options.data)?;
        tools::remove_dir(&self.options.data)?;
        Ok(json!({
            "machine": machine(),
            "cores": self.options.cores,
            "data": loaded,
            "queries": rows,
        }))
    }

    /// What the table of all figures shows of it.
    ///
    /// # Errors
    /// When a server or the load generator fails, or a query is refused.
    pub fn figures(&mut self) -> Result<Vec<Figure>, XtaskError> {
        let result = self.run()?;
        let mut figures = Vec::new();
        for row in result["queries"].as_array().into_iter().flatten() {
            let name = row["name"].as_str().unwrap_or_default();
            if let Some(refused) = row["refused"].as_str() {
                return failed(format!("{name}: {refused}"));
            }
            for (what, key, by) in FIGURES {
                let value = row[*key].as_f64();
                figures.extend(value.map(|value| {
                    Figure::new(format!("{name}, {what}"), Better::Lower, value * by)
                }));
            }
        }
        Ok(figures)
    }

    fn start(&self) -> Result<Server, XtaskError> {
        let mut server = Server::start(&self.binaries.server, &self.options)?;
        server.wait_ready(READY_TIMEOUT)?;
        Ok(server)
    }

    /// Makes the blocks; how many, and their bytes.
    fn load(&mut self) -> Result<Value, XtaskError> {
        tools::fresh_dir(&self.options.data)?;
        let server = self.start()?;
        let start_s = now_s()? - 60;
        let report = self.options.data.join("load.json");
        let arguments = [
            "--spans".to_owned(),
            self.spans.to_string(),
            "--retry".to_owned(),
            "--report".to_owned(),
            report.display().to_string(),
        ];
        loadgen::run(&self.binaries.loadgen, server.ports().otlp_grpc, &arguments)?;
        server.flush()?;
        std::thread::sleep(METRICS_CUT_OFF);
        self.range_s = [start_s, now_s()?];
        self.check_complete(&server)?;
        let blocks = server.metric("tempo_ingester_blocks_flushed_total")?;
        self.trace_ids = self.some_traces(&server)?;
        server.terminate(END_TIMEOUT)?;
        let mut bytes = 0;
        each_file(&self.options.data.join("blocks"), &mut |file| {
            bytes += file.metadata()?.len();
            Ok(())
        })?;
        Ok(json!({ "spans": self.spans, "blocks": blocks, "block_bytes": bytes }))
    }

    /// Figures are worth nothing if queries do not see all of the data.
    fn check_complete(&self, server: &Server) -> Result<(), XtaskError> {
        let answer = self.ask(server, &Ask::Metrics("{} | count_over_time()"), 0)?;
        let json: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let samples = json["series"][0]["samples"].as_array().map_or(&[][..], Vec::as_slice);
        let counted: f64 = samples.iter().filter_map(|sample| sample["value"].as_f64()).sum();
        if counted < self.spans as f64 {
            return failed(format!("metrics count {counted} of {} spans", self.spans));
        }
        Ok(())
    }

    /// Ids of traces in any of the blocks.
    fn some_traces(&self, server: &Server) -> Result<Vec<String>, XtaskError> {
        let found = self.ask(server, &Ask::Search(SOME_TRACES), 0)?;
        let json: Value = serde_json::from_str(&found.body).unwrap_or_default();
        let traces = json["traces"].as_array().map_or(&[][..], Vec::as_slice);
        let ids = traces.iter().filter_map(|trace| trace["traceID"].as_str());
        let ids: Vec<String> = ids.map(str::to_owned).collect();
        if ids.is_empty() {
            return failed(format!("no trace is found: {}", found.body));
        }
        Ok(ids)
    }

    /// `turn` chooses among several of a kind.
    fn path(&self, ask: &Ask, turn: usize) -> String {
        let [start, end] = self.range_s;
        let range = format!("start={start}&end={end}");
        match ask {
            Ask::TraceHit => {
                format!("/api/v2/traces/{}", self.trace_ids[turn % self.trace_ids.len()])
            }
            Ask::TraceMiss => format!("/api/v2/traces/{NO_TRACE}"),
            Ask::Search(query) => {
                format!("/api/search?{range}&limit={FOUND_MAX}&q={}", encoded(query))
            }
            Ask::Metrics(query) => {
                format!("/api/metrics/query_range?{range}&step=5s&q={}", encoded(query))
            }
            Ask::TagNames => format!("/api/v2/search/tags?{range}"),
            Ask::TagValues(tag) => format!("/api/v2/search/tag/{tag}/values?{range}"),
        }
    }

    /// How many `turn` chooses among.
    fn kinds(&self, ask: &Ask) -> usize {
        if matches!(ask, Ask::TraceHit) { self.trace_ids.len() } else { 1 }
    }

    fn ask(&self, server: &Server, ask: &Ask, turn: usize) -> Result<Answer, XtaskError> {
        let since = Instant::now();
        let (status, body) = server.request("GET", &self.path(ask, turn))?;
        Ok(Answer { wall: since.elapsed(), status, body })
    }

    /// One query, cold and warm.
    fn measure(&self, name: &str, ask: &Ask) -> Result<Value, XtaskError> {
        drop_caches(&self.options.data.join("blocks"))?;
        let server = self.start()?;
        let spent = || cpu_s(server.pid(), &[USER, KERNEL]);
        let before = spent()?;
        let cold = self.ask(&server, ask, 0)?;
        let cold_cpu_s = spent()? - before;
        if !matches!(cold.status, 200 | 404) {
            return Ok(
                json!({ "name": name, "path": self.path(ask, 0), "refused": cold.body.trim() }),
            );
        }
        // Warm is what was asked before, each of several of a kind.
        for turn in 1..self.kinds(ask) {
            self.ask(&server, ask, turn)?;
        }
        let (before, mut walls) = (spent()?, Vec::new());
        while (walls.len() as u32) < self.repeat
            || (spent()? - before < CPU_S_MIN && (walls.len() as u32) < REPEATS_MAX)
        {
            walls.push(self.ask(&server, ask, walls.len() + 1)?.wall);
        }
        let cpu_s = (spent()? - before) / walls.len() as f64;
        walls.sort_unstable();
        server.terminate(END_TIMEOUT)?;
        Ok(json!({
            "name": name,
            "path": self.path(ask, 0),
            "status": cold.status,
            "cold_ms": millis(cold.wall),
            "cold_cpu_s": cold_cpu_s,
            "warm_ms_min": millis(walls[0]),
            "warm_ms_median": millis(walls[walls.len() / 2]),
            "warm_ms_p99": millis(walls[(walls.len() * 99).div_ceil(100) - 1]),
            "warm_answers": walls.len(),
            "warm_cpu_s": cpu_s,
            "inspected_bytes": metric(&cold.body, "inspectedBytes"),
            "inspected_spans": metric(&cold.body, "inspectedSpans"),
            "data_spans_per_s_and_core": (cpu_s > 0.0).then(|| self.spans as f64 / cpu_s),
        }))
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A number of an answer's `metrics`, which may be written as a string.
fn metric(body: &str, name: &str) -> Value {
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    match &json["metrics"][name] {
        Value::String(text) => text.parse::<u64>().map_or(Value::Null, |number| json!(number)),
        other => other.clone(),
    }
}

fn now_s() -> Result<u64, XtaskError> {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(now) => Ok(now.as_secs()),
        Err(_) => failed("the clock is before 1970"),
    }
}

/// Percent-encodes a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let one = |byte: u8| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(one).collect()
}

/// Drops the files below a directory from the system's cache.
fn drop_caches(directory: &Path) -> Result<(), XtaskError> {
    each_file(directory, &mut |file| {
        file.sync_all()?;
        Ok(fadvise(file, 0, None, Advice::DontNeed)?)
    })
}

/// Opens every file below a directory.
fn each_file(
    directory: &Path,
    body: &mut impl FnMut(&File) -> std::io::Result<()>,
) -> Result<(), XtaskError> {
    let what = |path: &Path| path.display().to_string();
    for entry in std::fs::read_dir(directory).what(|| what(directory))? {
        let path: PathBuf = entry.what(|| what(directory))?.path();
        if path.is_dir() {
            each_file(&path, body)?;
        } else {
            File::open(&path).and_then(|file| body(&file)).what(|| what(&path))?;
        }
    }
    Ok(())
}

fn print(result: &Value) {
    let data = &result["data"];
    println!("\nsearch over blocks on {}", result["machine"].as_str().unwrap_or_default());
    println!(
        "{} spans in {} blocks of {:.1} MiB in all; server with {} cores",
        data["spans"],
        data["blocks"],
        data["block_bytes"].as_f64().unwrap_or(0.0) / MIB as f64,
        result["cores"]
    );
    println!(
        "cold: fresh server, blocks in no cache; M spans/s: of all data, per core when warm\n"
    );
    println!(
        "{:<28} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>11} {:>10}",
        "",
        "cold ms",
        "CPU ms",
        "warm ms",
        "p99 ms",
        "CPU ms",
        "read MiB",
        "inspected",
        "M spans/s"
    );
    for row in result["queries"].as_array().into_iter().flatten() {
        print_row(row);
    }
    println!();
}

fn print_row(row: &Value) {
    let name = row["name"].as_str().unwrap_or_default();
    if let Some(refused) = row["refused"].as_str() {
        println!("{name:<28} {refused}");
        return;
    }
    let cell = |key: &str, by: f64| {
        row[key].as_f64().map_or_else(|| "-".to_owned(), |value| format!("{:.2}", value * by))
    };
    println!(
        "{name:<28} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>11} {:>10}",
        cell("cold_ms", 1.0),
        cell("cold_cpu_s", 1000.0),
        cell("warm_ms_median", 1.0),
        cell("warm_ms_p99", 1.0),
        cell("warm_cpu_s", 1000.0),
        cell("inspected_bytes", 1.0 / MIB as f64),
        row["inspected_spans"].as_u64().unwrap_or(0),
        cell("data_spans_per_s_and_core", 1e-6),
    );
}
