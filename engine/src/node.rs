//! A core's handle for everything that the engine does; what `net` holds.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use stringendo_proto::walk::SpanPos;
use stringendo_ring::owner::Owners;
use stringendo_ring::{Clock, CoreId, Mesh, oneshot, timeout};

use crate::budget::{Charge, Use};
use crate::compaction::fresh::LiveNow;
use crate::error::QueryError;
use crate::limits;
use crate::message::{Answer, Message};
use crate::metrics::{self, Metrics, Series, families as family};
use crate::settings::EngineSettings;
use crate::shard::Shard;
use crate::tenant::TenantId;
use crate::tenant_limits::TenantLimits;
use crate::trace_count::TraceCounter;

/// The handle; clones share it on their core.
#[derive(Clone)]
pub struct Node {
    inner: Rc<Inner>,
}

struct Inner {
    shard: Rc<Shard>,
    mesh: Mesh<Message>,
    owners: Owners,
    trace_counter: RefCell<TraceCounter>,
    /// Queries of each tenant that began on this core and have not ended.
    outstanding: RefCell<HashMap<TenantId, usize>>,
    outstanding_max: Cell<usize>,
    looks: RefCell<BTreeMap<u64, Duration>>,
    looks_begun: Cell<u64>,
}

/// A query that has begun and not ended.
pub struct Outstanding {
    inner: Rc<Inner>,
    tenant: TenantId,
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        let mut outstanding = self.inner.outstanding.borrow_mut();
        if let Some(count) = outstanding.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                outstanding.remove(&self.tenant);
            }
        }
    }
}

/// A query has asked for live data and has not read the list of blocks yet. Until this is dropped
/// no block is merged whose segment it may have seen ([`crate::compaction::fresh`]).
#[must_use = "dropping it says that the list was read"]
pub struct Look {
    inner: Rc<Inner>,
    number: u64,
}

impl Drop for Look {
    fn drop(&mut self) {
        self.inner.looks.borrow_mut().remove(&self.number);
    }
}

/// Why the process is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// The process is going down.
    Stopping,
    /// These cores do not answer or still read back their log.
    Cores(Vec<CoreId>),
}

impl Node {
    /// The handle of `shard`.
    pub fn new(shard: Rc<Shard>, mesh: Mesh<Message>) -> Self {
        let owners = Owners::new(mesh.cores());
        let trace_counter = RefCell::default();
        let (outstanding, outstanding_max) = (RefCell::default(), Cell::new(usize::MAX));
        let (looks, looks_begun) = (RefCell::default(), Cell::new(0));
        let inner = Inner {
            shard,
            mesh,
            owners,
            trace_counter,
            outstanding,
            outstanding_max,
            looks,
            looks_begun,
        };
        Self { inner: Rc::new(inner) }
    }

    /// How many queries of one tenant may be under way at a time, in all; this core takes its part
    /// of them, but one at least.
    pub fn limit_outstanding(&self, queries: usize) {
        let cores = usize::from(self.mesh().cores());
        self.inner.outstanding_max.set(queries.div_ceil(cores).max(1));
    }

    /// Begins a query of a tenant, which ends when what is given back is dropped.
    ///
    /// # Errors
    /// Too many have not ended yet.
    pub fn begin_query(&self, tenant: &TenantId) -> Result<Outstanding, QueryError> {
        let mut outstanding = self.inner.outstanding.borrow_mut();
        let count = outstanding.entry(tenant.clone()).or_default();
        if *count >= self.inner.outstanding_max.get() {
            return Err(QueryError::Overloaded);
        }
        *count += 1;
        Ok(Outstanding { inner: Rc::clone(&self.inner), tenant: tenant.clone() })
    }

    /// To be called before live data is asked for by who reads the list of blocks afterwards.
    pub fn begin_look(&self) -> Look {
        let number = self.inner.looks_begun.get();
        self.inner.looks_begun.set(number + 1);
        self.inner.looks.borrow_mut().insert(number, self.shard().now());
        Look { inner: Rc::clone(&self.inner), number }
    }

    /// The segments that are live on this core, and since when the oldest look goes on.
    pub(crate) fn live_now(&self) -> LiveNow {
        let sealed = self.shard().live_segments().into_iter().map(|segment| segment.id);
        let segments = sealed.chain([self.shard().active.borrow().id]).collect();
        LiveNow { segments, oldest_look: self.inner.looks.borrow().values().min().copied() }
    }

    /// This core's state.
    pub fn shard(&self) -> &Rc<Shard> {
        &self.inner.shard
    }

    /// This core's end of the mesh.
    pub fn mesh(&self) -> &Mesh<Message> {
        &self.inner.mesh
    }

    /// Who owns which trace.
    pub fn owners(&self) -> Owners {
        self.inner.owners
    }

    /// Settings.
    pub fn settings(&self) -> &EngineSettings {
        &self.inner.shard.settings
    }

    /// The limits of a tenant now.
    pub fn limits_of(&self, tenant: &TenantId) -> Arc<TenantLimits> {
        self.inner.shard.limits_of(tenant)
    }

    /// Time.
    pub fn clock(&self) -> Clock {
        self.inner.shard.clock
    }

    /// This core's counters.
    pub fn counters(&self) -> &Metrics {
        &self.inner.shard.metrics
    }

    /// Memory for a request's body, charged before it is read or inflated; `None` when the core's
    /// budget is used up and the request must be refused.
    pub fn try_charge_request(&self, bytes: u64) -> Option<Charge> {
        self.inner.shard.budget.try_charge(Use::Requests, bytes)
    }

    /// All cores, this one included.
    pub fn cores(&self) -> impl Iterator<Item = CoreId> + use<> {
        (0..self.inner.mesh.cores()).map(CoreId)
    }

    /// Asks one core and waits; `None` if it has ended.
    pub async fn ask<T>(
        &self,
        core: CoreId,
        message: impl FnOnce(Answer<T>) -> Message,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.mesh().send(core, message(answer)).await.ok()?;
        answered.await.ok()
    }

    /// Asks every core and waits for all; `None` for those that have ended.
    pub async fn ask_all<T>(&self, message: impl Fn(Answer<T>) -> Message) -> Vec<Option<T>> {
        join_all(self.cores().map(|core| self.ask(core, &message))).await
    }

    /// Whether every core answers and has read back its log.
    ///
    /// # Errors
    /// Says which do not.
    pub async fn ready(&self) -> Result<(), NotReady> {
        if self.shard().stopping.get() {
            return Err(NotReady::Stopping);
        }
        let beats = self.cores().map(|core| async move {
            let beat = timeout(limits::HEARTBEAT_MAX, self.ask(core, Message::Heartbeat)).await;
            (core, beat.flatten() == Some(true))
        });
        let silent: Vec<_> = join_all(beats)
            .await
            .into_iter()
            .filter(|(_, ready)| !ready)
            .map(|(core, _)| core)
            .collect();
        if silent.is_empty() { Ok(()) } else { Err(NotReady::Cores(silent)) }
    }

    /// Seals what is live (of one tenant: of all, since a segment holds all of them), encodes and
    /// flushes it, and returns when that is durable. `false` if nobody knows the tenant.
    pub async fn flush(&self, tenant: Option<TenantId>) -> bool {
        let known = self.ask_all(|answer| Message::Flush(tenant.clone(), answer)).await;
        known.into_iter().flatten().any(|known| known)
    }

    /// Makes every core say from now on that it is not ready. Blocks are not merged any more.
    /// Nothing else changes: spans and queries are served until listeners close, and what is in
    /// flight then may finish.
    pub async fn stop(&self) {
        self.ask_all(Message::Stop).await;
    }

    /// On core 0, after [`Node::stop`]: waits until no block is half merged any more, and another
    /// process may keep the blocks. Not for long; tells whether it came to that.
    pub async fn keeping_ended(&self) -> bool {
        self.shard().keeping.ending.wait().await
    }

    /// Counters of all cores together.
    pub async fn metrics(&self) -> Vec<Series> {
        let snapshots = self.ask_all(Message::Metrics).await;
        metrics::merge(snapshots.into_iter().flatten().collect())
    }

    /// Counts the spans of a batch within the tenant's rate.
    pub(crate) fn count_received(&self, tenant: &TenantId, bytes: usize, spans: usize) {
        let id = tenant.as_str();
        self.counters().add(&family::BYTES_RECEIVED, &[id], bytes as f64);
        self.counters().add(&family::SPANS_RECEIVED, &[id], spans as f64);
    }

    /// Counts the traces of a batch that passed the checks.
    pub(crate) fn count_traces(&self, spans: &[SpanPos]) {
        let traces = self.inner.trace_counter.borrow_mut().count(spans);
        self.counters().observe(&family::TRACES_PER_BATCH, &[], traces as f64);
    }

    /// Counts a query.
    pub fn count_query(&self, tenant: &TenantId, op: &str, completed: bool, bytes: u64) {
        let result = if completed { "completed" } else { "canceled" };
        self.counters().add(&family::QUERIES, &[tenant.as_str(), op, result], 1.0);
        self.counters().add(&family::BYTES_INSPECTED, &[tenant.as_str(), op], bytes as f64);
    }
}
