//! How many connections are open on a core, or calls on a connection, and when the last is gone.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use stringendo_engine::budget::{Budget, Charge, Use};
use stringendo_ring::{Notify, timeout};

use crate::limits;

/// Counts open connections; clones share the count.
#[derive(Clone)]
pub struct Connections {
    shared: Rc<Shared>,
}

struct Shared {
    open: Cell<usize>,
    open_max: usize,
    closed: Notify,
    /// Whose memory the buffers of each are.
    budget: Option<Rc<Budget>>,
}

/// One open connection or call; counted until dropped.
pub struct Open {
    shared: Rc<Shared>,
    _buffers: Option<Charge>,
}

impl Connections {
    /// Connections: at most `open_max` at once, and no more than their `share` of `budget`, to
    /// which the buffers of each are charged.
    pub fn new(open_max: usize, budget: Rc<Budget>, share: f64) -> Self {
        let bytes_max = budget.share(share);
        let affordable = (bytes_max / limits::CONNECTION_BYTES) as usize;
        Self::with(open_max.min(affordable), Some(budget))
    }

    /// Calls on one connection, as many as the protocol lets through. What they hold is charged
    /// elsewhere.
    pub fn of_calls() -> Self {
        Self::with(usize::MAX, None)
    }

    fn with(open_max: usize, budget: Option<Rc<Budget>>) -> Self {
        let (open, closed) = (Cell::new(0), Notify::new());
        Self { shared: Rc::new(Shared { open, open_max, closed, budget }) }
    }

    /// Counts one more; `None` if there are too many already.
    pub fn open(&self) -> Option<Open> {
        let open = self.shared.open.get();
        if open >= self.shared.open_max {
            return None;
        }
        self.shared.open.set(open + 1);
        let charge = |budget| Budget::charge(budget, Use::Connections, limits::CONNECTION_BYTES);
        let buffers = self.shared.budget.as_ref().map(charge);
        Some(Open { shared: Rc::clone(&self.shared), _buffers: buffers })
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.shared.open.get()
    }

    /// Waits until all are closed, at most for `grace`. `false` if some are still open.
    pub async fn all_closed(&self, grace: Duration) -> bool {
        timeout(grace, self.none_open()).await.is_some()
    }

    /// Waits until none is open.
    pub async fn none_open(&self) {
        while self.count() > 0 {
            self.shared.closed.wait().await;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.open.set(self.shared.open.get() - 1);
        self.shared.closed.notify();
    }
}
