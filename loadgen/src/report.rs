//! What a run tells: a line each second, and the figures at the end.

use std::fmt;

use serde::Serialize;

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Batches measured.
    pub count: u64,
    /// Mean.
    pub mean_us: f64,
    /// Median.
    pub p50_us: u64,
    /// 90 %.
    pub p90_us: u64,
    /// 99 %.
    pub p99_us: u64,
    /// 99.9 %.
    pub p999_us: u64,
    /// Longest.
    pub max_us: u64,
}

/// How a run stands, told about once a second.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Since the start.
    pub elapsed_s: f64,
    /// Spans acknowledged so far.
    pub acknowledged_spans: u64,
    /// Spans acknowledged per second since the last line.
    pub acknowledged_per_s: f64,
    /// Spans refused, failed or unanswered so far.
    pub not_acknowledged_spans: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Since the last line, from the due time.
    pub latency: Latency,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:6.1} s  {:>9.0} spans/s  {:>11} acknowledged  {:>9} not  {:>3} in flight  \
             p50 {:.1} ms  p99 {:.1} ms",
            self.elapsed_s,
            self.acknowledged_per_s,
            self.acknowledged_spans,
            self.not_acknowledged_spans,
            self.in_flight,
            self.latency.p50_us as f64 / 1000.0,
            self.latency.p99_us as f64 / 1000.0,
        )
    }
}

/// Batches and spans of one fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Batches.
    pub batches: u64,
    /// Spans.
    pub spans: u64,
}

impl From<(u64, u64)> for Counted {
    fn from((batches, spans): (u64, u64)) -> Self {
        Self { batches, spans }
    }
}

/// CPU time and memory of the server's process.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ServerCost {
    /// CPU seconds from the start of the run until its last answer.
    pub cpu_s_until_ack: f64,
    /// The same per million acknowledged spans.
    pub cpu_s_per_million_until_ack: f64,
    /// CPU seconds until the server had flushed and was idle; absent unless that was asked for.
    pub cpu_s_in_all: Option<f64>,
    /// The same per million acknowledged spans.
    pub cpu_s_per_million_in_all: Option<f64>,
    /// Most resident memory seen (the process's own high-water mark), bytes.
    pub rss_bytes_max: u64,
}

/// A trace to show, acknowledged in whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExampleTrace {
    /// 32 hex digits.
    pub trace_id: String,
    /// Spans in it.
    pub spans: usize,
    /// Its services, sorted.
    pub services: Vec<String>,
    /// Name of its root span.
    pub root: String,
    /// The status message of its first error.
    pub error: Option<String>,
}

/// The figures of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// How long it took, until the last answer.
    pub elapsed_s: f64,
    /// Spans acknowledged per second.
    pub acknowledged_per_s: f64,
    /// The server has them.
    pub acknowledged: Counted,
    /// Refused with a hint when to try again.
    pub refused_with_hint: Counted,
    /// Refused without one.
    pub refused_without_hint: Counted,
    /// Answered otherwise (an error, a partial success).
    pub failed: Counted,
    /// Sent without an answer: the connection broke or time ran out.
    pub unanswered: Counted,
    /// Sends after a refusal.
    pub retries: u64,
    /// Connections made again.
    pub reconnects: u64,
    /// Bytes of a span on the wire, before compression.
    pub bytes_per_span: f64,
    /// From the time at which the batch was due (in a flat-out run: taken). In open loop this
    /// includes the runtime's timer, which fires up to two milliseconds late.
    pub latency_from_due: Latency,
    /// From the time at which the batch was sent.
    pub latency_from_send: Latency,
    /// The first different reasons of refusals and failures, and how often each came.
    pub reasons: Vec<(String, u64)>,
    /// Why the run ended early, when a connection broke and that was to end it.
    pub disconnected: Option<String>,
    /// CPU seconds of this process per million acknowledged spans.
    pub own_cpu_s_per_million: Option<f64>,
    /// CPU time and memory of the server, where its process is known.
    pub server: Option<ServerCost>,
    /// What could not be measured, and why.
    pub notes: Vec<String>,
    /// A trace to show.
    pub example: Option<ExampleTrace>,
    /// What trace ids were derived from.
    pub run_id: u64,
}

impl Report {
    /// The report as one JSON object.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers and strings always serialize")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spans = self.acknowledged.spans;
        writeln!(f, "acknowledged  {spans} spans in {:.2} s", self.elapsed_s)?;
        writeln!(f, "rate          {:.0} spans/s", self.acknowledged_per_s)?;
        writeln!(f, "wire          {:.0} bytes/span", self.bytes_per_span)?;
        write_latency(f, "from due", &self.latency_from_due)?;
        write_latency(f, "from send", &self.latency_from_send)?;
        for (what, count) in [
            ("refused, with hint", self.refused_with_hint),
            ("refused, no hint", self.refused_without_hint),
            ("failed", self.failed),
            ("unanswered", self.unanswered),
        ] {
            if count.batches > 0 {
                writeln!(f, "{what}: {} batches, {} spans", count.batches, count.spans)?;
            }
        }
        for (reason, count) in &self.reasons {
            writeln!(f, "  {count} x {reason}")?;
        }
        if let Some(cost) = self.own_cpu_s_per_million {
            writeln!(f, "loadgen CPU   {cost:.3} s per million spans")?;
        }
        if let Some(server) = &self.server {
            write_server(f, server)?;
        }
        if let Some(reason) = &self.disconnected {
            writeln!(f, "disconnected: {reason}")?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

fn write_latency(f: &mut fmt::Formatter<'_>, what: &str, latency: &Latency) -> fmt::Result {
    let ms = |us: u64| us as f64 / 1000.0;
    writeln!(
        f,
        "{what:<13} p50 {:.2} ms  p90 {:.2} ms  p99 {:.2} ms  p99.9 {:.2} ms  max {:.2} ms",
        ms(latency.p50_us),
        ms(latency.p90_us),
        ms(latency.p99_us),
        ms(latency.p999_us),
        ms(latency.max_us),
    )
}

fn write_server(f: &mut fmt::Formatter<'_>, server: &ServerCost) -> fmt::Result {
    let until_ack = server.cpu_s_per_million_until_ack;
    writeln!(f, "server CPU    {until_ack:.3} s per million spans until the ack")?;
    if let Some(in_all) = server.cpu_s_per_million_in_all {
        writeln!(f, "server CPU    {in_all:.3} s per million spans in all")?;
    }
    writeln!(f, "server memory {:.1} MiB at most", server.rss_bytes_max as f64 / 1048576.0)
}
