//! What a tenant's limits let in: first the request as a whole, on the core that received it, then
//! trace by trace on the cores that own them (contract receivers.md §2.3).
//!
//! A request above the rate is refused, and its client told when to try again. What of a request is
//! above the limits of traces is dropped and counted: the client sees success, as with Tempo.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stringendo_proto::TraceId;
use stringendo_proto::cut::{SubBatch, cut};
use stringendo_proto::walk::BatchIndex;
use stringendo_ring::{CoreId, sleep};

use crate::error::IngestError;
use crate::message::Message;
use crate::metrics::families as family;
use crate::node::Node;
use crate::recent::Dropped;
use crate::shard::Shard;
use crate::tenant::TenantId;
use crate::tenant_limits::TenantLimits;

/// What is told: whose spans were dropped, and they themselves as a valid batch.
type Told = dyn Fn(&TenantId, &[u8]) + Send + Sync;

/// Is told of spans that were dropped.
#[derive(Clone, Default)]
pub struct DiscardLog(Option<Arc<Told>>);

impl DiscardLog {
    /// Tells `told`.
    pub fn to(told: impl Fn(&TenantId, &[u8]) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }
}

impl fmt::Debug for DiscardLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiscardLog({})", if self.0.is_some() { "on" } else { "off" })
    }
}

/// Warnings of one kind are this far apart.
const WARNING_PAUSE: Duration = Duration::from_secs(1);

impl Node {
    /// Takes the tokens for a request of so many bytes.
    ///
    /// # Errors
    /// The tenant has brought in more than its rate allows.
    pub(crate) async fn take_rate(
        &self,
        tenant: &TenantId,
        bytes: usize,
        limits: &TenantLimits,
    ) -> Result<(), IngestError> {
        if limits.rate_bytes == u64::MAX || self.has_tokens(tenant, bytes as u64, limits).await? {
            return Ok(());
        }
        Err(IngestError::RateLimited {
            tenant: tenant.clone(),
            bytes,
            rate_bytes: limits.rate_bytes,
            burst_bytes: limits.burst_bytes,
            retry_after: self.settings().retry_after,
        })
    }

    async fn has_tokens(
        &self,
        tenant: &TenantId,
        bytes: u64,
        limits: &TenantLimits,
    ) -> Result<bool, IngestError> {
        let shard = self.shard();
        let home = home_of(tenant, self.mesh().cores());
        if home == shard.core {
            let now = shard.now();
            return Ok(shard.rates.borrow_mut().take(tenant, bytes, limits, false, now) > 0);
        }
        let missing = shard.rates.borrow_mut().use_lease(tenant, bytes);
        if missing == 0 {
            return Ok(true);
        }
        let ask = |answer| Message::TakeRate(tenant.clone(), missing, answer);
        let Some(taken) = self.ask(home, ask).await else {
            return Err(IngestError::Unavailable("a core has ended"));
        };
        let is_enough = taken >= missing;
        let unused = if is_enough { taken - missing } else { bytes - missing };
        shard.rates.borrow_mut().keep_lease(tenant, unused);
        Ok(is_enough)
    }

    /// Waits until the request has taken as long as it is to take.
    pub(crate) async fn delay(&self, tenant: &TenantId, begun: Duration, limits: &TenantLimits) {
        let took = self.shard().now().saturating_sub(begun);
        let missing = limits.artificial_delay.saturating_sub(took);
        if !missing.is_zero() {
            sleep(missing).await;
            let labels = [tenant.as_str()];
            self.counters().observe(&family::ADDED_LATENCY, &labels, missing.as_secs_f64());
        }
    }
}

/// The core with the tenant's bucket (FNV-1a over the name).
fn home_of(tenant: &TenantId, cores: u16) -> CoreId {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = tenant.as_str().bytes();
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    CoreId((hash % u64::from(cores)) as u16)
}

impl Shard {
    /// Takes tokens from a bucket that is at home here, and some more for a lease.
    pub(crate) fn lend_rate(&self, tenant: &TenantId, bytes: u64) -> u64 {
        let (limits, now) = (self.limits_of(tenant), self.now());
        self.rates.borrow_mut().take(tenant, bytes, &limits, true, now)
    }

    /// What of a batch gets in; `None` if all of it does.
    pub(crate) fn within_limits(
        &self,
        tenant: &TenantId,
        bytes: &[u8],
        index: &BatchIndex,
    ) -> Option<SubBatch> {
        let (limits, now) = (self.limits_of(tenant), self.now());
        let dropped = self.recent.borrow_mut().admit(tenant, &limits, index, now)?;
        self.count_dropped(tenant, index, &dropped, &limits);
        let place = |id: &TraceId| usize::from(dropped.contains(id));
        let mut parts = cut(bytes, index, 2, place).into_iter();
        let kept = parts.next();
        if let (Some(told), Some(dropped)) = (&self.settings.discard_log.0, parts.next()) {
            told(tenant, &dropped.bytes);
        }
        kept
    }

    fn count_dropped(
        &self,
        tenant: &TenantId,
        index: &BatchIndex,
        dropped: &Dropped,
        limits: &TenantLimits,
    ) {
        let spans_of = |ids: &std::collections::HashSet<TraceId>| {
            index.spans.iter().filter(|span| ids.contains(&span.trace_id)).count()
        };
        let large = (spans_of(&dropped.too_large), "trace_too_large");
        let many = (spans_of(&dropped.too_many), "live_traces_exceeded");
        for (spans, reason) in [large, many].into_iter().filter(|(spans, _)| *spans > 0) {
            self.metrics.add(&family::DISCARDED_SPANS, &[reason, tenant.as_str()], spans as f64);
        }
        if let Some(id) = dropped.too_large.iter().next()
            && self.warns_of("TRACE_TOO_LARGE")
        {
            tracing::warn!(
                "TRACE_TOO_LARGE: max size of trace ({}) exceeded by trace {id} of tenant {tenant}",
                limits.trace_bytes_max
            );
        }
        if let Some(id) = dropped.too_many.iter().next()
            && self.warns_of("LIVE_TRACES_EXCEEDED")
        {
            tracing::warn!(
                "LIVE_TRACES_EXCEEDED: max live traces ({}) reached before trace {id} of tenant \
                 {tenant}",
                limits.live_traces_max
            );
        }
    }

    /// Whether it is time to warn of something again.
    fn warns_of(&self, what: &'static str) -> bool {
        let now = self.now();
        let mut warned = self.warned.borrow_mut();
        let is_due = warned.get(what).is_none_or(|last| now.saturating_sub(*last) >= WARNING_PAUSE);
        if is_due {
            warned.insert(what, now);
        }
        is_due
    }
}
