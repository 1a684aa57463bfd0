//! The command line: what was typed, turned into options.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command as Clap, value_parser};
use stringendo_loadgen::verify::Api;
use stringendo_loadgen::{
    Compression, Endpoint, Protocol, RunOptions, VerifyOptions, WorkloadOptions,
};

/// What to do.
pub enum Command {
    /// Send load.
    Run(Box<RunCommand>),
    /// Read back.
    Verify(VerifyCommand),
    /// Measure the workload.
    Describe {
        /// Which workload.
        workload: WorkloadOptions,
        /// As JSON.
        json: bool,
    },
}

/// `loadgen run`.
pub struct RunCommand {
    /// What to send.
    pub options: RunOptions,
    /// Where the JSON report goes.
    pub report: Option<PathBuf>,
    /// No progress lines.
    pub quiet: bool,
}

/// `loadgen verify`.
pub struct VerifyCommand {
    /// What to check.
    pub options: VerifyOptions,
    /// Where the JSON report goes.
    pub report: Option<PathBuf>,
    /// No progress lines.
    pub quiet: bool,
}

/// Reads the command line; without a subcommand it is `run`.
///
/// # Errors
/// clap's, with usage; also how `--help` ends.
pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Command, clap::Error> {
    let mut args: Vec<OsString> = args.collect();
    let first = args.get(1).map(|first| first.to_string_lossy().into_owned());
    let known = ["run", "verify", "describe", "help", "--help", "-h", "--version", "-V"];
    if !first.is_some_and(|first| known.contains(&first.as_str())) {
        args.insert(1.min(args.len()), "run".into());
    }
    let matches = command().try_get_matches_from(args)?;
    Ok(match matches.subcommand() {
        Some(("verify", matches)) => Command::Verify(verify_options(matches)),
        Some(("describe", matches)) => {
            Command::Describe { workload: workload(matches), json: matches.get_flag("json") }
        }
        Some((_, matches)) => Command::Run(Box::new(run_options(matches))),
        None => unreachable!("a subcommand is always there: `run` was put in"),
    })
}

fn command() -> Clap {
    Clap::new("loadgen")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Sends a shop's traces to an OTLP endpoint, measures, and checks what was stored")
        .after_help(
            "Examples:\n  loadgen --duration 30s\n  \
             loadgen run --rate 50k --duration 1m --ledger /tmp/ledger --report run.json\n  \
             loadgen run --spans 5m --server-pid $(pidof stringendo) --settle-flush\n  \
             loadgen verify --ledger /tmp/ledger --http http://127.0.0.1:3200\n\n\
             Exit codes: 0 done, 1 failed or problems found, 2 usage, \
             3 a connection broke with --stop-on-disconnect",
        )
        .subcommand_required(true)
        .subcommand(run_command())
        .subcommand(verify_command())
        .subcommand(
            Clap::new("describe")
                .about("Measures the workload: bytes, attributes, errors, shapes")
                .args(workload_args())
                .arg(flag("json", "Print JSON")),
        )
}

fn run_command() -> Clap {
    Clap::new("run")
        .about("Sends load (the default)")
        .args([
            value("endpoint", "HOST:PORT", "OTLP endpoint [default: 127.0.0.1:4317, http: 4318]")
                .value_parser(endpoint),
            value("protocol", "NAME", "How spans travel")
                .value_parser(["grpc", "http"])
                .default_value("grpc"),
            value("compression", "NAME", "How bodies are compressed")
                .value_parser(["none", "gzip"])
                .default_value("none"),
            value("gzip-level", "1-9", "Effort of gzip")
                .value_parser(value_parser!(u32).range(1..=9))
                .default_value("1"),
            value("rate", "SPANS/S", "Open loop at this rate, as 50000 or 50k; else flat out")
                .value_parser(number),
            value("duration", "TIME", "Stop after this time, as 30s, 500ms, 2m [default: 10s]")
                .value_parser(duration),
            value("spans", "N", "Stop after about this many spans, as 1000000, 5m")
                .value_parser(number),
            value("connections", "N", "Connections in all").default_value("4"),
            value("inflight", "N", "Requests in flight per connection").default_value("4"),
            value("threads", "N", "Sending threads").default_value("1"),
            value("pin-core", "LIST", "Cores to pin the threads to, as 1 or 2,3")
                .value_delimiter(',')
                .value_parser(value_parser!(usize)),
            value("tenant", "ID", "X-Scope-OrgID to send"),
            value("timeout", "TIME", "Give up on a request after")
                .value_parser(duration)
                .default_value("30s"),
            value("connect-timeout", "TIME", "Keep trying to connect for")
                .value_parser(duration)
                .default_value("10s"),
            flag("retry", "Send refused batches again, when the server says"),
            flag("stop-on-disconnect", "End at the first broken connection, with exit code 3"),
            path("ledger", "Record what was acknowledged, for `verify`"),
            path("report", "Write the figures as JSON"),
            value("server-pid", "PID", "Measure CPU time and memory of this process")
                .value_parser(value_parser!(u32)),
            flag("settle-flush", "Then POST /flush, wait until idle, and count that work too"),
            http_arg(),
            value("run-id", "N", "What trace ids are derived from [default: the time]")
                .value_parser(value_parser!(u64)),
            flag("quiet", "No progress lines"),
        ])
        .args(workload_args())
        .mut_args(|arg| match arg.get_id().as_str() {
            "connections" | "inflight" | "threads" => arg.value_parser(value_parser!(u32)),
            _ => arg,
        })
}

fn verify_command() -> Clap {
    Clap::new("verify").about("Reads every acknowledged span back, exactly once").args([
        path("ledger", "The ledger of the run").required(true),
        http_arg(),
        value("api", "VERSION", "Which trace endpoint to ask")
            .value_parser(["v1", "v2"])
            .default_value("v2"),
        value("sample", "N", "Check about this many traces instead of all").value_parser(number),
        value("concurrency", "N", "Requests at a time")
            .value_parser(value_parser!(u32).range(1..=1024))
            .default_value("16"),
        value("tenant", "ID", "X-Scope-OrgID to send"),
        value("timeout", "TIME", "Give up on a request after")
            .value_parser(duration)
            .default_value("30s"),
        path("report", "Write the figures as JSON"),
        flag("quiet", "No progress lines"),
    ])
}

fn workload_args() -> [Arg; 2] {
    [
        value("seed", "N", "Seed of the workload's shape")
            .value_parser(value_parser!(u64))
            .default_value("1"),
        value("batch-spans", "N", "About how many spans a batch holds, up to 8500")
            .value_parser(value_parser!(u32).range(1..=8500))
            .default_value("1000"),
    ]
}

fn http_arg() -> Arg {
    value("http", "URL", "The server's HTTP API")
        .value_parser(endpoint)
        .default_value("http://127.0.0.1:3200")
}

fn value(name: &'static str, shape: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(shape).help(help)
}

fn path(name: &'static str, help: &'static str) -> Arg {
    value(name, "FILE", help).value_parser(value_parser!(PathBuf))
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help).action(ArgAction::SetTrue)
}

fn workload(matches: &ArgMatches) -> WorkloadOptions {
    let batch_spans = get::<u32>(matches, "batch-spans").unwrap_or(1000) as usize;
    WorkloadOptions::new(get(matches, "seed").unwrap_or(1), batch_spans)
}

fn run_options(matches: &ArgMatches) -> RunCommand {
    let http_protocol = get::<String>(matches, "protocol").is_some_and(|name| name == "http");
    let gzip = get::<String>(matches, "compression").is_some_and(|name| name == "gzip");
    let default_port = if http_protocol { 4318 } else { 4317 };
    let default =
        || Endpoint { authority: format!("127.0.0.1:{default_port}"), prefix: String::new() };
    let count = |name: &str| get::<u32>(matches, name).unwrap_or(1) as usize;
    let spans = get::<f64>(matches, "spans").map(|spans| spans as u64);
    // A number of spans alone is a limit of its own; else ten seconds.
    let duration = get::<Duration>(matches, "duration");
    let duration = duration.or(spans.is_none().then_some(Duration::from_secs(10)));
    let endpoint = get(matches, "endpoint").unwrap_or_else(default);
    let defaults = RunOptions::new(endpoint, Duration::from_secs(10));
    let options = RunOptions {
        workload: workload(matches),
        protocol: if http_protocol { Protocol::Http } else { Protocol::Grpc },
        compression: match gzip {
            true => Compression::Gzip(get(matches, "gzip-level").unwrap_or(1)),
            false => Compression::None,
        },
        tenant: get(matches, "tenant"),
        threads: count("threads"),
        pin_cores: matches.get_many("pin-core").unwrap_or_default().copied().collect(),
        connections: count("connections"),
        inflight: count("inflight"),
        rate: get(matches, "rate"),
        duration,
        spans,
        timeout: get(matches, "timeout").unwrap_or(defaults.timeout),
        retry: matches.get_flag("retry"),
        stop_on_disconnect: matches.get_flag("stop-on-disconnect"),
        connect_timeout: get(matches, "connect-timeout").unwrap_or(defaults.connect_timeout),
        ledger: get(matches, "ledger"),
        server_pid: get(matches, "server-pid"),
        http: get(matches, "http"),
        settle_flush: matches.get_flag("settle-flush"),
        run_id: get(matches, "run-id").unwrap_or(defaults.run_id),
        endpoint: defaults.endpoint,
    };
    RunCommand { options, report: get(matches, "report"), quiet: matches.get_flag("quiet") }
}

fn verify_options(matches: &ArgMatches) -> VerifyCommand {
    let v1 = get::<String>(matches, "api").is_some_and(|name| name == "v1");
    let options = VerifyOptions {
        ledger: get(matches, "ledger").unwrap_or_default(),
        http: get(matches, "http")
            .unwrap_or(Endpoint { authority: "127.0.0.1:3200".into(), prefix: String::new() }),
        api: if v1 { Api::V1 } else { Api::V2 },
        tenant: get(matches, "tenant"),
        sample: get::<f64>(matches, "sample").map(|sample| sample as u64),
        concurrency: get::<u32>(matches, "concurrency").unwrap_or(16) as usize,
        timeout: get(matches, "timeout").unwrap_or(Duration::from_secs(30)),
    };
    VerifyCommand { options, report: get(matches, "report"), quiet: matches.get_flag("quiet") }
}

fn get<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Option<T> {
    matches.get_one::<T>(name).cloned()
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    Endpoint::parse(text).map_err(|error| error.to_string())
}

/// A number with an optional `k` (thousand), `m` (million) or `g`.
fn number(text: &str) -> Result<f64, String> {
    let lower = text.to_ascii_lowercase();
    let units = [("k", 1e3), ("m", 1e6), ("g", 1e9)];
    let unit = units.iter().find_map(|(unit, by)| Some((lower.strip_suffix(unit)?, *by)));
    let (digits, by) = unit.unwrap_or((&lower, 1.0));
    let value: f64 = digits.parse().map_err(|_| "expected a number such as 50000 or 50k")?;
    if value.is_finite() && value > 0.0 { Ok(value * by) } else { Err("must be above 0".into()) }
}

/// A time with a unit: `ms`, `s` (also without unit), `m`, `h`.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let unit = units.iter().find_map(|(unit, by)| Some((text.strip_suffix(unit)?, *by)));
    let (digits, by) = unit.unwrap_or((text, 1.0));
    let value: f64 = digits.parse().map_err(|_| "expected a time such as 30s, 500ms or 2m")?;
    Duration::try_from_secs_f64(value * by).map_err(|_| "expected a time above 0".into())
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
