//! A real server on ports of its own, for tests that kill it. Dropped, it is killed.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::error::{What, XtaskError, failed};

/// How often something is looked at while waiting.
const POLL: Duration = Duration::from_millis(20);
/// Longest wait for an answer of the API.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Lines of the log that an error shows.
const LOG_LINES: usize = 30;

/// What differs between the servers of our tests; the rest of the configuration is in [`yaml`].
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Directory of the WAL, the blocks, the configuration and the log.
    pub data: PathBuf,
    /// `stringendo.cores`.
    pub cores: u64,
    /// `stringendo.wal.durability`.
    pub durability: &'static str,
    /// `stringendo.wal.segment_size_bytes`.
    pub segment_bytes: u64,
    /// `stringendo.memory_budget_per_core_bytes`.
    pub budget_bytes: u64,
    /// `live_store.max_block_duration`.
    pub block_age: Duration,
    /// `live_store.max_block_bytes`.
    pub block_bytes: u64,
    /// Whether blocks are merged beside all else: often then, so that kills hit it.
    pub compacts: bool,
    /// The one processor that it may use; all if none.
    pub cpu: Option<usize>,
}

/// Where it listens, on 127.0.0.1.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// HTTP API.
    pub http: u16,
    /// OTLP over gRPC.
    pub otlp_grpc: u16,
    /// OTLP over HTTP.
    pub otlp_http: u16,
    /// Queries over gRPC.
    pub grpc: u16,
}

impl Ports {
    /// As many as it takes that are free now.
    ///
    /// # Errors
    /// From the operating system.
    pub fn free() -> Result<Self, XtaskError> {
        let listen = || TcpListener::bind(("127.0.0.1", 0));
        let all = [listen(), listen(), listen(), listen()];
        // All are held at once, so that no two are the same.
        let ports: Result<Vec<u16>, _> =
            all.iter().flatten().map(|listener| Ok(listener.local_addr()?.port())).collect();
        match ports.what(|| "a free port".to_owned())?[..] {
            [http, otlp_grpc, otlp_http, grpc] => Ok(Self { http, otlp_grpc, otlp_http, grpc }),
            _ => failed("no free ports on 127.0.0.1"),
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    ports: Ports,
    log: PathBuf,
    started: Instant,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts it. What it prints is added to `server.log` in the data directory.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(binary: &Path, options: &ServerOptions) -> Result<Self, XtaskError> {
        let ports = Ports::free()?;
        let config = options.data.join("config.yaml");
        std::fs::create_dir_all(&options.data).what(|| options.data.display().to_string())?;
        std::fs::write(&config, yaml(options, ports)).what(|| config.display().to_string())?;
        let log = options.data.join("server.log");
        let opened = File::options().create(true).append(true).open(&log);
        let output = opened.and_then(|file| Ok((file.try_clone()?, file)));
        let (stdout, stderr) = output.what(|| log.display().to_string())?;
        let mut command = Command::new(binary);
        command.arg(format!("-config.file={}", config.display()));
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let child = on_cpu(options.cpu, || command.spawn())?;
        let child = child.what(|| binary.display().to_string())?;
        Ok(Self { child, ports, log, started: Instant::now() })
    }

    /// Where it listens.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `/ready` says yes; returns the time since the start.
    ///
    /// # Errors
    /// When it ends before, or is not ready in time.
    pub fn wait_ready(&mut self, timeout: Duration) -> Result<Duration, XtaskError> {
        loop {
            // Until it listens, the connection is refused.
            if self.request("GET", "/ready").is_ok_and(|(status, _)| status == 200) {
                return Ok(self.started.elapsed());
            }
            if let Some(status) = self.child.try_wait().what(|| "the server".to_owned())? {
                return failed(format!("the server ended: {status}\n{}", self.log_tail()));
            }
            if self.started.elapsed() > timeout {
                return failed(format!("not ready in {timeout:?}\n{}", self.log_tail()));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Ends it with SIGKILL.
    ///
    /// # Errors
    /// From the operating system.
    pub fn kill(mut self) -> Result<(), XtaskError> {
        self.child.kill().and_then(|()| self.child.wait()).what(|| "kill -9".to_owned())?;
        Ok(())
    }

    /// Ends it with SIGTERM; it must then end well.
    ///
    /// # Errors
    /// When it does not end in time, or with another status than 0.
    pub fn terminate(mut self, timeout: Duration) -> Result<(), XtaskError> {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a child's pid is above zero");
        kill_process(pid, Signal::TERM).map_err(Into::into).what(|| "SIGTERM".to_owned())?;
        match self.wait(timeout)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => failed(format!("after SIGTERM: {status}\n{}", self.log_tail())),
            None => failed(format!("still runs {timeout:?} after SIGTERM\n{}", self.log_tail())),
        }
    }

    fn wait(&mut self, timeout: Duration) -> Result<Option<ExitStatus>, XtaskError> {
        let since = Instant::now();
        loop {
            let status = self.child.try_wait().what(|| "the server".to_owned())?;
            if status.is_some() || since.elapsed() > timeout {
                return Ok(status);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks the API; returns status and body.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn request(&self, method: &str, path: &str) -> Result<(u16, String), XtaskError> {
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n"
        );
        let answer = exchange(self.ports.http, &text).what(|| format!("{method} {path}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        match head.split(' ').nth(1).and_then(|status| status.parse().ok()) {
            Some(status) => Ok((status, body.to_owned())),
            None => failed(format!("{method} {path}: the answer is not HTTP")),
        }
    }

    /// The sum of a metric over all its labels; 0 where it is not exposed.
    ///
    /// # Errors
    /// When `/metrics` does not answer.
    pub fn metric(&self, name: &str) -> Result<f64, XtaskError> {
        let (_, text) = self.request("GET", "/metrics")?;
        // Not `sum`: that of nothing is -0.
        Ok(text.lines().filter_map(|line| sample(line, name)).fold(0.0, |sum, value| sum + value))
    }

    /// Moves live data into blocks and waits for it.
    ///
    /// # Errors
    /// When the API refuses.
    pub fn flush(&self) -> Result<(), XtaskError> {
        match self.request("POST", "/flush")? {
            (200..=299, _) => Ok(()),
            (status, body) => failed(format!("POST /flush: status {status}: {body}")),
        }
    }

    /// The end of what it has printed, for errors.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

/// An error if servers of this data directory ever panicked.
///
/// # Errors
/// The line of the log.
pub fn no_panic(data: &Path) -> Result<(), XtaskError> {
    let log = data.join("server.log");
    let text = std::fs::read(&log).what(|| log.display().to_string())?;
    let text = String::from_utf8_lossy(&text);
    match text.lines().find(|line| line.contains("panicked at")) {
        Some(line) => failed(format!("the server panicked: {line} ({})", log.display())),
        None => Ok(()),
    }
}

/// The value in a line of the exposition if it is of the metric `name`.
fn sample(line: &str, name: &str) -> Option<f64> {
    let rest = line.strip_prefix(name)?;
    let value = match rest.as_bytes().first()? {
        b' ' => rest,
        b'{' => rest.rsplit_once('}')?.1,
        _ => return None,
    };
    value.trim().parse().ok()
}

fn exchange(port: u16, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Runs `spawn` with this thread on one processor: a child inherits that.
fn on_cpu<T>(cpu: Option<usize>, spawn: impl FnOnce() -> T) -> Result<T, XtaskError> {
    let Some(cpu) = cpu else { return Ok(spawn()) };
    let all = sched_getaffinity(None).map_err(Into::into).what(|| "CPU affinity".to_owned())?;
    let mut one = CpuSet::new();
    one.set(cpu);
    let set = |set| sched_setaffinity(None, set).map_err(Into::into);
    set(&one).what(|| format!("affinity to CPU {cpu}"))?;
    let spawned = spawn();
    set(&all).what(|| "affinity to all CPUs".to_owned())?;
    Ok(spawned)
}

/// The processors that this process may use.
///
/// # Errors
/// From the operating system.
pub fn cpus() -> Result<Vec<usize>, XtaskError> {
    let set = sched_getaffinity(None).map_err(Into::into).what(|| "CPU affinity".to_owned())?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
}

/// The whole configuration.
fn yaml(options: &ServerOptions, ports: Ports) -> String {
    let ServerOptions { cores, durability, segment_bytes, budget_bytes, block_bytes, .. } = options;
    let (data, age_ms) = (options.data.display(), options.block_age.as_millis());
    let compaction_disabled = !options.compacts;
    let Ports { http, otlp_grpc, otlp_http, grpc } = ports;
    format!(
        "server:
  http_listen_address: 127.0.0.1
  http_listen_port: {http}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: {grpc}
distributor:
  retry_after_on_resource_exhausted: 1s
  receivers:
    otlp:
      protocols:
        grpc: {{endpoint: \"127.0.0.1:{otlp_grpc}\"}}
        http: {{endpoint: \"127.0.0.1:{otlp_http}\"}}
live_store:
  max_block_duration: {age_ms}ms
  max_block_bytes: {block_bytes}
  flush_check_period: 100ms
compactor: {{compaction: {{compaction_cycle: 500ms}}}}
overrides:
  defaults:
    ingestion:
      rate_limit_bytes: 1000000000000
      burst_size_bytes: 1000000000000
      max_traces_per_user: 1000000000
    global: {{max_bytes_per_trace: 0}}
    compaction: {{compaction_disabled: {compaction_disabled}}}
storage:
  trace:
    backend: local
    local: {{path: \"{data}/blocks\"}}
    wal: {{path: \"{data}/wal\"}}
stringendo:
  cores: {cores}
  pin_cores: false
  memory_budget_per_core_bytes: {budget_bytes}
  wal:
    durability: {durability}
    segment_size_bytes: {segment_bytes}
"
    )
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
