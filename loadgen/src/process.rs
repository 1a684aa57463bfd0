//! CPU time and memory of a process, from `/proc`.

use std::fs::read_to_string;
use std::io::{Error, ErrorKind};

use crate::options::LoadError;

/// Linux reports CPU time to user space in hundredths of a second (`USER_HZ`), on every
/// architecture that we run on.
const TICKS_PER_S: f64 = 100.0;

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system CPU time of all its threads, seconds.
    pub cpu_s: f64,
    /// High-water mark of its resident memory, bytes.
    pub rss_bytes_max: u64,
}

/// Reads the usage of process `pid`.
///
/// # Errors
/// There is no such process, or `/proc` is not as documented.
pub fn usage(pid: u32) -> Result<Usage, LoadError> {
    let error = |source| LoadError::Process { pid, source };
    let stat = read_to_string(format!("/proc/{pid}/stat")).map_err(error)?;
    let status = read_to_string(format!("/proc/{pid}/status")).map_err(error)?;
    let parsed = cpu_s(&stat).map(|cpu_s| Usage { cpu_s, rss_bytes_max: peak_bytes(&status) });
    parsed.ok_or_else(|| error(Error::new(ErrorKind::InvalidData, "/proc stat is unreadable")))
}

/// CPU seconds of this process so far; none where `/proc` is missing.
pub fn own_cpu_s() -> Option<f64> {
    usage(std::process::id()).ok().map(|usage| usage.cpu_s)
}

/// `utime` and `stime` are fields 14 and 15; the command in field 2 may hold spaces and brackets.
fn cpu_s(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let utime: u64 = fields.next()?.parse().ok()?;
    let stime: u64 = fields.next()?.parse().ok()?;
    Some((utime + stime) as f64 / TICKS_PER_S)
}

/// `VmHWM` in `/proc/…/status`, given in kibibytes; 0 for a process that has ended.
fn peak_bytes(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
