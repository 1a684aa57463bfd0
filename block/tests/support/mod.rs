//! Blocks written by Tempo, read the way the engine does, and the JSON of Tempo's answers.

#![allow(dead_code)] // Each test file uses a part.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value as Json, json};
use stringendo_block::{BlockMeta, BlockReader, Fetched, ReadError};
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{AnyValue, KeyValue, Span, TracesData, Value};

pub fn data_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data")
}

/// Blocks of the corpus that Tempo wrote, of every version that is read.
pub const TEMPO_BLOCKS: [&str; 4] = ["vparquet5", "vparquet5-dedicated", "vparquet4", "vparquet3"];

/// A block's files in memory.
pub struct Block {
    pub meta: BlockMeta,
    pub data: Bytes,
}

/// The only block of `tests/data/blocks/<name>`.
pub fn tempo_block(name: &str) -> Block {
    let tenant = data_dir().join("blocks").join(name).join("single-tenant");
    let block = std::fs::read_dir(tenant)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir())
        .unwrap();
    let meta = std::fs::read(block.join("meta.json")).unwrap();
    let data = std::fs::read(block.join("data.parquet")).unwrap();
    Block { meta: BlockMeta::parse(&meta).unwrap(), data: Bytes::from(data) }
}

impl Block {
    pub fn fetch(&self, ranges: &[std::ops::Range<u64>]) -> Fetched {
        let mut fetched = Fetched::default();
        for range in ranges {
            let bytes = self.data.slice(range.start as usize..range.end as usize);
            fetched.insert(range.start, bytes);
        }
        fetched
    }

    pub fn open(&self) -> Result<BlockReader, ReadError> {
        let range = BlockReader::footer_range(&self.meta);
        let footer = self.data.slice(range.start as usize..range.end as usize);
        match BlockReader::open(self.meta.clone(), &footer) {
            Err(ReadError::NotFetched(range)) => {
                let footer = self.data.slice(range.start as usize..range.end as usize);
                BlockReader::open(self.meta.clone(), &footer)
            }
            other => other,
        }
    }
}

/// Reads a trace by id, fetching only what the reader asks for.
pub fn read_trace(
    block: &Block,
    reader: &BlockReader,
    trace_id: &TraceId,
) -> Result<Option<TracesData>, ReadError> {
    for probe in reader.probe(trace_id) {
        let fetched = block.fetch(&probe.ranges);
        if let Some(row) = reader.find_row(&probe, trace_id, &fetched)? {
            let fetched = block.fetch(&reader.row_ranges(probe.row_group, row)?);
            return reader.read_row(probe.row_group, row, &fetched).map(Some);
        }
    }
    Ok(None)
}

/// One of Tempo's recorded answers.
pub struct Recorded {
    pub trace_id: TraceId,
    pub trace: Json,
}

/// Tempo's answers to `GET /api/v2/traces/{id}` with `vparquet5` as its only block.
pub fn recorded_traces() -> Vec<Recorded> {
    recorded("vparquet5.traces.jsonl")
}

/// The same with `vparquet4` as its only block: one trace differs.
pub fn recorded_traces_v4() -> Vec<Recorded> {
    let [other] = <[Recorded; 1]>::try_from(recorded("vparquet4.differs.jsonl")).ok().unwrap();
    let mut traces = recorded_traces();
    let differs = traces.iter_mut().find(|trace| trace.trace_id == other.trace_id);
    *differs.unwrap() = other;
    traces
}

fn recorded(file: &str) -> Vec<Recorded> {
    let text = std::fs::read_to_string(data_dir().join("blocks").join(file)).unwrap();
    let recorded = |line: &str| {
        let json: Json = serde_json::from_str(line).unwrap();
        let trace_id = TraceId::parse_hex(json["traceID"].as_str().unwrap()).unwrap();
        Recorded { trace_id, trace: json["body"]["trace"].clone() }
    };
    text.lines().map(recorded).collect()
}

/// What a trace of the corpus is there for.
pub fn features(trace_id: &TraceId) -> Vec<String> {
    let text = std::fs::read_to_string(data_dir().join("corpus-small.index.json")).unwrap();
    let json: Json = serde_json::from_str(&text).unwrap();
    let features = json["traces"][trace_id.to_string()]["features"].as_array().unwrap().clone();
    features.iter().map(|feature| feature.as_str().unwrap().to_owned()).collect()
}

/// Sorts every list of attributes: their order is not part of the contract where Tempo sorts by key
/// with equal keys in no defined order.
pub fn sort_attributes(json: &mut Json) {
    match json {
        Json::Object(object) => {
            object.values_mut().for_each(sort_attributes);
            if let Some(Json::Array(attributes)) = object.get_mut("attributes") {
                attributes.sort_by_key(Json::to_string);
            }
        }
        Json::Array(array) => array.iter_mut().for_each(sort_attributes),
        _ => {}
    }
}

/// A trace in the JSON of Tempo's API.
pub fn trace_json(trace: &TracesData) -> Json {
    let resources = trace.resource_spans.iter().map(|rs| {
        let scopes = rs.scope_spans.iter().map(|ss| {
            let scope = ss.scope.as_ref().map(|scope| {
                let mut out = Map::new();
                put_text(&mut out, "name", &scope.name);
                put_text(&mut out, "version", &scope.version);
                put_attributes(&mut out, &scope.attributes, scope.dropped_attributes_count);
                out
            });
            json!({"scope": scope, "spans": ss.spans.iter().map(span_json).collect::<Vec<_>>()})
        });
        let resource = rs.resource.as_ref().map(|resource| {
            let mut out = Map::new();
            put_attributes(&mut out, &resource.attributes, resource.dropped_attributes_count);
            out
        });
        json!({"resource": resource, "scopeSpans": scopes.collect::<Vec<_>>()})
    });
    let mut trace = Map::new();
    put_list(&mut trace, "resourceSpans", resources.collect());
    Json::Object(trace)
}

fn span_json(span: &Span) -> Json {
    let mut out = Map::new();
    put_id(&mut out, "traceId", &span.trace_id);
    put_id(&mut out, "spanId", &span.span_id);
    put_text(&mut out, "traceState", &span.trace_state);
    put_id(&mut out, "parentSpanId", &span.parent_span_id);
    put_text(&mut out, "name", &span.name);
    let kinds = ["", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
    if span.kind != 0 {
        out.insert("kind".into(), json!(format!("SPAN_KIND_{}", kinds[span.kind as usize])));
    }
    put_u64(&mut out, "startTimeUnixNano", span.start_time_unix_nano);
    put_u64(&mut out, "endTimeUnixNano", span.end_time_unix_nano);
    put_attributes(&mut out, &span.attributes, span.dropped_attributes_count);
    let events = span.events.iter().map(|event| {
        let mut out = Map::new();
        put_u64(&mut out, "timeUnixNano", event.time_unix_nano);
        put_text(&mut out, "name", &event.name);
        put_attributes(&mut out, &event.attributes, event.dropped_attributes_count);
        Json::Object(out)
    });
    put_list(&mut out, "events", events.collect());
    put_u32(&mut out, "droppedEventsCount", span.dropped_events_count);
    let links = span.links.iter().map(|link| {
        let mut out = Map::new();
        put_id(&mut out, "traceId", &link.trace_id);
        put_id(&mut out, "spanId", &link.span_id);
        put_text(&mut out, "traceState", &link.trace_state);
        put_attributes(&mut out, &link.attributes, link.dropped_attributes_count);
        Json::Object(out)
    });
    put_list(&mut out, "links", links.collect());
    put_u32(&mut out, "droppedLinksCount", span.dropped_links_count);
    if let Some(status) = &span.status {
        let mut json = Map::new();
        put_text(&mut json, "message", &status.message);
        if status.code != 0 {
            let codes = ["", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];
            json.insert("code".into(), json!(codes[status.code as usize]));
        }
        out.insert("status".into(), Json::Object(json));
    }
    Json::Object(out)
}

fn put_id(out: &mut Map<String, Json>, key: &str, id: &[u8]) {
    if !id.is_empty() {
        out.insert(key.into(), json!(STANDARD.encode(id)));
    }
}

fn put_text(out: &mut Map<String, Json>, key: &str, text: &[u8]) {
    if !text.is_empty() {
        out.insert(key.into(), json!(lossy(text)));
    }
}

fn put_u64(out: &mut Map<String, Json>, key: &str, value: u64) {
    if value != 0 {
        out.insert(key.into(), json!(value.to_string()));
    }
}

fn put_u32(out: &mut Map<String, Json>, key: &str, value: u32) {
    if value != 0 {
        out.insert(key.into(), json!(value));
    }
}

fn put_list(out: &mut Map<String, Json>, key: &str, list: Vec<Json>) {
    if !list.is_empty() {
        out.insert(key.into(), Json::Array(list));
    }
}

fn put_attributes(out: &mut Map<String, Json>, attributes: &[KeyValue], dropped: u32) {
    put_list(out, "attributes", attributes.iter().map(key_value_json).collect());
    put_u32(out, "droppedAttributesCount", dropped);
}

fn key_value_json(attribute: &KeyValue) -> Json {
    let mut out = Map::new();
    put_text(&mut out, "key", &attribute.key);
    if let Some(value) = &attribute.value {
        out.insert("value".into(), value_json(value));
    }
    Json::Object(out)
}

fn value_json(value: &AnyValue) -> Json {
    match &value.value {
        None => json!({}),
        Some(Value::String(text)) => json!({"stringValue": lossy(text)}),
        Some(Value::Bool(value)) => json!({"boolValue": value}),
        Some(Value::Int(value)) => json!({"intValue": value.to_string()}),
        Some(Value::Double(value)) => json!({"doubleValue": double_json(*value)}),
        Some(Value::Bytes(value)) => json!({"bytesValue": STANDARD.encode(value)}),
        Some(Value::Array(array)) => {
            let mut out = Map::new();
            put_list(&mut out, "values", array.values.iter().map(value_json).collect());
            json!({"arrayValue": out})
        }
        Some(Value::Kvlist(list)) => {
            let mut out = Map::new();
            put_list(&mut out, "values", list.values.iter().map(key_value_json).collect());
            json!({"kvlistValue": out})
        }
    }
}

fn double_json(value: f64) -> Json {
    match value {
        nan if nan.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        // Tempo writes whole doubles without a fraction.
        whole if whole.fract() == 0.0 && whole.abs() < 1e15 => json!(whole as i64),
        other => json!(other),
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
