//! One sending thread: its connections, and on each of them as many workers as may have requests
//! in flight. A worker takes a job, waits until it is due, patches, sends, and settles the answer.
//!
//! Does not know who reads the figures.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use monoio::time::{sleep, timeout};

use crate::clock::{Stopwatch, unix_now_ns};
use crate::example::ExampleFinder;
use crate::export::{Client, Outcome};
use crate::ledger::{Entry, Fate, LedgerWriter};
use crate::options::{LoadError, Protocol, RunOptions};
use crate::schedule::{Job, Schedule};
use crate::tally::Tally;
use crate::template::TemplateSet;

/// Sent buffers kept per template for the next send.
const SPARE_BUFFERS_MAX: usize = 2;
/// A refused batch is sent again at most this often.
const RETRIES_MAX: u32 = 20;
/// Wait before a retry where the server gave no hint.
const RETRY_UNHINTED: Duration = Duration::from_secs(1);
/// Longest wait that a hint can ask for.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(60);
/// Longest sleep before looking whether the run has been stopped.
const STOP_POLL: Duration = Duration::from_millis(100);

/// What all threads of a run share.
pub struct Shared {
    /// What to do.
    pub options: RunOptions,
    /// What to send.
    pub set: TemplateSet,
    /// In which order, and when.
    pub schedule: Schedule,
    /// Counts since the start.
    pub watch: Stopwatch,
    /// What happened.
    pub tally: Tally,
    /// Where it is recorded.
    pub ledger: Option<Mutex<LedgerWriter>>,
    /// Looks for a trace to show.
    pub examples: Mutex<ExampleFinder>,
    /// Ends all threads early.
    pub stop: AtomicBool,
    /// Why a connection broke, when that ended the run.
    pub disconnected: Mutex<Option<String>>,
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    fn end_disconnected(&self, reason: String) {
        self.stop.store(true, Relaxed);
        if let Ok(mut slot) = self.disconnected.lock() {
            slot.get_or_insert(reason);
        }
    }

    fn record(&self, entry: &Entry, flush: bool) -> Result<(), LoadError> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let mut ledger = ledger.lock().map_err(|_| LoadError::ThreadPanicked)?;
        ledger.append(entry)?;
        if flush { ledger.flush() } else { Ok(()) }
    }
}

/// Runs thread `number` until the schedule ends or the run is stopped.
///
/// # Errors
/// The ledger cannot be written, or no connection can be made.
pub async fn run_thread(shared: std::sync::Arc<Shared>, number: usize) -> Result<(), LoadError> {
    let options = &shared.options;
    let (connections, inflight) = match options.protocol {
        Protocol::Grpc => (options.connections, options.inflight),
        Protocol::Http => (options.connections * options.inflight, 1),
    };
    let own = (number..connections).step_by(options.threads);
    let lane = Rc::new(Lane { shared: shared.clone(), scratch: RefCell::default() });
    let sessions: Vec<_> =
        own.map(|_| monoio::spawn(keep_connection(lane.clone(), inflight))).collect();
    let mut result = Ok(());
    for session in sessions {
        result = result.and(session.await);
    }
    result
}

/// Holds one connection, connecting again when it breaks, unless that is to end the run.
async fn keep_connection(lane: Rc<Lane>, inflight: usize) -> Result<(), LoadError> {
    loop {
        let Some(client) = lane.connect().await? else { return Ok(()) };
        let workers: Vec<_> =
            (0..inflight).map(|_| monoio::spawn(work(lane.clone(), client.clone()))).collect();
        let mut broken = None;
        let mut result = Ok(());
        for worker in workers {
            match worker.await {
                Ok(reason) => broken = broken.or(reason),
                Err(error) => result = Err(error),
            }
        }
        client.close().await;
        result?;
        if broken.is_none() || lane.shared.options.stop_on_disconnect {
            return Ok(());
        }
        lane.shared.tally.reconnects.fetch_add(1, Relaxed);
    }
}

/// One request after the other. Returns why the connection broke, or none at the end of the run.
async fn work(lane: Rc<Lane>, mut client: Client) -> Result<Option<String>, LoadError> {
    while !lane.shared.stopped() {
        let Some(job) = lane.shared.schedule.next(lane.shared.watch.elapsed_ns()) else { break };
        if let Some(due_ns) = job.due_ns {
            lane.wait_until(due_ns).await;
        }
        if lane.shared.stopped() {
            break;
        }
        let due_ns = job.due_ns.unwrap_or_else(|| lane.shared.watch.elapsed_ns());
        match lane.deliver(&job, due_ns, &mut client).await {
            Ok(None) => {}
            Ok(Some(reason)) => {
                // At once, so that no other worker hands a batch to what is broken.
                if lane.shared.options.stop_on_disconnect {
                    lane.shared.end_disconnected(reason.clone());
                }
                return Ok(Some(reason));
            }
            Err(error) => {
                lane.shared.stop.store(true, Relaxed);
                return Err(error);
            }
        }
    }
    Ok(None)
}

/// What the tasks of one thread share.
struct Lane {
    shared: std::sync::Arc<Shared>,
    scratch: RefCell<Scratch>,
}

#[derive(Default)]
struct Scratch {
    /// Buffers that held a template, by template.
    spare: Vec<Vec<BytesMut>>,
    ids: Vec<([u8; 16], u64)>,
}

impl Lane {
    /// A connection, or none if the run was stopped meanwhile.
    async fn connect(&self) -> Result<Option<Client>, LoadError> {
        let options = &self.shared.options;
        let watch = Stopwatch::start();
        let mut pause = Duration::from_millis(20);
        while !self.shared.stopped() {
            let opened = timeout(options.connect_timeout, Client::open(options)).await;
            let reason = match opened {
                Ok(Ok(client)) => return Ok(Some(client)),
                Ok(Err(reason)) => reason,
                Err(_) => "no answer in time".to_owned(),
            };
            if watch.elapsed_s() >= options.connect_timeout.as_secs_f64() {
                self.shared.stop.store(true, Relaxed);
                let endpoint = options.endpoint.authority.clone();
                return Err(LoadError::Connect { endpoint, reason });
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        }
        Ok(None)
    }

    async fn wait_until(&self, due_ns: u64) {
        while !self.shared.stopped() {
            let left_ns = due_ns.saturating_sub(self.shared.watch.elapsed_ns());
            if left_ns == 0 {
                return;
            }
            sleep(Duration::from_nanos(left_ns).min(STOP_POLL)).await;
        }
    }

    /// Sends one batch until it is settled. Returns why the connection broke, if it did.
    async fn deliver(
        &self,
        job: &Job,
        due_ns: u64,
        client: &mut Client,
    ) -> Result<Option<String>, LoadError> {
        let mut due_ns = due_ns;
        let base_unix_ns = unix_now_ns();
        let framed = self.fill(job, base_unix_ns);
        let mut retries = 0;
        let outcome = loop {
            let outcome = self.send(job, due_ns, client, framed.clone()).await;
            let Outcome::Refused { retry_after, .. } = &outcome else { break outcome };
            if !self.shared.options.retry || retries >= RETRIES_MAX || self.shared.stopped() {
                break outcome;
            }
            retries += 1;
            self.shared.tally.retries.fetch_add(1, Relaxed);
            let wait = retry_after.unwrap_or(RETRY_UNHINTED).min(RETRY_WAIT_MAX);
            due_ns = self.shared.watch.elapsed_ns() + wait.as_nanos() as u64;
            self.wait_until(due_ns).await;
        };
        self.keep(job.template, framed);
        self.settle(job, base_unix_ns, outcome)
    }

    async fn send(&self, job: &Job, due_ns: u64, client: &mut Client, framed: Bytes) -> Outcome {
        let shared = &self.shared;
        let sent_ns = shared.watch.elapsed_ns();
        let bytes = framed.len() as u64;
        shared.tally.in_flight.fetch_add(1, Relaxed);
        let export = client.export(framed, shared.options.compression);
        let outcome = timeout(shared.options.timeout, export).await.unwrap_or(Outcome::TimedOut);
        shared.tally.in_flight.fetch_sub(1, Relaxed);
        let now_ns = shared.watch.elapsed_ns();
        let tally = &shared.tally;
        match &outcome {
            Outcome::Acknowledged => {
                tally.acknowledged.add(job.spans);
                tally.acknowledged_bytes.fetch_add(bytes, Relaxed);
                tally.latency(now_ns.saturating_sub(due_ns), now_ns - sent_ns);
            }
            Outcome::Refused { retry_after: Some(_), reason } => {
                tally.refused_with_hint.add(job.spans);
                tally.reason(reason);
            }
            Outcome::Refused { retry_after: None, reason } => {
                tally.refused_without_hint.add(job.spans);
                tally.reason(reason);
            }
            Outcome::Failed(reason) => {
                tally.failed.add(job.spans);
                tally.reason(reason);
            }
            Outcome::Disconnected(reason) => {
                tally.unanswered.add(job.spans);
                tally.reason(reason);
            }
            Outcome::TimedOut => tally.unanswered.add(job.spans),
        }
        outcome
    }

    /// Records what became of the batch. Returns why the connection broke, if it did.
    fn settle(
        &self,
        job: &Job,
        base_unix_ns: u64,
        outcome: Outcome,
    ) -> Result<Option<String>, LoadError> {
        let fate = match outcome {
            Outcome::Acknowledged => Fate::Acknowledged,
            Outcome::Refused { .. } => Fate::Refused,
            // A failure may have come after a part was stored.
            Outcome::Failed(_) | Outcome::Disconnected(_) | Outcome::TimedOut => Fate::Unanswered,
        };
        if fate == Fate::Acknowledged
            && let Ok(mut examples) = self.shared.examples.lock()
        {
            examples.acknowledged(job.instance, job.template, base_unix_ns);
        }
        let (template, instance) = (job.template as u32, job.instance);
        let entry = Entry { fate, template, instance, base_unix_ns };
        let broken = match outcome {
            Outcome::Disconnected(reason) => Some(reason),
            _ => None,
        };
        self.shared.record(&entry, broken.is_some())?;
        Ok(broken)
    }

    /// The batch with ids and times of this send.
    fn fill(&self, job: &Job, base_unix_ns: u64) -> Bytes {
        let scratch = &mut *self.scratch.borrow_mut();
        let set = &self.shared.set;
        scratch.spare.resize_with(set.templates.len(), Vec::new);
        let buffer = scratch.spare[job.template].pop();
        let fill = set.fill_of(job.instance, base_unix_ns);
        set.templates[job.template].fill(&fill, buffer, &mut scratch.ids).freeze()
    }

    /// Keeps the buffer for the next send of this template, if nobody else holds it.
    fn keep(&self, template: usize, framed: Bytes) {
        let spare = &mut self.scratch.borrow_mut().spare[template];
        if spare.len() < SPARE_BUFFERS_MAX
            && let Ok(buffer) = framed.try_into_mut()
        {
            spare.push(buffer);
        }
    }
}
