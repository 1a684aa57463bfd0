//! Caches outside the process: memcached and Redis.
//!
//! From: `engine`, which asks before it reads from a backend, and writes behind its answers. A
//! [`Client`]'s futures are `Send`, and run where `ring` starts a runtime for such clients
//! ([`stringendo_ring::aside`]). This crate does not know what values mean, who keeps count, or
//! what is done with a miss; an error is never more than a miss to whoever asks.

mod breaker;
mod memcached;
mod redis;

use std::time::Duration;

use bytes::Bytes;
use stringendo_ring::Clock;

pub use crate::breaker::BreakerOptions;
use crate::memcached::Memcached;
pub use crate::memcached::{MemcachedOptions, MemcachedTls};
use crate::redis::Redis;
pub use crate::redis::{RedisOptions, RedisSentinel, RedisTls};

/// Longest key that every cache takes, bytes; keys are printable ASCII without blanks.
pub const KEY_BYTES_MAX: usize = 250;

/// Why a cache did not answer, or did not take a value.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The configuration cannot be followed.
    #[error("{0}")]
    Options(String),
    /// The server failed too often a moment ago, and was not asked.
    #[error("{0} is left alone after failures")]
    LeftAlone(String),
    /// From the server, or on the way.
    #[error("{server}: {reason}")]
    Failed {
        /// Which.
        server: String,
        /// What the client said.
        reason: String,
    },
}

/// What every cache has.
#[derive(Clone, Copy, Debug)]
pub struct CommonOptions {
    /// Of a question or a write.
    pub timeout: Duration,
    /// Larger values are not written, bytes; 0: no limit.
    pub item_bytes_max: u64,
    /// How long a value is kept; zero: as long as there is room.
    pub ttl: Duration,
}

/// A cache.
pub struct Client {
    kind: Kind,
    common: CommonOptions,
}

enum Kind {
    Memcached(Box<Memcached>),
    Redis(Box<Redis>),
}

impl Client {
    /// A client of memcached servers, which are connected when they are first asked.
    pub fn memcached(options: MemcachedOptions, common: CommonOptions) -> Self {
        let memcached = Memcached::new(options, common, Clock::System);
        Self { kind: Kind::Memcached(Box::new(memcached)), common }
    }

    /// A client of a Redis server or cluster, or of the master that Sentinels name, which is
    /// connected when it is first asked.
    ///
    /// # Errors
    /// An address that is none, or certificates that cannot be read.
    pub fn redis(options: RedisOptions, common: CommonOptions) -> Result<Self, CacheError> {
        let redis = Redis::new(options, common, Clock::System)?;
        Ok(Self { kind: Kind::Redis(Box::new(redis)), common })
    }

    /// Whether it is memcached; else it is Redis.
    pub fn is_memcached(&self) -> bool {
        matches!(self.kind, Kind::Memcached(_))
    }

    /// Whether a value of so many bytes may be written.
    pub fn takes(&self, bytes: usize) -> bool {
        let max = self.common.item_bytes_max;
        bytes > 0 && (max == 0 || bytes as u64 <= max)
    }

    /// The value of `key`, if it is there.
    ///
    /// # Errors
    /// No server answered.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        // Apart, since what is done here is deep, and whoever asks is deeper still.
        match &self.kind {
            Kind::Memcached(memcached) => Box::pin(memcached.get(key)).await,
            Kind::Redis(redis) => Box::pin(redis.get(key)).await,
        }
    }

    /// Writes a value.
    ///
    /// # Errors
    /// No server took it.
    pub async fn put(&self, key: &str, value: &Bytes) -> Result<(), CacheError> {
        match &self.kind {
            Kind::Memcached(memcached) => Box::pin(memcached.put(key, value)).await,
            Kind::Redis(redis) => Box::pin(redis.put(key, value)).await,
        }
    }

    /// How many servers are known; 0 before the first question.
    pub fn servers(&self) -> usize {
        match &self.kind {
            Kind::Memcached(memcached) => memcached.servers(),
            Kind::Redis(_) => 1,
        }
    }
}
