//! Processes that keep the blocks of others: `-target=backend-worker` beside servers that take
//! spans and neither merge nor delete, all with the same configuration file.

#[path = "common/bucket.rs"]
mod bucket;
mod common;

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bucket::{Bucket, is};
use common::{Options, Server, http, load, spans, wait};
use stringendo_teststores::{Fault, Proxy};

/// Servers leave blocks alone; whoever does not merges them as soon as there are two.
const EAGER: &str = "\
compactor:
  disabled: true
  compaction: {compaction_cycle: 200ms, compacted_block_retention: 3s}
backend_scheduler: {provider: {retention: {interval: 1s}}}
query_frontend: {query_end_cutoff: 0s}
";

/// The same, and blocks expire at once.
const SHORT_LIVED: &str = "\
compactor:
  disabled: true
  compaction: {compaction_cycle: 200ms, block_retention: 4s, compacted_block_retention: 1s}
backend_scheduler: {provider: {retention: {interval: 1s}}}
query_frontend: {query_end_cutoff: 0s}
";

/// Blocks of several tenants.
const MULTI_TENANT: &str = "\
multitenancy_enabled: true
compactor:
  disabled: true
  compaction: {compaction_cycle: 200ms, compaction_window: 8h}
query_frontend: {query_end_cutoff: 0s}
";

fn options(bucket: &Bucket, more_yaml: &'static str) -> Options {
    Options { budget_mib: 256, segment_mib: 2, block_age: "1s", more_yaml, ..bucket.options() }
}

/// The options of a server for a process that keeps its blocks.
fn worker(of: Options, target: &str) -> Options {
    let target = format!("-target={target}");
    Options { arguments: vec![target, "-compactor.disabled=false".to_owned()], ..of }
}

fn is_keeper(worker: &Server) -> bool {
    worker.metric("stringendo_compaction_keeper", &[]) == 1.0
}

fn merged(worker: &Server) -> f64 {
    worker.metric("tempodb_compaction_blocks_total", &[])
}

/// What was sent to two servers.
#[derive(Default)]
struct Sent {
    ledgers: Vec<PathBuf>,
    spans: u64,
}

impl Sent {
    fn send(&mut self, servers: &[Server], time: Duration) {
        for server in servers {
            let ledger = load::ledger(server, &format!("round-{}", self.ledgers.len()));
            self.spans += load::send_all(load::options(server, &ledger, time));
            self.ledgers.push(ledger);
        }
    }

    /// Every server serves every span once.
    fn assert_served_by(&self, servers: &[Server]) {
        for server in servers {
            wait::until("every span is there once", || {
                (load::spans_counted(server) == self.spans as f64).then_some(())
            });
            for ledger in &self.ledgers {
                load::assert_all_there(server, ledger, Some(load::SAMPLE));
            }
        }
    }
}

#[test]
fn a_worker_merges_what_others_write_and_every_span_stays_there_once() {
    let bucket = Bucket::new();
    let servers = [(); 2].map(|()| Server::start(options(&bucket, EAGER)));
    let mut worker = Server::start(worker(options(&bucket, EAGER), "backend-worker"));
    let mut sent = Sent::default();
    for _ in 0..2 {
        sent.send(&servers, Duration::from_millis(500));
    }
    servers.iter().for_each(Server::flush);
    bucket.wait_until_merged();
    sent.assert_served_by(&servers);
    assert!(is_keeper(&worker) && merged(&worker) >= 2.0);
    assert!(worker.metric("tempodb_retention_deleted_total", &[]) >= 2.0);
    assert_eq!(worker.metric("tempodb_compaction_errors_total", &[]), 0.0);
    for server in &servers {
        assert!(!is_keeper(server));
        assert_eq!(
            (merged(server), server.metric("tempodb_retention_deleted_total", &[])),
            (0., 0.)
        );
    }
    assert!(worker.terminate().success());
}

#[test]
fn a_worker_that_is_killed_is_followed_by_the_next_one_and_nothing_is_lost_or_doubled() {
    let bucket = Bucket::new();
    let servers = [(); 2].map(|()| Server::start(options(&bucket, EAGER)));
    let targets = ["compactor", "backend-scheduler"];
    let mut workers = targets.map(|target| Server::start(worker(options(&bucket, EAGER), target)));
    let mut sent = Sent::default();
    for round in 0..3 {
        let keeper =
            wait::until("one of them keeps the blocks", || workers.iter().position(is_keeper));
        let before = merged(&workers[keeper]);
        sent.send(&servers, Duration::from_millis(500));
        // At the latest when it has done something it may be at work.
        wait::until("it merges", || (merged(&workers[keeper]) > before).then_some(()));
        wait::pause(Duration::from_millis(round * 137));
        workers[keeper].kill9();
        let other = 1 - keeper;
        wait::until("the other one follows", || is_keeper(&workers[other]).then_some(()));
        workers[keeper].start_again();
    }
    servers.iter().for_each(Server::flush);
    bucket.wait_until_merged();
    sent.assert_served_by(&servers);
    assert_eq!(bucket.unfinished_uploads(), Vec::<String>::new());
}

#[test]
fn a_worker_deletes_in_the_bucket_what_has_expired() {
    let bucket = Bucket::new();
    let server = [Server::start(options(&bucket, SHORT_LIVED))];
    Sent::default().send(&server, Duration::from_millis(500));
    server[0].flush();
    assert!(!bucket.objects("data.parquet").is_empty());
    let worker = Server::start(worker(options(&bucket, SHORT_LIVED), "backend-worker"));
    wait::until("the bucket is empty", || bucket.blocks().is_empty().then_some(()));
    assert_eq!(worker.metric("tempodb_retention_errors_total", &[]), 0.0);
    wait::until("the server knows it", || (load::spans_counted(&server[0]) == 0.0).then_some(()));
}

#[test]
fn a_worker_answers_what_it_is_asked_of_itself_and_refuses_spans_and_queries() {
    let bucket = Bucket::new();
    let mut worker = Server::start(worker(options(&bucket, EAGER), "compactor"));
    let status = worker.get("/status/config").ok();
    assert!(status.text().contains("\ntarget: backend-worker\n"), "{}", status.text());
    assert!(worker.get("/metrics").ok().text().contains("tempodb_blocklist_poll_duration_seconds"));
    assert!(worker.get("/status/services").ok().text().contains("Running"));
    for path in ["/api/search?q={}", "/api/traces/1", "/api/v2/search/tags"] {
        let answer = worker.get(path);
        assert_eq!(answer.status, 501);
        let why = "target backend-worker answers no queries: ask a process with target all\n";
        assert_eq!(answer.text(), why);
    }
    for port in [worker.ports.otlp_grpc, worker.ports.otlp_http] {
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "port {port} is open");
    }
    assert_eq!(log_files(&worker), Vec::<String>::new());
    worker.flush();
    let answer = http::send("POST", &worker.api_url("/shutdown"), &[], b"");
    assert_eq!(answer.ok().text(), "shutdown job acknowledged");
    assert!(worker.wait_for_exit().success());
}

/// Files of the log, whatever their state.
fn log_files(server: &Server) -> Vec<String> {
    let entries = std::fs::read_dir(server.dir().join("wal")).expect("a directory").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains(".wal") || name.contains(".free")).collect()
}

#[test]
fn a_worker_that_ends_in_order_leaves_nothing_half_done_and_makes_room_for_the_next_one() {
    let bucket = Bucket::new();
    let server = Server::start(options(&bucket, EAGER));
    for number in 0..2 {
        server.export(http::X_PROTOBUF, &spans::numbered(number)).ok();
        server.flush();
    }
    let slow = Fault::Slow(Duration::from_millis(300));
    bucket.proxy.spoil(usize::MAX, slow, is("GET", "data.parquet"));
    let mut worker = Server::start(worker(options(&bucket, EAGER), "backend-worker"));
    wait::until("it is at work", || {
        (worker.metric("tempo_backend_scheduler_jobs_active", &[]) == 1.0).then_some(())
    });
    let keeper = bucket.path().join("some/prefix/stringendo-keeper.json");
    assert!(keeper.exists());
    assert!(worker.terminate().success());
    assert!(worker.log().contains("reason=stopping"), "{}", worker.log());
    assert_eq!((bucket.blocks().len(), bucket.objects("meta.json").len()), (2, 2));
    let notes = std::fs::read_dir(worker.dir().join("wal/compaction")).expect("a directory");
    assert_eq!(notes.count(), 0);
    assert!(!keeper.exists(), "the place is free");
}

/// A server with a live segment of which one of two tenants has its block, beside an older one, and
/// the other one does not get it: writes fail until the proxy heals.
struct HalfStored {
    server: Server,
    /// The one that has its block.
    tenant: String,
    flush: JoinHandle<Result<http::Answer, ureq::Error>>,
}

impl HalfStored {
    const TENANTS: [&str; 2] = ["alpha", "beta"];

    fn new(bucket: &Bucket) -> Self {
        let server = Server::start(Options { block_age: "1h", ..options(bucket, MULTI_TENANT) });
        let send = |number| {
            for tenant in Self::TENANTS {
                let headers = [("Content-Type", http::X_PROTOBUF), ("X-Scope-OrgID", tenant)];
                server.export_with(&headers, &spans::numbered(number)).ok();
            }
        };
        send(1);
        server.flush();
        send(2);
        let first = let_one_tenant_through(bucket);
        let url = server.api_url("/flush");
        let flush = wait::aside(move || http::try_send("POST", &url, &[], b""));
        let tenant = wait::until("one tenant has its block", || {
            let tenant = first.lock().expect("no test panics here").clone()?;
            (live_blocks(bucket, &tenant) == 2).then_some(tenant)
        });
        Self { server, tenant, flush }
    }

    /// A worker that asks for the store at another address than the server.
    fn worker_at(&self, address: SocketAddr) -> Server {
        let s3 = bucket::s3_yaml(address, 4);
        let blocks = Some(format!("backend: s3\n    blocklist_poll: 1s\n{s3}"));
        Server::start(worker(Options { blocks, ..self.server.options.clone() }, "backend-worker"))
    }

    fn spans(&self, tenant: &str) -> f64 {
        load::spans_counted_as(&self.server, &[("X-Scope-OrgID", tenant)])
    }
}

fn live_blocks(bucket: &Bucket, tenant: &str) -> usize {
    let blocks = std::fs::read_dir(bucket.path().join("some/prefix").join(tenant));
    let blocks = blocks.into_iter().flatten().flatten();
    blocks.filter(|block| block.path().join("meta.json").exists()).count()
}

#[test]
fn spans_count_once_while_their_segment_is_live_and_a_worker_has_merged_their_block() {
    let bucket = Bucket::new();
    let half = HalfStored::new(&bucket);
    let worker = half.worker_at(bucket.server_address());
    wait::until("it merges", || (merged(&worker) == 2.0).then_some(()));
    wait::until("the server has seen it", || {
        half.server.log().contains("merged blocks wait for the next poll").then_some(())
    });
    for _ in 0..3 {
        let counted = || Some(half.spans(&half.tenant)).filter(|spans| *spans >= 2.0);
        assert_eq!(wait::until("both count", counted), 2.0);
        wait::pause(Duration::from_millis(400));
    }
    bucket.proxy.heal();
    wait::until("it serves the merged block", || {
        let labels = [("tenant", half.tenant.as_str())];
        (half.server.metric("tempodb_blocklist_length", &labels) == 1.0).then_some(())
    });
    assert_eq!(HalfStored::TENANTS.map(|tenant| half.spans(tenant)), [2.0, 2.0]);
    half.flush.join().expect("no panic").expect("an answer");
}

#[test]
fn spans_count_once_after_a_crash_between_their_block_and_the_mark_that_it_was_merged() {
    let bucket = Bucket::new();
    let mut half = HalfStored::new(&bucket);
    let proxy = Proxy::start(bucket.server_address());
    proxy.spoil(usize::MAX, Fault::Status(503), is("PUT", "meta.compacted.json"));
    let mut worker = half.worker_at(proxy.address());
    wait::until("what it has merged is there", || {
        (live_blocks(&bucket, &half.tenant) == 3).then_some(())
    });
    half.server.kill9();
    worker.kill9();
    bucket.proxy.heal();
    let blocks = half.server.options.blocks.as_mut().expect("a store");
    *blocks = blocks.replace("poll: 1s", "poll: 1h");
    half.server.start_again();
    half.server.flush();
    for tenant in HalfStored::TENANTS {
        let counted = || Some(half.spans(tenant)).filter(|spans| *spans >= 2.0);
        assert_eq!(wait::until("both count", counted), 2.0);
    }
}

/// From now on writes fail, but for those of rows of the tenant that is the first to write some.
fn let_one_tenant_through(bucket: &Bucket) -> Arc<Mutex<Option<String>>> {
    let lucky = Arc::new(Mutex::new(None));
    let known = Arc::clone(&lucky);
    bucket.proxy.spoil(usize::MAX, Fault::Status(503), move |request| {
        let Some((path, _)) = request.target.split_once("/data.parquet") else { return false };
        let tenant = path.split('/').rev().nth(1).unwrap_or_default().to_owned();
        let mut lucky = known.lock().expect("no test panics here");
        request.method == "PUT" && *lucky.get_or_insert_with(|| tenant.clone()) != tenant
    });
    lucky
}

#[test]
fn what_a_server_has_acknowledged_becomes_blocks_even_if_it_is_a_worker_now() {
    let bucket = Bucket::new();
    let mut server = Server::start(Options { block_age: "1h", ..options(&bucket, EAGER) });
    server.export(http::X_PROTOBUF, &spans::numbered(3)).ok();
    server.kill9();
    server.options = worker(server.options.clone(), "backend-worker");
    server.start_again();
    wait::until("its spans are in a block", || {
        (bucket.objects("meta.json").len() == 1).then_some(())
    });
    let reader = Server::start(options(&bucket, EAGER));
    assert_eq!(reader.search(&[("q", "{}")]).len(), 1);
}

#[test]
fn a_worker_without_an_object_store_does_not_start() {
    let local = worker(Options::default(), "backend-worker");
    let mut worker = Server::prepare(local);
    worker.spawn();
    assert_eq!(worker.wait_for_exit().code(), Some(1));
    let log = worker.log();
    assert!(log.contains("failed parsing config: flag -target: `target`: "), "{log}");
    assert!(log.contains("needs them in an object store"), "{log}");
}
