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
        Self::start(Self::redis_command)
    }

    fn redis_command(port: u16) -> Command {
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "no", "--dir", env!("CARGO_TARGET_TMPDIR")]);
        command.args(["--requirepass", PASSWORD]);
        command
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
    wait_until_written(&server);
    server.restart();
    server
}

fn wait_until_written(server: &Server) {
    wait::until("values are written", || {
        let waiting = server.metric("tempo_cache_background_queue_length", &[]);
        (waiting == 0.0).then_some(())
    });
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
#[ignore = "needs memcached: cargo xtask test"]
fn of_a_block_that_is_mended_nothing_is_taken_from_caches_that_was_read_before() {
    let memcached = CacheServer::memcached();
    let mut server = Server::start(memcached_options(&[&memcached]));
    send_over_http(&server);
    server.flush();
    let blocks = std::fs::read_dir(server.tenant_dir()).unwrap();
    let mut data = blocks.map(|block| block.unwrap().path().join("data.parquet"));
    let data = data.find(|data| data.exists()).unwrap();
    let sound = std::fs::read(&data).unwrap();
    let mut spoilt = sound.clone();
    spoilt[4..sound.len() / 2].iter_mut().for_each(|byte| *byte ^= 0x55);
    std::fs::write(&data, spoilt).unwrap();
    server.restart();
    let search = "/api/search?q=%7Bduration%3E1ns%7D&limit=1000&start=1768470000&end=1768490000";
    let is_damaged = || server.get(search).ok().text().contains("blockDamaged");
    assert!(is_damaged());
    wait_until_written(&server);
    assert!(memcached.items() > 0);
    std::fs::write(&data, sound).unwrap();
    assert!(!is_damaged());
    assert_equal_to_recorded(&server, "mended");
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

/// Asks a Redis without TLS.
fn redis_cli(port: u16, arguments: &[&str]) -> String {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &port.to_string(), "--no-auth-warning"]).args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn other_values_than_were_written_are_noticed_and_written_again() {
    let redis = CacheServer::redis();
    let port = redis.port;
    let mut server = filled(options(&format!(
        "redis: {{endpoint: '127.0.0.1:{port}', password: '{PASSWORD}', timeout: 10s}}"
    )));
    let spoil = |how: &str| {
        let script = format!(
            "local keys = redis.call('KEYS', '*') for _, key in ipairs(keys) do local value = \
             redis.call('GET', key) redis.call('SET', key, {how}) end return #keys"
        );
        let count = redis_cli(port, &["-a", PASSWORD, "EVAL", &script, "0"]);
        assert!(count.trim().parse::<u32>().unwrap() > 0);
    };
    let wrong = |server: &Server| server.metric("stringendo_cache_wrong_values_total", &[]);
    for how in ["'x'", "string.char((string.byte(value, 1) + 1) % 256) .. string.sub(value, 2)"] {
        spoil(how);
        server.restart();
        assert_equal_to_recorded(&server, "with a poisoned cache");
        assert!(wrong(&server) > 0.0, "{how}");
        let remade = server.metric("stringendo_block_filters_absent_total", &[]);
        assert_eq!(remade, 0.0, "filters were read from the store");
        assert_eq!(server.metric("stringendo_damaged_block_reads_total", &[]), 0.0);
        wait_until_written(&server);
        server.restart();
        assert_equal_to_recorded(&server, "with a mended cache");
        assert_eq!(wrong(&server), 0.0, "{how}");
        assert!(hits(&server) > 0.0, "{how}");
    }
}

/// Files of a certificate authority of the test's own, and of a server and a client that it knows.
struct Certificates(tempfile::TempDir);

impl Certificates {
    fn make() -> Self {
        let files = Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        let names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
        files.openssl("req -x509 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt");
        for who in ["server", "client"] {
            let key = format!("{who}.key");
            files.openssl(&format!("req -new -nodes -subj /CN={who} -keyout {key} -out {who}.csr"));
            std::fs::write(files.0.path().join("names"), names).unwrap();
            files.openssl(&format!(
                "x509 -req -days 2 -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names \
                 -in {who}.csr -out {who}.crt"
            ));
        }
        files
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace()).current_dir(self.0.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// A Redis that talks TLS alone, with clients that it knows.
    fn redis(&self) -> CacheServer {
        CacheServer::start(|port| {
            let mut command = Command::new("redis-server");
            command.args(["--port", "0", "--tls-port", &port.to_string(), "--save", ""]);
            command.args(["--tls-ca-cert-file", &self.path("ca.crt")]);
            command.args(["--tls-cert-file", &self.path("server.crt")]);
            command.args(["--tls-key-file", &self.path("server.key")]);
            command.args(["--dir", env!("CARGO_TARGET_TMPDIR"), "--bind", "127.0.0.1"]);
            command
        })
    }

    /// The same for a memcached.
    fn memcached(&self) -> CacheServer {
        CacheServer::start(|port| {
            let mut command = Command::new("memcached");
            let (certificate, key) = (self.path("server.crt"), self.path("server.key"));
            let known = format!("ssl_ca_cert={},ssl_verify_mode=2", self.path("ca.crt"));
            let tls = format!("ssl_chain_cert={certificate},ssl_key={key},{known}");
            // The files are the user's own.
            command.args(["-l", "127.0.0.1", "-p", &port.to_string(), "-U", "0", "-u", "root"]);
            command.args(["-m", "64", "-Z", "-o", &tls]);
            command
        })
    }

    /// Options for a cache, such as `redis: {endpoint: e`, with `more` of them behind.
    fn options(&self, cache: &str, more: &str) -> Options {
        let (certificate, key) = (self.path("client.crt"), self.path("client.key"));
        options(&format!(
            "{cache}, tls_enabled: true, timeout: 10s, tls_cert_path: {certificate}, \
             tls_key_path: {key}, {more}}}"
        ))
    }

    /// Fills a cache, and gives a server that has read through it.
    fn assert_serves_those_who_know_each_other(&self, cache: &str) -> Server {
        let mut server =
            filled(self.options(cache, &format!("tls_ca_path: {}", self.path("ca.crt"))));
        assert_equal_to_recorded(&server, "read through TLS");
        assert!(hits(&server) > 0.0);
        self.assert_hits(&mut server, cache, "tls_insecure_skip_verify: true", true);
        // Without the authority the server is a stranger.
        self.assert_hits(&mut server, cache, "ttl: 1h", false);
        assert!(server.log().contains("a cache fails"), "it says so");
        server
    }

    fn assert_hits(&self, server: &mut Server, cache: &str, more: &str, has_hits: bool) {
        server.options = self.options(cache, more);
        server.restart();
        assert_equal_to_recorded(server, more);
        assert_eq!(hits(server) > 0.0, has_hits, "{more}");
    }

    fn assert_refuses_to_start_without_its_file(&self, server: &mut Server, cache: &str) {
        server.options = self.options(cache, "tls_ca_path: /nowhere");
        assert!(server.terminate().success());
        server.spawn();
        assert!(!server.wait_for_exit().success());
        assert!(server.log().contains("/nowhere"), "a file that is missing is named");
    }
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn redis_over_tls_serves_those_who_know_each_other() {
    let certificates = Certificates::make();
    let redis = certificates.redis();
    let cache = format!("redis: {{endpoint: '127.0.0.1:{}'", redis.port);
    let mut server = certificates.assert_serves_those_who_know_each_other(&cache);
    certificates.assert_refuses_to_start_without_its_file(&mut server, &cache);
}

#[test]
#[ignore = "needs memcached: cargo xtask test"]
fn memcached_over_tls_serves_those_who_know_each_other() {
    let certificates = Certificates::make();
    let memcached = certificates.memcached();
    let cache = format!("memcached: {{addresses: '127.0.0.1:{}'", memcached.port);
    let mut server = certificates.assert_serves_those_who_know_each_other(&cache);
    let ca = format!("tls_ca_path: {}", certificates.path("ca.crt"));
    for (more, has_hits) in [
        ("tls_server_name: localhost", true),
        ("tls_server_name: somebody.else", false),
        ("tls_min_version: VersionTLS13", true),
    ] {
        certificates.assert_hits(&mut server, &cache, &format!("{ca}, {more}"), has_hits);
    }
    let by_name = format!("memcached: {{host: localhost, service: '{}'", memcached.port);
    certificates.assert_hits(&mut server, &by_name, &ca, true);
    certificates.assert_refuses_to_start_without_its_file(&mut server, &cache);
}

/// A master, a server that follows it, and a Sentinel that watches them.
struct Watched {
    master: CacheServer,
    follower: CacheServer,
    sentinel: CacheServer,
    _dir: tempfile::TempDir,
}

const SENTINEL_PASSWORD: &str = "who watches";

impl Watched {
    fn start() -> Self {
        let (master, dir) = (CacheServer::redis(), tempfile::tempdir().unwrap());
        let of_master = format!("127.0.0.1 {}", master.port);
        let follower = CacheServer::start(|port| {
            let mut command = CacheServer::redis_command(port);
            command.args(["--replicaof", "127.0.0.1", &master.port.to_string()]);
            // What it is sent goes through a file, which no other server may find.
            command.args(["--masterauth", PASSWORD, "--dir"]).arg(dir.path());
            command
        });
        let sentinel = CacheServer::start(|port| {
            let path = dir.path().join("sentinel.conf");
            let lines = [
                format!("port {port}"),
                "bind 127.0.0.1".to_owned(),
                format!("requirepass \"{SENTINEL_PASSWORD}\""),
                format!("sentinel monitor the-cache {of_master} 1"),
                format!("sentinel auth-pass the-cache \"{PASSWORD}\""),
                "sentinel down-after-milliseconds the-cache 500".to_owned(),
                "sentinel failover-timeout the-cache 3000".to_owned(),
            ];
            std::fs::write(&path, lines.join("\n")).unwrap();
            let mut command = Command::new("redis-server");
            command.arg(path).arg("--sentinel");
            command
        });
        let watched = Self { master, follower, sentinel, _dir: dir };
        wait::until("the Sentinel knows both, and the follower has everything", || {
            let info = redis_cli(watched.follower.port, &["-a", PASSWORD, "info", "replication"]);
            let known = watched.ask_sentinel(&["info", "sentinel"]);
            (info.contains("master_link_status:up") && known.contains("slaves=1")).then_some(())
        });
        watched
    }

    fn ask_sentinel(&self, question: &[&str]) -> String {
        redis_cli(self.sentinel.port, &[&["-a", SENTINEL_PASSWORD], question].concat())
    }
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn the_master_that_a_sentinel_names_is_used_and_after_a_failover_the_other_one() {
    let mut watched = Watched::start();
    let port = watched.sentinel.port;
    let mut server = filled(options(&format!(
        "redis: {{endpoint: '127.0.0.1:{port}', master_name: the-cache, timeout: 10s, \
         password: '{PASSWORD}', sentinel_password: '{SENTINEL_PASSWORD}'}}"
    )));
    assert_equal_to_recorded(&server, "read from the master");
    assert!(hits(&server) > 0.0);
    watched.master.kill();
    let name = ["sentinel", "get-master-addr-by-name", "the-cache"];
    wait::until("the follower is the master", || {
        watched.ask_sentinel(&name).contains(&watched.follower.port.to_string()).then_some(())
    });
    let taken = [("method", "RedisCache.Put"), ("status_code", "200")];
    let taken =
        |server: &Server| server.metric("tempo_rediscache_request_duration_seconds_count", &taken);
    let before = taken(&server);
    wait::until("the new master takes values", || {
        send_over_http(&server);
        server.flush();
        assert_equal_to_recorded(&server, "while the master changes");
        (taken(&server) > before).then_some(())
    });
    server.restart();
    assert_equal_to_recorded(&server, "read from the new master");
    assert!(hits(&server) > 0.0);
}

/// Three nodes of a cluster.
fn redis_cluster(dir: &std::path::Path) -> Vec<CacheServer> {
    let node = |number: usize| {
        CacheServer::start(|port| {
            // Its second port is found as the first one is.
            let bus = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
            let home = dir.join(number.to_string());
            std::fs::create_dir(&home).unwrap();
            let mut command = Command::new("redis-server");
            command.args(["--port", &port.to_string(), "--cluster-port", &bus.to_string()]);
            command.args(["--cluster-enabled", "yes", "--cluster-node-timeout", "60000"]);
            command.args(["--bind", "127.0.0.1", "--save", "", "--dir"]).arg(home);
            command
        })
    };
    let nodes: Vec<CacheServer> = (0..3).map(node).collect();
    let addresses: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let mut create = vec!["--cluster", "create"];
    create.extend(addresses.iter().map(String::as_str));
    create.push("--cluster-yes");
    redis_cli(nodes[0].port, &create);
    for node in &nodes {
        wait::until("the cluster is whole", || {
            let info = redis_cli(node.port, &["cluster", "info"]);
            info.contains("cluster_state:ok").then_some(())
        });
    }
    nodes
}

#[test]
#[ignore = "needs redis-server: cargo xtask test"]
fn the_nodes_of_a_redis_cluster_share_what_was_read() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut nodes = redis_cluster(dir.path());
    // The others are found by those that are named.
    let known: Vec<_> = nodes[..2].iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
    let endpoint = known.join(",");
    let server = filled(options(&format!("redis: {{endpoint: '{endpoint}', timeout: 10s}}")));
    let keys = nodes.iter().map(|node| redis_cli(node.port, &["dbsize"]));
    let keys: Vec<u64> = keys.map(|count| count.trim().parse().unwrap()).collect();
    // With few keys one node may have none.
    let sharing = keys.iter().filter(|keys| **keys > 0).count();
    assert!(sharing > 1, "nodes share the keys: {keys:?}");
    assert_equal_to_recorded(&server, "read through a cluster");
    assert!(hits(&server) > 0.0);
    drop(server);
    nodes[2].kill();
    let server = Server::start(options(&format!("redis: {{endpoint: '{endpoint}', timeout: 1s}}")));
    send_over_http(&server);
    server.flush();
    assert_equal_to_recorded(&server, "with a node less");
}
