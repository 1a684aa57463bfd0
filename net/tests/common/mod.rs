//! A real server on real sockets and files, and clients that speak to it from one of its cores.
#![allow(dead_code, missing_docs, reason = "each test file uses its part")]

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use stringendo_engine::settings::{
    BackendSettings, BlockSettings, CompactionSettings, RetentionSettings,
};
use stringendo_engine::{
    Durability, EngineSettings, Limits, LimitsSource, Node, TenantLimits, boot,
};
use stringendo_net::{
    ApiServer, ApiSettings, BuildInfo, GrpcReceiver, HttpReceiver, MetricsSettings, QueryGrpc,
    ReceiverServer, ReceiverSettings, SearchSettings, StatusPages, StopTrigger, TenantSettings,
    stop_signal,
};
use stringendo_ring::{Class, Clock, RingOptions, sleep, spawn, spawn_detached};

pub mod grpc;
pub mod http;
pub mod spans;

/// What a test's body gets.
#[derive(Clone)]
pub struct Server {
    pub api: SocketAddr,
    /// Queries over gRPC.
    pub queries: SocketAddr,
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    pub node: Node,
    /// `/shutdown` was called.
    pub shutdown_requested: Arc<AtomicBool>,
}

/// What tests change.
#[derive(Clone)]
pub struct Settings {
    pub engine: EngineSettings,
    pub api: ApiSettings,
    pub receivers: ReceiverSettings,
}

fn engine_settings(dir: &Path) -> EngineSettings {
    EngineSettings {
        wal_path: dir.join("wal"),
        backend: BackendSettings::Local(dir.join("blocks")),
        poll: Default::default(),
        durability: Durability::Sync,
        segment_bytes: 8 << 20,
        budget_bytes_per_core: 256 << 20,
        block_bytes_max: 4 << 20,
        block_age_max: Duration::from_secs(3600),
        retry_after: Some(Duration::from_secs(5)),
        trace_idle: Duration::from_secs(5),
        limits: LimitsSource::fixed(Limits::of_all(TenantLimits::default())),
        discard_log: Default::default(),
        user_limits: None,
        blocklist_poll: Duration::from_secs(300),
        query_bytes_max: 0,
        outer_caches: Default::default(),
        block: BlockSettings {
            version: stringendo_block::Version::V5,
            dedicated_columns: stringendo_block::meta::default_dedicated_columns(),
            bloom_false_positive: 0.01,
            bloom_shard_bytes: 102_400,
            row_group_bytes: 100_000_000,
        },
        // Only where it is looked at.
        compaction: CompactionSettings { disabled: true, ..CompactionSettings::default() },
        retention: RetentionSettings::default(),
    }
}

/// An address that nobody listens on. Cores must share a port, so the system cannot choose it. Each
/// is given out once: the system may offer a port again, and two servers that share it (which
/// `SO_REUSEPORT` allows) would get each other's connections.
fn free_address() -> SocketAddr {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        if GIVEN.lock().expect("no test panics here").insert(address.port()) {
            return address;
        }
    }
}

/// Limits that all tenants have, changed.
pub fn limits(change: impl FnOnce(&mut TenantLimits)) -> LimitsSource {
    let mut limits = TenantLimits::default();
    change(&mut limits);
    LimitsSource::fixed(Limits::of_all(limits))
}

fn settings(dir: &Path) -> Settings {
    let api = ApiSettings {
        addresses: vec![free_address()],
        api_prefix: String::new(),
        path_prefix: String::new(),
        tenant: TenantSettings::default(),
        multi_tenant_queries: true,
        grpc: QueryGrpc { addresses: vec![free_address()], ..QueryGrpc::default() },
        grpc_over_http: true,
        search: SearchSettings::default(),
        metrics: MetricsSettings::default(),
        connections_max: 0,
        read_timeout: Duration::from_secs(30),
        idle_timeout: Duration::from_secs(120),
        no_queries: None,
        query_timeout: Duration::ZERO,
        outstanding_max: 2000,
        denied_urls: regex::RegexSet::empty(),
        grace: Duration::from_secs(5),
    };
    let receivers = ReceiverSettings {
        otlp_grpc: vec![GrpcReceiver {
            addresses: vec![free_address()],
            message_bytes_max: 4 << 20,
            streams_max: 0,
        }],
        otlp_http: vec![HttpReceiver {
            addresses: vec![free_address()],
            body_bytes_max: 1 << 20,
            traces_path: "/v1/traces".to_owned(),
            cors: None,
        }],
        grace: Duration::from_secs(5),
        ..ReceiverSettings::default()
    };
    Settings { engine: engine_settings(dir), api, receivers }
}

fn pages() -> StatusPages {
    StatusPages {
        build: BuildInfo { version: "9.8.7".to_owned(), ..BuildInfo::default() },
        config_yaml: "target: all\n".to_owned(),
        config_defaults_yaml: "target: defaults\n".to_owned(),
        config_diff_yaml: "target: diff\n".to_owned(),
    }
}

/// Runs `body` on core 0 of a server with `cores` cores; returns when the server has stopped.
pub fn with_server<F, Fut>(cores: u16, change: fn(&mut Settings), body: F)
where
    F: Fn(Server) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let mut settings = settings(dir.path());
    change(&mut settings);
    let settings = Arc::new(settings);
    let done = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicBool::new(false));
    let options = RingOptions { cores, pin: false, mesh_lane_messages: 128 };
    let outcome = stringendo_ring::run(&options, move |context| {
        let (settings, done, body) = (Arc::clone(&settings), Arc::clone(&done), body.clone());
        let asked = Arc::clone(&asked);
        async move {
            let is_first = context.id.0 == 0;
            let engine = Arc::new(settings.engine.clone());
            let booted = boot::start(context, engine, Clock::System).await.map_err(text)?;
            let node = booted.node.clone();
            let (server, trigger, served) = start(&settings, &node, &asked).await?;
            if is_first {
                while node.ready().await.is_err() {
                    sleep(Duration::from_millis(5)).await;
                }
                body(server).await;
                done.store(true, Ordering::SeqCst);
            }
            while !done.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(5)).await;
            }
            trigger.stop();
            served.await;
            Ok::<(), String>(())
        }
    });
    outcome.expect("server runs");
}

async fn start(
    settings: &Settings,
    node: &Node,
    asked: &Arc<AtomicBool>,
) -> Result<(Server, StopTrigger, stringendo_ring::JoinHandle<()>), String> {
    let (trigger, signal) = stop_signal();
    // Any core may get the request.
    let shutdown_requested = Arc::clone(asked);
    let on_shutdown = Arc::clone(asked);
    let api = ApiServer::bind(settings.api.clone()).map_err(text)?;
    spawn_detached(
        Class::Query,
        api.run(
            node.clone(),
            Rc::new(pages()),
            Rc::new(move || on_shutdown.store(true, Ordering::SeqCst)),
            signal.clone(),
        ),
    );
    boot::recover(node).await.map_err(text)?;
    let receivers = ReceiverServer::bind(settings.receivers.clone()).map_err(text)?;
    let served = spawn(Class::Ack, receivers.run(node.clone(), signal));
    let server = Server {
        api: settings.api.addresses[0],
        queries: settings.api.grpc.addresses[0],
        grpc: settings.receivers.otlp_grpc[0].addresses[0],
        http: settings.receivers.otlp_http[0].addresses[0],
        node: node.clone(),
        shutdown_requested,
    };
    Ok((server, trigger, served))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Bytes of a file under `tests/data`.
pub fn data(name: &str) -> Bytes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}
