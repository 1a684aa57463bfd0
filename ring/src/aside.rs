//! Futures of clients that need tokio, on threads beside the cores: object stores and what else is
//! far away and not hot.
//!
//! One runtime per process, started with the first future. A future is handed over, and its output
//! awaited on the core. Nothing here knows what it does.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use crate::{oneshot, threads};

/// Threads of the runtime. They copy and decrypt what comes over the network; more would only
/// contend with the cores for CPUs.
const THREADS: usize = 2;
/// Threads for what blocks: names that are looked up.
const BLOCKING_THREADS_MAX: usize = 4;
/// Futures under way; more wait on their cores, first come, first served. What they bring is
/// charged by who waits for it, so this bounds sockets.
const IN_FLIGHT_MAX: usize = 256;

/// Why a future aside has no output.
#[derive(Debug, thiserror::Error)]
#[error("work aside failed: {0}")]
pub struct AsideError(String);

impl From<AsideError> for io::Error {
    fn from(error: AsideError) -> Self {
        Self::other(error)
    }
}

struct Aside {
    runtime: Runtime,
    places: Semaphore,
}

static ASIDE: OnceLock<Result<Aside, String>> = OnceLock::new();

impl Aside {
    fn start() -> Result<Self, String> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_name("aside")
            .on_thread_start(threads::leave_core)
            .enable_all()
            .build()
            .map_err(|error| format!("threads aside did not start: {error}"))?;
        Ok(Self { runtime, places: Semaphore::new(IN_FLIGHT_MAX) })
    }
}

/// Runs `future` on a thread aside, within tokio, and waits for its output without blocking the
/// core. If nobody waits any more it is dropped.
///
/// # Errors
/// When it panicked, or when no thread could be started to run it.
pub async fn aside<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, AsideError> {
    let aside = ASIDE.get_or_init(Aside::start).as_ref();
    let aside = aside.map_err(|text| AsideError(text.clone()))?;
    let closed = |_| AsideError("no places".to_owned());
    let _place = aside.places.acquire().await.map_err(closed)?;
    let (answer, answered) = oneshot::channel();
    let task = aside.runtime.spawn(async move {
        let outcome = AssertUnwindSafe(future).catch_unwind().await;
        // The waiter may have given up.
        drop(answer.send(outcome.map_err(|panic| threads::panic_text(&*panic))));
    });
    let _abort = AbortOnDrop(task.abort_handle());
    match answered.await {
        Ok(outcome) => outcome.map_err(|text| AsideError(format!("it panicked: {text}"))),
        Err(oneshot::Canceled) => Err(AsideError("it was dropped".to_owned())),
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits; only within a future that runs aside.
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// The output of `future`, or `None` if it takes longer; only within a future that runs aside.
pub async fn timeout<T>(duration: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(duration, future).await.ok()
}

#[cfg(test)]
#[path = "aside_tests.rs"]
mod tests;
