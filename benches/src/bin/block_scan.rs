//! What searching a block costs: the twin of `block/src/scan.rs`, on the load generator's spans.
//!
//! `cargo run --release -p stringendo-benches --bin block_scan [SPANS] [NAME]`; with a name, only
//! the searches that have it in theirs, many times, for a profiler. Everything is in memory (warm),
//! time is processor time. Per search the best of some rounds, from the dictionaries to the last
//! batch of candidates, as spans of the block per second; and what trace by id costs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stringendo_benches::{Traces, batches, traces_of};
use stringendo_block::meta::default_dedicated_columns;
use stringendo_block::scan::{
    Accepts, AttributeScope, Candidates, Needs, Scalar, ScanField, ScanRequest, ScanTest,
    ValueTypes, Wanted,
};
use stringendo_block::{
    BlockEncoder, BlockReader, DecodedDictionary, DedicatedColumn, EncodeOptions, Fetched,
    FinishedBlock, KnownDictionaries,
};
use stringendo_proto::TraceId;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
/// Where a profiler looks.
const PROFILED_ROUNDS: usize = 200;
const MEMORY_MAX: u64 = 1 << 30;

fn main() {
    let spans = std::env::args().nth(1).and_then(|spans| spans.parse().ok()).unwrap_or(200_000);
    let chunks = batches(spans);
    let traces = traces_of(&chunks);
    for (what, columns) in
        [("default columns", default_dedicated_columns()), ("no dedicated columns", Vec::new())]
    {
        let start = now();
        let block = encode(&chunks, &traces, &columns);
        let spans: usize = traces.values().map(Vec::len).sum();
        println!(
            "{what}: {spans} spans, {:.1} bytes each, encoded in {:.0} ns each",
            block.data.len() as f64 / spans as f64,
            start.elapsed().as_nanos() as f64 / spans as f64
        );
        KNOWN.take();
        report(&block, spans);
        report_trace(&block, traces.keys().nth(traces.len() / 2).expect("there are traces"));
    }
}

/// Processor time of this thread: others on the machine do not count.
struct Cpu(Duration);

fn now() -> Cpu {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Cpu(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

impl Cpu {
    fn elapsed(&self) -> Duration {
        now().0.saturating_sub(self.0)
    }
}

fn report(block: &FinishedBlock, spans: usize) {
    let (reader, count) = (open(block), rounds());
    for (what, request) in searches(block, &reader) {
        if !is_wanted(what) {
            continue;
        }
        let rounds = (0..count).map(|_| search(block, &reader, &request));
        let best = rounds.min_by_key(|round| round.time).expect("there are rounds");
        println!(
            "{what:>34}: {:>7.1} M spans/s ({:>7.2} ms: {:.2} sift, {:.2} scan); {} of {} traces, \
             {} spans; {:.1} % of the block fetched",
            spans as f64 / best.time.as_secs_f64() / 1e6,
            best.time.as_secs_f64() * 1e3,
            best.sift.as_secs_f64() * 1e3,
            (best.time - best.sift).as_secs_f64() * 1e3,
            best.traces,
            block.meta.total_objects,
            best.spans,
            best.fetched as f64 / block.data.len() as f64 * 100.0,
        );
    }
}

struct Round {
    time: Duration,
    sift: Duration,
    traces: u64,
    spans: u64,
    fetched: u64,
}

fn search(block: &FinishedBlock, reader: &BlockReader, request: &ScanRequest) -> Round {
    let start = now();
    let (mut traces, mut spans, mut fetched, mut sift) = (0, 0, 0, Duration::ZERO);
    for row_group in 0..reader.row_groups() {
        let begin = now();
        let candidates = candidates(block, reader, row_group, request, &mut fetched);
        sift += begin.elapsed();
        let known = known();
        let ranges = reader.candidate_ranges(row_group, request, &candidates, &*known);
        if ranges.is_empty() {
            continue;
        }
        let bytes = fetch(block, ranges, &mut fetched);
        let mut scan =
            reader.scan_candidates(row_group, request, &candidates, &bytes).expect("columns");
        while let Some(batch) = scan.next_batch().expect("columns") {
            traces += batch.traces.len() as u64;
            spans += batch.spans as u64;
        }
    }
    Round { time: start.elapsed(), sift, traces, spans, fetched }
}

fn candidates(
    block: &FinishedBlock,
    reader: &BlockReader,
    row_group: usize,
    request: &ScanRequest,
    fetched: &mut u64,
) -> Candidates {
    let known = known();
    let bytes = fetch(block, reader.lookup_ranges(row_group, request, &*known), fetched);
    let lookup = reader.look_up(row_group, request, &bytes, MEMORY_MAX).expect("dictionaries");
    if lookup.wants_every_row() {
        return Candidates::all_of(&lookup);
    }
    let bytes = fetch(block, reader.sift_ranges(row_group, request, &lookup, &*known), fetched);
    let mut sift = reader.sift(row_group, request, &lookup, &bytes, MEMORY_MAX);
    while sift.step().expect("columns") {}
    sift.candidates()
}

/// Searches with what they ask for.
fn searches(block: &FinishedBlock, reader: &BlockReader) -> Vec<(&'static str, ScanRequest)> {
    let span = |key: &str| attribute(AttributeScope::Span, key);
    let resource = |key: &str| attribute(AttributeScope::Resource, key);
    let rare = some_text(block, reader, &span("http.url"));
    let generic = some_text(block, reader, &span("session.id"));
    let none = || equal("no such value".into());
    let duration = |above: i64| numbers(above);
    vec![
        ("no such value, column of its own", request(span("http.url"), none())),
        ("no such value, generic", request(span("session.id"), none())),
        ("no such key", request(span("no.such.key"), none())),
        ("no such status code", request(span("http.status_code"), numbers(700))),
        ("one rare value, column of its own", request(span("http.url"), equal(rare))),
        ("one rare value, generic", request(span("session.id"), equal(generic))),
        ("longest durations", request(ScanField::Duration, duration(5_000_000_000))),
        ("no such duration", request(ScanField::Duration, duration(i64::MAX / 2))),
        ("status is error", request(ScanField::Status, numbers(1))),
        ("a service", request(resource("service.name"), service(block, reader))),
        ("every name", request(ScanField::Name, (bytes(), any()))),
        ("every span of a generic key", request(span("session.id"), (bytes(), any()))),
        ("large numbers, generic", request(span("db.rows"), numbers(1_000_000_000))),
        ("what a rate by service reads", all_of(resource("service.name"))),
        ("what quantiles read", all_of(ScanField::Duration)),
        ("no needs", ScanRequest { needs: Needs::default(), ..request(ScanField::Name, none()) }),
    ]
}

fn attribute(scope: AttributeScope, key: &str) -> ScanField {
    ScanField::Attribute { scope, key: key.to_owned() }
}

fn bytes() -> ValueTypes {
    ValueTypes { bytes: true, ..ValueTypes::NONE }
}

fn any() -> (std::ops::RangeInclusive<i128>, Accepts) {
    (
        i128::MIN..=i128::MAX,
        Arc::new(|value| value != Scalar::Missing && value != Scalar::Unsupported),
    )
}

type Asked = (ValueTypes, (std::ops::RangeInclusive<i128>, Accepts));

fn equal(text: Bytes) -> Asked {
    let accepts: Accepts =
        Arc::new(move |value| matches!(value, Scalar::Bytes(other) if text == other));
    (bytes(), (i128::MIN..=i128::MAX, accepts))
}

fn numbers(above: i64) -> Asked {
    let accepts: Accepts = Arc::new(move |value| matches!(value, Scalar::Int(n) if n > above));
    let types = ValueTypes { ints: true, ..ValueTypes::NONE };
    (types, (i128::from(above) + 1..=i128::MAX, accepts))
}

fn service(block: &FinishedBlock, reader: &BlockReader) -> Asked {
    equal(some_text(block, reader, &attribute(AttributeScope::Resource, "service.name")))
}

fn request(field: ScanField, (types, (numbers, accepts)): Asked) -> ScanRequest {
    let test = ScanTest { fields: vec![0], types, numbers, accepts };
    let needs = Needs { wanted: Wanted::AnyNeed, needs: vec![vec![test]] };
    let fields = vec![field];
    ScanRequest { fields, end_unix_nanos: u64::MAX, needs, ..ScanRequest::default() }
}

/// What metrics read: the field and the start of every span.
fn all_of(field: ScanField) -> ScanRequest {
    let end_unix_nanos = u64::MAX;
    let fields = vec![field];
    ScanRequest { fields, end_unix_nanos, span_starts: true, ..ScanRequest::default() }
}

/// Some text that the field holds in the block.
fn some_text(block: &FinishedBlock, reader: &BlockReader, field: &ScanField) -> Bytes {
    let request = request(field.clone(), equal(Bytes::new()));
    let bytes = fetch(block, reader.scan_ranges(0, &request), &mut 0);
    let mut scan = reader.scan(0, &request, &bytes).expect("columns");
    while let Some(batch) = scan.next_batch().expect("columns") {
        for value in batch.owned_values(0) {
            if let stringendo_block::scan::ColumnValue::Bytes(text) = value {
                return text;
            }
        }
    }
    Bytes::from_static(b"not found")
}

fn name() -> Option<String> {
    std::env::args().nth(2)
}

fn is_wanted(what: &str) -> bool {
    name().is_none_or(|name| what.contains(name.as_str()))
}

fn rounds() -> usize {
    if name().is_some() { PROFILED_ROUNDS } else { ROUNDS }
}

/// What it costs to read a trace by its id.
fn report_trace(block: &FinishedBlock, trace_id: &TraceId) {
    if !is_wanted("trace by id") {
        return;
    }
    let reader = open(block);
    let index = reader.page_index_ranges(0);
    let reader = reader.with_page_index(0, &fetch(block, index, &mut 0));
    let read = || {
        let start = now();
        let mut fetched = 0;
        let probe = reader.probe(trace_id).remove(0);
        let ids = fetch(block, probe.ranges.clone(), &mut fetched);
        let row = reader.find_row(&probe, trace_id, &ids).expect("ids").expect("the trace");
        let found = start.elapsed();
        let ranges = reader.row_ranges(probe.row_group, row).expect("a row");
        let bytes = fetch(block, ranges, &mut fetched);
        reader.read_row(probe.row_group, row, &bytes).expect("a trace");
        (start.elapsed(), found, fetched)
    };
    let (time, found, fetched) = (0..rounds()).map(|_| read()).min().expect("there are rounds");
    println!(
        "{:>34}: {:.2} ms, of it {:.2} to find it; {fetched} bytes fetched",
        "trace by id",
        time.as_secs_f64() * 1e3,
        found.as_secs_f64() * 1e3
    );
}

fn open(block: &FinishedBlock) -> BlockReader {
    let range = BlockReader::footer_range(&block.meta);
    let footer = block.data.slice(range.start as usize..range.end as usize);
    BlockReader::open(block.meta.clone(), &footer).expect("a block")
}

/// Dictionaries that were decoded before, as the engine keeps them: one block is asked at a time.
#[derive(Debug, Default)]
struct Known(RefCell<HashMap<u64, DecodedDictionary>>);

impl KnownDictionaries for Known {
    fn get(&self, offset: u64) -> Option<DecodedDictionary> {
        self.0.borrow().get(&offset).cloned()
    }

    fn keep(&self, offset: u64, dictionary: &DecodedDictionary) {
        self.0.borrow_mut().insert(offset, dictionary.clone());
    }
}

thread_local! {
    static KNOWN: RefCell<Rc<Known>> = RefCell::default();
}

fn known() -> Rc<Known> {
    KNOWN.with_borrow(Rc::clone)
}

fn fetch(block: &FinishedBlock, ranges: Vec<Range<u64>>, bytes: &mut u64) -> Fetched {
    let mut fetched = Fetched::default().with_dictionaries(known());
    for range in ranges {
        *bytes += range.end - range.start;
        fetched.insert(range.start, block.data.slice(range.start as usize..range.end as usize));
    }
    fetched
}

fn encode(chunks: &[Bytes], traces: &Traces, columns: &[DedicatedColumn]) -> FinishedBlock {
    let mut encoder = BlockEncoder::new(EncodeOptions {
        version: stringendo_block::Version::V5,
        block_id: uuid::Uuid::nil(),
        tenant: "single-tenant".into(),
        dedicated_columns: columns.to_vec(),
        bloom_false_positive: 0.01,
        bloom_shard_bytes: 102_400,
        row_group_bytes: 100_000_000,
        traces: traces.len(),
    });
    for (id, parts) in traces {
        encoder.add_trace(chunks, id, parts).expect("the workload is valid");
    }
    let mut finishing = encoder.finish();
    loop {
        if let Some(block) = finishing.step().expect("the workload is valid") {
            return block;
        }
    }
}
