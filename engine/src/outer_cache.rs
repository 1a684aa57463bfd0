//! Caches outside the process as a core uses them: asked before the backend, written behind the
//! answer.
//!
//! From: [`crate::block_store`] and the filters beside blocks, which read what never changes. A
//! value carries a checksum over its key and bytes: one that is not what was written there is a
//! miss, counted, and written anew; so is a server that fails or is slow a miss.
//! Writes wait in a queue of the core, limited in number and bytes and charged to its budget; more
//! are dropped and counted.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lru::LruCache;
use stringendo_cache::{CacheError, Client, KEY_BYTES_MAX};
use stringendo_ring::{Class, Clock, Notify, aside, spawn_detached};
use uuid::Uuid;

use crate::backend::BLOOM_BYTES_MAX;
use crate::block_list::BlockEntry;
use crate::budget::{Budget, Charge, Use};
use crate::metrics::{Metrics, families as family};

/// Values that wait to be written, bytes per core; less with a small budget.
const WAITING_BYTES_MAX: u64 = 16 << 20;
/// Between two warnings that a cache fails, on one core.
const WARNING_PAUSE: Duration = Duration::from_secs(60);
/// Blocks in doubt that are known at most.
const DOUBTED_MAX: NonZeroUsize = NonZeroUsize::new(1024).expect("it is not zero");
/// Keys with another number are of another form of what is cached.
const FORM: u32 = 2;
/// Bytes of the checksum behind a value.
const CHECKSUM_BYTES: usize = 4;

/// What is asked for (contract config.md §7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheRole {
    /// Bloom filters, and parts of our own.
    Bloom,
    /// Footers of Parquet files.
    ParquetFooter,
    /// Their offset indexes.
    ParquetOffsetIdx,
    /// Their pages.
    ParquetPage,
}

impl CacheRole {
    const ALL: [Self; 4] =
        [Self::Bloom, Self::ParquetFooter, Self::ParquetOffsetIdx, Self::ParquetPage];

    /// Its name in labels and configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bloom => "bloom",
            Self::ParquetFooter => "parquet-footer",
            Self::ParquetOffsetIdx => "parquet-offset-idx",
            Self::ParquetPage => "parquet-page",
        }
    }
}

/// Caches outside the process; the same for all cores.
#[derive(Clone, Debug, Default)]
pub struct OuterCacheSettings {
    /// The caches. No role is in two.
    pub caches: Vec<OuterCache>,
    /// Writes under way in the whole process.
    pub writes_max: usize,
    /// Values that wait to be written in the whole process.
    pub waiting_max: usize,
}

/// A cache and what it is for.
#[derive(Clone)]
pub struct OuterCache {
    /// Its client.
    pub client: Arc<Client>,
    /// Its name in labels.
    pub name: String,
    /// What it is asked for.
    pub roles: Vec<CacheRole>,
    /// Only blocks of at least this compaction level.
    pub compaction_level_min: u32,
    /// Only blocks whose end is not longer ago; zero: all.
    pub block_age_max: Duration,
}

impl std::fmt::Debug for OuterCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OuterCache").field("name", &self.name).field("roles", &self.roles).finish()
    }
}

impl OuterCache {
    fn takes_block(&self, block: &BlockEntry, clock: Clock) -> bool {
        let age = clock.unix_nanos().saturating_sub(block.end_unix_nanos);
        let is_young =
            self.block_age_max.is_zero() || u128::from(age) <= self.block_age_max.as_nanos();
        is_young && block.meta.compaction_level >= self.compaction_level_min
    }
}

/// What is asked for of a block: the object, and which part of it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Role.
    pub role: CacheRole,
    /// The block.
    pub block: &'a BlockEntry,
    /// The object's name.
    pub object: &'a str,
    /// Where in the object; of objects that may be made again with a checksum. Part of the key.
    pub part: Part,
}

/// A part of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it: a Bloom filter.
    Whole,
    /// From here to there.
    Range(u64, u64),
    /// From here to there, with this CRC-32.
    Checked(u64, u64, u32),
}

impl Part {
    fn bytes(self) -> Option<u64> {
        match self {
            Self::Whole => None,
            Self::Range(start, end) | Self::Checked(start, end, _) => Some(end - start),
        }
    }
}

/// What was wanted.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its bytes.
    pub bytes: Bytes,
    /// Whether a cache had it.
    pub is_cached: bool,
}

/// A core's use of the caches.
pub struct OuterCaches {
    caches: Vec<OuterCache>,
    /// By role: which of the caches.
    by_role: [Option<usize>; CacheRole::ALL.len()],
    clock: Clock,
    metrics: Metrics,
    /// Damaged blocks, by what caches of the process know them by: what is kept of them may be what
    /// they were.
    doubted: RefCell<LruCache<Uuid, ()>>,
    /// When it was last said that one fails.
    warned: Cell<Option<Duration>>,
    waiting: RefCell<VecDeque<Write>>,
    waiting_bytes: Cell<u64>,
    waiting_max: usize,
    waiting_bytes_max: u64,
    charge: RefCell<Charge>,
    work: Notify,
}

struct Write {
    cache: usize,
    key: String,
    value: Bytes,
}

impl OuterCaches {
    /// The caches of a core, one of `cores`. Without any, nothing is started.
    pub fn start(
        settings: &OuterCacheSettings,
        cores: u16,
        (clock, metrics, budget): (Clock, Metrics, &Rc<Budget>),
    ) -> Rc<Self> {
        let cores = usize::from(cores.max(1));
        let caches = settings.caches.clone();
        let of_role = |role| caches.iter().position(|cache| cache.roles.contains(&role));
        let outer = Rc::new(Self {
            by_role: CacheRole::ALL.map(of_role),
            caches,
            clock,
            metrics,
            doubted: RefCell::new(LruCache::new(DOUBTED_MAX)),
            warned: Cell::default(),
            waiting: RefCell::default(),
            waiting_bytes: Cell::new(0),
            waiting_max: settings.waiting_max.div_ceil(cores),
            waiting_bytes_max: WAITING_BYTES_MAX.min(budget.limit() / 32),
            charge: RefCell::new(budget.charge(Use::Cache, 0)),
            work: Notify::new(),
        });
        if !outer.caches.is_empty() {
            for _ in 0..settings.writes_max.div_ceil(cores) {
                spawn_detached(Class::Background, Rc::clone(&outer).write_behind());
            }
        }
        outer
    }

    /// What is wanted, from the cache for it, or else by `read`, and then it is written to the
    /// cache. Nothing may change what is kept under one name.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn or_read(
        &self,
        wanted: Wanted<'_>,
        read: impl Future<Output = io::Result<Bytes>>,
    ) -> io::Result<Found> {
        let Some((cache, key)) = self.place_of(&wanted) else {
            return Ok(Found { bytes: read.await?, is_cached: false });
        };
        if !self.doubted.borrow().contains(&wanted.block.cache_id())
            && let Some(bytes) = self.ask(cache, &key, wanted).await
        {
            return Ok(Found { bytes, is_cached: true });
        }
        let bytes = read.await?;
        let is_whole = wanted.part.bytes().is_none_or(|wanted| wanted == bytes.len() as u64);
        if is_whole && self.caches[cache].client.takes(bytes.len() + CHECKSUM_BYTES) {
            self.write_later(Write { cache, key, value: bytes.clone() });
        }
        Ok(Found { bytes, is_cached: false })
    }

    /// A block is damaged, and may be mended: it is read from the backend from now on, and what is
    /// kept of it is written again.
    pub fn doubt(&self, block: Uuid) {
        if !self.caches.is_empty() {
            self.doubted.borrow_mut().put(block, ());
        }
    }

    /// Whether parts of this role may be in a cache.
    pub fn has(&self, role: CacheRole) -> bool {
        self.by_role[role as usize].is_some()
    }

    /// The cache to ask, and with which key.
    fn place_of(&self, wanted: &Wanted<'_>) -> Option<(usize, String)> {
        let number = self.by_role[wanted.role as usize]?;
        if !self.caches[number].takes_block(wanted.block, self.clock) {
            return None;
        }
        let (tenant, id) = (&wanted.block.tenant, &wanted.block.meta.block_id);
        let mut key = format!("stringendo:{FORM}:{tenant}:{id}:{}", wanted.object);
        match wanted.part {
            Part::Whole => {}
            Part::Range(start, end) => key.push_str(&format!(":{start}-{end}")),
            Part::Checked(start, end, crc) => key.push_str(&format!(":{start}-{end}:{crc:08x}")),
        }
        (key.len() <= KEY_BYTES_MAX).then_some((number, key))
    }

    async fn ask(&self, cache: usize, key: &str, wanted: Wanted<'_>) -> Option<Bytes> {
        let begun = self.clock.monotonic();
        let (client, name) = (Arc::clone(&self.caches[cache].client), key.to_owned());
        let asked = aside(async move { client.get(&name).await }).await;
        let outcome = asked.unwrap_or_else(|error| Err(CacheError::Options(error.to_string())));
        let status = match &outcome {
            Ok(Some(_)) => "200",
            Ok(None) => "404",
            Err(_) => "500",
        };
        self.observe(cache, "Get", status, begun);
        let value = outcome.unwrap_or_else(|error| {
            self.warn(cache, &error);
            None
        });
        let fits = |value: &Bytes| match wanted.part.bytes() {
            Some(bytes) => bytes == value.len() as u64,
            None => value.len() as u64 <= BLOOM_BYTES_MAX,
        };
        let was_there = value.is_some();
        let value = value.and_then(|value| opened(key, value)).filter(fits);
        if was_there && value.is_none() {
            self.metrics.add(&family::CACHE_VALUES_WRONG, &[wanted.role.name()], 1.0);
        }
        let labels = [wanted.role.name(), if value.is_some() { "hit" } else { "miss" }];
        self.metrics.add(&family::CACHE_REQUESTS, &labels, 1.0);
        let bytes = value.as_ref().map_or(0, Bytes::len);
        self.metrics.add(&family::CACHE_REQUEST_BYTES, &labels, bytes as f64);
        value
    }

    /// Says that a cache fails, now and then: every question may fail, and metrics count them.
    fn warn(&self, cache: usize, error: &CacheError) {
        let now = self.clock.monotonic();
        if self.warned.get().is_none_or(|last| now.saturating_sub(last) >= WARNING_PAUSE) {
            self.warned.set(Some(now));
            tracing::warn!(cache = self.caches[cache].name, %error, "a cache fails");
        }
    }

    fn observe(&self, cache: usize, method: &str, status: &str, begun: Duration) {
        let cache = &self.caches[cache];
        let took = self.clock.monotonic().saturating_sub(begun).as_secs_f64();
        let (family, method) = match cache.client.is_memcached() {
            true => (&family::MEMCACHE_DURATION, format!("Memcache.{method}")),
            false => (&family::REDIS_DURATION, format!("RedisCache.{method}")),
        };
        self.metrics.observe(family, &[&method, status, &cache.name], took);
    }

    fn write_later(&self, write: Write) {
        let (name, bytes) = (&self.caches[write.cache].name, write.value.len() as u64);
        let held = self.waiting_bytes.get() + bytes;
        let is_full = self.waiting.borrow().len() >= self.waiting_max;
        if is_full || held > self.waiting_bytes_max {
            self.metrics.add(&family::CACHE_WRITES_DROPPED, &[name], 1.0);
            return;
        }
        self.hold(held);
        self.metrics.add(&family::CACHE_WRITES_WAITING, &[name], 1.0);
        self.waiting.borrow_mut().push_back(write);
        self.work.notify();
    }

    fn hold(&self, bytes: u64) {
        self.waiting_bytes.set(bytes);
        self.charge.borrow_mut().resize(bytes);
    }

    /// Writes what waits, until the end of the process.
    async fn write_behind(self: Rc<Self>) {
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            let Some(Write { cache, key, value }) = next else {
                self.work.wait().await;
                continue;
            };
            // Another writer may be idle.
            if !self.waiting.borrow().is_empty() {
                self.work.notify();
            }
            let (begun, bytes) = (self.clock.monotonic(), value.len() as u64);
            let client = Arc::clone(&self.caches[cache].client);
            // A copy of its own for the time of the write.
            self.hold(self.waiting_bytes.get() + bytes);
            let written = aside(async move { client.put(&key, &sealed(&key, &value)).await }).await;
            self.hold(self.waiting_bytes.get().saturating_sub(bytes));
            let written = written.unwrap_or_else(|e| Err(CacheError::Options(e.to_string())));
            let is_written = written.inspect_err(|error| self.warn(cache, error)).is_ok();
            self.observe(cache, "Put", if is_written { "200" } else { "500" }, begun);
            self.hold(self.waiting_bytes.get().saturating_sub(bytes));
            let name = &self.caches[cache].name;
            self.metrics.add(&family::CACHE_WRITES_WAITING, &[name], -1.0);
        }
    }

    /// Sets gauges that nothing else moves, on one core: the servers are the process's.
    pub fn refresh_gauges(&self) {
        for cache in self.caches.iter().filter(|cache| cache.client.is_memcached()) {
            let servers = cache.client.servers() as f64;
            self.metrics.set(&family::MEMCACHE_SERVERS, &[&cache.name], servers);
        }
    }
}

/// What is written for a value.
fn sealed(key: &str, value: &[u8]) -> Bytes {
    let mut sealed = Vec::with_capacity(value.len() + CHECKSUM_BYTES);
    sealed.extend_from_slice(value);
    sealed.extend_from_slice(&checksum(key, value).to_le_bytes());
    sealed.into()
}

/// The value, if it was written for this key and is as it was.
fn opened(key: &str, mut sealed: Bytes) -> Option<Bytes> {
    let stored = sealed.split_off(sealed.len().checked_sub(CHECKSUM_BYTES)?);
    (*stored == checksum(key, &sealed).to_le_bytes()).then_some(sealed)
}

fn checksum(key: &str, value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key.as_bytes());
    hasher.update(value);
    hasher.finalize()
}

#[cfg(test)]
#[path = "outer_cache_tests.rs"]
mod tests;
