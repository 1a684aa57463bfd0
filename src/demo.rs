//! `stringendo demo`: the server on embedded defaults, the bundled workload, and what became of it.
//!
//! The server runs as always ([`crate::server`]); beside it one thread plays the outside world,
//! over the same sockets as any client: it sends ([`stringendo_loadgen`]), asks ([`client`]) and
//! prints ([`show`], [`tree`]).

mod client;
mod show;
mod tree;

use std::fmt;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use stringendo_config::settings::{LogFormat, LogLevel};
use stringendo_config::{DemoOptions, Settings};
use stringendo_loadgen::{Endpoint, LoadError, Report, RunOptions};

use crate::{logging, server, stop};
use client::Client;

/// Why the outside world had to stop.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("the workload: {0}")]
    Load(#[from] LoadError),
    #[error("{what}: {reason}")]
    Ask { what: String, reason: String },
}

/// Runs the demo until Ctrl-C.
pub fn run(options: &DemoOptions) -> ExitCode {
    if let Err(reason) = logging::init(LogFormat::Logfmt, LogLevel::Warn) {
        eprintln!("{reason}");
        return ExitCode::FAILURE;
    }
    let settings = Settings::for_demo(&options.data_dir, options.cores);
    let (failed, failure) = mpsc::channel();
    if let Err(error) = begin_world(options.clone(), settings.clone(), failed) {
        eprintln!("demo: {error}");
        return ExitCode::FAILURE;
    }
    if let Err(reason) = server::run(&settings) {
        eprintln!("demo: {reason}");
        return ExitCode::FAILURE;
    }
    match failure.try_recv() {
        Ok(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
        Err(_) => {
            println!("Stopped; what was stored stays in {}.", options.data_dir.display());
            ExitCode::SUCCESS
        }
    }
}

/// Starts the outside world. If it fails, the server is asked to end.
fn begin_world(
    options: DemoOptions,
    settings: Settings,
    failed: mpsc::Sender<DemoError>,
) -> std::io::Result<()> {
    let world = move || {
        if let Err(error) = outside_world(&options, &settings) {
            // The receiver waits in `run` until the server has ended.
            let _ = failed.send(error);
            stop::request();
        }
    };
    thread::Builder::new().name("demo".to_owned()).spawn(world).map(drop)
}

fn outside_world(options: &DemoOptions, settings: &Settings) -> Result<(), DemoError> {
    let addresses = Addresses::of(settings);
    println!("Starting on {}; data in {}.", addresses.api, options.data_dir.display());
    let client = Client::new(&addresses.api)?;
    client.wait_until_ready()?;
    println!("Ready. Sending the workload of a web shop{}:\n", Pace(options));
    let report = send(options, &addresses.otlp_grpc)?;
    println!("\n{report}");
    show::example_trace(&client, &report)?;
    show::search(&client, &report)?;
    show::where_to_go(&addresses, &report);
    Ok(())
}

fn send(options: &DemoOptions, otlp_grpc: &str) -> Result<Report, DemoError> {
    let mut load = RunOptions::new(Endpoint::parse(otlp_grpc)?, options.duration);
    load.rate = (options.rate_spans_per_s > 0).then_some(options.rate_spans_per_s as f64);
    load.retry = true;
    Ok(stringendo_loadgen::run(load, |progress| println!("{progress}"))?)
}

/// Where the server listens, for clients on this machine.
pub struct Addresses {
    /// API, `host:port`.
    pub api: String,
    /// OTLP over gRPC.
    pub otlp_grpc: String,
    /// OTLP over HTTP.
    pub otlp_http: String,
}

impl Addresses {
    fn of(settings: &Settings) -> Self {
        let receivers = &settings.distributor.receivers;
        let first = |endpoint: Option<String>| endpoint.unwrap_or_default();
        Self {
            api: format!("localhost:{}", settings.server.http_listen_port),
            otlp_grpc: first(receivers.otlp_grpc.first().map(|one| one.endpoint.to_string())),
            otlp_http: first(receivers.otlp_http.first().map(|one| one.endpoint.to_string())),
        }
    }
}

/// How fast and how long.
struct Pace<'a>(&'a DemoOptions);

impl fmt::Display for Pace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.duration.as_secs_f64();
        match self.0.rate_spans_per_s {
            0 => write!(f, " for {seconds} s, as fast as it is taken"),
            rate => write!(f, " for {seconds} s, {rate} spans per second"),
        }
    }
}
