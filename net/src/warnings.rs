//! Warnings about refused requests: at most one per reason and time, so that a broken client does
//! not fill the log.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use crate::limits::WARNING_PAUSE;

/// What was warned of, on one core. Reasons are few: those of [`crate::status`].
#[derive(Default)]
pub struct Warnings {
    last: RefCell<HashMap<&'static str, Last>>,
}

struct Last {
    at: Duration,
    held_back: u64,
}

impl Warnings {
    /// Whether to warn of `reason` at `now`: `Some` with how many warnings were held back before.
    pub fn is_due(&self, reason: &'static str, now: Duration) -> Option<u64> {
        let mut last = self.last.borrow_mut();
        let Some(last) = last.get_mut(reason) else {
            last.insert(reason, Last { at: now, held_back: 0 });
            return Some(0);
        };
        if now.saturating_sub(last.at) < WARNING_PAUSE {
            last.held_back += 1;
            return None;
        }
        last.at = now;
        Some(std::mem::take(&mut last.held_back))
    }
}

#[cfg(test)]
#[path = "warnings_tests.rs"]
mod tests;
