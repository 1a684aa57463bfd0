//! A whole run: builds the workload, starts the threads, tells progress, and adds up the report.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, scope};
use std::time::Duration;

use monoio::utils::bind_to_cpu_set;

use crate::clock::Stopwatch;
use crate::example::ExampleFinder;
use crate::ledger::{Header, LedgerWriter};
use crate::options::{LoadError, RunOptions};
use crate::process::{Usage, own_cpu_s, usage};
use crate::report::{Counted, Progress, Report, ServerCost};
use crate::runtime::block_on;
use crate::schedule::Schedule;
use crate::settle::flush_and_settle;
use crate::tally::Tally;
use crate::template::TemplateSet;
use crate::worker::{Shared, run_thread};

/// Time between two calls of the progress function.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Sends load as `options` say, on threads of its own, and blocks until it is done. `progress` is
/// called about once a second.
///
/// # Errors
/// Options that make no sense, no connection at all, a ledger that cannot be written. A server
/// that refuses or goes away is no error but part of the report.
pub fn run(
    options: RunOptions,
    mut progress: impl FnMut(&Progress) + Send,
) -> Result<Report, LoadError> {
    options.check()?;
    let server_before = options.server_pid.map(usage).transpose()?;
    let mut shared = Arc::new(prepare(options)?);
    let own_before_s = own_cpu_s();
    // Drawing the workload takes a moment; the run starts now.
    if let Some(shared) = Arc::get_mut(&mut shared) {
        shared.watch = Stopwatch::start();
    }
    send_all(&shared, &mut progress)?;
    let elapsed_s = shared.watch.elapsed_s();
    if let Some(ledger) = &shared.ledger {
        ledger.lock().map_err(|_| LoadError::ThreadPanicked)?.flush()?;
    }
    let mut report = report(&shared, elapsed_s)?;
    let per_million = 1e6 / report.acknowledged.spans.max(1) as f64;
    report.own_cpu_s_per_million =
        own_cpu_s().zip(own_before_s).map(|(after, before)| (after - before) * per_million);
    if let Some(before) = server_before {
        measure_server(&shared.options, before, &mut report);
    }
    Ok(report)
}

fn prepare(options: RunOptions) -> Result<Shared, LoadError> {
    let set = TemplateSet::build(&options.workload, options.run_id)?;
    let header = Header { workload: options.workload, run_id: options.run_id };
    let ledger = options.ledger.as_ref().map(|path| LedgerWriter::create(path, &header));
    let duration_ns = options.duration.map(|duration| duration.as_nanos() as u64);
    Ok(Shared {
        schedule: Schedule::new(&set, options.rate, options.spans, duration_ns),
        set,
        options,
        watch: Stopwatch::start(),
        tally: Tally::default(),
        ledger: ledger.transpose()?.map(Mutex::new),
        examples: Mutex::new(ExampleFinder::default()),
        stop: false.into(),
        disconnected: Mutex::default(),
    })
}

fn send_all(shared: &Arc<Shared>, progress: &mut dyn FnMut(&Progress)) -> Result<(), LoadError> {
    let (done, wait) = channel();
    scope(|scope| {
        let mut threads = Vec::new();
        for number in 0..shared.options.threads {
            let (shared, done) = (shared.clone(), done.clone());
            let builder = Builder::new().name(format!("loadgen-{number}"));
            let thread = builder.spawn_scoped(scope, move || run_pinned(&shared, number, &done));
            threads.push(thread.map_err(LoadError::Runtime)?);
        }
        drop(done);
        watch(shared, &wait, progress);
        let mut result = Ok(());
        for thread in threads {
            result = result.and(thread.join().unwrap_or(Err(LoadError::ThreadPanicked)));
        }
        result
    })
}

/// `done` is only dropped: that tells the watcher that this thread has ended, panics included.
fn run_pinned(shared: &Arc<Shared>, number: usize, done: &Sender<()>) -> Result<(), LoadError> {
    let _ = done;
    let cores = &shared.options.pin_cores;
    if let Some(core) = cores.get(number % cores.len().max(1)) {
        bind_to_cpu_set([*core]).map_err(|error| LoadError::Runtime(error.into()))?;
    }
    block_on(run_thread(shared.clone(), number))?
}

/// Tells progress until every thread has ended.
fn watch(shared: &Shared, wait: &Receiver<()>, progress: &mut dyn FnMut(&Progress)) {
    let (mut last_spans, mut last_s) = (0, 0.0);
    while wait.recv_timeout(PROGRESS_EVERY) == Err(RecvTimeoutError::Timeout) {
        let tally = &shared.tally;
        let elapsed_s = shared.watch.elapsed_s();
        let spans = tally.acknowledged.get().1;
        let others = [
            &tally.refused_with_hint,
            &tally.refused_without_hint,
            &tally.failed,
            &tally.unanswered,
        ];
        progress(&Progress {
            elapsed_s,
            acknowledged_spans: spans,
            acknowledged_per_s: (spans - last_spans) as f64 / (elapsed_s - last_s).max(1e-9),
            not_acknowledged_spans: others.iter().map(|count| count.get().1).sum(),
            in_flight: tally.in_flight.load(Relaxed),
            latency: tally.interval_latency(),
        });
        (last_spans, last_s) = (spans, elapsed_s);
    }
}

fn report(shared: &Shared, elapsed_s: f64) -> Result<Report, LoadError> {
    let tally = &shared.tally;
    let acknowledged = Counted::from(tally.acknowledged.get());
    let (latency_from_due, latency_from_send) = tally.latencies();
    let bytes = tally.acknowledged_bytes.load(Relaxed) as f64;
    let examples = shared.examples.lock().map_err(|_| LoadError::ThreadPanicked)?;
    let disconnected = shared.disconnected.lock().map_err(|_| LoadError::ThreadPanicked)?;
    Ok(Report {
        elapsed_s,
        acknowledged_per_s: acknowledged.spans as f64 / elapsed_s.max(1e-9),
        acknowledged,
        refused_with_hint: tally.refused_with_hint.get().into(),
        refused_without_hint: tally.refused_without_hint.get().into(),
        failed: tally.failed.get().into(),
        unanswered: tally.unanswered.get().into(),
        retries: tally.retries.load(Relaxed),
        reconnects: tally.reconnects.load(Relaxed),
        bytes_per_span: bytes / acknowledged.spans.max(1) as f64,
        latency_from_due,
        latency_from_send,
        reasons: tally.reasons(),
        disconnected: disconnected.clone(),
        example: examples.find(&shared.set)?,
        run_id: shared.options.run_id,
        ..Report::default()
    })
}

/// What the server has used since `before`. A server that is gone is a note, not an error.
fn measure_server(options: &RunOptions, before: Usage, report: &mut Report) {
    let Some(pid) = options.server_pid else { return };
    let per_million = 1e6 / report.acknowledged.spans.max(1) as f64;
    let mut cost = match usage(pid) {
        Ok(after) => {
            let cpu_s = after.cpu_s - before.cpu_s;
            ServerCost {
                cpu_s_until_ack: cpu_s,
                cpu_s_per_million_until_ack: cpu_s * per_million,
                rss_bytes_max: after.rss_bytes_max,
                ..ServerCost::default()
            }
        }
        Err(error) => return report.notes.push(format!("server not measured: {error}")),
    };
    if options.settle_flush
        && let Some(http) = &options.http
    {
        match flush_and_settle(http, pid).and_then(|idle| Ok((idle, usage(pid)?))) {
            Ok((idle, after)) => {
                let cpu_s = after.cpu_s - before.cpu_s;
                cost.cpu_s_in_all = Some(cpu_s);
                cost.cpu_s_per_million_in_all = Some(cpu_s * per_million);
                cost.rss_bytes_max = after.rss_bytes_max;
                if !idle {
                    report.notes.push("the server did not become idle in three minutes".into());
                }
            }
            Err(error) => report.notes.push(format!("work after the ack not measured: {error}")),
        }
    }
    report.server = Some(cost);
}
