//! A Redis server, a cluster of them, or one that Sentinels name.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use redis::aio::{
    ConnectionLike, ConnectionManager, ConnectionManagerConfig, MultiplexedConnection,
};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_read_routing::RandomReplicaStrategy;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo,
    FromRedisValue, IntoConnectionInfo, RedisConnectionInfo, RedisError, TlsCertificates, TlsMode,
};
use stringendo_ring::Clock;
use tokio::time::timeout;

use crate::breaker::{Breaker, BreakerOptions};
use crate::{CacheError, CommonOptions};

/// Port of an endpoint without one.
const PORT: u16 = 6379;
/// The same of a Sentinel.
const SENTINEL_PORT: u16 = 26379;
/// Finding a master takes so many answers, each of which may take its time: from a Sentinel, and
/// from the master, who is asked for its role on a connection of its own.
const MASTER_ANSWERS: u32 = 4;
/// A server that does not answer would cost every question its timeout. The configuration has no
/// keys for this; these are the defaults of memcached's.
const BREAKER: BreakerOptions = BreakerOptions {
    failures: 10,
    pause: Duration::from_secs(10),
    interval: Duration::from_secs(10),
};

/// Which server, and how.
#[derive(Clone)]
pub struct RedisOptions {
    /// `host:port`, several with commas between.
    pub endpoint: String,
    /// Whether several endpoints are nodes of a cluster; else the first is used.
    pub is_cluster: bool,
    /// Number of the database.
    pub db: i64,
    /// User, or nothing.
    pub username: String,
    /// Password, or nothing.
    pub password: String,
    /// Whether replicas may be asked (cluster).
    pub read_from_replicas: bool,
    /// TLS, or plain TCP.
    pub tls: Option<RedisTls>,
    /// If the endpoints are Sentinels, who know which server is the master.
    pub sentinel: Option<RedisSentinel>,
}

/// What Sentinels are asked for, and how.
#[derive(Clone, Default)]
pub struct RedisSentinel {
    /// Their name for the servers of which one is the master.
    pub master_name: String,
    /// User at the Sentinels, or nothing.
    pub username: String,
    /// Password at the Sentinels, or nothing.
    pub password: String,
}

/// TLS to the server.
#[derive(Clone, Debug, Default)]
pub struct RedisTls {
    /// Whether any certificate will do.
    pub is_insecure: bool,
    /// Certificates that the server's must be signed by, PEM; `None`: those of the system.
    pub ca: Option<Vec<u8>>,
    /// Certificate and key that are shown to the server, PEM.
    pub own: Option<(Vec<u8>, Vec<u8>)>,
}

/// The server, or cluster.
pub(crate) struct Redis {
    options: RedisOptions,
    common: CommonOptions,
    nodes: Vec<ConnectionInfo>,
    clock: Clock,
    breaker: Breaker,
    connection: Mutex<Option<Connection>>,
}

/// Cheap to clone; questions of all clones share it.
#[derive(Clone)]
enum Connection {
    One(ConnectionManager),
    Cluster(ClusterConnection),
    /// To whom Sentinels named last.
    Master(MultiplexedConnection),
}

impl Redis {
    pub(crate) fn new(
        options: RedisOptions,
        common: CommonOptions,
        clock: Clock,
    ) -> Result<Self, CacheError> {
        if options.tls.is_some() {
            // Somebody else may have chosen it before: there is only one here.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let endpoints = options.endpoint.split(',').map(str::trim).filter(|one| !one.is_empty());
        let nodes = endpoints.map(|one| node(one, &options)).collect::<Result<Vec<_>, _>>()?;
        if nodes.is_empty() {
            return Err(CacheError::Options("no endpoint of Redis".to_owned()));
        }
        let (breaker, connection) = (Breaker::new(BREAKER), Mutex::default());
        Ok(Self { options, common, nodes, clock, breaker, connection })
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        let value: Option<Vec<u8>> = self.ask(redis::cmd("GET").arg(key)).await?;
        Ok(value.map(Bytes::from))
    }

    pub(crate) async fn put(&self, key: &str, value: &Bytes) -> Result<(), CacheError> {
        let mut write = redis::cmd("SET");
        write.arg(key).arg(value.as_ref());
        if !self.common.ttl.is_zero() {
            write.arg("PX").arg(self.common.ttl.as_millis().max(1) as u64);
        }
        self.ask(&write).await
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, CacheError> {
        if !self.breaker.allows(self.clock.monotonic()) {
            return Err(CacheError::LeftAlone(self.options.endpoint.clone()));
        }
        let outcome = self.ask_now(command).await;
        self.breaker.note(outcome.is_ok(), self.clock.monotonic());
        outcome.map_err(|error| self.failed(&error))
    }

    async fn ask_now<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        match self.connected().await? {
            Connection::One(mut one) => query(command, &mut one).await,
            Connection::Cluster(mut cluster) => query(command, &mut cluster).await,
            Connection::Master(mut master) => {
                let outcome = query(command, &mut master).await;
                if outcome.is_err() {
                    // Another one may be the master now: the next question asks for it.
                    *self.lock() = None;
                }
                outcome
            }
        }
    }

    /// The connection, made with the first question. Several first ones make several, of which the
    /// last is kept.
    async fn connected(&self) -> Result<Connection, RedisError> {
        if let Some(connection) = self.lock().clone() {
            return Ok(connection);
        }
        let connection = match &self.options.sentinel {
            Some(sentinel) => Connection::Master(self.connect_master(sentinel).await?),
            None if self.options.is_cluster && self.nodes.len() > 1 => {
                Connection::Cluster(self.connect_cluster().await?)
            }
            None => Connection::One(self.connect_one().await?),
        };
        *self.lock() = Some(connection.clone());
        Ok(connection)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It connects again by itself.
    async fn connect_one(&self) -> Result<ConnectionManager, RedisError> {
        let node = self.nodes[0].clone();
        let client = match &self.options.tls {
            Some(tls) => Client::build_with_tls(node, certificates(tls))?,
            None => Client::open(node)?,
        };
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(self.common.timeout))
            .set_response_timeout(Some(self.common.timeout));
        ConnectionManager::new_with_config(client, config).await
    }

    async fn connect_cluster(&self) -> Result<ClusterConnection, RedisError> {
        let mut builder = ClusterClientBuilder::new(self.nodes.clone())
            .retries(1)
            .connection_timeout(self.common.timeout)
            .response_timeout(self.common.timeout);
        if let Some(tls) = &self.options.tls {
            builder = builder.certs(certificates(tls));
        }
        if self.options.read_from_replicas {
            builder = builder.read_routing_strategy(RandomReplicaStrategy);
        }
        builder.build()?.get_async_connection().await
    }

    async fn connect_master(
        &self,
        sentinel: &RedisSentinel,
    ) -> Result<MultiplexedConnection, RedisError> {
        let mut client = self.sentinel_client(sentinel)?.build()?;
        let limit = self.common.timeout;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(limit))
            .set_response_timeout(Some(limit));
        let connecting = client.get_async_connection_with_config(&config);
        match timeout(limit * MASTER_ANSWERS, connecting).await {
            Ok(connected) => connected,
            Err(elapsed) => Err(std::io::Error::from(elapsed).into()),
        }
    }

    fn sentinel_client(
        &self,
        sentinel: &RedisSentinel,
    ) -> Result<SentinelClientBuilder, RedisError> {
        let options = &self.options;
        let addresses = self.nodes.iter().map(|node| node.addr().clone());
        let master = SentinelServerType::Master;
        let mut client = SentinelClientBuilder::new(addresses, &sentinel.master_name, master)?
            .set_client_to_redis_db(options.db);
        if !options.username.is_empty() {
            client = client.set_client_to_redis_username(&options.username);
        }
        if !options.password.is_empty() {
            client = client.set_client_to_redis_password(&options.password);
        }
        if !sentinel.username.is_empty() {
            client = client.set_client_to_sentinel_username(&sentinel.username);
        }
        if !sentinel.password.is_empty() {
            client = client.set_client_to_sentinel_password(&sentinel.password);
        }
        if let Some(tls) = &options.tls {
            let mode = if tls.is_insecure { TlsMode::Insecure } else { TlsMode::Secure };
            client = client
                .set_client_to_redis_tls_mode(mode)
                .set_client_to_redis_certificates(certificates(tls))
                .set_client_to_sentinel_certificates(certificates(tls));
        }
        Ok(client)
    }

    fn failed(&self, error: &RedisError) -> CacheError {
        CacheError::Failed { server: self.options.endpoint.clone(), reason: error.to_string() }
    }
}

async fn query<T: FromRedisValue>(
    command: &Cmd,
    connection: &mut (impl ConnectionLike + Send),
) -> Result<T, RedisError> {
    command.query_async(connection).await
}

fn certificates(tls: &RedisTls) -> TlsCertificates {
    let own = tls.own.clone();
    let client_tls =
        own.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
    TlsCertificates { client_tls, root_cert: tls.ca.clone() }
}

/// How to reach an endpoint.
fn node(endpoint: &str, options: &RedisOptions) -> Result<ConnectionInfo, CacheError> {
    let wrong = |why: &dyn std::fmt::Display| {
        CacheError::Options(format!("endpoint {endpoint:?} of Redis: {why}"))
    };
    let (host, port) = match endpoint.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|error| wrong(&error))?),
        None if options.sentinel.is_some() => (endpoint, SENTINEL_PORT),
        None => (endpoint, PORT),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let address = match &options.tls {
        None => ConnectionAddr::Tcp(host, port),
        Some(tls) => {
            ConnectionAddr::TcpTls { host, port, insecure: tls.is_insecure, tls_params: None }
        }
    };
    let mut login = RedisConnectionInfo::default().set_db(options.db);
    if !options.username.is_empty() {
        login = login.set_username(&options.username);
    }
    if !options.password.is_empty() {
        login = login.set_password(&options.password);
    }
    let info = address.into_connection_info().map_err(|error| wrong(&error))?;
    Ok(info.set_redis_settings(login))
}

#[cfg(test)]
#[path = "redis_tests.rs"]
mod tests;
