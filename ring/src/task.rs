//! Tasks, classes of work, timers and yielding. All of it belongs to the core it is called on.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::backend;

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
#[must_use = "dropping the handle cancels the task; `spawn_detached` runs one that nobody awaits"]
pub struct JoinHandle<T> {
    task: backend::task::Task<T>,
}

impl<T> Future for JoinHandle<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.task).poll(context)
    }
}

/// Runs `future` on this core in `class`.
///
/// # Panics
/// Outside of a core of [`run`](crate::run).
pub fn spawn<T: 'static>(class: Class, future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    JoinHandle { task: backend::task::spawn(class, future) }
}

/// Runs `future` on this core in `class`, with nobody waiting for it.
///
/// # Panics
/// Outside of a core of [`run`](crate::run).
pub fn spawn_detached(class: Class, future: impl Future<Output = ()> + 'static) {
    backend::task::spawn_detached(class, future);
}

/// Completes after `duration`.
pub async fn sleep(duration: Duration) {
    backend::task::sleep(duration).await;
}

/// Awaits `future` for at most `duration`; `None` when the time is over.
pub async fn timeout<T>(duration: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut timer = pin!(sleep(duration));
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// Gives way to other tasks if this one has used up its time slice. Long loops call it between
/// steps of well under a millisecond. While nothing is due it costs a few nanoseconds.
pub async fn yield_if_due() {
    backend::task::yield_if_due().await;
}
