//! What a span costs the engine on one core, from a request's body to the durable acknowledgement
//! and into blocks: the path without sockets. Round after round, so that memory and files of the
//! first round can be used again by the later ones.
//!
//! `cargo run --release -p stringendo-benches --bin ingest [SPANS_A_ROUND] [DIRECTORY]`; the
//! directory (default: the current one) decides which disk is measured.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use stringendo_benches::engine::{Now, batches, now, settings};
use stringendo_engine::{Node, TenantId, boot};
use stringendo_ring::{Clock, RingOptions, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: u64 = 5;
const REQUESTS_IN_FLIGHT: usize = 16;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let spans = args.next().map_or(Ok(300_000), |spans| spans.parse())?;
    let directory = args.next().map_or_else(|| PathBuf::from("."), PathBuf::from);
    let scratch = tempfile::tempdir_in(directory)?;
    let settings = Arc::new(settings(scratch.path().to_owned()));
    let options = RingOptions { cores: 1, pin: true, mesh_lane_messages: 1024 };
    run(&options, move |context| {
        let settings = Arc::clone(&settings);
        async move {
            let booted = boot::start(context, settings, Clock::System).await.map_err(text)?;
            boot::recover(&booted.node).await.map_err(text)?;
            for round in 0..ROUNDS {
                measure(&booted.node, round, spans).await;
            }
            Ok::<(), String>(())
        }
    })?;
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Sends a round of batches that no round before had, then flushes.
async fn measure(node: &Node, round: u64, spans: usize) {
    let (batches, spans) = batches(round, spans);
    let batches = Rc::new(RefCell::new(batches));
    let begun = now();
    join_all((0..REQUESTS_IN_FLIGHT).map(|_| send(node, Rc::clone(&batches)))).await;
    let acknowledged = now();
    let flushed = node.flush(None).await;
    assert!(flushed, "the tenant is known");
    let done = now();
    let cpu = |to: Now, from: Now| (to.cpu - from.cpu).as_nanos() as usize / spans;
    println!(
        "round {round}: {spans} spans, {:.2} s to the last acknowledgement; CPU per span: {} ns \
         until then, {} ns with all blocks",
        (acknowledged.wall - begun.wall).as_secs_f64(),
        cpu(acknowledged, begun),
        cpu(done, begun),
    );
}

/// One client: sends the next batch when the one before is acknowledged.
async fn send(node: &Node, batches: Rc<RefCell<VecDeque<Bytes>>>) {
    loop {
        let batch = batches.borrow_mut().pop_front();
        let Some(batch) = batch else { return };
        let accepted = node.ingest(&TenantId::single(), batch).await;
        accepted.expect("the budget is large enough");
    }
}
