//! The segment that follows the active one, prepared while the active one fills.
//!
//! From: [`crate::wal_dir`] (files). To: [`crate::commit`], which thereby never waits for a file to
//! be allocated, unless segments fill faster than that. When the disk is full, the log learns of it
//! a segment ahead; spans are refused only once the active segment is full too.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use stringendo_ring::{Notify, sleep};
use stringendo_wal::{SegmentHeader, WalError};
use uuid::Uuid;

use crate::shard::Shard;
use crate::wal_dir::PreparedSegment;

/// Pause after a segment could not be prepared (disk full), before it is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Holds one prepared segment, or why there is none.
#[derive(Default)]
pub struct NextSegment {
    outcome: RefCell<Option<Result<PreparedSegment, WalError>>>,
    arrived: Notify,
    taken: Notify,
}

impl NextSegment {
    /// The prepared segment; waits for the try that is going on, if any.
    ///
    /// # Errors
    /// Why the last try failed. There will be another.
    pub async fn take(&self) -> Result<PreparedSegment, WalError> {
        loop {
            if let Some(outcome) = self.outcome.take() {
                self.taken.notify();
                return outcome;
            }
            self.arrived.wait().await;
        }
    }

    fn put(&self, outcome: Result<PreparedSegment, WalError>) {
        self.outcome.replace(Some(outcome));
        self.arrived.notify();
    }

    fn is_ready(&self) -> bool {
        matches!(*self.outcome.borrow(), Some(Ok(_)))
    }
}

/// Keeps the next segment ready until the end of the process.
pub async fn keep_ready(shard: Rc<Shard>) {
    let next = &shard.next_segment;
    let mut failed_before = false;
    loop {
        let prepared = shard.wal.prepare(&header(&shard)).await;
        let failed = prepared.as_ref().err().map(ToString::to_string);
        next.put(prepared);
        if let Some(error) = &failed {
            if !failed_before {
                tracing::warn!(error, "the next WAL segment could not be prepared; will try again");
            }
            sleep(RETRY).await;
        }
        failed_before = failed.is_some();
        while next.is_ready() {
            next.taken.wait().await;
        }
    }
}

fn header(shard: &Shard) -> SegmentHeader {
    SegmentHeader {
        segment_id: Uuid::new_v4(),
        core: shard.core.0,
        cores: shard.cores,
        created_unix_nanos: shard.clock.unix_nanos(),
    }
}
