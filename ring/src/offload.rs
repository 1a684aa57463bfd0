//! Blocking work on threads beside the cores: a few per process, started with the first work.
//!
//! Work waits in a queue of its own until a thread is free. The queue has no limit of its own: each
//! piece of work has a task that waits for it, and it is tasks that are limited.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

use crate::{oneshot, threads};

/// Threads of the pool. More than a few would only contend with the cores for CPUs; work that
/// waits for a disk is what they are for.
const THREADS: usize = 4;

/// The work panicked. The panic is caught on its thread (an uncaught one would leave the waiter
/// hanging).
#[derive(Debug, thiserror::Error)]
#[error("offloaded work panicked: {0}")]
pub struct OffloadError(pub String);

impl From<OffloadError> for std::io::Error {
    fn from(error: OffloadError) -> Self {
        Self::other(error)
    }
}

/// Runs `work` on a thread aside and waits for its result without blocking the core. The work runs
/// to its end even if nobody waits any more.
///
/// # Errors
/// When `work` panicked, or when no thread could be started to run it.
pub async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, OffloadError> {
    let pool = POOL.get_or_init(Pool::start).as_ref().map_err(|text| OffloadError(text.clone()))?;
    let (answer, answered) = oneshot::channel();
    pool.push(Box::new(move || {
        let outcome = catch_unwind(AssertUnwindSafe(work))
            .map_err(|panic| OffloadError(threads::panic_text(&*panic)));
        // The waiter may have given up.
        drop(answer.send(outcome));
    }));
    match answered.await {
        Ok(outcome) => outcome,
        Err(oneshot::Canceled) => Err(OffloadError("the work was dropped".to_owned())),
    }
}

type Work = Box<dyn FnOnce() + Send>;

static POOL: OnceLock<Result<Pool, String>> = OnceLock::new();

#[derive(Default)]
struct Pool {
    waiting: Mutex<VecDeque<Work>>,
    arrived: Condvar,
}

impl Pool {
    /// Starts the threads; they wait until the pool is in its place.
    fn start() -> Result<Self, String> {
        for number in 0..THREADS {
            threads::spawn_aside(&format!("offload-{number}"), || {
                if let Ok(pool) = POOL.wait() {
                    pool.work();
                }
            })
            .map_err(|error| error.to_string())?;
        }
        Ok(Self::default())
    }

    fn push(&self, work: Work) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(work);
        self.arrived.notify_one();
    }

    /// The life of a thread.
    fn work(&self) -> ! {
        loop {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let mut waiting = self
                .arrived
                .wait_while(waiting, |waiting| waiting.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            let work = waiting.pop_front();
            drop(waiting);
            if let Some(work) = work {
                work();
            }
        }
    }
}
