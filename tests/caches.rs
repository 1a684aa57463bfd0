//! Caches outside the process: real memcached and Redis servers behind a real Stringendo.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use common::corpus::{assert_equal_to_recorded, send_over_http};
use common::{Options, Server, wait};

const ROLES: &str = "[bloom, parquet-footer, parquet-offset-idx, parquet-page]";
const PASSWORD: &str = "open sesame";

/// A cache server of the test's own.
struct CacheServer {
    process: Child,
    port: u16,
}

impl CacheServer {
    fn start(command: impl FnOnce(u16) -> Command) -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut command = command(port);
        let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = silent.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        wait::until("the cache listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { process, port }
    }

    fn memcached() -> Self {
        Self::start(|port| {
            let mut command = Command::new("memcached");
            let port = port.to_string();
            command.args(["-l", "127.0.0.1", "-p", &port, "-U", "0", "-m", "64", "-u", "nobody"]);
            command
        })
    }

    fn redis() -> Self {
        Self::start(|port| {
            let mut command = Command::new("redis-server");
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
            command.args(["--appendonly", "no", "--dir", env!("CARGO_TARGET_TMPDIR")]);
            command.args(["--requirepass", PASSWORD]);
            command
        })
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// How many values a memcached holds.
    fn items(&self) -> u64 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(b"stats\r\n").unwrap();
        let lines = BufReader::new(stream).lines().map(Result::unwrap);
        let stats = lines.take_while(|line| line != "END");
        let items = stats.filter_map(|line| line.strip_prefix("STAT curr_items ")?.parse().ok());
        items.last().unwrap()
    }
}

impl Drop for CacheServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn options(cache: &str) -> Options {
    let yaml = format!("cache:\n  caches:\n    - roles: {ROLES}\n      {cache}\n");
    Options { cores: 2, more_yaml: yaml.leak(), ..Options::default() }
}

fn memcached_options(caches: &[&CacheServer]) -> Options {
    let addresses: Vec<_> = caches.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
    let addresses = addresses.join(",");
    options(&format!("memcached: {{addresses: '{addresses}', timeout: 10s}}"))
}

fn hits(server: &Server) -> f64 {
    server.metric("tempodb_cache_requests_total", &[("outcome", "hit")])
}

/// Fills a server and its caches, and starts it again with nothing in memory.
fn filled(options: Options) -> Server {
    let mut server = Server::start(options);
    send_over_http(&server);
    server.flush();
    server.restart();
    assert_equal_to_recorded(&server, "read from blocks");
    wait::until("values are written", || {
        let waiting = server.metric("tempo_cache_background_queue_length", &[]);
        (waiting == 0.0).then_some(())
    });
    server.restart();
    server
}

#[test]
#[ignore = "needs memcached: cargo xtask test"]
fn two_memcached_servers_share_what_blocks_are_read_by_and_serve_it_to_a_fresh_server() {
    let (first, second) = (CacheServer::memcached(), CacheServer::memcached());
    let server = filled(memcached_options(&[&first, &second]));
    assert!(first.items() > 0 && second.items() > 0);
    assert_equal_to_recorded(&server, "read through caches");
    assert!(hits(&server) > 0.0);
    for role in ["parquet-footer", "parquet-page"] {
        let labels = [("outcome", "hit"), ("role", role)];
        let bytes = server.metric("tempodb_cache_request_bytes_total", &labels);
        assert!(bytes > 0.0, "{role}");
    }
    let get = [("method", "Memcache.Get"), ("status_code", "200")];
    assert!(server.metric("tempo_memcache_request_duration_seconds_count", &get) > 0.0);
    assert!((server.metric("tempo_memcache_client_servers", &[]) - 2.0).abs() < 0.1);
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn redis_with_a_password_serves_what_was_read_once() {
    let redis = CacheServer::redis();
    let port = redis.port;
    let server = filled(options(&format!(
        "redis: {{endpoint: '127.0.0.1:{port}', password: '{PASSWORD}', db: 3, ttl: 1h, \
         timeout: 10s}}"
    )));
    assert_equal_to_recorded(&server, "read through Redis");
    assert!(hits(&server) > 0.0);
    let get = [("method", "RedisCache.Get"), ("status_code", "200")];
    assert!(server.metric("tempo_rediscache_request_duration_seconds_count", &get) > 0.0);
}

#[test]
#[ignore = "needs memcached: cargo xtask test"]
fn caches_that_are_gone_cost_nothing_but_their_hits() {
    let mut cache = CacheServer::memcached();
    let server = filled(memcached_options(&[&cache]));
    cache.kill();
    assert_equal_to_recorded(&server, "without its cache");
    let failed = [("status_code", "500")];
    assert!(server.metric("tempo_memcache_request_duration_seconds_count", &failed) > 0.0);
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn a_cache_with_other_values_than_were_written_does_no_harm() {
    let redis = CacheServer::redis();
    let port = redis.port;
    let server = filled(options(&format!(
        "redis: {{endpoint: '127.0.0.1:{port}', password: '{PASSWORD}', timeout: 10s}}"
    )));
    let script = "for _, key in ipairs(redis.call('KEYS', '*')) do redis.call('SET', key, 'x') end \
                  return #redis.call('KEYS', '*')";
    let mut redis_cli = Command::new("redis-cli");
    redis_cli.args(["-p", &port.to_string(), "-a", PASSWORD, "--no-auth-warning", "EVAL", script]);
    let output = redis_cli.arg("0").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().unwrap() > 0);
    assert_equal_to_recorded(&server, "with a poisoned cache");
}
