//! The real binary, started on a directory of its own and ended with the test.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::http::{self, Answer, Header};
use super::options::Options;
use super::ports::Ports;
use super::{metrics, wait};

/// Bytes of the log's end that a failed test prints.
const LOG_SHOWN_BYTES: usize = 16 << 10;

/// A directory with a configuration, and the process that serves it, if one runs.
pub struct Server {
    /// What it is configured with; a restart takes what is here then.
    pub options: Options,
    /// Where it listens, the same after every restart.
    pub ports: Ports,
    dir: TempDir,
    process: Option<Child>,
}

impl Server {
    /// Starts a server in an empty directory and waits until it is ready.
    pub fn start(options: Options) -> Self {
        Self::start_on(options, |_| ())
    }

    /// The same in a directory that `fill` has filled.
    pub fn start_on(options: Options, fill: impl FnOnce(&Path)) -> Self {
        let mut server = Self::prepare(options);
        fill(server.dir.path());
        server.start_again();
        server
    }

    /// A directory and ports for a server that does not run yet.
    pub fn prepare(options: Options) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        Self { options, ports: Ports::take(), dir, process: None }
    }

    /// Starts the process and waits until it is ready.
    pub fn start_again(&mut self) {
        self.spawn();
        wait::until("the server is ready", || {
            if let Some(status) = self.exited() {
                panic!("the server ended at its start: {status}\n{}", self.log_end());
            }
            let ready = http::try_send("GET", &self.api_url("/ready"), &[], b"").ok()?;
            (ready.status == 200).then_some(())
        });
    }

    /// Starts the process and leaves it to itself.
    pub fn spawn(&mut self) {
        assert!(self.process.is_none(), "the server runs already");
        let config = self.write_config();
        let log = self.open_log();
        let command = self
            .command()
            .arg(format!("-config.file={}", config.display()))
            .args(&self.options.arguments)
            .envs(self.options.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn();
        self.process = Some(command.expect("the binary starts"));
    }

    /// The binary; in a namespace of its own where it has a small disk.
    fn command(&self) -> Command {
        const BINARY: &str = env!("CARGO_BIN_EXE_stringendo");
        let Options { blocks_disk_mib, wal_disk_mib, .. } = self.options;
        let disks = [("blocks", blocks_disk_mib), ("wal", wal_disk_mib)];
        let disks = disks.into_iter().filter_map(|(name, mib)| Some((name, mib?)));
        let mounts: Vec<String> = disks.map(|(name, mib)| self.small_disk(name, mib)).collect();
        if mounts.is_empty() {
            return Command::new(BINARY);
        }
        let mut command = Command::new("unshare");
        let script = format!("{} && exec \"$0\" \"$@\"", mounts.join(" && "));
        command.args(["--map-root-user", "--mount", "sh", "-c", &script, BINARY]);
        command
    }

    /// The command that mounts a small disk on a directory.
    fn small_disk(&self, name: &str, mib: u64) -> String {
        let dir = self.dir.path().join(name);
        std::fs::create_dir_all(&dir).expect("a directory");
        format!("mount -t tmpfs -o size={mib}m small '{}'", dir.display())
    }

    fn write_config(&self) -> PathBuf {
        let path = self.dir.path().join("config.yaml");
        std::fs::write(&path, self.options.yaml(self.dir.path(), &self.ports)).expect("written");
        path
    }

    fn open_log(&self) -> File {
        let path = self.dir.path().join("log.txt");
        OpenOptions::new().create(true).append(true).open(path).expect("a log file")
    }

    /// Everything that the processes have printed so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.dir.path().join("log.txt")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let from = log.len().saturating_sub(LOG_SHOWN_BYTES);
        log[log.ceil_char_boundary(from)..].to_owned()
    }

    /// The directory of configuration, log and data.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The directory of the one tenant's blocks.
    pub fn tenant_dir(&self) -> PathBuf {
        self.dir.path().join("blocks/single-tenant")
    }

    /// Process id of the running server.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the server runs").id()
    }

    /// Ends the process as a crash does.
    pub fn kill9(&mut self) {
        let mut process = self.process.take().expect("the server runs");
        process.kill().expect("killed");
        process.wait().expect("waited for");
    }

    /// SIGTERM, and the status that the process ends with.
    pub fn terminate(&mut self) -> ExitStatus {
        self.send_sigterm();
        self.wait_for_exit()
    }

    /// SIGTERM alone.
    pub fn send_sigterm(&self) {
        signal(self.pid(), Signal::TERM);
    }

    /// The status that the process ends with, after something made it end.
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        let status = wait::until("the server has ended", || self.exited());
        self.process = None;
        status
    }

    fn exited(&mut self) -> Option<ExitStatus> {
        self.process.as_mut().expect("the server runs").try_wait().expect("waited for")
    }

    /// SIGTERM and a fresh start; the end must be an orderly one.
    pub fn restart(&mut self) {
        let status = self.terminate();
        assert!(status.success(), "the server ended with {status}");
        self.start_again();
    }

    /// The URL of a path of the API.
    pub fn api_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.api)
    }

    /// The URL of a path of the OTLP receiver.
    pub fn otlp_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.otlp_http)
    }

    /// GET on the API.
    pub fn get(&self, path: &str) -> Answer {
        self.get_as(path, &[])
    }

    /// GET on the API with headers.
    pub fn get_as(&self, path: &str, headers: &[Header<'_>]) -> Answer {
        http::send("GET", &self.api_url(path), headers, b"")
    }

    /// Posts a body to the OTLP receiver.
    pub fn export(&self, content_type: &str, body: &[u8]) -> Answer {
        self.export_with(&[("Content-Type", content_type)], body)
    }

    /// The same with these headers and no others.
    pub fn export_with(&self, headers: &[Header<'_>], body: &[u8]) -> Answer {
        http::send("POST", &self.otlp_url("/v1/traces"), headers, body)
    }

    /// `/flush`: everything that is live becomes blocks.
    pub fn flush(&self) {
        let answer = http::send("POST", &self.api_url("/flush"), &[], b"");
        assert_eq!(answer.status, 204, "{}", answer.text());
    }

    /// Searches, with the URL parameters of `/api/search`, and returns the traces found.
    pub fn search(&self, parameters: &[(&str, &str)]) -> Vec<serde_json::Value> {
        let answer = self.get(&format!("/api/search?{}", http::query(parameters))).ok().json();
        answer["traces"].as_array().expect("a list").clone()
    }

    /// The sum over all series of a metric that carry these labels; 0 when there are none.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        metrics::sum(self.get("/metrics").ok().text(), name, labels).unwrap_or(0.0)
    }
}

/// Sends a signal to a process that runs, or has ended and was not waited for yet.
pub fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, signal).expect("signalled");
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may have ended by itself.
            drop(process.kill());
            drop(process.wait());
        }
        if std::thread::panicking() {
            eprintln!("---- log of the server ----\n{}\n----", self.log_end());
        }
    }
}
