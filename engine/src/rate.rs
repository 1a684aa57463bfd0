//! How many bytes a tenant may bring in per second: one bucket of tokens per tenant, exact for the
//! whole process, without anything shared between cores.
//!
//! A tenant's bucket is on its home core, which follows from its name. Other cores lease tokens
//! from there, somewhat more than they need at the moment, and use up their lease before they ask
//! again. So a request is let in without a message as long as a lease lasts, a tenant that sends to
//! one core alone has its whole rate there, and no more than the bucket holds is ever given out.
//! What lies idle in leases is at most [`LEASE_SHARE`] of a second's rate per core.
//!
//! Considered: a share of the rate for each core, corrected now and then by core 0. It needs no
//! home, but refuses a single request of the size of the burst, and is wrong for a second or so
//! whenever clients move.

use std::collections::HashMap;
use std::time::Duration;

use crate::tenant::TenantId;
use crate::tenant_limits::TenantLimits;

/// What a lease is larger than what is needed at the moment: so much of a second's rate.
const LEASE_SHARE: f64 = 0.01;

/// Tenants that are remembered before those are forgotten that need not be.
const TENANTS_MIN: usize = 1024;

/// The buckets of tenants at home on this core, and its leases from other cores.
#[derive(Default)]
pub struct Rates {
    buckets: HashMap<TenantId, Bucket>,
    /// When to look for buckets that are full, and so need not be remembered.
    forget_at: usize,
    leases: HashMap<TenantId, u64>,
}

struct Bucket {
    tokens: f64,
    at: Duration,
}

impl Bucket {
    /// Fills it up to `now`.
    fn refill(&mut self, limits: &TenantLimits, now: Duration) {
        let gained = now.saturating_sub(self.at).as_secs_f64() * limits.rate_bytes as f64;
        self.tokens = (self.tokens + gained).min(limits.burst_bytes as f64);
        self.at = now;
    }
}

impl Rates {
    /// At home: takes the tokens for so many bytes, and for a lease if `leased` and there are
    /// enough. Returns how many were taken: less than asked for is none.
    pub fn take(
        &mut self,
        tenant: &TenantId,
        bytes: u64,
        limits: &TenantLimits,
        leased: bool,
        now: Duration,
    ) -> u64 {
        if limits.rate_bytes == 0 {
            return 0;
        }
        self.forget_full(limits, now);
        let full = || Bucket { tokens: limits.burst_bytes as f64, at: now };
        let bucket = self.buckets.entry(tenant.clone()).or_insert_with(full);
        bucket.refill(limits, now);
        let more = if leased { (limits.rate_bytes as f64 * LEASE_SHARE) as u64 } else { 0 };
        let wanted = [bytes.saturating_add(more), bytes];
        let taken = wanted.into_iter().find(|tokens| bucket.tokens >= *tokens as f64);
        bucket.tokens -= taken.unwrap_or(0) as f64;
        taken.unwrap_or(0)
    }

    /// A bucket that would be full by now is as good as none. Limits differ between tenants, so
    /// this goes by time: after a minute at least.
    fn forget_full(&mut self, limits: &TenantLimits, now: Duration) {
        const FULL_AFTER_MIN: Duration = Duration::from_secs(60);
        if self.buckets.len() < self.forget_at.max(TENANTS_MIN) {
            return;
        }
        let refill_s = limits.burst_bytes as f64 / limits.rate_bytes as f64;
        let after = Duration::try_from_secs_f64(refill_s).unwrap_or(Duration::MAX);
        let idle = after.max(FULL_AFTER_MIN);
        self.buckets.retain(|_, bucket| now.saturating_sub(bucket.at) < idle);
        self.forget_at = 2 * self.buckets.len();
    }

    /// Elsewhere: uses the lease for so many bytes. Returns how many are missing, all of the lease
    /// being used then.
    pub fn use_lease(&mut self, tenant: &TenantId, bytes: u64) -> u64 {
        let Some(left) = self.leases.get_mut(tenant) else { return bytes };
        let used = bytes.min(*left);
        *left -= used;
        bytes - used
    }

    /// Elsewhere: keeps tokens for later.
    pub fn keep_lease(&mut self, tenant: &TenantId, tokens: u64) {
        if tokens == 0 {
            return;
        }
        if self.leases.len() >= TENANTS_MIN && !self.leases.contains_key(tenant) {
            // Tokens of idle tenants are worth less than a table without an end.
            self.leases.clear();
        }
        *self.leases.entry(tenant.clone()).or_default() += tokens;
    }
}

#[cfg(test)]
#[path = "rate_tests.rs"]
mod tests;
