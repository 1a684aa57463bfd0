//! Tasks, timers and yielding.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::executor::queue_of;
use crate::Class;

/// A task that is cancelled when this is dropped.
pub(crate) struct Task<T> {
    inner: glommio::Task<T>,
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.inner).poll(context)
    }
}

pub(crate) fn spawn<T: 'static>(
    class: Class,
    future: impl Future<Output = T> + 'static,
) -> Task<T> {
    let inner = glommio::spawn_local_into(future, queue_of(class))
        .expect("the queues of a core live as long as its executor");
    Task { inner }
}

pub(crate) fn spawn_detached(class: Class, future: impl Future<Output = ()> + 'static) {
    // What is dropped here is only a handle to a task that runs on by itself.
    drop(spawn(class, future).inner.detach());
}

pub(crate) async fn sleep(duration: Duration) {
    glommio::timer::Timer::new(duration).await;
}

pub(crate) async fn yield_if_due() {
    glommio::yield_if_needed().await;
}
