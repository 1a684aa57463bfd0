//! Reads back what a ledger says was acknowledged: every trace, every span, exactly once.
//!
//! Works through the ledger one group use at a time, so memory is bounded by a few groups, however
//! long the run was. Does not know how the server stores anything.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use monoio::time::{sleep, timeout};
use prost::Message;
use serde::Serialize;
use stringendo_proto::TraceId;
use stringendo_proto::otlp::TracesData;
use stringendo_proto::tempopb::{PartialStatus, TraceByIdResponse};

use crate::clock::Stopwatch;
use crate::compare::{SentTrace, Verdict};
use crate::http1::{Connection, Request, Response};
use crate::ids;
use crate::ledger::{Entry, Fate, Ledger};
use crate::options::{Endpoint, LoadError};
use crate::rng::mix64;
use crate::runtime::block_on;
use crate::template::{BATCHES_PER_GROUP, TemplateSet};

/// Tries of one read, while the server is away or answers with a server error.
const TRIES: u32 = 5;
/// Wait before the first retry; doubles.
const RETRY_WAIT: Duration = Duration::from_millis(100);
/// Problems told word for word.
const PROBLEMS_MAX: usize = 20;

/// Which endpoint traces are read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Api {
    /// `/api/traces/{id}`.
    V1,
    /// `/api/v2/traces/{id}`.
    #[default]
    V2,
}

/// What to check.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// The ledger of the run.
    pub ledger: PathBuf,
    /// The server's HTTP API.
    pub http: Endpoint,
    /// Which endpoint to ask.
    pub api: Api,
    /// `X-Scope-OrgID`, if any.
    pub tenant: Option<String>,
    /// Check about this many traces instead of all.
    pub sample: Option<u64>,
    /// Requests at a time.
    pub concurrency: usize,
    /// Give up on a request after this time.
    pub timeout: Duration,
}

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct VerifyReport {
    /// Batches acknowledged.
    pub batches_acknowledged: u64,
    /// Batches sent without an answer.
    pub batches_unanswered: u64,
    /// Batches refused.
    pub batches_refused: u64,
    /// Bytes at the end of the ledger that are no record.
    pub ledger_torn_bytes: usize,
    /// Traces with acknowledged spans that were read back.
    pub traces_checked: u64,
    /// Acknowledged spans of those.
    pub spans_expected: u64,
    /// Of them, found.
    pub spans_found: u64,
    /// Not there.
    pub spans_missing: u64,
    /// There more than once.
    pub spans_duplicated: u64,
    /// There, but never sent.
    pub spans_foreign: u64,
    /// There with other content.
    pub spans_altered: u64,
    /// Spans of unanswered batches that are there.
    pub spans_unanswered_present: u64,
    /// Spans of refused batches that are there.
    pub spans_refused_present: u64,
    /// Traces that could not be read.
    pub read_errors: u64,
    /// The first problems, word for word.
    pub problems: Vec<String>,
    /// How long it took.
    pub elapsed_s: f64,
}

impl VerifyReport {
    /// Whether every acknowledged span is there exactly once, as it was sent, and no other.
    pub fn is_clean(&self) -> bool {
        self.read_errors
            + self.spans_missing
            + self.spans_duplicated
            + self.spans_foreign
            + self.spans_altered
            == 0
            && self.spans_found == self.spans_expected
    }

    /// The report as one JSON object.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers and strings always serialize")
    }

    fn problem(&mut self, id: &TraceId, what: &str) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(format!("trace {id}: {what}"));
        }
    }

    fn add(&mut self, id: &TraceId, expected: u64, verdict: &Verdict) {
        self.spans_expected += expected;
        self.spans_found += verdict.found;
        self.spans_missing += verdict.missing;
        self.spans_duplicated += verdict.duplicated;
        self.spans_foreign += verdict.foreign;
        self.spans_altered += verdict.altered;
        self.spans_unanswered_present += verdict.unanswered_present;
        self.spans_refused_present += verdict.refused_present;
        verdict.problems.iter().for_each(|what| self.problem(id, what));
    }
}

/// Checks the server against the ledger, on a runtime of this thread. `progress` gets the traces
/// checked so far, after each group.
///
/// # Errors
/// A ledger that cannot be read. A server that cannot be read is counted in the report.
pub fn verify(
    options: VerifyOptions,
    progress: impl FnMut(&VerifyReport),
) -> Result<VerifyReport, LoadError> {
    let ledger = Ledger::read(&options.ledger)?;
    let set = TemplateSet::build(&ledger.header.workload, ledger.header.run_id)?;
    let uses = group_uses(&ledger.entries);
    let report = VerifyReport {
        batches_acknowledged: count(&ledger, Fate::Acknowledged),
        batches_unanswered: count(&ledger, Fate::Unanswered),
        batches_refused: count(&ledger, Fate::Refused),
        ledger_torn_bytes: ledger.torn_bytes,
        ..VerifyReport::default()
    };
    // Where most was refused, most traces cannot be looked for.
    let acknowledged = uses.iter().map(|(_, batches)| acknowledged(batches)).sum::<u64>();
    let traces = acknowledged * set.sequence_stride / BATCHES_PER_GROUP as u64;
    let stride = options.sample.map_or(1, |sample| traces / sample.max(1)).max(1);
    let queue = RefCell::new(uses.into_iter());
    let check = Check {
        options,
        set,
        stride,
        queue,
        report: RefCell::new(report),
        progress: RefCell::new(progress),
    };
    block_on(check.run())?
}

fn count(ledger: &Ledger, fate: Fate) -> u64 {
    ledger.entries.iter().filter(|entry| entry.fate == fate).count() as u64
}

/// Batches of one group use: by template, the fate that says most and the base time.
type GroupUse = (u64, BTreeMap<u32, (Fate, u64)>);

fn group_uses(entries: &[Entry]) -> Vec<GroupUse> {
    let mut uses: BTreeMap<u64, BTreeMap<u32, (Fate, u64)>> = BTreeMap::new();
    for entry in entries {
        let batches = uses.entry(entry.instance).or_default();
        let slot = batches.entry(entry.template).or_insert((entry.fate, entry.base_unix_ns));
        if rank(entry.fate) > rank(slot.0) {
            *slot = (entry.fate, entry.base_unix_ns);
        }
    }
    uses.into_iter().collect()
}

fn acknowledged(batches: &BTreeMap<u32, (Fate, u64)>) -> u64 {
    batches.values().filter(|(fate, _)| *fate == Fate::Acknowledged).count() as u64
}

fn rank(fate: Fate) -> u8 {
    match fate {
        Fate::Refused => 0,
        Fate::Unanswered => 1,
        Fate::Acknowledged => 2,
    }
}

struct Check<P> {
    options: VerifyOptions,
    set: TemplateSet,
    /// One trace in this many is checked.
    stride: u64,
    queue: RefCell<std::vec::IntoIter<GroupUse>>,
    report: RefCell<VerifyReport>,
    progress: RefCell<P>,
}

impl<P: FnMut(&VerifyReport)> Check<P> {
    async fn run(self) -> Result<VerifyReport, LoadError> {
        let watch = Stopwatch::start();
        let width = self.options.concurrency.max(1);
        loop {
            let next = self.queue.borrow_mut().next();
            let Some(group) = next else { break };
            let traces = self.sent_traces(&group)?.into_iter();
            let traces = Rc::new(RefCell::new(traces));
            let readers: Vec<_> = (0..width).map(|_| self.read_all(traces.clone())).collect();
            join_all(readers).await;
            (self.progress.borrow_mut())(&self.report.borrow());
        }
        let mut report = self.report.into_inner();
        report.elapsed_s = watch.elapsed_s();
        Ok(report)
    }

    /// Every trace of a group use that is to be checked, as it was sent.
    fn sent_traces(
        &self,
        (instance, batches): &GroupUse,
    ) -> Result<HashMap<Bytes, SentTrace>, LoadError> {
        let mut traces: HashMap<Bytes, SentTrace> = HashMap::new();
        for (template, (fate, base_unix_ns)) in batches {
            let fill = self.set.fill_of(*instance, *base_unix_ns);
            // A ledger of another version of the workload may name templates that are not there.
            let Some(template) = self.set.templates.get(*template as usize) else { continue };
            for batch in template.decode(&fill)?.resource_spans {
                for scope_spans in batch.scope_spans {
                    for span in scope_spans.spans {
                        if self.chosen(&span.trace_id) {
                            let trace = traces.entry(span.trace_id.clone()).or_default();
                            let scope = scope_spans.scope.as_ref();
                            trace.add(*fate, batch.resource.as_ref(), scope, span);
                        }
                    }
                }
            }
        }
        traces.retain(|_, trace| trace.acknowledged() > 0);
        Ok(traces)
    }

    fn chosen(&self, trace_id: &[u8]) -> bool {
        let id: Result<[u8; 16], _> = trace_id.try_into();
        id.is_ok_and(|id| mix64(ids::trace_key(&TraceId(id))).is_multiple_of(self.stride))
    }

    async fn read_all(&self, traces: Rc<RefCell<impl Iterator<Item = (Bytes, SentTrace)>>>) {
        let mut connection = None;
        loop {
            let next = traces.borrow_mut().next();
            let Some((id, sent)) = next else { return };
            let id = TraceId(id[..].try_into().unwrap_or_default());
            let answer = self.fetch(&id, &mut connection).await;
            let mut report = self.report.borrow_mut();
            report.traces_checked += 1;
            match answer {
                Ok(found) => report.add(&id, sent.acknowledged(), &sent.compare(found)),
                Err(reason) => {
                    report.read_errors += 1;
                    report.spans_expected += sent.acknowledged();
                    report.problem(&id, &reason);
                }
            }
        }
    }

    async fn fetch(
        &self,
        id: &TraceId,
        connection: &mut Option<Connection>,
    ) -> Result<TracesData, String> {
        let mut reason = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                sleep(RETRY_WAIT * (1 << attempt)).await;
            }
            match timeout(self.options.timeout, self.ask(id, connection)).await {
                Ok(Ok(response)) if response.status < 500 && response.status != 429 => {
                    return self.decode(&response);
                }
                Ok(Ok(response)) => reason = bad_status(&response),
                Ok(Err(error)) => reason = error.to_string(),
                Err(_) => reason = "no answer in time".to_owned(),
            }
        }
        Err(reason)
    }

    async fn ask(
        &self,
        id: &TraceId,
        connection: &mut Option<Connection>,
    ) -> std::io::Result<Response> {
        let mut open = match connection.take() {
            Some(open) => open,
            None => Connection::open(&self.options.http).await?,
        };
        let path = match self.options.api {
            Api::V1 => format!("/api/traces/{id}"),
            Api::V2 => format!("/api/v2/traces/{id}"),
        };
        let mut headers = String::from("Accept: application/protobuf\r\n");
        if let Some(tenant) = &self.options.tenant {
            headers.push_str(&format!("X-Scope-OrgID: {tenant}\r\n"));
        }
        let request = Request { method: "GET", path: &path, headers: &headers, body: Bytes::new() };
        let response = open.send(request).await?;
        if !open.is_closing() {
            *connection = Some(open);
        }
        Ok(response)
    }

    fn decode(&self, response: &Response) -> Result<TracesData, String> {
        let undecodable = |error| format!("the answer cannot be decoded: {error}");
        match (response.status, self.options.api) {
            (404, _) => Ok(TracesData::default()),
            (200, Api::V1) => TracesData::decode(response.body.clone()).map_err(undecodable),
            (200, Api::V2) => {
                let answer =
                    TraceByIdResponse::decode(response.body.clone()).map_err(undecodable)?;
                if answer.status == PartialStatus::Partial as i32 {
                    return Err(format!("the answer is partial: {}", answer.message));
                }
                Ok(answer.trace.unwrap_or_default())
            }
            _ => Err(bad_status(response)),
        }
    }
}

fn bad_status(response: &Response) -> String {
    let body = String::from_utf8_lossy(&response.body);
    format!("status {}: {}", response.status, body.trim().chars().take(200).collect::<String>())
}

/// Polls all futures, on this task, until each is done.
async fn join_all<F: Future<Output = ()>>(futures: Vec<F>) {
    let mut futures: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    std::future::poll_fn(|context| {
        for slot in &mut futures {
            if slot.as_mut().is_some_and(|future| future.as_mut().poll(context).is_ready()) {
                *slot = None;
            }
        }
        if futures.iter().all(Option::is_none) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}
