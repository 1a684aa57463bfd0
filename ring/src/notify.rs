//! A wake-up between tasks of one core, such as from appenders to the commit loop.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Remembers one notification until somebody waits for it. Belongs to one core; clones share it.
///
/// Notifications without a waiter between them count once: a waiter must look at the state that
/// it waits for, not count its wake-ups.
#[derive(Clone, Default)]
pub struct Notify {
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    notified: Cell<bool>,
    waiting: RefCell<VecDeque<Waker>>,
}

impl Notify {
    /// With no notification stored.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets one waiter go on: one that waits now, or the next one to come.
    pub fn notify(&self) {
        self.shared.notified.set(true);
        // All are woken and the first one takes it, since a waiter in the queue may have given up.
        for waker in self.shared.waiting.take() {
            waker.wake();
        }
    }

    /// Completes once [`Notify::notify`] was called since the last completion.
    pub async fn wait(&self) {
        poll_fn(|context| self.poll_wait(context)).await;
    }

    fn poll_wait(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.shared.notified.replace(false) {
            return Poll::Ready(());
        }
        let mut waiting = self.shared.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push_back(context.waker().clone());
        }
        Poll::Pending
    }
}

impl std::fmt::Debug for Notify {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let waiting = self.shared.waiting.borrow().len();
        write!(
            formatter,
            "Notify {{ notified: {}, waiting: {waiting} }}",
            self.shared.notified.get()
        )
    }
}
