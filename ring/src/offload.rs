//! Blocking work on threads beside the cores.

/// The work panicked. The panic is caught on its thread (an uncaught one would leave the waiter
/// hanging).
#[derive(Debug, thiserror::Error)]
#[error("offloaded work panicked: {0}")]
pub struct OffloadError(pub String);

/// Runs `work` on a thread aside and waits for its result without blocking the core.
///
/// # Errors
/// When `work` panicked.
pub async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, OffloadError> {
    let _ = work;
    todo!()
}
