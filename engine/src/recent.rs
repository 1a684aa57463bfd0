//! Which traces are live and how large each is, on the core that owns them: what is asked before
//! spans go into the log (contract receivers.md §2.3, blocks.md §16).
//!
//! A trace is live as long as it received spans within the idle period. Its size is remembered
//! somewhat longer, and that of a large trace for minutes, so that the rest of a trace that was too
//! large is refused, too, whatever became of the segment that holds its beginning.
//!
//! The limit of live traces is the process's. A core knows its own number at any time and those of
//! the others as of their last word ([`crate::live_counts`]), so what several cores take in within
//! one quarter of a second may be too much by that. The alternative, a share for each core, would
//! drop spans of tenants that are below their limit.
//!
//! Memory: two generations of a hash table, 40 bytes a trace. The elder is dropped when the younger
//! is an idle period old; nothing is ever searched for what is old. The bytes are charged.

use std::collections::HashSet;
use std::time::Duration;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use stringendo_proto::TraceId;
use stringendo_proto::walk::{BatchIndex, SpanPos};

use crate::budget::Charge;
use crate::tenant::TenantId;
use crate::tenant_limits::TenantLimits;

/// Time is counted in so many steps of an idle period.
const TICKS_PER_IDLE: u32 = 8;
/// Counts by the step of the last span: those of an idle period, the current one, and spare ones.
const TICKS_KEPT: usize = 16;
/// What is older than this is not in either generation.
const PREVIOUS_TICKS: u32 = 2 * (TICKS_PER_IDLE + 1);
/// A trace of this part of its limit is large.
const LARGE_DIVISOR: u64 = 64;
/// Idle periods that the size of a large trace is remembered for: five minutes by default.
const LARGE_TICKS: u32 = 60 * TICKS_PER_IDLE;
/// Large traces of a tenant that are remembered.
const LARGE_MAX: usize = 65_536;
/// What a span takes beside its body: tag and length.
const SPAN_HEAD_BYTES: u64 = 3;

type Traces = HashMap<TraceId, Seen, foldhash::fast::RandomState>;

/// What is known of a trace.
#[derive(Clone, Copy)]
struct Seen {
    /// When its last span came.
    tick: u32,
    /// The last batch with spans of it, in which its resource was counted.
    batch: u32,
    bytes: u64,
}

/// Recent traces of all tenants.
pub struct RecentTraces {
    tenants: HashMap<TenantId, TenantTraces, foldhash::fast::RandomState>,
    tick: Duration,
    batch: u32,
    charge: Charge,
}

/// Traces of a batch that do not get in.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// They are larger than allowed.
    pub too_large: HashSet<TraceId>,
    /// There are as many as allowed without them.
    pub too_many: HashSet<TraceId>,
}

impl Dropped {
    /// Whether the trace does not get in.
    pub fn contains(&self, id: &TraceId) -> bool {
        self.too_large.contains(id) || self.too_many.contains(id)
    }
}

impl RecentTraces {
    /// None yet. `idle` is how long a trace without new spans is live; the account follows the
    /// memory.
    pub fn new(idle: Duration, charge: Charge) -> Self {
        let tick = (idle / TICKS_PER_IDLE).max(Duration::from_millis(1));
        Self { tenants: HashMap::default(), tick, batch: 0, charge }
    }

    fn tick_at(&self, now: Duration) -> u32 {
        u32::try_from(now.as_nanos() / self.tick.as_nanos()).unwrap_or(u32::MAX)
    }

    /// Counts a batch that this core owns. `Some` if not all of it gets in.
    pub fn admit(
        &mut self,
        tenant: &TenantId,
        limits: &TenantLimits,
        batch: &BatchIndex,
        now: Duration,
    ) -> Option<Dropped> {
        if limits.live_traces_max == 0 && limits.trace_bytes_max == 0 {
            return None;
        }
        let now = self.tick_at(now);
        self.batch = self.batch.wrapping_add(1);
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.clone(), TenantTraces::new(now));
        }
        let traces = self.tenants.get_mut(tenant).expect("inserted above");
        let held_before = traces.memory_bytes();
        traces.advance(now);
        let all_fit = traces.count(limits, batch, self.batch);
        let dropped = (!all_fit).then(|| traces.sort_out(limits, batch, self.batch));
        let held = traces.memory_bytes();
        self.charge.resize((self.charge.bytes() + held).saturating_sub(held_before));
        dropped
    }

    /// Live traces of tenants that other cores should know of, where the number is not what they
    /// were told last. Forgets tenants of whom nothing is left.
    pub fn news(
        &mut self,
        now: Duration,
        is_worth_telling: impl Fn(&TenantId, u32) -> bool,
    ) -> Vec<(TenantId, u32)> {
        let now = self.tick_at(now);
        let mut news = Vec::new();
        let mut held = 0;
        self.tenants.retain(|tenant, traces| {
            traces.advance(now);
            let worth = traces.live > 0 && is_worth_telling(tenant, traces.live);
            let tell = if worth { traces.live } else { 0 };
            if tell != traces.told {
                traces.told = tell;
                news.push((tenant.clone(), tell));
            }
            let stays = !traces.is_forgotten();
            held += if stays { traces.memory_bytes() } else { 0 };
            stays
        });
        self.charge.resize(held);
        news
    }

    /// What another core has told, by its number.
    pub fn heard(&mut self, core: usize, news: &[(TenantId, u32)], now: Duration) {
        let now = self.tick_at(now);
        for (tenant, live) in news {
            let traces = self.tenants.entry(tenant.clone());
            traces.or_insert_with(|| TenantTraces::new(now)).heard(core, *live);
        }
    }
}

struct TenantTraces {
    current: Traces,
    previous: Traces,
    /// Sizes that are remembered for longer, and when the last span came.
    large: HashMap<TraceId, (u64, u32), foldhash::fast::RandomState>,
    /// Live traces by the step in which their last span came, modulo the number of steps.
    live_at: [u32; TICKS_KEPT],
    live: u32,
    /// The step up to which all is counted.
    now: u32,
    /// When the generations changed.
    rotated: u32,
    /// Live traces of the other cores, by core.
    elsewhere: Vec<u32>,
    /// What the other cores were told.
    told: u32,
}

impl TenantTraces {
    fn new(now: u32) -> Self {
        Self {
            current: Traces::default(),
            previous: Traces::default(),
            large: HashMap::default(),
            live_at: [0; TICKS_KEPT],
            live: 0,
            now,
            rotated: now,
            elsewhere: Vec::new(),
            told: 0,
        }
    }

    /// Lets time pass.
    fn advance(&mut self, now: u32) {
        if now.saturating_sub(self.now) > TICKS_PER_IDLE {
            self.live_at = [0; TICKS_KEPT];
            self.live = 0;
        }
        let from = self.now.max(now.saturating_sub(TICKS_PER_IDLE));
        for tick in from + 1..=now {
            // What had its last span so long ago is idle.
            if let Some(idle) = tick.checked_sub(TICKS_PER_IDLE + 1) {
                self.live -= std::mem::take(&mut self.live_at[idle as usize % TICKS_KEPT]);
            }
        }
        self.now = self.now.max(now);
        if now.saturating_sub(self.rotated) > TICKS_PER_IDLE {
            // As many are likely to come: growing step by step would cost as much as counting.
            let likely = Traces::with_capacity_and_hasher(self.current.len(), Default::default());
            self.previous = std::mem::replace(&mut self.current, likely);
            self.rotated = now;
            self.large.retain(|_, (_, tick)| now.saturating_sub(*tick) <= LARGE_TICKS);
        }
    }

    fn is_live(&self, seen: &Seen) -> bool {
        self.now.saturating_sub(seen.tick) <= TICKS_PER_IDLE
    }

    /// Counts all spans; whether all of them get in.
    fn count(&mut self, limits: &TenantLimits, batch: &BatchIndex, number: u32) -> bool {
        let mut all_fit = true;
        for spans in batch.spans.chunk_by(|one, next| one.trace_id == next.trace_id) {
            let resource = resource_bytes(batch, &spans[0]);
            let bytes = spans.iter().map(span_bytes).sum();
            all_fit &= self.touch(limits, &spans[0].trace_id, bytes, (resource, number));
        }
        all_fit
    }

    /// Counts bytes of a trace, and those of a resource once per batch; whether it gets in.
    fn touch(
        &mut self,
        limits: &TenantLimits,
        id: &TraceId,
        bytes: u64,
        (resource_bytes, batch): (u64, u32),
    ) -> bool {
        let now = self.now;
        let is_full = limits.live_traces_max > 0
            && u64::from(self.live) + self.live_elsewhere() >= limits.live_traces_max;
        let seen = match self.current.entry(*id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let known = self.previous.get(id).copied();
                // The generations do not change while nothing comes.
                let known = known.filter(|seen| now.saturating_sub(seen.tick) <= PREVIOUS_TICKS);
                let is_live =
                    known.is_some_and(|seen| now.saturating_sub(seen.tick) <= TICKS_PER_IDLE);
                if is_full && !is_live {
                    return false;
                }
                let large = self.large.get(id).map_or(0, |(bytes, _)| *bytes);
                let idle = Seen { tick: 0, batch: batch.wrapping_sub(1), bytes: large };
                let seen = known.unwrap_or(idle);
                if !is_live {
                    self.live += 1;
                    self.live_at[now as usize % TICKS_KEPT] += 1;
                    entry.insert(Seen { tick: now, ..seen })
                } else {
                    entry.insert(seen)
                }
            }
        };
        if now.saturating_sub(seen.tick) > TICKS_PER_IDLE {
            if is_full {
                return false;
            }
            self.live += 1;
            self.live_at[now as usize % TICKS_KEPT] += 1;
        } else if seen.tick != now {
            self.live_at[seen.tick as usize % TICKS_KEPT] -= 1;
            self.live_at[now as usize % TICKS_KEPT] += 1;
        }
        seen.tick = now;
        seen.bytes += bytes;
        if seen.batch != batch {
            seen.batch = batch;
            seen.bytes += resource_bytes;
        }
        let (bytes, bytes_max) = (seen.bytes, limits.trace_bytes_max);
        if bytes_max > 0 && bytes > bytes_max / LARGE_DIVISOR {
            self.remember_large(id, bytes);
        }
        bytes_max == 0 || bytes <= bytes_max
    }

    fn remember_large(&mut self, id: &TraceId, bytes: u64) {
        if self.large.len() < LARGE_MAX || self.large.contains_key(id) {
            self.large.insert(*id, (bytes, self.now));
        }
    }

    fn live_elsewhere(&self) -> u64 {
        self.elsewhere.iter().map(|live| u64::from(*live)).sum()
    }

    /// What does not get in of a batch that was counted. What is too large is dropped whole, as far
    /// as it is in this batch, and does not count.
    fn sort_out(&mut self, limits: &TenantLimits, batch: &BatchIndex, number: u32) -> Dropped {
        let mut dropped = Dropped::default();
        let mut uncounted: HashMap<TraceId, u64> = HashMap::new();
        for span in &batch.spans {
            let id = span.trace_id;
            match self.current.get(&id) {
                Some(seen) if self.is_live(seen) && seen.batch == number => {
                    if limits.trace_bytes_max > 0 && seen.bytes > limits.trace_bytes_max {
                        dropped.too_large.insert(id);
                        let first = || resource_bytes(batch, span);
                        *uncounted.entry(id).or_insert_with(first) += span_bytes(span);
                    }
                }
                _ => drop(dropped.too_many.insert(id)),
            }
        }
        for (id, bytes) in uncounted {
            if let Some(seen) = self.current.get_mut(&id) {
                seen.bytes = seen.bytes.saturating_sub(bytes);
                let left = seen.bytes;
                self.remember_large(&id, left);
            }
        }
        dropped
    }

    fn heard(&mut self, core: usize, live: u32) {
        if self.elsewhere.len() <= core {
            self.elsewhere.resize(core + 1, 0);
        }
        self.elsewhere[core] = live;
    }

    fn is_forgotten(&self) -> bool {
        self.live == 0
            && self.told == 0
            && self.current.is_empty()
            && self.previous.is_empty()
            && self.large.is_empty()
            && self.live_elsewhere() == 0
    }

    fn memory_bytes(&self) -> u64 {
        let slot = size_of::<(TraceId, Seen)>() + 1;
        let slots = self.current.capacity() + self.previous.capacity() + self.large.capacity();
        (slots * slot + size_of::<Self>()) as u64
    }
}

fn span_bytes(span: &SpanPos) -> u64 {
    u64::from(span.body.len) + SPAN_HEAD_BYTES
}

fn resource_bytes(batch: &BatchIndex, span: &SpanPos) -> u64 {
    let scope = &batch.scopes[span.scope as usize];
    u64::from(scope.resource.len) + u64::from(scope.scope.len)
}

#[cfg(test)]
#[path = "recent_tests.rs"]
mod tests;
