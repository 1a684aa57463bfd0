//! The runtime seam: the only place that builds monoio, on `io_uring` or, where that is refused,
//! on epoll.

use std::future::Future;

use monoio::{FusionDriver, LegacyDriver, RuntimeBuilder};

use crate::options::LoadError;

/// Completion-queue entries per thread; far more than there are sockets.
const RING_ENTRIES: u32 = 1024;

/// Runs `future` to its end on this thread, which must not be inside a runtime already.
///
/// # Errors
/// Neither `io_uring` nor epoll can be set up.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, LoadError> {
    let builder = RuntimeBuilder::<FusionDriver>::new().with_entries(RING_ENTRIES).enable_timer();
    match builder.build() {
        Ok(mut runtime) => Ok(runtime.block_on(future)),
        // The probe allowed io_uring, but a ring of this size was refused (a limit on memory).
        Err(_) => block_on_epoll(future),
    }
}

fn block_on_epoll<F: Future>(future: F) -> Result<F::Output, LoadError> {
    let builder = RuntimeBuilder::<LegacyDriver>::new().with_entries(RING_ENTRIES).enable_timer();
    let mut runtime = builder.build().map_err(LoadError::Runtime)?;
    Ok(runtime.block_on(future))
}

#[cfg(test)]
#[path = "runtime_tests.rs"]
mod tests;
