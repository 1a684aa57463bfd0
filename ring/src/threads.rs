//! Threads beside the cores. They run on any CPU of the process: a thread inherits the CPU mask of
//! the one that starts it, which for a core is the single CPU that it is pinned to.

use std::io;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The CPUs that the process may use, as found before any core was pinned.
static PROCESS_CPUS: OnceLock<Option<CpuSet>> = OnceLock::new();

/// The process's CPUs; `None` where the kernel does not say. The first call must not come from a
/// pinned thread ([`crate::run`] makes it).
pub(crate) fn process_cpus() -> Option<CpuSet> {
    *PROCESS_CPUS.get_or_init(|| sched_getaffinity(None).ok())
}

/// The numbers of the CPUs that the process may use.
pub(crate) fn cpu_numbers() -> Vec<usize> {
    let Some(cpus) = process_cpus() else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|cpu| cpus.is_set(*cpu)).collect()
}

/// Lets the calling thread run on any CPU of the process.
pub(crate) fn leave_core() {
    if let Some(cpus) = process_cpus()
        && let Err(error) = sched_setaffinity(None, &cpus)
    {
        tracing::warn!(%error, "a thread aside stays on the CPU of the core that started it");
    }
}

/// Address space of a thread's stack; only what is used becomes memory. Unoptimized, the frames of
/// nested futures (compaction, commands on blocks) take more than the usual 2 MiB.
const STACK_BYTES: usize = 8 << 20;

/// Starts a thread that may run on any CPU of the process.
///
/// # Errors
/// When the operating system has no thread to give.
pub(crate) fn spawn_aside(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let start = move || {
        leave_core();
        body();
    };
    let builder = thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    builder.spawn(start).map(drop).map_err(|error| {
        io::Error::new(error.kind(), format!("thread {name} did not start: {error}"))
    })
}

/// Does `step` again and again on a thread of its own, with the pause between that it asks for, as
/// long as the process lives. For what must go on while cores are busy, and takes microseconds.
///
/// # Errors
/// When the operating system has no thread to give.
pub fn repeat_aside(
    name: &str,
    mut step: impl FnMut() -> Duration + Send + 'static,
) -> io::Result<()> {
    spawn_aside(name, move || {
        loop {
            let pause = step();
            #[expect(clippy::disallowed_methods, reason = "a thread of its own, not a core's")]
            thread::sleep(pause);
        }
    })
}

/// What a caught panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a text".to_owned()
    }
}
