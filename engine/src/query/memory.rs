//! Memory of queries, charged to the core that holds it, before it is taken.
//!
//! Two kinds, with an account each ([`crate::budget::waiting`]):
//!
//! - **To read with** ([`Shard::memory_to_read`], [`Use::Query`]): fetched ranges, decoded columns.
//!   A part of a query waits for it in line, holds it for one row group at most, and asks for
//!   nothing else that it would have to wait for. So whoever holds it ends.
//! - **For what was found** ([`AnswerMemory`], [`Use::Answer`]): from the moment that something is
//!   copied out until the whole answer was sent. It grows without waiting, or the query is refused.
//!
//! A core never frees what another one charged: what a part found travels as [`Held`], whose
//! [`Kept`] tells the core that charged it when the memory is free again.

use std::future::Future;
use std::rc::Rc;

use stringendo_ring::{Class, oneshot, spawn_detached, timeout};

use crate::budget::{Budget, Charge, Use};
use crate::error::QueryError;
use crate::limits;
use crate::message::Answer;
use crate::metrics::families as family;
use crate::shard::Shard;

impl Shard {
    /// Memory to read with: waits for its turn. Must not be asked for by who holds some already.
    ///
    /// # Errors
    /// There was no room for too long, or there never can be.
    pub async fn memory_to_read(&self, bytes: u64) -> Result<Charge, QueryError> {
        self.charge_in_turn(Use::Query, bytes).await
    }

    /// Memory for what will be found: waits for its turn for the first `bytes`. Must not be asked
    /// for by who holds memory to read with.
    ///
    /// # Errors
    /// There was no room for too long, or there never can be.
    pub async fn memory_for_answer(&self, bytes: u64) -> Result<AnswerMemory, QueryError> {
        Ok(AnswerMemory { charge: self.charge_in_turn(Use::Answer, bytes).await? })
    }

    /// Memory for what will be found; nothing yet.
    pub fn answer_memory(&self) -> AnswerMemory {
        AnswerMemory::empty(&self.budget)
    }

    /// Most that a part of a query may read with.
    pub fn memory_to_read_max(&self) -> u64 {
        self.budget.limit_for(Use::Query)
    }

    async fn charge_in_turn(&self, usage: Use, bytes: u64) -> Result<Charge, QueryError> {
        let limit = self.budget.limit_for(usage);
        ensure_possible(limit, bytes)?;
        let others_hold_it = self.budget.used_for(usage) + bytes <= limit;
        if others_hold_it && !self.budget.has_room_for(usage, bytes) {
            // Live data is in the way; the sooner it is in blocks, the better.
            self.request_seal();
        }
        let turn = self.budget.charge_in_turn(usage, bytes);
        timeout(limits::QUERY_MEMORY_WAIT_MAX, turn).await.ok_or(QueryError::Overloaded)
    }

    /// Counts a part of a query that was refused for want of memory.
    pub fn count_refusal<T>(&self, outcome: &Result<T, QueryError>) {
        let reason = match outcome {
            Err(QueryError::Overloaded) => "no_room",
            Err(QueryError::NeedsTooMuch { .. }) => "too_large",
            _ => return,
        };
        self.metrics.add(&family::REFUSED_QUERIES, &[reason], 1.0);
    }
}

/// Whether so much can ever be had.
fn ensure_possible(limit: u64, bytes: u64) -> Result<(), QueryError> {
    if bytes > limit { Err(QueryError::NeedsTooMuch { bytes, limit }) } else { Ok(()) }
}

/// Charges `bytes` more without waiting.
///
/// # Errors
/// There is no room now, or there never can be.
pub fn grow(charge: &mut Charge, bytes: u64) -> Result<(), QueryError> {
    if charge.try_grow(bytes) {
        return Ok(());
    }
    ensure_possible(charge.limit(), charge.bytes().saturating_add(bytes))?;
    Err(QueryError::Overloaded)
}

/// Memory of what a part of a query has found; given back when dropped.
#[derive(Debug)]
pub struct AnswerMemory {
    charge: Charge,
}

impl AnswerMemory {
    /// Nothing yet, charged to `budget`.
    pub fn empty(budget: &Rc<Budget>) -> Self {
        Self { charge: budget.charge(Use::Answer, 0) }
    }

    /// Charges `bytes` more, before or right after they are copied.
    ///
    /// # Errors
    /// There is no room now, or there never can be.
    pub fn grow(&mut self, bytes: u64) -> Result<(), QueryError> {
        grow(&mut self.charge, bytes)
    }

    /// Gives back `bytes`.
    pub fn shrink(&mut self, bytes: u64) {
        self.charge.resize(self.charge.bytes().saturating_sub(bytes));
    }

    /// Charges more if it is less than `bytes`.
    ///
    /// # Errors
    /// As [`AnswerMemory::grow`].
    pub fn ensure(&mut self, bytes: u64) -> Result<(), QueryError> {
        self.grow(bytes.saturating_sub(self.charge.bytes()))
    }

    /// Brings the charge to `bytes`, once they are known.
    ///
    /// # Errors
    /// As [`AnswerMemory::grow`].
    pub fn settle(&mut self, bytes: u64) -> Result<(), QueryError> {
        let charged = self.charge.bytes();
        self.shrink(charged.saturating_sub(bytes));
        self.grow(bytes.saturating_sub(charged))
    }

    /// Takes over the memory of another find.
    pub fn absorb(&mut self, other: AnswerMemory) {
        self.charge.absorb(other.charge);
    }

    /// Bytes charged.
    pub fn bytes(&self) -> u64 {
        self.charge.bytes()
    }

    /// What keeps the memory charged, wherever it goes.
    pub fn keep(self) -> Kept {
        if self.bytes() == 0 {
            return Kept::default();
        }
        let (kept, given_up) = oneshot::channel::<()>();
        spawn_detached(Class::Query, async move {
            // Nothing is ever sent: the other end is dropped.
            let _ = given_up.await;
            drop(self);
        });
        Kept { tokens: vec![kept] }
    }
}

/// Keeps memory charged on the cores that charged it, until it is dropped.
#[derive(Debug, Default)]
#[must_use = "what it stands for is no longer charged once it is dropped"]
pub struct Kept {
    tokens: Vec<oneshot::Sender<()>>,
}

impl Kept {
    /// Keeps the memory of `other` too.
    pub fn merge(&mut self, other: Kept) {
        self.tokens.extend(other.tokens);
    }
}

/// What a part of a query found on this core, with its memory.
#[derive(Debug)]
pub struct Charged<T> {
    /// What was found.
    pub value: T,
    /// Its memory.
    pub memory: AnswerMemory,
}

/// What was found on any core, with what keeps its memory charged.
#[derive(Debug, Default)]
pub struct Held<T> {
    /// What was found.
    pub value: T,
    /// To be dropped not before the value.
    pub kept: Kept,
}

impl<T> Charged<T> {
    /// For another core.
    pub fn hold(self) -> Held<T> {
        Held { value: self.value, kept: self.memory.keep() }
    }
}

/// The answer to a message that asks a core for its part of a query.
pub type PartAnswer<T> = Answer<Result<Held<T>, QueryError>>;

/// Runs a part of a query for any core, and counts it if it was refused.
pub async fn part<T>(
    shard: &Shard,
    part: impl Future<Output = Result<Charged<T>, QueryError>>,
) -> Result<Held<T>, QueryError> {
    let outcome = part.await;
    shard.count_refusal(&outcome);
    outcome.map(Charged::hold)
}
