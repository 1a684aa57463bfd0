//! A real engine on real files, one executor per core.
#![allow(dead_code, reason = "every test file uses its own part of this")]

pub mod canonical;
pub mod golden;
pub mod keeping;
pub mod spread;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use stringendo_engine::settings::{
    BackendSettings, BlockSettings, CompactionSettings, RetentionSettings,
};
use stringendo_engine::{
    Durability, EngineSettings, Limits, LimitsSource, Node, SearchRequest, TenantId, TenantLimits,
    TraceRequest, boot,
};
use stringendo_proto::TraceId;
use stringendo_proto::otlp::TracesData;
use stringendo_proto::tempopb::TraceSearchMetadata;
use stringendo_ring::{Clock, RingOptions};
use uuid::Uuid;

/// Settings over a directory of the test's own.
pub fn settings(dir: &Path) -> EngineSettings {
    let limits = TenantLimits { trace_bytes_max: 0, ..TenantLimits::default() };
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
        limits: LimitsSource::fixed(Limits::of_all(limits)),
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
        // Only when a test wants it.
        compaction: CompactionSettings {
            cycle: Duration::from_secs(24 * 3600),
            ..CompactionSettings::default()
        },
        retention: RetentionSettings {
            block_retention: Duration::from_secs(100 * 365 * 24 * 3600),
            ..RetentionSettings::default()
        },
    }
}

/// Runs `body` on core 0 of a started engine with `cores` cores; returns when it has ended.
pub fn with_engine<F, Fut>(cores: u16, settings: EngineSettings, body: F)
where
    F: Fn(Node) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    with_engine_at(Clock::System, cores, settings, body);
}

/// The same with another clock.
pub fn with_engine_at<F, Fut>(clock: Clock, cores: u16, settings: EngineSettings, body: F)
where
    F: Fn(Node) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let options = RingOptions { cores, pin: false, mesh_lane_messages: 128 };
    let settings = Arc::new(settings);
    let done = Arc::new(AtomicBool::new(false));
    stringendo_ring::run(&options, move |context| {
        let (settings, done, body) = (Arc::clone(&settings), Arc::clone(&done), body.clone());
        async move {
            let first = context.id.0 == 0;
            let booted = boot::start(context, settings, clock).await.map_err(text)?;
            boot::recover(&booted.node).await.map_err(text)?;
            if first {
                while booted.node.ready().await.is_err() {
                    stringendo_ring::sleep(Duration::from_millis(5)).await;
                }
                body(booted.node.clone()).await;
                done.store(true, Ordering::SeqCst);
            }
            while !done.load(Ordering::SeqCst) {
                stringendo_ring::sleep(Duration::from_millis(5)).await;
            }
            Ok::<(), String>(())
        }
    })
    .expect("engine runs");
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Where a file or directory under `tests/data` is.
pub fn data_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(name)
}

/// Waits until something is so.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        stringendo_ring::sleep(Duration::from_millis(10)).await;
    }
    panic!("still waiting: {what}");
}

/// Bytes of a file under `tests/data`.
pub fn data(name: &str) -> Bytes {
    let path = data_path(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}

/// The requests of the small corpus.
pub fn corpus() -> Vec<Bytes> {
    requests("corpus-small.otlp.pb")
}

/// The requests that the golden answers are about.
pub fn golden_corpus() -> Vec<Bytes> {
    requests("golden/golden.otlp.pb")
}

fn requests(name: &str) -> Vec<Bytes> {
    let all = data(name);
    let requests = stringendo_proto::wire::delimited(&all);
    requests.map(|request| all.slice_ref(request.expect("well-formed"))).collect()
}

/// A request for everything that is known of a trace.
pub fn everywhere(trace_id: TraceId) -> TraceRequest {
    TraceRequest {
        trace_id,
        time_hint_unix_nanos: None,
        live: true,
        blocks: Some((Uuid::nil(), Uuid::max())),
    }
}

/// A search for every trace, with all its matching spans.
pub fn search_request(query: &str) -> SearchRequest {
    let plan = stringendo_traceql::compile_search(query);
    SearchRequest {
        plan: Arc::new(plan.unwrap_or_else(|error| panic!("{query}: {error}"))),
        start_unix_nanos: 0,
        end_unix_nanos: u64::MAX,
        limit: 1000,
        spans_per_span_set: 0,
    }
}

/// Every trace that a query finds, with all its matching spans.
pub async fn search_all(node: &Node, query: &str) -> Vec<TraceSearchMetadata> {
    let answer = node.search(&TenantId::single(), search_request(query)).await;
    answer.expect("an answer").value.traces
}

/// What Tempo answered for each trace of the corpus.
pub fn recorded() -> Vec<(TraceId, TracesData)> {
    let lines = data("blocks/vparquet5.traces.jsonl");
    let lines = std::str::from_utf8(&lines).expect("text").lines();
    lines
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let id = TraceId::parse_hex(line["traceID"].as_str().expect("id")).expect("hex");
            let body = serde_json::to_vec(&line["body"]).expect("JSON");
            (id, stringendo_proto::api_json::parse_trace(&body).expect("a trace"))
        })
        .collect()
}
