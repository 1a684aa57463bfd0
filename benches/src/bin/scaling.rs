//! How the engine grows with its cores: the path of `ingest` on 1, 2, 4 … cores, each of which
//! takes in requests of its own while all of them own some of the traces in each request. Prints
//! `T_n / (n · T_1)`, where `T_n` are spans per second on `n` cores: 1 if cores share nothing.
//!
//! `cargo run --release -p stringendo-benches --bin scaling [CORES] [SPANS_A_CORE] [DIRECTORY]`
//!
//! Numbers of cores take turns, and the middle of several rounds counts. Each measurement is a
//! process of its own, which warms up with the same load three times. The clock says
//! little where other processes use the cores: CPU time per span is shown, too.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use stringendo_benches::engine::{Now, batches, now, settings};
use stringendo_engine::{EngineSettings, Node, TenantId, boot};
use stringendo_ring::{Clock, RingOptions, run, sleep};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
const REQUESTS_IN_FLIGHT: usize = 16;
/// How often the same number of spans is taken in; the last time counts. Before, memory is touched
/// for the first time, which on a virtual machine costs more than what is measured.
const LOADS: usize = 4;
/// The argument of a process that measures.
const MEASURE: &str = "measure";

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let measures = args.first().is_some_and(|first| first == MEASURE);
    args.drain(..usize::from(measures));
    let available = std::thread::available_parallelism()?.get() as u16;
    let cores = args.first().map_or(Ok(available), |cores| cores.parse())?;
    let spans = args.get(1).map_or(Ok(300_000), |spans| spans.parse())?;
    let directory = args.get(2).map_or_else(|| PathBuf::from("."), PathBuf::from);
    match measures {
        true => measure(cores, spans, directory),
        false => compare(cores, spans, &directory),
    }
}

/// What spans took on some number of cores, in seconds per span.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    acknowledged: Times,
    in_blocks: Times,
}

#[derive(Clone, Copy, Debug, Default)]
struct Times {
    wall_s: f64,
    cpu_s: f64,
}

/// Measures all numbers of cores in turn, and prints how they compare.
fn compare(cores_max: u16, spans: usize, directory: &PathBuf) -> Result<(), Failure> {
    let mut numbers: Vec<u16> =
        (0..16).map(|power| 1 << power).take_while(|cores| *cores < cores_max).collect();
    numbers.push(cores_max);
    let mut rounds: Vec<Vec<Cost>> = vec![Vec::new(); numbers.len()];
    for round in 1..=ROUNDS {
        for (cores, costs) in numbers.iter().zip(&mut rounds) {
            eprintln!("round {round} of {ROUNDS}: {cores} cores");
            let mut command = Command::new(std::env::current_exe()?);
            command.args([MEASURE, &cores.to_string(), &spans.to_string()]).arg(directory);
            let output = command.stderr(std::process::Stdio::inherit()).output()?;
            costs.push(parse(&String::from_utf8(output.stdout)?)?);
        }
    }
    println!("{spans} spans a core, the middle of {ROUNDS} rounds:");
    print("until the acknowledgement", &numbers, &rounds, |cost| cost.acknowledged);
    print("until spans are in blocks", &numbers, &rounds, |cost| cost.in_blocks);
    Ok(())
}

fn parse(line: &str) -> Result<Cost, Failure> {
    let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>();
    match numbers.as_deref() {
        Ok([wall_ack_s, cpu_ack_s, wall_s, cpu_s]) => Ok(Cost {
            acknowledged: Times { wall_s: *wall_ack_s, cpu_s: *cpu_ack_s },
            in_blocks: Times { wall_s: *wall_s, cpu_s: *cpu_s },
        }),
        _ => Err(format!("a measurement printed {line:?}").into()),
    }
}

fn print(until: &str, cores: &[u16], rounds: &[Vec<Cost>], of: fn(&Cost) -> Times) {
    println!("\n{until}");
    println!("| cores | spans per second | T_n / (n · T_1) | CPU-s per million spans |");
    println!("|---|---|---|---|");
    let middle = |costs: &[Cost], time: fn(Times) -> f64| {
        let mut times: Vec<f64> = costs.iter().map(|cost| time(of(cost))).collect();
        times.sort_unstable_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let alone_s = middle(&rounds[0], |times| times.wall_s);
    for (cores, costs) in cores.iter().zip(rounds) {
        let wall_s = middle(costs, |times| times.wall_s);
        let efficiency = alone_s / wall_s / f64::from(*cores);
        let cpu_s = middle(costs, |times| times.cpu_s) * 1e6;
        println!("| {cores} | {:.0} | {efficiency:.2} | {cpu_s:.2} |", 1.0 / wall_s);
    }
}

/// Where the cores of a measurement meet.
#[derive(Default)]
struct Race {
    ready: AtomicU32,
    begun: OnceLock<Now>,
    acknowledged: AtomicU32,
    ended: AtomicU32,
}

/// Measures one number of cores, and prints what [`parse`] reads.
fn measure(cores: u16, spans: usize, directory: PathBuf) -> Result<(), Failure> {
    let scratch = tempfile::tempdir_in(directory)?;
    let settings = Arc::new(EngineSettings {
        // Nothing is sealed before it is asked for, so that no block is built before the last
        // acknowledgement.
        segment_bytes: 1 << 30,
        budget_bytes_per_core: 8 << 30,
        ..settings(scratch.path().to_owned())
    });
    let options = RingOptions { cores, pin: true, mesh_lane_messages: 1024 };
    let races: Arc<[Race; LOADS]> = Arc::default();
    run(&options, move |context| {
        let (settings, races) = (Arc::clone(&settings), Arc::clone(&races));
        async move {
            let core = context.id.0;
            let booted = boot::start(context, settings, Clock::System).await.map_err(text)?;
            boot::recover(&booted.node).await.map_err(text)?;
            let mut cost = Cost::default();
            for (round, race) in races.iter().enumerate() {
                let number = round as u64 * u64::from(cores) + u64::from(core);
                let requests = batches(number, spans);
                cost = race.run(&booted.node, (core, cores), requests).await;
            }
            if core == 0 {
                let Cost { acknowledged, in_blocks } = cost;
                let numbers =
                    [acknowledged.wall_s, acknowledged.cpu_s, in_blocks.wall_s, in_blocks.cpu_s];
                println!("{}", numbers.map(|number| number.to_string()).join(" "));
            }
            Ok::<(), String>(())
        }
    })?;
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Race {
    /// One core's part: its requests, at the same time as all others.
    async fn run(
        &self,
        node: &Node,
        (core, cores): (u16, u16),
        requests: (VecDeque<Bytes>, usize),
    ) -> Cost {
        let (requests, spans) = requests;
        meet(&self.ready, cores).await;
        let begun = *self.begun.get_or_init(now);
        let requests = Rc::new(RefCell::new(requests));
        join_all((0..REQUESTS_IN_FLIGHT).map(|_| send(node, Rc::clone(&requests)))).await;
        meet(&self.acknowledged, cores).await;
        let acknowledged = now();
        // The first core asks all of them.
        if core == 0 {
            assert!(node.flush(None).await, "the tenant is known");
        }
        let ended = now();
        meet(&self.ended, cores).await;
        let all_spans = spans as f64 * f64::from(cores);
        let times = |to: Now| Times {
            wall_s: (to.wall - begun.wall).as_secs_f64() / all_spans,
            cpu_s: (to.cpu - begun.cpu).as_secs_f64() / all_spans,
        };
        Cost { acknowledged: times(acknowledged), in_blocks: times(ended) }
    }
}

/// Waits for all cores; meanwhile this one serves them.
async fn meet(arrived: &AtomicU32, cores: u16) {
    arrived.fetch_add(1, Ordering::SeqCst);
    while arrived.load(Ordering::SeqCst) < u32::from(cores) {
        sleep(Duration::from_millis(1)).await;
    }
}

/// One client: sends the next request when the one before is acknowledged.
async fn send(node: &Node, requests: Rc<RefCell<VecDeque<Bytes>>>) {
    loop {
        let request = requests.borrow_mut().pop_front();
        let Some(request) = request else { return };
        let accepted = node.ingest(&TenantId::single(), request).await;
        accepted.expect("the budget is large enough");
    }
}
