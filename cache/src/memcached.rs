//! Servers of memcached (its meta commands, version 1.6 or later): keys are spread over them by
//! rendezvous hashing, so that one server less moves only its own keys.

use std::io;
use std::net::ToSocketAddrs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use memcache::exp::{AsyncMetaClient, Error, Rendezvous, Router};
use stringendo_ring::{Clock, offload};

use crate::breaker::{Breaker, BreakerOptions};
use crate::{CacheError, CommonOptions};

/// Connections to one server at a time; more questions wait.
const CONNECTIONS_MAX: usize = 64;
/// Values are kept no longer than a server counts in seconds.
const TTL_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// Which servers, and how.
#[derive(Clone, Debug)]
pub struct MemcachedOptions {
    /// `host:port`, several with commas between. The addresses of `dns+host:port` are all servers.
    pub addresses: String,
    /// Of connecting.
    pub connect_timeout: Duration,
    /// Connections to a server that are kept without a use.
    pub idle_connections_max: usize,
    /// How often names are looked up again.
    pub update_interval: Duration,
    /// When a server is left alone.
    pub breaker: BreakerOptions,
}

/// The servers.
pub(crate) struct Memcached {
    options: MemcachedOptions,
    common: CommonOptions,
    clock: Clock,
    known: Mutex<Known>,
}

/// Servers as they were found last.
#[derive(Default)]
struct Known {
    servers: Arc<Servers>,
    /// When they were looked up, or are being looked up since.
    looked_up: Option<Duration>,
}

#[derive(Default)]
struct Servers {
    /// Their addresses, in order.
    names: Vec<String>,
    servers: Vec<Arc<Server>>,
}

struct Server {
    client: AsyncMetaClient,
    breaker: Breaker,
}

impl Memcached {
    pub(crate) fn new(options: MemcachedOptions, common: CommonOptions, clock: Clock) -> Self {
        Self { options, common, clock, known: Mutex::default() }
    }

    pub(crate) fn servers(&self) -> usize {
        self.known().servers.names.len()
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        let (name, server) = self.server_for(key).await?;
        let outcome = server.client.get(key).send().await;
        let result = self.note(&name, &server, outcome)?;
        Ok(result.hit().then_some(result.value).flatten().map(Bytes::from))
    }

    pub(crate) async fn put(&self, key: &str, value: &Bytes) -> Result<(), CacheError> {
        let (name, server) = self.server_for(key).await?;
        let mut write = server.client.set(key, value);
        if !self.common.ttl.is_zero() {
            write = write.ttl(self.common.ttl.clamp(Duration::from_secs(1), TTL_MAX));
        }
        let outcome = write.send().await;
        self.note(&name, &server, outcome).map(drop)
    }

    /// Servers that answer, though with an error, are well.
    fn note<T>(
        &self,
        name: &str,
        server: &Server,
        outcome: Result<T, Error>,
    ) -> Result<T, CacheError> {
        let has_answered = matches!(outcome, Ok(_) | Err(Error::Server(_) | Error::Rejected(_)));
        server.breaker.note(has_answered, self.clock.monotonic());
        outcome.map_err(|error| CacheError::Failed {
            server: name.to_owned(),
            reason: error.to_string(),
        })
    }

    /// The server that has the key, if it may be asked.
    async fn server_for(&self, key: &str) -> Result<(String, Arc<Server>), CacheError> {
        let servers = self.looked_up().await?;
        let number = Rendezvous::new().route(key.as_bytes(), &servers.names);
        let name = servers.names[number].clone();
        let server = Arc::clone(&servers.servers[number]);
        match server.breaker.allows(self.clock.monotonic()) {
            true => Ok((name, server)),
            false => Err(CacheError::LeftAlone(name)),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The servers, looked up again where that is due: by one question, while others go on with
    /// what is known.
    async fn looked_up(&self) -> Result<Arc<Servers>, CacheError> {
        let now = self.clock.monotonic();
        {
            let mut known = self.known();
            let is_due = known.looked_up.is_none_or(|at| now >= at + self.options.update_interval);
            if !is_due {
                return match known.servers.names.is_empty() {
                    true => Err(CacheError::LeftAlone(self.options.addresses.clone())),
                    false => Ok(Arc::clone(&known.servers)),
                };
            }
            known.looked_up = Some(now);
        }
        let addresses = self.options.addresses.clone();
        let found = offload(move || look_up(&addresses)).await.unwrap_or_else(|e| Err(e.into()));
        match found {
            Ok(names) => self.take(names).await,
            Err(error) => self.keep(&error),
        }
    }

    /// Takes over the servers that were found; those that were known keep their connections.
    async fn take(&self, names: Vec<String>) -> Result<Arc<Servers>, CacheError> {
        let before = Arc::clone(&self.known().servers);
        let mut servers = Vec::with_capacity(names.len());
        for name in &names {
            let known = before.names.iter().position(|known| known == name);
            servers.push(match known {
                Some(at) => Arc::clone(&before.servers[at]),
                None => Arc::new(self.connect(name).await?),
            });
        }
        let servers = Arc::new(Servers { names, servers });
        self.known().servers = Arc::clone(&servers);
        Ok(servers)
    }

    /// Names could not be looked up: what was known may still be right. Without any, they are
    /// looked up again soon.
    fn keep(&self, error: &io::Error) -> Result<Arc<Servers>, CacheError> {
        const SOON: Duration = Duration::from_secs(1);
        let mut known = self.known();
        if !known.servers.names.is_empty() {
            tracing::warn!(addresses = self.options.addresses, %error, "caches not looked up");
            return Ok(Arc::clone(&known.servers));
        }
        let wait = self.options.update_interval.saturating_sub(SOON);
        known.looked_up = Some(self.clock.monotonic().saturating_sub(wait));
        let (server, reason) = (self.options.addresses.clone(), error.to_string());
        Err(CacheError::Failed { server, reason })
    }

    /// A client of one server; it connects when it is used.
    async fn connect(&self, name: &str) -> Result<Server, CacheError> {
        let client = AsyncMetaClient::builder()
            .max_idle(self.options.idle_connections_max)
            .max_connections(Some(CONNECTIONS_MAX))
            .connect_timeout(Some(self.options.connect_timeout))
            .io_timeout(Some(self.common.timeout))
            .connect_async(name)
            .await;
        let client = client.map_err(|error| CacheError::Failed {
            server: name.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Server { client, breaker: Breaker::new(self.options.breaker) })
    }
}

/// The servers' addresses, in order, each once.
fn look_up(addresses: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for address in addresses.split(',').map(str::trim).filter(|address| !address.is_empty()) {
        match address.strip_prefix("dns+") {
            Some(name) => names.extend(name.to_socket_addrs()?.map(|found| found.to_string())),
            None => names.push(address.to_owned()),
        }
    }
    names.sort_unstable();
    names.dedup();
    match names.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::NotFound, "no server has this name")),
        false => Ok(names),
    }
}

#[cfg(test)]
#[path = "memcached_tests.rs"]
mod tests;
