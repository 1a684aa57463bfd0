//! What finding, checking, counting and cutting spans costs: the twin of `proto/src/walk.rs`,
//! `engine/src/trace_count.rs` and `proto/src/cut.rs`, beside a full decode.
//!
//! `cargo run --release -p stringendo-benches --bin walk`. Each figure is the best of many rounds,
//! so that other load on the machine shows little.

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use prost::Message;
use stringendo_engine::trace_count::TraceCounter;
use stringendo_proto::TraceId;
use stringendo_proto::cut::cut;
use stringendo_proto::otlp::{
    AnyValue, InstrumentationScope, KeyValue, Resource, ResourceSpans, ScopeSpans, Span,
    TracesData, Value,
};
use stringendo_proto::walk::{BatchIndex, WalkLimits, walk};

const SPANS: usize = 1000;
const OWNERS: usize = 8;
const ROUNDS: usize = 2000;
const LIMITS: WalkLimits = WalkLimits { value_depth_max: 16, attribute_bytes_max: 2048 };

fn main() {
    let batch = batch();
    let mut index = BatchIndex::default();
    walk(&batch, &LIMITS, &mut index).expect("the batch is valid");
    let span_bytes: usize = index.spans.iter().map(|span| span.body.len as usize).sum();
    println!("{} spans of {} bytes and 15 attributes", SPANS, span_bytes / SPANS);
    report("walk", ROUNDS, || {
        black_box(walk(black_box(&batch), &LIMITS, &mut index)).expect("the batch is valid");
    });
    let mut counter = TraceCounter::default();
    report("count traces", ROUNDS, || {
        black_box(counter.count(black_box(&index.spans)));
    });
    report("cut by 8 owners", ROUNDS, || {
        black_box(cut(black_box(&batch), &index, OWNERS, owner_of));
    });
    let shared = Bytes::from(batch.clone());
    report("decode with prost", ROUNDS / 10, || {
        black_box(TracesData::decode(black_box(shared.clone()))).expect("the batch is valid");
    });
}

fn owner_of(id: &TraceId) -> usize {
    usize::from(id.0[0]) % OWNERS
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn report(what: &str, rounds: usize, mut work: impl FnMut()) {
    let times = (0..rounds).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed()
    });
    let best = times.min().expect("there are rounds");
    println!("{what:>20}: {:7.1} ns per span", best.as_nanos() as f64 / SPANS as f64);
}

/// A batch as a collector sends it: one resource, four scopes.
fn batch() -> Vec<u8> {
    let resource = Resource {
        attributes: (0..8).map(|i| string(&format!("resource.key.{i}"), "some value")).collect(),
        ..Resource::default()
    };
    let per_scope = SPANS / 4;
    let scope_spans = |scope: usize| ScopeSpans {
        scope: Some(InstrumentationScope { name: "net/http".into(), ..Default::default() }),
        spans: (0..per_scope).map(|i| span((scope * per_scope + i) as u64)).collect(),
        ..ScopeSpans::default()
    };
    let scope_spans = (0..4).map(scope_spans).collect();
    let resource = Some(resource);
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..Default::default() }];
    TracesData { resource_spans }.encode_to_vec()
}

fn span(i: u64) -> Span {
    let id = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let start = 1_768_478_400_000_000_000 + i * 1000;
    Span {
        trace_id: [id, id].concat().into(),
        span_id: id.to_vec().into(),
        parent_span_id: id.to_vec().into(),
        name: "GET /cart".into(),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 5_000_000,
        attributes: attributes(i),
        ..Span::default()
    }
}

/// Eleven strings and four numbers, with keys and lengths as SDKs send them.
fn attributes(i: u64) -> Vec<KeyValue> {
    vec![
        string("http.method", "GET"),
        string("http.route", "/cart/{id}"),
        string("http.target", &format!("/cart/{i:06}")),
        attribute("http.status", Value::Int(200)),
        string("http.flavor", "1.1"),
        string("net.peer", "10.0.12.7"),
        attribute("net.port", Value::Int(8080 + i as i64 % 7)),
        string("user.id", &format!("u-{i:08}")),
        string("session", &format!("{i:016x}")),
        string("thread.name", "worker-3"),
        attribute("cached", Value::Bool(i.is_multiple_of(3))),
        attribute("cost", Value::Double(i as f64 / 3.0)),
        string("region", "eu-central-1"),
        string("db.system", "postgresql"),
        string("feature", "checkout-v2"),
    ]
}

fn string(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::String(Bytes::copy_from_slice(value.as_bytes())))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    let key = Bytes::copy_from_slice(key.as_bytes());
    KeyValue { key, value: Some(AnyValue { value: Some(value) }) }
}
