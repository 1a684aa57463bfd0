//! Kills a loaded server at random moments and reads everything back, on one data directory.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::crash::Setup;
use crate::crash::plan::Plan;
use crate::error::{XtaskError, failed};
use crate::loadgen::{self, Verified};
use crate::server::{self, Server};

/// Longest recovery.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest end after SIGTERM.
const END_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest start of the load generator.
const LOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Where the server counts what arrives.
const SPANS_RECEIVED: &str = "tempo_distributor_spans_received_total";
/// Every so many rounds, all earlier ledgers are looked at again…
const ROUNDS_PER_REVIEW: u64 = 10;
/// …by so many traces each.
const REVIEW_TRACES: u64 = 100;
/// The same at the end, after a restart in order. Each round has read all of its own already.
const LAST_REVIEW_TRACES: u64 = 250;

/// Sums over all rounds.
#[derive(Debug, Default)]
struct Totals {
    kills: u64,
    batches: u64,
    spans: u64,
    unanswered_batches: u64,
    unanswered_present: u64,
}

struct Rounds<'a> {
    setup: &'a Setup,
    data: PathBuf,
    ledgers: Vec<PathBuf>,
    totals: Totals,
}

/// Runs all rounds, then ends the server in order, starts it once more and reads all back.
///
/// # Errors
/// At the first span that is lost, doubled or changed, and at any panic.
pub fn run(setup: &Setup, rounds: u64) -> Result<(), XtaskError> {
    let since = Instant::now();
    let data = setup.dir.join("rounds");
    let mut state = Rounds { setup, data, ledgers: Vec::new(), totals: Totals::default() };
    let mut server = state.start(&state.plan(1))?.0;
    for round in 1..=rounds {
        server = state.round(round, server).map_err(|error| state.tell(round, error))?;
    }
    state.end(server).map_err(|error| state.tell(rounds, error))?;
    let Totals { kills, batches, spans, unanswered_batches, unanswered_present } = state.totals;
    println!(
        "crash: {rounds} rounds, {kills} kills, {batches} acknowledged batches of {spans} spans, \
         all there exactly once; of {unanswered_batches} unanswered batches {unanswered_present} \
         spans are there; {:.0} s",
        since.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Waits until the load has begun: until then there is nothing to lose.
fn await_spans(server: &Server) -> Result<(), XtaskError> {
    let since = Instant::now();
    while server.metric(SPANS_RECEIVED)? == 0.0 {
        if since.elapsed() > LOAD_TIMEOUT {
            return failed(format!("no span has arrived in {LOAD_TIMEOUT:?}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

impl Rounds<'_> {
    fn plan(&self, round: u64) -> Plan {
        Plan::draw(self.setup.seed, round, self.setup.cores, &self.data)
    }

    fn tell(&self, round: u64, error: XtaskError) -> XtaskError {
        let (seed, cores, data) = (self.setup.seed, self.setup.cores, self.data.display());
        XtaskError::Failed(format!(
            "round {round}: {error}\nrepeat: cargo xtask crash --part rounds --seed {seed} \
             --cores {cores} --rounds {round}\ndata and server.log are kept in {data}"
        ))
    }

    /// Loads and kills `server`; returns the one that came after.
    fn round(&mut self, round: u64, server: Server) -> Result<Server, XtaskError> {
        let plan = self.plan(round);
        let ledger = self.setup.dir.join(format!("round-{round}.ledger"));
        let loadgen = &self.setup.binaries.loadgen;
        let load = loadgen::start(loadgen, server.ports().otlp_grpc, &ledger, &plan.load)?;
        await_spans(&server)?;
        std::thread::sleep(plan.kill_after);
        server.kill()?;
        load.wait_disconnected()?;
        self.totals.kills += 1;
        let next = self.plan(round + 1);
        if let Some(after) = plan.kill_restart_after {
            self.kill_restart(&next, after)?;
        }
        let (server, ready) = self.start(&next)?;
        let verified = self.verify(&server, &ledger, None)?;
        self.print(round, &plan, ready, &verified);
        self.count(&verified);
        self.ledgers.push(ledger);
        if round.is_multiple_of(ROUNDS_PER_REVIEW) {
            self.review(&server, REVIEW_TRACES)?;
        }
        Ok(server)
    }

    fn start(&self, plan: &Plan) -> Result<(Server, Duration), XtaskError> {
        let mut server = Server::start(&self.setup.binaries.server, &plan.server)?;
        let ready = server.wait_ready(READY_TIMEOUT)?;
        server::no_panic(&self.data)?;
        Ok((server, ready))
    }

    fn kill_restart(&mut self, plan: &Plan, after: Duration) -> Result<(), XtaskError> {
        let server = Server::start(&self.setup.binaries.server, &plan.server)?;
        std::thread::sleep(after);
        self.totals.kills += 1;
        server.kill()
    }

    fn verify(
        &self,
        server: &Server,
        ledger: &Path,
        sample: Option<u64>,
    ) -> Result<Verified, XtaskError> {
        let verified = loadgen::verify(&self.setup.binaries.loadgen, server, ledger, sample)?;
        if verified.is_clean() {
            return Ok(verified);
        }
        let (ledger, log) = (ledger.display(), server.log_tail());
        failed(format!("{ledger} does not hold: {}\nthe server's log ends:\n{log}", verified.json))
    }

    /// Reads a sample of all ledgers so far: what was there once stays.
    fn review(&self, server: &Server, traces: u64) -> Result<(), XtaskError> {
        let mut spans = 0;
        for ledger in &self.ledgers {
            spans += self.verify(server, ledger, Some(traces))?.found;
        }
        println!("a sample of all {} ledgers again: {spans} spans, each once", self.ledgers.len());
        Ok(())
    }

    /// The end in order; afterwards all is there, from blocks alone.
    fn end(&self, server: Server) -> Result<(), XtaskError> {
        self.review(&server, REVIEW_TRACES)?;
        server.terminate(END_TIMEOUT)?;
        let (server, ready) = self.start(&self.plan(1))?;
        println!("SIGTERM: ended with status 0, ready again in {:.2} s", ready.as_secs_f64());
        self.review(&server, LAST_REVIEW_TRACES)?;
        server.terminate(END_TIMEOUT)?;
        server::no_panic(&self.data)
    }

    fn count(&mut self, verified: &Verified) {
        self.totals.batches += verified.batches;
        self.totals.spans += verified.found;
        self.totals.unanswered_batches += verified.unanswered_batches;
        self.totals.unanswered_present += verified.unanswered_present;
    }

    fn print(&self, round: u64, plan: &Plan, ready: Duration, verified: &Verified) {
        let Verified { batches, found, unanswered_batches, unanswered_present, .. } = verified;
        let twice = plan.kill_restart_after.map_or_else(String::new, |after| {
            format!(", again {:.3} s into the restart", after.as_secs_f64())
        });
        println!(
            "round {round:>3}: {}, killed after {:.2} s{twice}; ready in {:.2} s; \
             {batches} batches of {found} spans, each once; \
             unanswered {unanswered_batches} ({unanswered_present} spans there)",
            plan.describe(),
            plan.kill_after.as_secs_f64(),
            ready.as_secs_f64(),
        );
    }
}
