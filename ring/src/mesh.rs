//! Messages between cores: one bounded lane from every core to every other.
//!
//! Each lane is a lock-free queue. A receiver sweeps the lanes that lead to it, a few messages from
//! each in turn, and parks when all are empty; a sender wakes it only if it is parked. A lock is
//! taken only where a lane is full and senders wait for room. The mesh needs no runtime: only
//! wakers that may be called from another thread. It does not know what the messages mean.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::CoreId;
use lane::{Inbox, Lane};

mod lane;

/// Messages that a receiver takes from one lane before it looks at the next.
const SWEEP_MESSAGES: usize = 32;

/// One core's end of the mesh. Cheap to clone on its core. A core may also send to itself.
pub struct Mesh<M> {
    end: Rc<End<M>>,
}

struct End<M> {
    id: CoreId,
    shared: Arc<Shared<M>>,
    /// Received in a sweep and not yet handed out; at most [`SWEEP_MESSAGES`] per lane.
    swept: RefCell<VecDeque<(CoreId, M)>>,
}

/// What all cores see.
pub(crate) struct Shared<M> {
    cores: u16,
    inboxes: Vec<Inbox>,
    /// By receiver, then by sender.
    lanes: Vec<Lane<M>>,
}

impl<M> Clone for Mesh<M> {
    fn clone(&self) -> Self {
        Self { end: Rc::clone(&self.end) }
    }
}

/// The lane was full, or the other core has ended. Gives the message back.
#[derive(Debug)]
pub enum TrySendError<M> {
    /// The lane is full: the other core is behind.
    Full(M),
    /// The other core has ended.
    Closed(M),
}

impl<M: Send + 'static> Mesh<M> {
    pub(crate) fn new(id: CoreId, shared: Arc<Shared<M>>) -> Self {
        Self { end: Rc::new(End { id, shared, swept: RefCell::default() }) }
    }

    /// This core.
    pub fn id(&self) -> CoreId {
        self.end.id
    }

    /// How many cores there are.
    pub fn cores(&self) -> u16 {
        self.end.shared.cores
    }

    /// Sends without waiting.
    ///
    /// # Errors
    /// When the lane is full or the other core has ended.
    ///
    /// # Panics
    /// When there is no core `to`.
    pub fn try_send(&self, to: CoreId, message: M) -> Result<(), TrySendError<M>> {
        let shared = &self.end.shared;
        let inbox = &shared.inboxes[usize::from(to.0)];
        if inbox.has_ended() {
            return Err(TrySendError::Closed(message));
        }
        shared.lane(self.end.id, to).push(message).map_err(TrySendError::Full)?;
        inbox.wake_if_parked();
        Ok(())
    }

    /// Sends, waiting while the lane is full.
    ///
    /// # Errors
    /// Gives the message back when the other core has ended.
    pub async fn send(&self, to: CoreId, message: M) -> Result<(), M> {
        let mut unsent = Some(message);
        poll_fn(|context| self.poll_send(to, &mut unsent, context)).await
    }

    fn poll_send(
        &self,
        to: CoreId,
        unsent: &mut Option<M>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), M>> {
        // The second attempt comes after this task is in the queue for room, so that room which
        // the receiver makes between the two is not missed.
        for is_queued in [false, true] {
            if is_queued {
                self.end.shared.lane(self.end.id, to).wait_for_room(context.waker());
            }
            let Some(message) = unsent.take() else { return Poll::Ready(Ok(())) };
            match self.try_send(to, message) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(TrySendError::Closed(message)) => return Poll::Ready(Err(message)),
                Err(TrySendError::Full(message)) => *unsent = Some(message),
            }
        }
        Poll::Pending
    }

    /// The next message for this core and who sent it; `None` when every other core has ended and
    /// all that they sent is received. The only core of a mesh waits for its own messages for ever.
    /// One task per core receives.
    pub async fn recv(&self) -> Option<(CoreId, M)> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Option<(CoreId, M)>> {
        if let Some(message) = self.try_recv() {
            return Poll::Ready(Some(message));
        }
        // Looked at before the last sweep: what a core sent before it ended is then in its lane.
        self.end.shared.inbox(self.end.id).park(context.waker());
        let is_alone = self.end.shared.is_alone(self.end.id);
        match self.try_recv() {
            Some(message) => Poll::Ready(Some(message)),
            None if is_alone => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// A message that is already here.
    pub fn try_recv(&self) -> Option<(CoreId, M)> {
        let mut swept = self.end.swept.borrow_mut();
        if swept.is_empty() {
            self.end.shared.sweep(self.end.id, &mut swept);
        }
        swept.pop_front()
    }
}

impl<M> Shared<M> {
    /// A mesh of `cores` cores with room for `lane_messages` messages (at least 1) in each lane.
    pub(crate) fn new(cores: u16, lane_messages: usize) -> Arc<Self> {
        let lanes = usize::from(cores) * usize::from(cores);
        Arc::new(Self {
            cores,
            inboxes: (0..cores).map(|_| Inbox::default()).collect(),
            lanes: (0..lanes).map(|_| Lane::new(lane_messages)).collect(),
        })
    }

    fn inbox(&self, core: CoreId) -> &Inbox {
        &self.inboxes[usize::from(core.0)]
    }

    fn lane(&self, from: CoreId, to: CoreId) -> &Lane<M> {
        &self.lanes[usize::from(to.0) * usize::from(self.cores) + usize::from(from.0)]
    }

    fn sweep(&self, to: CoreId, swept: &mut VecDeque<(CoreId, M)>) {
        for from in (0..self.cores).map(CoreId) {
            let lane = self.lane(from, to);
            let messages_before = swept.len();
            let messages = std::iter::from_fn(|| lane.pop()).take(SWEEP_MESSAGES);
            swept.extend(messages.map(|message| (from, message)));
            if swept.len() > messages_before {
                lane.wake_for_room();
            }
        }
    }

    fn is_alone(&self, core: CoreId) -> bool {
        let mut others = (0..self.cores).map(CoreId).filter(|other| *other != core);
        self.cores > 1 && others.all(|other| self.inbox(other).has_ended())
    }

    /// Marks `core` as ended and tells everyone who waits for it.
    pub(crate) fn end(&self, core: CoreId) {
        self.inbox(core).end();
        for other in (0..self.cores).map(CoreId) {
            self.inbox(other).wake_if_parked();
            self.lane(other, core).wake_for_room();
        }
    }
}
