//! Reading with little memory: a reader that needs more says so, and gives the same with it.

#![allow(clippy::unwrap_used)]

mod support;

use stringendo_block::scan::{AttributeScope, ColumnValue, ScanBatch, ScanField, ScanRequest};
use stringendo_block::{BlockReader, Fetched, ReadError};
use stringendo_proto::TraceId;
use support::{Block, Recorded, TEMPO_BLOCKS, read_trace, recorded_traces, tempo_block};

fn request() -> ScanRequest {
    let attribute =
        |key: &str| ScanField::Attribute { scope: AttributeScope::Span, key: key.to_owned() };
    let fields = vec![ScanField::Name, attribute("http.method"), attribute("http.status_code")];
    ScanRequest { fields, end_unix_nanos: u64::MAX, ..ScanRequest::default() }
}

type Found = Vec<(TraceId, Vec<Vec<ColumnValue>>)>;

/// Traces one by one, since another scan may make other batches.
fn add(found: &mut Found, batch: &ScanBatch) {
    for trace in &batch.traces {
        let column = |number: usize| -> Vec<ColumnValue> {
            trace.spans.clone().map(|at| batch.value(number, at).into()).collect()
        };
        found.push((trace.trace_id, (0..batch.columns.len()).map(column).collect()));
    }
}

/// Scans with no memory at first, then with what is said to be needed; also how often it began.
fn scan_with_least_memory(
    reader: &BlockReader,
    row_group: usize,
    fetched: &Fetched,
) -> (Found, u32) {
    let (mut found, mut row, mut limit, mut begun) = (Found::new(), 0, 0, 0);
    'begin: loop {
        begun += 1;
        let mut scan = reader.scan(row_group, &request(), fetched).unwrap().within(row, limit);
        loop {
            match scan.next_batch() {
                Ok(Some(batch)) => add(&mut found, &batch),
                Ok(None) => {
                    assert!(scan.peak_bytes() <= limit);
                    return (found, begun);
                }
                Err(ReadError::NeedsMemory { bytes }) => {
                    assert!(bytes > limit, "{bytes} after {limit}");
                    (row, limit) = (scan.next_row(), bytes);
                    continue 'begin;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn scan_from(reader: &BlockReader, row_group: usize, row: u64, fetched: &Fetched) -> Found {
    let mut scan = reader.scan(row_group, &request(), fetched).unwrap().within(row, u64::MAX);
    let mut found = Found::new();
    while let Some(batch) = scan.next_batch().unwrap() {
        add(&mut found, &batch);
    }
    found
}

fn open(name: &str) -> (Block, BlockReader) {
    let block = tempo_block(name);
    let reader = block.open().unwrap();
    (block, reader)
}

#[test]
fn a_scan_with_as_little_memory_as_it_can_do_with_finds_the_same() {
    for name in TEMPO_BLOCKS {
        let (block, reader) = open(name);
        for row_group in 0..reader.row_groups() {
            let fetched = block.fetch(&reader.scan_ranges(row_group, &request()));
            let (found, begun) = scan_with_least_memory(&reader, row_group, &fetched);
            assert!(begun > 2, "{begun}");
            assert_eq!(found, scan_from(&reader, row_group, 0, &fetched));
        }
    }
}

#[test]
fn a_scan_goes_on_from_any_row() {
    let (block, reader) = open("vparquet5");
    let fetched = block.fetch(&reader.scan_ranges(0, &request()));
    let all = scan_from(&reader, 0, 0, &fetched);
    for row in [1, 7, all.len() - 1, all.len()] {
        assert_eq!(scan_from(&reader, 0, row as u64, &fetched), all[row..]);
    }
}

/// Reads with no memory at first, then with what is said to be needed.
fn with_least_memory<T>(mut read: impl FnMut(u64) -> Result<T, ReadError>) -> T {
    let mut limit = 0;
    loop {
        match read(limit) {
            Err(ReadError::NeedsMemory { bytes }) => {
                assert!(bytes > limit, "{bytes} after {limit}");
                limit = bytes;
            }
            outcome => return outcome.unwrap(),
        }
    }
}

#[test]
fn a_trace_with_as_little_memory_as_it_can_do_with_is_the_same() {
    let (block, reader) = open("vparquet5");
    for Recorded { trace_id: id, .. } in recorded_traces().iter().take(5) {
        let found = reader.probe(id).into_iter().find_map(|probe| {
            let fetched = block.fetch(&probe.ranges);
            let row =
                with_least_memory(|limit| reader.find_row_within(&probe, id, &fetched, limit))?;
            let ranges = reader.row_ranges(probe.row_group, row).unwrap();
            let fetched = block.fetch(&ranges);
            Some(with_least_memory(|limit| {
                reader.read_row_within(probe.row_group, row, &fetched, limit)
            }))
        });
        assert_eq!(found, read_trace(&block, &reader, id).unwrap());
    }
}
