//! Tasks, classes of work, timers and yielding. All of it belongs to the core it is called on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Classes of work on a core, most urgent first. Shares are such that a lower class cannot show in
/// the latency of a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// From the socket to the durable acknowledgement.
    Ack,
    /// Queries.
    Query,
    /// Encoding and flushing blocks.
    Flush,
    /// Everything that can wait: compaction, retention, polling.
    Background,
}

/// A task that was spawned. Dropping it cancels the task.
pub struct JoinHandle<T> {
    _private: std::marker::PhantomData<T>,
}

impl<T> Future for JoinHandle<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<T> {
        todo!()
    }
}

/// Runs `future` on this core in `class`.
pub fn spawn<T: 'static>(class: Class, future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    let _ = (class, future);
    todo!()
}

/// Runs `future` on this core in `class`, with nobody waiting for it.
pub fn spawn_detached(class: Class, future: impl Future<Output = ()> + 'static) {
    let _ = (class, future);
    todo!()
}

/// Completes after `duration`.
pub async fn sleep(duration: Duration) {
    let _ = duration;
    todo!()
}

/// Awaits `future` for at most `duration`; `None` when the time is over.
pub async fn timeout<T>(duration: Duration, future: impl Future<Output = T>) -> Option<T> {
    let _ = (duration, future);
    todo!()
}

/// Gives way to other tasks if this one has used up its time slice. Long loops call it between
/// steps of well under a millisecond.
pub async fn yield_if_due() {
    todo!()
}
