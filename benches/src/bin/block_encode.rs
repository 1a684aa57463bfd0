//! What encoding a block costs: the twin of `block/src/encode.rs`, on the load generator's spans.
//! And what memory it takes to read the block again, per byte that is fetched.
//!
//! `cargo run --release -p stringendo-benches --bin block_encode [SPANS [FILE]]`. CPU time, the
//! best of some rounds, so that other load on the machine shows little; and the longest step
//! between two yields (real time).
//! With FILE the columns' sizes are printed instead, and `data.parquet` is written there.

use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use stringendo_benches::{Traces, batches, traces_of};
use stringendo_block::meta::default_dedicated_columns;
use stringendo_block::read::ReadError;
use stringendo_block::scan::{AttributeScope, ScanField, ScanRequest};
use stringendo_block::{
    BlockEncoder, BlockReader, DedicatedColumn, EncodeOptions, Fetched, FinishedBlock,
};
use stringendo_proto::TraceId;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 9;

fn main() {
    let spans = std::env::args().nth(1).and_then(|spans| spans.parse().ok()).unwrap_or(100_000);
    let chunks = batches(spans);
    let traces = traces_of(&chunks);
    let parts = || traces.values().flatten();
    let spans = parts().count();
    let bytes: usize = parts().map(|part| part.span.len as usize).sum();
    println!("{spans} spans of {} bytes in {} traces", bytes / spans, traces.len());
    if let Some(file) = std::env::args().nth(2) {
        let block = encode(&chunks, &traces, &default_dedicated_columns()).block;
        std::fs::write(&file, &block.data).expect("the file can be written");
        return report_columns(block.data, spans);
    }
    for (what, columns) in
        [("default columns", default_dedicated_columns()), ("no dedicated columns", Vec::new())]
    {
        let block = report(what, spans, &chunks, &traces, &columns);
        let some_trace = traces.keys().nth(traces.len() / 2).expect("there are traces");
        report_reading(&block, some_trace);
    }
}

fn report(
    what: &str,
    spans: usize,
    chunks: &[Bytes],
    traces: &Traces,
    columns: &[DedicatedColumn],
) -> FinishedBlock {
    let rounds = (0..ROUNDS).map(|_| encode(chunks, traces, columns));
    let best = rounds.min_by_key(|round| round.total).expect("there are rounds");
    let per_span = |time: Duration| time.as_nanos() as f64 / spans as f64;
    println!(
        "{what:>22}: {:.0} ns per span, of it {:.0} after the last trace; {:.1} bytes per span \
         and {:.2} of filters; {:.1} MiB held at most; longest call {:.1} ms, longest step of \
         finishing {:.1} ms",
        per_span(best.total),
        per_span(best.finishing),
        best.block.data.len() as f64 / spans as f64,
        best.block.filters.len() as f64 / spans as f64,
        best.memory as f64 / f64::from(1 << 20),
        best.longest_call.as_secs_f64() * 1e3,
        best.longest_step.as_secs_f64() * 1e3,
    );
    best.block
}

/// What each column takes, largest first; those of less than a hundredth of a byte together.
fn report_columns(data: Bytes, spans: usize) {
    let file = SerializedFileReader::new(data).expect("a Parquet file");
    let groups = file.metadata().row_groups();
    let leaves = groups.first().map_or(0, |group| group.num_columns());
    let mut columns: Vec<_> = (0..leaves)
        .map(|leaf| {
            let chunks = || groups.iter().map(|group| group.column(leaf));
            let stored: i64 = chunks().map(|chunk| chunk.compressed_size()).sum();
            let plain: i64 = chunks().map(|chunk| chunk.uncompressed_size()).sum();
            let levels: i64 = chunks().map(|chunk| chunk.num_values()).sum();
            (stored, plain, levels, groups[0].column(leaf))
        })
        .collect();
    columns.sort_by_key(|column| -column.0);
    println!("stored  plain  entries per span");
    let per_span = |bytes: i64| bytes as f64 / spans as f64;
    for (stored, plain, entries, chunk) in &columns {
        println!(
            "{:6.3} {:6.3} {:6.3}  {:<48} {:?} {:?}",
            per_span(*stored),
            per_span(*plain),
            per_span(*entries),
            chunk.column_path().string(),
            chunk.compression(),
            chunk.encodings().collect::<Vec<_>>(),
        );
    }
    let all: (i64, i64) = columns.iter().fold((0, 0), |all, c| (all.0 + c.0, all.1 + c.1));
    println!("{:6.3} {:6.3}         all", per_span(all.0), per_span(all.1));
}

/// Memory that reading takes beside what is fetched.
fn report_reading(block: &FinishedBlock, trace_id: &TraceId) {
    let range = BlockReader::footer_range(&block.meta);
    let footer = block.data.slice(range.start as usize..range.end as usize);
    let reader = BlockReader::open(block.meta.clone(), &footer).expect("a block");
    let attribute = |scope, key: &str| ScanField::Attribute { scope, key: key.to_owned() };
    for (what, fields) in [
        ("scan of nothing", vec![]),
        ("scan of names", vec![ScanField::Name, ScanField::Duration]),
        ("scan of services", vec![attribute(AttributeScope::Resource, "service.name")]),
        ("scan of attributes", vec![attribute(AttributeScope::Span, "no.such.key")]),
    ] {
        let request = ScanRequest { fields, end_unix_nanos: u64::MAX, ..ScanRequest::default() };
        let fetched = fetch(block, reader.scan_ranges(0, &request));
        let mut scan = reader.scan(0, &request, &fetched.1).expect("columns");
        while scan.next_batch().expect("columns").is_some() {}
        report_memory(what, fetched.0, scan.peak_bytes());
    }
    let probe = reader.probe(trace_id).remove(0);
    let (bytes, fetched) = fetch(block, probe.ranges.clone());
    let (row, least) = needed(|limit| reader.find_row_within(&probe, trace_id, &fetched, limit));
    report_memory("search for an id", bytes, least);
    let row = row.expect("the trace is there");
    let (bytes, fetched) = fetch(block, reader.row_ranges(probe.row_group, row).expect("a row"));
    let (trace, least) =
        needed(|limit| reader.read_row_within(probe.row_group, row, &fetched, limit));
    report_memory("one trace", bytes, least);
    println!("{:>22}: {} bytes of OTLP", "", prost::Message::encoded_len(&trace));
}

fn report_memory(what: &str, fetched: u64, decoded: u64) {
    let ratio = decoded as f64 / fetched as f64;
    println!("{what:>22}: {fetched} bytes fetched, {decoded} bytes decoded: {ratio:.1} times");
}

fn fetch(block: &FinishedBlock, ranges: Vec<Range<u64>>) -> (u64, Fetched) {
    let (mut bytes, mut fetched) = (0, Fetched::default());
    for range in ranges {
        bytes += range.end - range.start;
        fetched.insert(range.start, block.data.slice(range.start as usize..range.end as usize));
    }
    (bytes, fetched)
}

/// The outcome of `read`, and the least memory with which there is one.
fn needed<T>(read: impl Fn(u64) -> Result<T, ReadError>) -> (T, u64) {
    let mut limit = 0;
    loop {
        match read(limit) {
            Err(ReadError::NeedsMemory { bytes }) => limit = bytes,
            outcome => return (outcome.expect("readable"), limit),
        }
    }
}

struct Round {
    block: FinishedBlock,
    total: Duration,
    finishing: Duration,
    memory: usize,
    longest_call: Duration,
    longest_step: Duration,
}

/// CPU time of this thread: other load on the machine counts little.
fn cpu_time() -> Duration {
    // Not through `clock_gettime`: under valgrind it fails.
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("the first number is the time on a processor"))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn encode(chunks: &[Bytes], traces: &Traces, columns: &[DedicatedColumn]) -> Round {
    let start = cpu_time();
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
    let (mut longest_call, mut memory) = (Duration::ZERO, 0);
    for (id, parts) in traces {
        let call = Instant::now();
        encoder.add_trace(chunks, id, parts).expect("the workload is valid");
        longest_call = longest_call.max(call.elapsed());
        memory = memory.max(encoder.memory_bytes());
        let mut is_writing = true;
        while is_writing {
            let call = Instant::now();
            is_writing = encoder.write_step().expect("the workload is valid");
            longest_call = longest_call.max(call.elapsed());
        }
    }
    let (finish, mut finishing) = (cpu_time(), encoder.finish());
    let mut longest_step = Duration::ZERO;
    let block = loop {
        let step = Instant::now();
        let block = finishing.step().expect("the workload is valid");
        longest_step = longest_step.max(step.elapsed());
        if let Some(block) = block {
            break block;
        }
    };
    let (total, finishing) = (cpu_time() - start, cpu_time() - finish);
    Round { block, total, finishing, memory, longest_call, longest_step }
}
