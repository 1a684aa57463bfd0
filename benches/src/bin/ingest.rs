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
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use rustix::time::{ClockId, clock_gettime};
use stringendo_engine::settings::BlockSettings;
use stringendo_engine::{Durability, EngineSettings, Node, TenantId, boot};
use stringendo_loadgen::WorkloadOptions;
use stringendo_loadgen::template::{BATCHES_PER_GROUP, GRPC_PREFIX_BYTES, TemplateSet};
use stringendo_ring::{Clock, RingOptions, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: u64 = 5;
const REQUESTS_IN_FLIGHT: usize = 16;
const BASE_UNIX_NS: u64 = 1_768_478_400_000_000_000;

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

/// As the server's defaults, with the memory of a small machine.
fn settings(path: PathBuf) -> EngineSettings {
    EngineSettings {
        wal_path: path.join("wal"),
        blocks_path: path.join("blocks"),
        durability: Durability::Sync,
        segment_bytes: 64 << 20,
        budget_bytes_per_core: 1 << 30,
        block_bytes_max: 500 << 20,
        block_age_max: Duration::from_secs(3600),
        attribute_bytes_max: 2048,
        retry_after: None,
        trace_bytes_max: 5_000_000,
        blocklist_poll: Duration::from_secs(3600),
        query_bytes_max: 0,
        block: BlockSettings {
            dedicated_columns: stringendo_block::meta::default_dedicated_columns(),
            bloom_false_positive: 0.01,
            bloom_shard_bytes: 102_400,
            row_group_bytes: 100_000_000,
        },
    }
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

/// Batches of the load generator with at least so many spans, as bodies of requests.
fn batches(round: u64, spans: usize) -> (VecDeque<Bytes>, usize) {
    let set = TemplateSet::build(&WorkloadOptions::default(), 7).expect("the workload is valid");
    let groups = set.templates.len() / BATCHES_PER_GROUP;
    let (mut batches, mut have) = (VecDeque::new(), 0);
    for use_of_group in round * 1_000_000.. {
        let group = use_of_group as usize % groups * BATCHES_PER_GROUP;
        let fill = set.fill_of(use_of_group, BASE_UNIX_NS + use_of_group * 100_000_000);
        for template in &set.templates[group..group + BATCHES_PER_GROUP] {
            let filled = template.fill(&fill, None, &mut Vec::new()).freeze();
            batches.push_back(filled.slice(GRPC_PREFIX_BYTES..));
            have += template.spans;
        }
        if have >= spans {
            break;
        }
    }
    (batches, have)
}

#[derive(Clone, Copy)]
struct Now {
    wall: Duration,
    cpu: Duration,
}

/// The CPU time is that of the whole process.
fn now() -> Now {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let cpu = Duration::new(cpu.tv_sec.unsigned_abs(), cpu.tv_nsec.unsigned_abs() as u32);
    Now { wall: Clock::System.monotonic(), cpu }
}
