//! Asks the kernel, before any executor starts, for what the server needs, and says what to do
//! where it is refused.
//!
//! glommio panics where it may not set up a ring and gives up with a bare number where little
//! memory may be locked, so the questions are asked here first.
#![allow(unsafe_code)]

use std::thread::available_parallelism;

use rustix::io::Errno;
use rustix::io_uring::{io_uring_params, io_uring_setup};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::threads;

/// Why the server cannot run here; the text holds the command that mends it.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// `io_uring_setup` was refused.
    #[error("{0}")]
    IoUring(String),
    /// `RLIMIT_MEMLOCK` is too low.
    #[error("{0}")]
    Memlock(String),
}

/// What glommio asks `RLIMIT_MEMLOCK` to be at least.
const MEMLOCK_FLOOR_BYTES: u64 = 512 << 10;

/// Locked memory of one executor: registered buffers of 64 KiB and, on kernels before 5.12, its
/// rings.
const MEMLOCK_PER_CORE_BYTES: u64 = 256 << 10;

/// The oldest kernel whose io_uring has all operations that the executor uses.
const KERNEL_MIN: (u32, u32) = (5, 8);

/// Checks io_uring and memlock for `cores` executors. Raises the soft limit of memlock as far as
/// the hard limit lets it.
///
/// # Errors
/// With advice.
pub fn check(cores: u16) -> Result<(), PreflightError> {
    check_kernel(&rustix::system::uname().release().to_string_lossy())?;
    probe_io_uring().map_err(|errno| PreflightError::IoUring(io_uring_advice(errno)))?;
    check_memlock(u64::from(cores.max(1)) * MEMLOCK_PER_CORE_BYTES)
}

/// How many CPUs this process may use.
pub fn available_cpus() -> u16 {
    let cpus = match threads::cpu_numbers().len() {
        0 => available_parallelism().map_or(1, usize::from),
        cpus => cpus,
    };
    u16::try_from(cpus).unwrap_or(u16::MAX)
}

fn check_kernel(release: &str) -> Result<(), PreflightError> {
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next(), numbers.next());
    match version {
        (Some(major), Some(minor)) if (major, minor) < KERNEL_MIN => {
            Err(PreflightError::IoUring(format!(
                "this kernel ({release}) is too old: io_uring as the server uses it needs Linux \
                 {}.{} or newer",
                KERNEL_MIN.0, KERNEL_MIN.1
            )))
        }
        // A release that says nothing readable is left to the probe.
        _ => Ok(()),
    }
}

fn probe_io_uring() -> Result<(), Errno> {
    let mut params = io_uring_params::default();
    // SAFETY: all flags are clear, so `ATTACH_WQ` is not set, which is the one condition; the
    // returned descriptor owns all that the call made, and is closed here.
    unsafe { io_uring_setup(1, &mut params) }.map(drop)
}

fn io_uring_advice(errno: Errno) -> String {
    let advice = match errno {
        Errno::PERM | Errno::ACCESS => {
            "Either the kernel has it switched off (then, as root: `sysctl \
             kernel.io_uring_disabled=0`), or a container's seccomp profile forbids it (Docker: \
             `--security-opt seccomp=unconfined`, or a profile that allows io_uring_setup, \
             io_uring_enter and io_uring_register; Kubernetes: `securityContext: {seccompProfile: \
             {type: Unconfined}}` or a Localhost profile)."
        }
        Errno::NOSYS => {
            "The kernel was built without it (CONFIG_IO_URING), or a container's sandbox (gVisor, \
             an old seccomp profile) hides it."
        }
        Errno::NOMEM => {
            "Too little memory may be locked: `ulimit -l unlimited`; Docker: `--ulimit \
             memlock=-1`; systemd: `LimitMEMLOCK=infinity`."
        }
        Errno::MFILE | Errno::NFILE => "Too few open files are allowed: `ulimit -n 65536`.",
        _ => "`dmesg` may tell more.",
    };
    format!("the kernel refuses io_uring (io_uring_setup: {errno}). {advice}")
}

fn check_memlock(needed_bytes: u64) -> Result<(), PreflightError> {
    let needed_bytes = needed_bytes.max(MEMLOCK_FLOOR_BYTES);
    let limit = getrlimit(Resource::Memlock);
    if is_enough(limit.current, needed_bytes) {
        return Ok(());
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if is_enough(limit.maximum, needed_bytes) && setrlimit(Resource::Memlock, raised).is_ok() {
        return Ok(());
    }
    Err(PreflightError::Memlock(format!(
        "only {} KiB of memory may be locked (RLIMIT_MEMLOCK), and {} KiB are needed for this \
         number of cores: `ulimit -l unlimited`; Docker: `--ulimit memlock=-1`; systemd: \
         `LimitMEMLOCK=infinity`; PAM: `* - memlock unlimited` in /etc/security/limits.conf",
        limit.current.unwrap_or(u64::MAX) >> 10,
        needed_bytes >> 10
    )))
}

/// `None` is no limit.
fn is_enough(limit_bytes: Option<u64>, needed_bytes: u64) -> bool {
    limit_bytes.is_none_or(|limit| limit >= needed_bytes)
}

#[cfg(test)]
#[path = "preflight_tests.rs"]
mod tests;
