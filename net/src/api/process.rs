//! What the kernel says of this process, for `/metrics`. Reads `/proc`, so it runs aside.

use std::fs;

/// One number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fact {
    /// Metric.
    pub name: &'static str,
    /// One line for people.
    pub help: &'static str,
    /// Value.
    pub value: f64,
}

/// Ticks per second in `/proc`: the same on every Linux that we run on (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// All numbers that could be read.
pub fn read() -> Vec<Fact> {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let open_files = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64);
    let fact = |name, help, value: Option<f64>| value.map(|value| Fact { name, help, value });
    let facts = [
        fact("process_cpu_seconds_total", "User and system CPU time in seconds.", cpu(&stat)),
        fact(
            "process_start_time_seconds",
            "Start of the process since the Unix epoch in seconds.",
            start(&stat, &boot),
        ),
        fact(
            "process_resident_memory_bytes",
            "Resident memory in bytes.",
            kibibytes(&status, "VmRSS:"),
        ),
        fact(
            "process_virtual_memory_bytes",
            "Virtual memory in bytes.",
            kibibytes(&status, "VmSize:"),
        ),
        fact("process_threads", "Threads of the process.", after(&status, "Threads:")),
        fact("process_open_fds", "Open file descriptors.", open_files),
        fact(
            "process_max_fds",
            "Most file descriptors that may be open.",
            after(&limits, "Max open files"),
        ),
    ];
    facts.into_iter().flatten().collect()
}

/// The first number behind `label`.
fn after(text: &str, label: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kibibytes(status: &str, label: &str) -> Option<f64> {
    after(status, label).map(|count| count * 1024.0)
}

/// Field `number` of `/proc/self/stat`, counted from 1 as in proc(5). The name in parentheses may
/// hold blanks.
fn stat_field(stat: &str, number: usize) -> Option<f64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(number - 3)?.parse().ok()
}

fn cpu(stat: &str) -> Option<f64> {
    Some((stat_field(stat, 14)? + stat_field(stat, 15)?) / TICKS_PER_SECOND)
}

fn start(stat: &str, boot: &str) -> Option<f64> {
    Some(after(boot, "btime ")? + stat_field(stat, 22)? / TICKS_PER_SECOND)
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
