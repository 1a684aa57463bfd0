//! Runs the load generator and reads its reports.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::error::{What, XtaskError, failed};
use crate::server::Server;
use crate::tools;

/// How it ends when a connection broke and that was to end it.
const DISCONNECTED: i32 = 3;

/// A run in the background. Dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Waits for the end that a killed server brings about.
    ///
    /// # Errors
    /// When it ends otherwise.
    pub fn wait_disconnected(mut self) -> Result<(), XtaskError> {
        let status = self.child.wait().what(|| "loadgen".to_owned())?;
        match status.code() {
            Some(DISCONNECTED) => Ok(()),
            _ => failed(format!("loadgen did not end by the broken connection: {status}")),
        }
    }
}

/// Starts sending to an OTLP port until the connection breaks.
///
/// # Errors
/// When it cannot start.
pub fn start(
    binary: &Path,
    port: u16,
    ledger: &Path,
    arguments: &[String],
) -> Result<Running, XtaskError> {
    let mut command = run_command(binary, port, arguments);
    command.arg("--stop-on-disconnect").arg("--ledger").arg(ledger).stdout(Stdio::null());
    let child = command.spawn().what(|| binary.display().to_string())?;
    Ok(Running { child })
}

/// Sends to an OTLP port, to the end.
///
/// # Errors
/// When it fails.
pub fn run(binary: &Path, port: u16, arguments: &[String]) -> Result<(), XtaskError> {
    tools::run(run_command(binary, port, arguments).stdout(Stdio::null()))
}

fn run_command(binary: &Path, port: u16, arguments: &[String]) -> Command {
    let mut command = Command::new(binary);
    let endpoint = format!("127.0.0.1:{port}");
    command.args(["run", "--quiet", "--endpoint", &endpoint]).args(arguments);
    command
}

/// What `verify` found.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Batches that were acknowledged.
    pub batches: u64,
    /// Spans of those.
    pub expected: u64,
    /// Of them, there.
    pub found: u64,
    /// Not there.
    pub missing: u64,
    /// There more than once, changed, never sent, or of a trace that could not be read.
    pub wrong: u64,
    /// Batches sent without an answer.
    pub unanswered_batches: u64,
    /// Spans of those that are there.
    pub unanswered_present: u64,
    /// The report.
    pub json: String,
}

impl Verified {
    /// Whether every acknowledged span is there exactly once, and nothing else.
    pub fn is_clean(&self) -> bool {
        self.found == self.expected && self.missing + self.wrong == 0
    }

    fn read(path: &Path) -> Result<Self, XtaskError> {
        let json = std::fs::read_to_string(path).what(|| path.display().to_string())?;
        let report: Value = serde_json::from_str(&json).unwrap_or_default();
        let number = |name: &str| match report[name].as_u64() {
            Some(number) => Ok(number),
            None => failed(format!("{}: no number {name}", path.display())),
        };
        let wrong = ["spans_duplicated", "spans_foreign", "spans_altered", "read_errors"];
        Ok(Self {
            batches: number("batches_acknowledged")?,
            expected: number("spans_expected")?,
            found: number("spans_found")?,
            missing: number("spans_missing")?,
            wrong: wrong
                .iter()
                .try_fold(0, |sum, name| Ok::<_, XtaskError>(sum + number(name)?))?,
            unanswered_batches: number("batches_unanswered")?,
            unanswered_present: number("spans_unanswered_present")?,
            json,
        })
    }
}

/// Reads everything in the ledger back, or about `sample` traces of it.
///
/// # Errors
/// When it cannot run; missing spans are in the report.
pub fn verify(
    binary: &Path,
    server: &Server,
    ledger: &Path,
    sample: Option<u64>,
) -> Result<Verified, XtaskError> {
    let report: PathBuf = ledger.with_extension("verify.json");
    let http = format!("http://127.0.0.1:{}", server.ports().http);
    // An old report must not be taken for the new one.
    let _ = std::fs::remove_file(&report);
    let mut command = Command::new(binary);
    command.args(["verify", "--quiet", "--http", &http, "--ledger"]).arg(ledger);
    command.arg("--report").arg(&report).stdout(Stdio::null());
    if let Some(traces) = sample {
        command.args(["--sample", &traces.to_string()]);
    }
    let status = command.status().what(|| binary.display().to_string())?;
    let verified = Verified::read(&report)?;
    // 1 says that something is wrong, which the report tells better.
    if status.success() == verified.is_clean() {
        Ok(verified)
    } else {
        failed(format!(
            "loadgen verify: {status}, but its report says otherwise\n{}",
            verified.json
        ))
    }
}
