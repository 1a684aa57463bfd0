//! Traces in pieces over several blocks, what is listed and answered of them, and what is counted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stringendo_engine::compaction::conductor::Conductor;
use stringendo_engine::metrics::{Family, Sample};
use stringendo_engine::settings::RetentionSettings;
use stringendo_engine::{EngineSettings, Node, TenantId};
use stringendo_oracle::dice::Dice;
use stringendo_oracle::random_trace;
use stringendo_oracle::rows::Trace;
use stringendo_proto::TraceId;
use uuid::Uuid;

use super::spread::{State, bring};
use super::{everywhere, settings};

/// Of the year 2023: expired.
pub const BASE_NANOS: u64 = 1_700_000_000_000_000_000;

/// Settings with which old blocks expire, when the test wants it.
pub fn quiet(dir: &Path) -> EngineSettings {
    EngineSettings { retention: RetentionSettings::default(), ..settings(dir) }
}

/// What is sent.
pub fn traces() -> Vec<Trace> {
    random_trace::traces(&mut Dice::new(7), 40, BASE_NANOS)
}

/// Several blocks of which each has a piece of most traces.
pub async fn bring_pieces(node: &Node) {
    bring_pieces_of(node, &TenantId::single()).await;
}

/// The same for a tenant.
pub async fn bring_pieces_of(node: &Node, tenant: &TenantId) {
    let traces = traces();
    bring(node, State::Pieces, &[(tenant.clone(), &traces)]).await;
}

/// Merges what can be merged now.
pub async fn compact(node: &Node) {
    Conductor::new(node.clone()).run_once().await;
}

/// Live blocks of the one tenant, newest first.
pub fn listed(node: &Node) -> Vec<Uuid> {
    listed_of(node, &TenantId::single())
}

/// Live blocks of a tenant.
pub fn listed_of(node: &Node, tenant: &TenantId) -> Vec<Uuid> {
    let list = Arc::clone(&node.shard().blocks.borrow());
    list.of(tenant).iter().map(|block| block.meta.block_id).collect()
}

/// Ids of spans by trace, with repetitions.
pub type SpanIds = BTreeMap<[u8; 16], Vec<Vec<u8>>>;

/// Span ids of every trace, as they are answered.
pub async fn answered(node: &Node) -> SpanIds {
    let mut answers = BTreeMap::new();
    for trace in traces() {
        let request = everywhere(TraceId(trace.id));
        let answer = node.trace(&TenantId::single(), &request).await.expect("an answer");
        let found = answer.value.trace.expect("a trace").resource_spans;
        let spans = found.iter().flat_map(|one| &one.scope_spans).flat_map(|one| &one.spans);
        let mut ids: Vec<_> = spans.map(|span| span.span_id.to_vec()).collect();
        ids.sort();
        answers.insert(trace.id, ids);
    }
    answers
}

/// Span ids of every trace, as they were sent.
pub fn sent() -> SpanIds {
    let ids = |trace: &Trace| {
        let mut ids: Vec<_> =
            trace.spans.iter().map(|span| span.id.to_be_bytes().to_vec()).collect();
        ids.sort();
        (trace.id, ids)
    };
    traces().iter().map(ids).collect()
}

/// The sum of all series of a counter or gauge.
pub async fn counted(node: &Node, family: &'static Family) -> f64 {
    let series = node.metrics().await.into_iter();
    let of_family = series.filter(|series| series.family.name == family.name);
    let number = |sample| if let Sample::Number(number) = sample { number } else { 0.0 };
    of_family.map(|series| number(series.sample)).sum()
}

/// Where the one tenant's blocks are.
pub fn tenant_dir(root: &Path) -> PathBuf {
    root.join("blocks/single-tenant")
}

/// Whether a block has an object.
pub fn has(root: &Path, block: Uuid, name: &str) -> bool {
    tenant_dir(root).join(block.to_string()).join(name).exists()
}
