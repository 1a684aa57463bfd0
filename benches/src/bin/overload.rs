//! Resident memory while more is sent than fits: one core, flat out, with a budget so small that
//! most is refused. Says what the account says and what the kernel says, so that what is not
//! accounted for (`limits::UNACCOUNTED_BYTES`) can be read off.
//!
//! `cargo run --release -p stringendo-benches --bin overload [BUDGET_MIB] [SEGMENT_MIB]
//! [SECONDS] [DIRECTORY]`

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use stringendo_benches::engine::settings;
use stringendo_engine::budget::Use;
use stringendo_engine::{EngineSettings, IngestError, Node, TenantId, boot};
use stringendo_loadgen::WorkloadOptions;
use stringendo_loadgen::template::{BATCHES_PER_GROUP, GRPC_PREFIX_BYTES, TemplateSet};
use stringendo_ring::{Clock, RingOptions, run, sleep};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REQUESTS_IN_FLIGHT: usize = 32;
/// How often memory is looked at. It is told every second, and whenever it is more than before.
const TICKS_A_SECOND: u64 = 100;
/// Pause of a client that was refused.
const RETRY: Duration = Duration::from_millis(20);
const BASE_UNIX_NS: u64 = 1_768_478_400_000_000_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let budget_mib: u64 = args.next().map_or(Ok(128), |mib| mib.parse())?;
    let segment_mib: u64 = args.next().map_or(Ok(64), |mib| mib.parse())?;
    let seconds: u64 = args.next().map_or(Ok(20), |seconds| seconds.parse())?;
    let directory = args.next().map_or_else(|| PathBuf::from("."), PathBuf::from);
    let scratch = tempfile::tempdir_in(directory)?;
    let settings = Arc::new(EngineSettings {
        budget_bytes_per_core: budget_mib << 20,
        segment_bytes: segment_mib << 20,
        ..settings(scratch.path().to_owned())
    });
    let options = RingOptions { cores: 1, pin: true, mesh_lane_messages: 1024 };
    run(&options, move |context| {
        let settings = Arc::clone(&settings);
        async move {
            let set = TemplateSet::build(&WorkloadOptions::default(), 7).map_err(text)?;
            let before = resident_kib("VmRSS");
            let booted = boot::start(context, settings, Clock::System).await.map_err(text)?;
            boot::recover(&booted.node).await.map_err(text)?;
            overload(&booted.node, Rc::new(set), seconds, before).await;
            Ok::<(), String>(())
        }
    })?;
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[derive(Default)]
struct Counts {
    uses: Cell<u64>,
    accepted: Cell<usize>,
    refused: Cell<usize>,
    over: Cell<bool>,
}

async fn overload(node: &Node, set: Rc<TemplateSet>, seconds: u64, before_kib: u64) {
    let counts = Rc::new(Counts::default());
    let watch = async {
        let mut largest = 0;
        for tick in 1..=seconds * TICKS_A_SECOND {
            sleep(Duration::from_secs(1) / TICKS_A_SECOND as u32).await;
            let resident = resident_kib("VmRSS");
            if resident > largest || tick % TICKS_A_SECOND == 0 {
                say(node, &counts, tick as f64 / TICKS_A_SECOND as f64, before_kib);
            }
            largest = largest.max(resident);
        }
        counts.over.set(true);
    };
    let clients = (0..REQUESTS_IN_FLIGHT).map(|_| client(node, &set, &counts));
    futures_util::join!(watch, join_all(clients));
}

fn say(node: &Node, counts: &Counts, seconds: f64, before_kib: u64) {
    let budget = &node.shard().budget;
    let mib = |bytes: u64| bytes >> 20;
    let used = Use::ALL.map(|usage| format!("{} {}", usage.name(), mib(budget.used_for(usage))));
    println!(
        "{seconds:5.2} s: resident {} MiB, at most {}; charged {} of {} ({}), spare {}; \
         {} spans accepted, {} requests refused",
        (resident_kib("VmRSS") - before_kib) >> 10,
        (resident_kib("VmHWM") - before_kib) >> 10,
        mib(budget.used()),
        mib(budget.total()),
        used.join(", "),
        mib(budget.spare_bytes()),
        counts.accepted.get(),
        counts.refused.get(),
    );
}

/// Sends group after group of batches; one that is refused is sent no more.
async fn client(node: &Node, set: &TemplateSet, counts: &Counts) {
    let groups = set.templates.len() / BATCHES_PER_GROUP;
    while !counts.over.get() {
        let instance = counts.uses.replace(counts.uses.get() + 1);
        let first = instance as usize % groups * BATCHES_PER_GROUP;
        let fill = set.fill_of(instance, BASE_UNIX_NS + instance * 100_000_000);
        for template in &set.templates[first..first + BATCHES_PER_GROUP] {
            let body = template.fill(&fill, None, &mut Vec::new()).freeze();
            let _charge = node.try_charge_request(body.len() as u64);
            let sent = node.ingest(&TenantId::single(), body.slice(GRPC_PREFIX_BYTES..)).await;
            match sent {
                Ok(accepted) => counts.accepted.set(counts.accepted.get() + accepted.spans),
                Err(IngestError::Overloaded { .. }) => {
                    counts.refused.set(counts.refused.get() + 1);
                    sleep(RETRY).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// A line of `/proc/self/status`, 0 if there is none.
fn resident_kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
