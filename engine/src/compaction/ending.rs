//! The end of keeping blocks when the process goes down: jobs give up and remove what they have
//! written, and another process need not wait until this one seems dead.
//!
//! From: [`crate::node::Node::stop`]. To: [`super::conductor`], which says when it has ended.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::select;
use stringendo_ring::{Notify, timeout};

/// What is half written is removed within this time, or by the next process.
const PATIENCE: Duration = Duration::from_secs(10);

/// On core 0.
#[derive(Default)]
pub struct Ending {
    asked: Notify,
    ended: Notify,
    under_way: Cell<bool>,
}

impl Ending {
    /// Does `work` until the end is asked for.
    pub async fn before(&self, work: impl Future<Output = ()>) {
        self.under_way.set(true);
        select(pin!(work), pin!(self.asked.wait())).await;
    }

    /// All is put away.
    pub fn tell(&self) {
        self.under_way.set(false);
        self.ended.notify();
    }

    /// Asks for the end.
    pub fn ask(&self) {
        self.asked.notify();
    }

    /// Waits for the end, if there is anything to end; not for long. Tells whether it came.
    pub async fn wait(&self) -> bool {
        !self.under_way.get() || timeout(PATIENCE, self.ended.wait()).await.is_some()
    }
}
