//! Servers of memcached (its meta commands, version 1.6 or later): keys are spread over them by
//! rendezvous hashing, so that one server less moves only its own keys.

mod server;
mod wire;

use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::net::ToSocketAddrs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rustls::ClientConfig;
use stringendo_ring::{Clock, offload};

use self::server::{Reach, Server};
use self::wire::Answer;
use crate::breaker::{Breaker, BreakerOptions};
use crate::{CacheError, CommonOptions};

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
    /// TLS, or plain TCP.
    pub tls: Option<MemcachedTls>,
}

/// TLS to the servers.
#[derive(Clone, Debug)]
pub struct MemcachedTls {
    /// Whom to trust, and what is shown to the servers.
    pub config: Arc<ClientConfig>,
    /// What the servers' certificates are for; `None`: the host that they are configured with.
    pub server_name: Option<String>,
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
    servers: Vec<Arc<Watched>>,
}

/// A server, and how it does.
struct Watched {
    server: Server,
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
        match self.ask(key, &wire::get(key)).await? {
            (_, Answer::Value(value)) => Ok(Some(value)),
            (_, Answer::Nothing) => Ok(None),
            (server, answer) => Err(refused(server, &answer)),
        }
    }

    pub(crate) async fn put(&self, key: &str, value: &Bytes) -> Result<(), CacheError> {
        let command = wire::set(key, value, self.common.ttl.min(TTL_MAX));
        match self.ask(key, &command).await? {
            (_, Answer::Done) => Ok(()),
            (server, answer) => Err(refused(server, &answer)),
        }
    }

    /// Asks the server that has the key, if it may be asked; gives its name, too. Servers that
    /// answer, though with a refusal, are well.
    async fn ask(&self, key: &str, command: &[u8]) -> Result<(String, Answer), CacheError> {
        let servers = self.looked_up().await?;
        let number = server_of(key, &servers.names);
        let (name, Watched { server, breaker }) =
            (servers.names[number].clone(), &*servers.servers[number]);
        if !breaker.allows(self.clock.monotonic()) {
            return Err(CacheError::LeftAlone(name));
        }
        let outcome = server.ask(command).await;
        breaker.note(outcome.is_ok(), self.clock.monotonic());
        match outcome {
            Ok(answer) => Ok((name, answer)),
            Err(error) => Err(CacheError::Failed { server: name, reason: error.to_string() }),
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
        let looking = Looking { servers: self, has_ended: false };
        let addresses = self.options.addresses.clone();
        let found = offload(move || look_up(&addresses)).await.unwrap_or_else(|e| Err(e.into()));
        looking.end();
        match found {
            Ok(found) => Ok(self.take(found)),
            Err(error) => self.keep(&error),
        }
    }

    /// Takes over the servers that were found; those that were known keep their connections.
    fn take(&self, found: Vec<Found>) -> Arc<Servers> {
        let mut known = self.known();
        let before = &known.servers;
        let mut servers = Servers::default();
        for Found { address, host } in found {
            let known = before.names.iter().position(|known| *known == address);
            servers.servers.push(match known {
                Some(at) => Arc::clone(&before.servers[at]),
                None => Arc::new(self.server(address.clone(), host)),
            });
            servers.names.push(address);
        }
        known.servers = Arc::new(servers);
        Arc::clone(&known.servers)
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

    /// A server, which is connected when it is asked.
    fn server(&self, address: String, host: String) -> Watched {
        let tls = self.options.tls.as_ref();
        let reach = Reach {
            connect_timeout: self.options.connect_timeout,
            timeout: self.common.timeout,
            idle_max: self.options.idle_connections_max,
            tls: tls.map(|tls| Arc::clone(&tls.config)),
        };
        let host = tls.and_then(|tls| tls.server_name.clone()).unwrap_or(host);
        let breaker = Breaker::new(self.options.breaker);
        Watched { server: Server::new(address, host, reach), breaker }
    }
}

/// A look-up under way. If the question that waits for it is given up, the next one looks up.
struct Looking<'a> {
    servers: &'a Memcached,
    has_ended: bool,
}

impl Looking<'_> {
    fn end(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.servers.known().looked_up = None;
        }
    }
}

fn refused(server: String, answer: &Answer) -> CacheError {
    let reason = match answer {
        Answer::Refused(reason) => reason.clone(),
        other => format!("unexpected answer {other:?}"),
    };
    CacheError::Failed { server, reason }
}

/// The number of the server that has a key: the one that comes first in an order of the key's own,
/// so that one server less moves only its keys. There is at least one.
fn server_of(key: &str, names: &[String]) -> usize {
    let rank = |name: &String| {
        let mut hasher = DefaultHasher::new();
        hasher.write(name.as_bytes());
        hasher.write_u8(0);
        hasher.write(key.as_bytes());
        hasher.finish()
    };
    let ranked = names.iter().enumerate().max_by_key(|(_, name)| rank(name));
    ranked.map_or(0, |(number, _)| number)
}

/// A server that was found.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    /// `host:port`, the host a number if names were looked up.
    address: String,
    /// The host as it was configured.
    host: String,
}

/// The servers, in order of their addresses, each once.
fn look_up(addresses: &str) -> io::Result<Vec<Found>> {
    let mut all = Vec::new();
    for address in addresses.split(',').map(str::trim).filter(|address| !address.is_empty()) {
        let (name, is_looked_up) = match address.strip_prefix("dns+") {
            Some(name) => (name, true),
            None => (address, false),
        };
        let host = name.rsplit_once(':').map_or(name, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let found = |address: String| Found { address, host: host.clone() };
        match is_looked_up {
            true => all.extend(name.to_socket_addrs()?.map(|address| found(address.to_string()))),
            false => all.push(found(name.to_owned())),
        }
    }
    all.sort_unstable();
    all.dedup_by(|one, other| one.address == other.address);
    match all.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::NotFound, "no server has this name")),
        false => Ok(all),
    }
}

#[cfg(test)]
#[path = "memcached_tests.rs"]
mod tests;
