//! How many connections are open on a core, or calls on a connection, and when the last is gone.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use stringendo_ring::{Notify, timeout};

/// Counts open connections; clones share the count.
#[derive(Clone)]
pub struct Connections {
    shared: Rc<Shared>,
}

struct Shared {
    open: Cell<usize>,
    open_max: usize,
    closed: Notify,
}

/// One open connection; counted until dropped.
pub struct Open(Rc<Shared>);

impl Connections {
    /// At most `open_max` at once.
    pub fn new(open_max: usize) -> Self {
        let shared = Shared { open: Cell::new(0), open_max, closed: Notify::new() };
        Self { shared: Rc::new(shared) }
    }

    /// Counts one more; `None` if there are too many already.
    pub fn open(&self) -> Option<Open> {
        let open = self.shared.open.get();
        if open >= self.shared.open_max {
            return None;
        }
        self.shared.open.set(open + 1);
        Some(Open(Rc::clone(&self.shared)))
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
        self.0.open.set(self.0.open.get() - 1);
        self.0.closed.notify();
    }
}
