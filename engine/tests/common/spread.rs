//! Traces that are live, in blocks, or spread over live data and several blocks.

use stringendo_engine::compaction::conductor::Conductor;
use stringendo_engine::{Node, TenantId};
use stringendo_oracle::otlp;
use stringendo_oracle::rows::Trace;

/// A number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Traces of a tenant, and what is asked about them.
pub struct World<Q> {
    pub name: String,
    pub traces: Vec<Trace>,
    pub queries: Vec<Q>,
}

/// Where the spans of a trace are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum State {
    /// Live.
    Live,
    /// In blocks that hold whole traces.
    Stored,
    /// In two blocks and live data.
    Spread,
    /// In three blocks.
    Pieces,
    /// In one block, which was made of three.
    Merged,
}

/// The spans of a trace whose number leaves `piece` of 3.
fn piece(trace: &Trace, piece: usize) -> Trace {
    let of_piece = |(number, _): &(usize, &stringendo_oracle::rows::Span)| number % 3 == piece;
    let spans = trace.spans.iter().enumerate().filter(of_piece).map(|(_, span)| span.clone());
    Trace { id: trace.id, spans: spans.collect() }
}

/// Sends traces.
pub async fn send(node: &Node, tenant: &TenantId, traces: &[Trace]) {
    let request = otlp::request(traces);
    if !request.is_empty() {
        node.ingest(tenant, request).await.expect("accepted");
    }
}

/// Brings traces of tenants into a state.
pub async fn bring(node: &Node, state: State, of_tenants: &[(TenantId, &[Trace])]) {
    match state {
        State::Live | State::Stored => {
            for (tenant, traces) in of_tenants {
                send(node, tenant, traces).await;
            }
        }
        State::Spread | State::Pieces | State::Merged => {
            for number in 0..3 {
                if number > 0 {
                    node.flush(None).await;
                }
                for (tenant, traces) in of_tenants {
                    let pieces: Vec<Trace> =
                        traces.iter().map(|trace| piece(trace, number)).collect();
                    send(node, tenant, &pieces).await;
                }
            }
        }
    }
    if matches!(state, State::Stored | State::Pieces | State::Merged) {
        node.flush(None).await;
    }
    if state == State::Merged {
        merge_all(node).await;
    }
}

/// Merges blocks until none are left that go together.
async fn merge_all(node: &Node) {
    loop {
        let before = node.shard().blocks.borrow().version();
        Conductor::new(node.clone()).run_once().await;
        if node.shard().blocks.borrow().version() == before {
            return;
        }
    }
}

/// A tenant of this name.
pub fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).expect("a tenant")
}

async fn bring_all<Q>(node: &Node, state: State, prefix: &str, worlds: &[World<Q>]) {
    let tenants: Vec<(TenantId, &[Trace])> = worlds
        .iter()
        .map(|world| (tenant(&format!("{prefix}-{}", world.name)), world.traces.as_slice()))
        .collect();
    bring(node, state, &tenants).await;
}

/// Brings the traces of all worlds into one state after the other; `ask` gives what is wrong in a
/// state, of tenants whose names begin with a prefix.
pub async fn in_all_states<Q, W>(
    node: &Node,
    worlds: &[World<Q>],
    ask: impl AsyncFn(State, &str) -> Vec<W>,
) -> Vec<W> {
    bring_all(node, State::Live, "whole", worlds).await;
    let mut wrong = ask(State::Live, "whole").await;
    node.flush(None).await;
    wrong.extend(ask(State::Stored, "whole").await);
    bring_all(node, State::Spread, "pieces", worlds).await;
    wrong.extend(ask(State::Spread, "pieces").await);
    node.flush(None).await;
    wrong.extend(ask(State::Pieces, "pieces").await);
    merge_all(node).await;
    wrong.extend(ask(State::Merged, "pieces").await);
    wrong
}
