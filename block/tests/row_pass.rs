//! Many traces of a row group in one pass: the same as each by itself, however many are wanted, and
//! however much of each.
#![allow(clippy::unwrap_used)]

mod common;

use std::ops::Range;

use bytes::Bytes;
use common::{corpus, encode, options};
use parquet::basic::PageType;
use parquet::file::reader::{FileReader, SerializedFileReader};
use prost::Message as _;
use stringendo_block::meta::default_dedicated_columns;
use stringendo_block::{BlockReader, Fetched, FinishedBlock, Names, RowContent};
use stringendo_proto::otlp::{
    AnyValue, ArrayValue, Event, InstrumentationScope, KeyValue, Link, Resource, ResourceSpans,
    ScopeSpans, Span, Status, TracesData, Value,
};

const TRACES: u64 = 2500;

/// Numbers without a pattern.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn text(&mut self) -> Bytes {
        let words = ["", "GET", "checkout", "a rather long text that has no end"];
        match self.below(3) {
            0 => format!("number {}", self.below(5000)).into(),
            _ => words[self.below(4) as usize].into(),
        }
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.below(9) {
            0 => Value::Bool(self.below(2) == 0),
            1 => Value::Double(self.below(1000) as f64 / 8.0),
            2 | 3 => Value::Int(self.below(1 << 40) as i64),
            4 => Value::Array(ArrayValue {
                values: (0..self.below(4))
                    .map(|_| AnyValue { value: Some(Value::String(self.text())) })
                    .collect(),
            }),
            5 => return None,
            _ => Value::String(self.text()),
        })
    }

    fn attributes(&mut self) -> Vec<KeyValue> {
        let keys = ["http.url", "http.status_code", "service.name", "session.id", "n", "level"];
        let first = self.below(6) as usize;
        let count = self.below(5) as usize;
        let own = keys.iter().cycle().skip(first).take(count).map(|key| Bytes::from(*key));
        // Some have so many that lists of attributes have more pages than spans.
        let many = if self.below(12) == 0 { 40 } else { 0 };
        let all = own.chain((0..many).map(|number| format!("more {number}").into()));
        let mut with_value = |key| KeyValue { key, value: Some(AnyValue { value: self.value() }) };
        all.map(&mut with_value).collect()
    }

    fn id(&mut self, length: usize) -> Bytes {
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    fn span(&mut self, trace_id: &Bytes) -> Span {
        let event = |numbers: &mut Self| Event {
            time_unix_nano: numbers.below(1 << 40),
            name: numbers.text(),
            attributes: numbers.attributes(),
            dropped_attributes_count: 1,
        };
        let link = |numbers: &mut Self| Link {
            trace_id: numbers.id(16),
            span_id: numbers.id(8),
            attributes: numbers.attributes(),
            ..Link::default()
        };
        let start = self.below(1 << 40);
        Span {
            trace_id: trace_id.clone(),
            span_id: self.id(8),
            parent_span_id: if self.below(4) == 0 { Bytes::new() } else { self.id(8) },
            trace_state: self.text(),
            name: self.text(),
            kind: self.below(6) as i32,
            start_time_unix_nano: start,
            end_time_unix_nano: start + self.below(1 << 30),
            attributes: self.attributes(),
            dropped_attributes_count: self.below(3) as u32,
            events: (0..self.below(8).saturating_sub(6)).map(|_| event(self)).collect(),
            links: (0..self.below(9).saturating_sub(7)).map(|_| link(self)).collect(),
            status: Some(Status { code: self.below(3) as i32, message: self.text() }),
            ..Span::default()
        }
    }

    fn trace(&mut self) -> TracesData {
        let trace_id = self.id(16);
        let spans = |numbers: &mut Self| ScopeSpans {
            scope: Some(InstrumentationScope {
                name: numbers.text(),
                attributes: numbers.attributes(),
                ..InstrumentationScope::default()
            }),
            spans: (0..1 + numbers.below(7)).map(|_| numbers.span(&trace_id)).collect(),
            schema_url: Bytes::new(),
        };
        let resource = |numbers: &mut Self| ResourceSpans {
            resource: Some(Resource { attributes: numbers.attributes(), ..Resource::default() }),
            scope_spans: vec![spans(numbers)],
            schema_url: Bytes::new(),
        };
        TracesData { resource_spans: (0..1 + self.below(4)).map(|_| resource(self)).collect() }
    }
}

fn block() -> FinishedBlock {
    let mut numbers = Numbers(7);
    let traces = (0..TRACES).map(|_| Bytes::from(numbers.trace().encode_to_vec()));
    encode(&traces.collect::<Vec<_>>(), options(default_dedicated_columns()))
}

fn open(block: &FinishedBlock) -> BlockReader {
    let range = BlockReader::footer_range(&block.meta);
    let footer = block.data.slice(range.start as usize..range.end as usize);
    BlockReader::open(block.meta.clone(), &footer).unwrap()
}

fn fetch(block: &FinishedBlock, ranges: &[Range<u64>]) -> Fetched {
    let mut fetched = Fetched::default();
    for range in ranges {
        let bytes = block.data.slice(range.start as usize..range.end as usize);
        fetched.insert(range.start, bytes);
    }
    fetched
}

fn pass(block: &FinishedBlock, content: &RowContent, rows: &[u64]) -> Vec<TracesData> {
    let reader = open(block);
    let fetched = fetch(block, &reader.pass_ranges(0, content, rows).unwrap());
    let mut pass = reader.pass(0, content, rows, &fetched, u64::MAX).unwrap();
    rows.iter().map(|row| pass.row(*row).unwrap()).collect()
}

#[test]
fn rows_are_the_same_however_many_are_wanted() {
    let block = block();
    let rows = open(&block).rows(0).unwrap();
    assert_eq!(rows, TRACES);
    let all = pass(&block, &RowContent::ALL, &(0..rows).collect::<Vec<_>>());
    let expected = |wanted: &[u64]| -> Vec<_> {
        wanted.iter().map(|row| all[*row as usize].clone()).collect()
    };
    for step in [5, 7, 64, 301, 1999] {
        let wanted: Vec<u64> = (step / 2..rows).step_by(step as usize).collect();
        assert!(pass(&block, &RowContent::ALL, &wanted) == expected(&wanted), "every {step}th");
    }
    // Neighbours, first and last rows of pages among them.
    let wanted: Vec<u64> = (0..rows).filter(|row| row % 97 < 9).collect();
    assert!(pass(&block, &RowContent::ALL, &wanted) == expected(&wanted));
    for row in (0..rows).step_by(41).chain([rows - 1]) {
        assert!(pass(&block, &RowContent::ALL, &[row]) == expected(&[row]), "row {row}");
    }
}

/// Data pages of a column.
fn pages(block: &FinishedBlock, path: &str) -> usize {
    let reader = SerializedFileReader::new(block.data.clone()).unwrap();
    let group = reader.get_row_group(0).unwrap();
    let columns = group.metadata().columns();
    let column = columns.iter().position(|column| column.column_path().string() == path).unwrap();
    let pages = group.get_column_page_reader(column).unwrap().map(Result::unwrap);
    pages.filter(|page| page.page_type() == PageType::DATA_PAGE).count()
}

#[test]
fn attributes_are_in_shorter_pages_than_spans() {
    let block = block();
    let [spans, keys, ints] =
        ["rs.ss.Spans.SpanID", "rs.ss.Spans.Attrs.Key", "rs.ss.Spans.Attrs.ValueInt"]
            .map(|path| pages(&block, path));
    assert!(keys > spans, "{keys} pages of attributes, {spans} of spans");
    assert_eq!(keys, ints);
}

#[test]
fn the_corpus_is_the_same_row_by_row() {
    let block = encode(&corpus(), options(default_dedicated_columns()));
    let rows = open(&block).rows(0).unwrap();
    let all = pass(&block, &RowContent::ALL, &(0..rows).collect::<Vec<_>>());
    for row in 0..rows {
        // There are attributes that are no number.
        let bytes = |trace: &TracesData| trace.encode_to_vec();
        let alone = pass(&block, &RowContent::ALL, &[row]);
        assert!(bytes(&alone[0]) == bytes(&all[row as usize]), "row {row}");
    }
}

/// What a pass with less content leaves of a trace.
fn without(mut trace: TracesData, content: &RowContent) -> TracesData {
    let scopes = trace.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    for span in scopes.flat_map(|scope| &mut scope.spans) {
        if let Names::These(names) = &content.span_attributes {
            span.attributes.retain(|attribute| names.contains(&attribute.key));
        }
        if !content.events {
            span.events.clear();
        }
        if !content.details {
            span.trace_state = Bytes::new();
            span.dropped_attributes_count = 0;
            span.dropped_events_count = 0;
            span.dropped_links_count = 0;
        }
    }
    trace
}

#[test]
fn less_content_is_all_content_without_the_rest() {
    let block = block();
    let names = |names: &[&'static str]| {
        Names::These(names.iter().map(|name| Bytes::from_static(name.as_bytes())).collect())
    };
    // `http.url` has a column of its own.
    let some = [names(&[]), names(&["http.url"]), names(&["n", "level", "http.url", "no such"])];
    for span_attributes in some.into_iter().chain([Names::All]) {
        for (events, details) in [(false, false), (true, false), (false, true)] {
            let content = RowContent { span_attributes: span_attributes.clone(), events, details };
            for step in [3, 50] {
                let rows: Vec<u64> = (0..TRACES).step_by(step).collect();
                let all = pass(&block, &RowContent::ALL, &rows).into_iter();
                let expected: Vec<_> = all.map(|trace| without(trace, &content)).collect();
                assert!(pass(&block, &content, &rows) == expected, "{content:?}, {step}");
            }
        }
    }
}

#[test]
fn a_pass_begun_anew_where_memory_ended_reads_the_same() {
    let block = block();
    let (reader, content) = (open(&block), RowContent::ALL);
    let rows: Vec<u64> = (0..TRACES).step_by(11).collect();
    let fetched = fetch(&block, &reader.pass_ranges(0, &content, &rows).unwrap());
    let (mut found, mut limit, mut begun) = (Vec::new(), 0, 0);
    while found.len() < rows.len() {
        let left = &rows[found.len()..];
        let mut pass = reader.pass(0, &content, left, &fetched, limit).unwrap();
        begun += 1;
        for row in left {
            match pass.row(*row) {
                Err(stringendo_block::ReadError::NeedsMemory { bytes }) => {
                    assert!(bytes > limit);
                    limit = bytes;
                    break;
                }
                trace => found.push(trace.unwrap()),
            }
        }
    }
    assert!(begun > 2, "{begun}");
    assert!(found == pass(&block, &content, &rows));
}
