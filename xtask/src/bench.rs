//! `cargo xtask bench`: figures of the real server, as tables and JSON.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use serde_json::Value;

use crate::error::{What, XtaskError, failed};
use crate::tools;

mod figure;
mod ingest;
mod merge;
mod pressure;
mod search;
mod whole;

/// The subcommand.
pub fn command() -> clap::Command {
    whole::arguments(clap::Command::new("bench"))
        .about("Measures the release server; without a name, everything, as one table")
        .args_conflicts_with_subcommands(true)
        .subcommand(ingest::command())
        .subcommand(search::command())
}

/// Runs it.
///
/// # Errors
/// When a server or the load generator fails.
pub fn run(matches: &ArgMatches) -> Result<(), XtaskError> {
    match matches.subcommand() {
        Some(("search", matches)) => search::run(matches),
        Some((_, matches)) => ingest::run(matches),
        None => whole::run(matches),
    }
}

/// Where benches keep their files.
fn directory() -> Result<PathBuf, XtaskError> {
    let dir = tools::target().join("bench");
    std::fs::create_dir_all(&dir).what(|| dir.display().to_string())?;
    Ok(dir)
}

/// Writes JSON, and says where.
fn write(path: &Path, json: &Value) -> Result<(), XtaskError> {
    std::fs::write(path, format!("{json:#}\n")).what(|| path.display().to_string())?;
    println!("JSON: {}", path.display());
    Ok(())
}

/// Reads JSON.
fn read(path: &Path) -> Result<Value, XtaskError> {
    let text = std::fs::read_to_string(path).what(|| path.display().to_string())?;
    match serde_json::from_str(&text) {
        Ok(json) => Ok(json),
        Err(error) => failed(format!("{}: {error}", path.display())),
    }
}

/// `utime` of proc_pid_stat(5), counted from behind the name.
const USER: usize = 11;
/// `stime`.
const KERNEL: usize = 12;

/// CPU time that a process has spent, in hundredths of a second on every architecture that we run
/// on; of user mode, of the kernel, or of both.
fn cpu_s(pid: u32, fields: &[usize]) -> Result<f64, XtaskError> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).what(|| path.clone())?;
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let all: Vec<&str> = behind_name.split_ascii_whitespace().collect();
    let ticks = |field: &usize| all.get(*field).and_then(|ticks| ticks.parse::<f64>().ok());
    match fields.iter().map(ticks).sum::<Option<f64>>() {
        Some(ticks) => Ok(ticks / 100.0),
        None => failed(format!("{path}: no CPU times")),
    }
}

/// Processor and memory, as the kernel names them.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?.to_owned();
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let cpu = field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown CPU".into());
    let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cpu}, {cpus} CPUs, {memory}")
}

/// A whole number with an optional `k` or `m`.
fn number(text: &str) -> Result<u64, XtaskError> {
    let units = [("k", 1_000), ("m", 1_000_000)];
    let unit = units.iter().find_map(|(unit, by)| Some((text.strip_suffix(unit)?, *by)));
    let (digits, by) = unit.unwrap_or((text, 1));
    match digits.parse::<u64>().ok().and_then(|number| number.checked_mul(by)) {
        Some(number) if number > 0 => Ok(number),
        _ => failed(format!("{text}: expected a whole number such as 500000, 500k or 2m")),
    }
}
