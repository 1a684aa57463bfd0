//! The parts of a mesh that two threads touch: the queue between two cores, and the place where a
//! receiver parks.
//!
//! Both follow one rule against lost wake-ups. Who waits says so *first* and then looks at the
//! queue again; who changes the queue does that first and then looks whether somebody waits. A
//! sequentially consistent fence lies between the two steps on both sides, so at least one of the
//! two sees what the other did.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use crossbeam_queue::ArrayQueue;
use futures_util::task::AtomicWaker;

/// Messages from one core to another, in order.
pub(super) struct Lane<M> {
    queue: ArrayQueue<M>,
    is_waited_for: AtomicBool,
    /// Tasks of the sending core that wait for room.
    waiting: Mutex<Vec<Waker>>,
}

impl<M> Lane<M> {
    pub(super) fn new(messages_max: usize) -> Self {
        Self {
            queue: ArrayQueue::new(messages_max.max(1)),
            is_waited_for: AtomicBool::new(false),
            waiting: Mutex::default(),
        }
    }

    pub(super) fn push(&self, message: M) -> Result<(), M> {
        self.queue.push(message)
    }

    pub(super) fn pop(&self) -> Option<M> {
        if self.queue.is_empty() { None } else { self.queue.pop() }
    }

    /// Asks to be woken when the receiver has taken something. The sender must try once more
    /// after this call.
    pub(super) fn wait_for_room(&self, waker: &Waker) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
        self.is_waited_for.store(true, Ordering::SeqCst);
        drop(waiting);
        fence(Ordering::SeqCst);
    }

    /// Wakes all who wait for room; they queue up again if others were faster.
    pub(super) fn wake_for_room(&self) {
        fence(Ordering::SeqCst);
        if !self.is_waited_for.load(Ordering::SeqCst) {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_waited_for.store(false, Ordering::SeqCst);
        let woken = std::mem::take(&mut *waiting);
        drop(waiting);
        woken.into_iter().for_each(Waker::wake);
    }
}

/// Where a core waits for messages.
#[derive(Default)]
pub(super) struct Inbox {
    is_parked: AtomicBool,
    has_ended: AtomicBool,
    receiver: AtomicWaker,
}

impl Inbox {
    /// Asks to be woken by the next message. The receiver must look at its lanes after this call.
    pub(super) fn park(&self, waker: &Waker) {
        self.receiver.register(waker);
        self.is_parked.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    pub(super) fn wake_if_parked(&self) {
        fence(Ordering::SeqCst);
        if self.is_parked.load(Ordering::SeqCst) && self.is_parked.swap(false, Ordering::SeqCst) {
            self.receiver.wake();
        }
    }

    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }
}
