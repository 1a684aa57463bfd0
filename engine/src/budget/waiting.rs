//! Memory that is waited for: queries stand in line, one line for each of their uses.
//!
//! First come, first served: nobody overtakes the head of a line, and what it waits for is kept
//! from ingest, so it gets its turn as soon as others have given back enough. Each use has a limit
//! of its own, which no demand can exceed, and a share that nobody else gets, so that queries are
//! answered however much is sent.
//!
//! This cannot deadlock as long as who holds [`Use::Query`] waits for nothing else: then those at
//! work end, and the next ones have room. See [`crate::query::memory`], where that is so.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::{Budget, Charge, Use};
use crate::limits;

impl Use {
    /// Those that may be waited for.
    pub const WAITING: [Use; 2] = [Use::Query, Use::Answer];

    /// Kept for the use, and given to it at most, as shares of the budget; `None` for uses that
    /// are never waited for.
    fn shares(self) -> Option<(f64, f64)> {
        match self {
            Use::Query => Some((limits::QUERY_BUDGET_SHARE, limits::QUERY_BUDGET_SHARE_MAX)),
            Use::Answer => Some((limits::ANSWER_BUDGET_SHARE, limits::ANSWER_BUDGET_SHARE_MAX)),
            // It is not waited for in line, and nothing is kept for it.
            Use::Compact => Some((0.0, limits::COMPACT_BUDGET_SHARE_MAX)),
            Use::Connections
            | Use::Requests
            | Use::Live
            | Use::Encode
            | Use::Cache
            | Use::BlockList => None,
        }
    }
}

/// The lines of one core.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    lines: [RefCell<VecDeque<Waiter>>; Use::WAITING.len()],
    tickets: Cell<u64>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    bytes: u64,
    waker: Waker,
}

impl Waiting {
    fn line(&self, usage: Use) -> Option<&RefCell<VecDeque<Waiter>>> {
        let at = Use::WAITING.iter().position(|waiting| *waiting == usage)?;
        Some(&self.lines[at])
    }

    /// What the first in line waits for.
    fn demand(&self, usage: Use) -> u64 {
        let line = self.line(usage);
        line.and_then(|line| line.borrow().front().map(|head| head.bytes)).unwrap_or(0)
    }

    /// Lets the first of each line look whether there is room now.
    pub(super) fn wake(&self) {
        for line in &self.lines {
            let head = line.borrow().front().map(|head| head.waker.clone());
            if let Some(waker) = head {
                waker.wake();
            }
        }
    }
}

impl Budget {
    /// Most that may be charged for `usage`.
    pub fn limit_for(&self, usage: Use) -> u64 {
        match usage {
            Use::Compact => self.share(self.merging_share_max),
            _ => usage.shares().map_or_else(|| self.limit(), |(_, most)| self.share(most)),
        }
    }

    /// Whether `bytes` more of this use fit now, whoever waits.
    pub fn has_room_for(&self, usage: Use, bytes: u64) -> bool {
        if usage.shares().is_none() {
            return self.has_room(bytes);
        }
        let others = Use::WAITING.map(|other| if other == usage { None } else { Some(other) });
        let kept = others.iter().flatten().map(|other| self.kept_share(*other)).sum();
        self.used_for(usage).saturating_add(bytes) <= self.limit_for(usage)
            && self.fits_beside_merging(usage, bytes)
            && self.fits(bytes, kept)
    }

    /// Merging has its memory out of what queries may read with, so both together leave as much
    /// to others as queries alone; and it does not begin while a query waits. Where there are no
    /// queries it has more than they would.
    fn fits_beside_merging(&self, usage: Use, bytes: u64) -> bool {
        let both = self.used_for(Use::Query) + self.used_for(Use::Compact);
        let most = self.limit_for(Use::Query).max(self.limit_for(Use::Compact));
        let fits = both.saturating_add(bytes) <= most;
        match usage {
            Use::Query => fits,
            Use::Compact => fits && self.waiters() == 0,
            _ => true,
        }
    }

    /// Whether the query that is first in line would have room if nothing were merged now, and
    /// cannot have it before.
    pub fn merging_is_in_the_way(&self) -> bool {
        let (demand, merging) = (self.waiting.demand(Use::Query), self.used_for(Use::Compact));
        demand > 0 && merging > 0 && demand.saturating_add(merging) > self.limit_for(Use::Query)
    }

    /// What nobody but these uses may take now.
    pub(super) fn kept_for_queries(&self, uses: &[Use]) -> u64 {
        uses.iter().map(|usage| self.kept_share(*usage).max(self.waiting.demand(*usage))).sum()
    }

    /// The part of the use's own share that it does not hold yet.
    fn kept_share(&self, usage: Use) -> u64 {
        let share = usage.shares().map_or(0, |(kept, _)| self.share(kept));
        share.saturating_sub(self.used_for(usage))
    }

    /// Charges `bytes` when it is their turn and they fit. Dropping the future leaves the line. A
    /// demand above [`Budget::limit_for`] never fits.
    pub fn charge_in_turn(self: &Rc<Self>, usage: Use, bytes: u64) -> InTurn {
        InTurn { budget: Rc::clone(self), usage, bytes, ticket: None }
    }

    /// Queries that wait for memory.
    pub fn waiters(&self) -> usize {
        self.waiting.lines.iter().map(|line| line.borrow().len()).sum()
    }
}

/// A place in the line; completes with the charge.
#[derive(Debug)]
pub struct InTurn {
    budget: Rc<Budget>,
    usage: Use,
    bytes: u64,
    ticket: Option<u64>,
}

impl InTurn {
    fn is_first(&self) -> bool {
        let Some(line) = self.budget.waiting.line(self.usage) else { return true };
        line.borrow().front().is_none_or(|head| Some(head.ticket) == self.ticket)
    }

    fn stand_in_line(&mut self, waker: &Waker) {
        let waiting = &self.budget.waiting;
        let Some(line) = waiting.line(self.usage) else { return };
        let mut line = line.borrow_mut();
        match line.iter_mut().find(|waiter| Some(waiter.ticket) == self.ticket) {
            Some(waiter) => waiter.waker.clone_from(waker),
            None => {
                let ticket = waiting.tickets.replace(waiting.tickets.get() + 1);
                self.ticket = Some(ticket);
                line.push_back(Waiter { ticket, bytes: self.bytes, waker: waker.clone() });
            }
        }
    }

    /// Leaves the line, so that the next one looks whether it fits.
    fn leave(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        if let Some(line) = self.budget.waiting.line(self.usage) {
            line.borrow_mut().retain(|waiter| waiter.ticket != ticket);
            self.budget.waiting.wake();
        }
    }
}

impl Future for InTurn {
    type Output = Charge;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Charge> {
        if self.is_first() && self.budget.has_room_for(self.usage, self.bytes) {
            let charge = self.budget.charge(self.usage, self.bytes);
            self.leave();
            return Poll::Ready(charge);
        }
        self.stand_in_line(context.waker());
        Poll::Pending
    }
}

impl Drop for InTurn {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
