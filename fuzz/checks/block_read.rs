//! What must hold for any bytes that are taken for a block: opening, reading traces by id and
//! scanning end, without a panic, within bounded memory. Shared by the fuzz target and by the test
//! that replays the corpus.
//!
//! Input: a byte that says what to start from, then
//! - even: patches of four bytes for a real block: position (24 bits, little-endian, from the end
//!   of the file if the highest bit is set), value;
//! - odd: the bytes of `data.parquet`.
//!
//! Of that byte, bits 1 and 4 choose the block, bit 2 hides the footer's length, bit 3 gives all
//! dedicated columns one name.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use stringendo_block::meta::BlockMeta;
use stringendo_block::read::{
    BlockReader, DECODED_BYTES_MAX, Fetched, Names, NoDictionaries, ReadError, RowContent,
};
use stringendo_block::scan::{
    AttributeScope, Candidates, Needs, Scalar, ScanField, ScanRequest, ScanTest, ValueTypes, Wanted,
};
use stringendo_proto::TraceId;

/// Batches and rows that are looked at per row group.
const STEPS: u64 = 6;

struct Base {
    meta: BlockMeta,
    data: Vec<u8>,
}

static BASES: LazyLock<[Base; 4]> =
    LazyLock::new(|| ["vparquet5", "vparquet5-dedicated", "vparquet4", "vparquet3"].map(base));

fn base(name: &str) -> Base {
    let tenant = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/data/blocks")
        .join(name)
        .join("single-tenant");
    let block = std::fs::read_dir(tenant)
        .expect("the blocks are in the repository")
        .map(|entry| entry.expect("readable").path())
        .find(|path| path.is_dir())
        .expect("one block");
    let meta = std::fs::read(block.join("meta.json")).expect("meta.json");
    Base {
        meta: BlockMeta::parse(&meta).expect("a real meta.json"),
        data: std::fs::read(block.join("data.parquet")).expect("data.parquet"),
    }
}

/// Opens, reads and scans.
pub fn check(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    let base = &BASES[usize::from(first >> 1 & 1 | first >> 3 & 2)];
    let data = match first & 1 {
        0 => patched(base, rest),
        _ => rest.to_vec(),
    };
    let mut meta = base.meta.clone();
    meta.size = data.len() as u64;
    if first & 4 != 0 {
        meta.footer_size = 0;
    }
    if first & 8 != 0 {
        // Several columns of one name, and none of the others.
        meta.dedicated_columns.iter_mut().for_each(|column| column.name = "http.method".into());
    }
    let data = Bytes::from(data);
    if let Ok(reader) = open(&meta, &data) {
        assert!(reader.memory_bytes() < (64 << 10) + 40 * data.len());
        read_rows(&reader, &data);
        scan_all(&reader, &data);
    }
}

fn patched(base: &Base, patches: &[u8]) -> Vec<u8> {
    let mut data = base.data.clone();
    for patch in patches.as_chunks::<4>().0 {
        let position = u32::from_le_bytes([patch[0], patch[1], patch[2], 0]) as usize;
        let at = match position & 0x80_0000 {
            0 => position % data.len(),
            _ => data.len() - 1 - (position & 0x7f_ffff) % data.len(),
        };
        data[at] = patch[3];
    }
    data
}

fn open(meta: &BlockMeta, data: &Bytes) -> Result<BlockReader, ReadError> {
    let range = BlockReader::footer_range(meta);
    match BlockReader::open(meta.clone(), &slice(data, &range)) {
        Err(ReadError::NotFetched(range)) => BlockReader::open(meta.clone(), &slice(data, &range)),
        other => other,
    }
}

/// All ranges that are asked for lie in the file.
fn slice(data: &Bytes, range: &std::ops::Range<u64>) -> Bytes {
    data.slice(range.start as usize..range.end as usize)
}

fn fetch(data: &Bytes, ranges: &[std::ops::Range<u64>]) -> Fetched {
    let mut fetched = Fetched::default();
    ranges.iter().for_each(|range| fetched.insert(range.start, slice(data, range)));
    fetched
}

fn read_rows(reader: &BlockReader, data: &Bytes) {
    for id in [TraceId([0; 16]), TraceId([0x77; 16]), TraceId([0xff; 16])] {
        for probe in reader.probe(&id) {
            let _ = reader.find_row(&probe, &id, &fetch(data, &probe.ranges));
        }
    }
    for row_group in 0..reader.row_groups().min(8) {
        let rows = reader.rows(row_group).unwrap_or(0);
        let step = (rows / STEPS).max(1);
        for row in (0..STEPS).map(|at| at * step).filter(|row| *row < rows) {
            let ranges = reader.row_ranges(row_group, row).expect("the row exists");
            match reader.read_row(row_group, row, &fetch(data, &ranges)) {
                Err(ReadError::NotFetched(range)) => panic!("{range:?} was not asked for"),
                _ => continue,
            }
        }
        read_together(reader, data, row_group, rows);
    }
}

/// Rows of one pass, as far as it goes, with less than all of each.
fn read_together(reader: &BlockReader, data: &Bytes, row_group: usize, rows: u64) {
    let span_attributes = Names::These(vec!["http.method".into(), "a.str".into()]);
    let content = RowContent { span_attributes, events: false, details: false };
    let few: Vec<u64> = (0..rows.min(STEPS * 100)).filter(|row| row % 9 < 2).collect();
    let ranges = reader.pass_ranges(row_group, &content, &few).expect("the rows exist");
    match reader.pass(row_group, &content, &few, &fetch(data, &ranges), u64::MAX) {
        Ok(mut pass) => drop(few.iter().map_while(|row| pass.row(*row).ok()).count()),
        Err(ReadError::NotFetched(range)) => panic!("{range:?} was not asked for"),
        Err(_) => {}
    }
}

fn scan_all(reader: &BlockReader, data: &Bytes) {
    let attribute = |scope, key: &str| ScanField::Attribute { scope, key: key.into() };
    let fields = vec![
        ScanField::Name,
        ScanField::StatusMessage,
        ScanField::ScopeName,
        ScanField::NestedSetParent,
        ScanField::TraceDuration,
        attribute(AttributeScope::Span, "http.method"),
        attribute(AttributeScope::Span, "http.status_code"),
        attribute(AttributeScope::Span, "a.str"),
        attribute(AttributeScope::Resource, "service.name"),
        attribute(AttributeScope::Resource, "cluster"),
        attribute(AttributeScope::Scope, "scope.attr"),
        ScanField::EventTimeSinceStart,
        ScanField::LinkTraceId,
        attribute(AttributeScope::Event, "exception.type"),
        attribute(AttributeScope::Link, "k"),
    ];
    let fields_tested = 0..fields.len();
    let test = |field: usize| ScanTest {
        fields: vec![field],
        types: ValueTypes::ALL,
        numbers: 0..=i128::MAX,
        accepts: Arc::new(move |value| match value {
            Scalar::Bytes(text) => text.len() % 3 == field % 3,
            Scalar::Int(number) => number % 2 == 0,
            Scalar::Missing => false,
            // Of some attributes the key suffices.
            _ => field.is_multiple_of(2),
        }),
    };
    let needs = fields_tested.map(|field| vec![test(field), test(0)]).collect();
    let needs = Needs { wanted: Wanted::AllNeeds, needs };
    let mut request = ScanRequest { fields, end_unix_nanos: u64::MAX, ..ScanRequest::default() };
    (request.span_starts, request.facts) = (true, true);
    scan_rows(reader, data, &request, |_| Some(Candidates::all()));
    request.needs = needs;
    request.start_unix_nanos = 1;
    for wanted in [Wanted::AllNeeds, Wanted::AnyNeed] {
        request.needs.wanted = wanted;
        scan_rows(reader, data, &request, |row_group| sift(reader, data, row_group, &request));
    }
}

fn sift(
    reader: &BlockReader,
    data: &Bytes,
    row_group: usize,
    request: &ScanRequest,
) -> Option<Candidates> {
    let fetched = fetch(data, &reader.lookup_ranges(row_group, request, &NoDictionaries));
    let lookup = asked_for(reader.look_up(row_group, request, &fetched, DECODED_BYTES_MAX))?;
    let fetched = fetch(data, &reader.sift_ranges(row_group, request, &lookup, &NoDictionaries));
    let mut sift = reader.sift(row_group, request, &lookup, &fetched, DECODED_BYTES_MAX);
    while asked_for(sift.step())? {}
    Some(sift.candidates())
}

/// `None` for damage; what was not fetched must not be needed.
fn asked_for<T>(outcome: Result<T, ReadError>) -> Option<T> {
    match outcome {
        Err(ReadError::NotFetched(range)) => panic!("{range:?} was not asked for"),
        outcome => outcome.ok(),
    }
}

fn scan_rows(
    reader: &BlockReader,
    data: &Bytes,
    request: &ScanRequest,
    candidates: impl Fn(usize) -> Option<Candidates>,
) {
    for row_group in 0..reader.row_groups().min(8) {
        let Some(candidates) = candidates(row_group) else { continue };
        let fetched =
            fetch(data, &reader.candidate_ranges(row_group, request, &candidates, &NoDictionaries));
        let scan = reader.scan_candidates(row_group, request, &candidates, &fetched);
        let Some(mut scan) = asked_for(scan) else { continue };
        for _ in 0..STEPS {
            let Ok(Some(batch)) = scan.next_batch() else { break };
            let values = |field: &ScanField| match field.list() {
                None => batch.spans,
                Some(list) => (0..batch.spans).map(|at| batch.items(list, at).len()).sum(),
            };
            let columns = request.fields.iter().zip(&batch.columns);
            assert!(columns.into_iter().all(|(field, column)| column.len() == values(field)));
            for column in 0..batch.columns.len() {
                assert_eq!(batch.owned_values(column).len(), batch.columns[column].len());
            }
            assert!(batch.traces.iter().step_by(3).all(|trace| {
                let facts = scan.facts(trace);
                facts.is_err() || facts.is_ok_and(|facts| facts.span_ids.len() == trace.spans.len())
            }));
        }
    }
}
