//! Asks the kernel, before any executor starts, for what the server needs, and says what to do
//! where it is refused.

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

/// Checks io_uring and memlock for `cores` executors.
///
/// # Errors
/// With advice.
pub fn check(cores: u16) -> Result<(), PreflightError> {
    let _ = cores;
    todo!()
}

/// How many CPUs this process may use.
pub fn available_cpus() -> u16 {
    todo!()
}
