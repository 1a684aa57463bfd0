//! The corpus that Tempo recorded: its requests, what Tempo answered, and when two answers are
//! equal.
//!
//! Answers are compared as JSON, so that nothing here depends on our own decoders.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Server, data};

/// The requests, each a whole `ExportTraceServiceRequest`.
pub fn requests() -> Vec<Vec<u8>> {
    let all = data("corpus-small.otlp.pb");
    let requests = stringendo_proto::wire::delimited(&all);
    requests.map(|request| request.expect("well-formed").to_vec()).collect()
}

/// Sends all of it over OTLP HTTP, in order.
pub fn send_over_http(server: &Server) {
    for request in requests() {
        server.export(super::http::X_PROTOBUF, &request).ok();
    }
}

/// What Tempo answered to `/api/v2/traces/{id}`, by id; of copies of a span the first.
pub fn recorded() -> BTreeMap<String, Value> {
    let lines = data("blocks/vparquet5.traces.jsonl");
    let lines = std::str::from_utf8(&lines).expect("text").lines();
    lines
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            let id = line["traceID"].as_str().expect("an id").to_owned();
            let mut trace = line["body"]["trace"].take();
            drop_copies(&mut trace["resourceSpans"]);
            (id, trace)
        })
        .collect()
}

/// The same where all spans are in vParquet4: of one trace that keeps more, since lists do not go
/// into dedicated columns.
pub fn recorded_v4() -> BTreeMap<String, Value> {
    let other = data("blocks/vparquet4.differs.jsonl");
    let other: Value = serde_json::from_slice(&other).expect("JSON");
    let id = other["traceID"].as_str().expect("an id").to_owned();
    let mut traces = recorded();
    traces.insert(id, other["body"]["trace"].clone());
    traces
}

/// The same as a server of ours gives it that took in the corpus itself.
pub fn recorded_of_ours() -> BTreeMap<String, Value> {
    of_ours(recorded())
}

/// What Tempo answered, as a server of ours gives it that took in the corpus itself.
pub fn of_ours(mut traces: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    drop_half_character(traces.get_mut(CUT_INSIDE_A_CHARACTER).expect("is there"));
    traces
}

/// Drops spans that were there before, by id and kind: Tempo shows a span twice that was sent twice
/// to one of its live stores, and the contract (http-api.md §3.1) allows to drop the copy at once.
fn drop_copies(batches: &mut Value) {
    let mut seen = BTreeSet::new();
    for batch in batches.as_array_mut().into_iter().flatten() {
        for scope_spans in batch["scopeSpans"].as_array_mut().into_iter().flatten() {
            let spans = scope_spans["spans"].as_array_mut().expect("a list");
            spans.retain(|span| seen.insert(format!("{} {}", span["spanId"], span["kind"])));
        }
    }
}

/// Its attribute has a two-byte character across the limit of 2048 bytes. Tempo keeps the first
/// byte of it and shows U+FFFD; this server leaves the character out (receivers.md §2.2).
const CUT_INSIDE_A_CHARACTER: &str = "3011888ff43a297736bb61594aa26e68";

fn drop_half_character(trace: &mut Value) {
    let path = "/resourceSpans/0/scopeSpans/0/spans/0/attributes/0/value/stringValue";
    let text = trace.pointer_mut(path).expect("a string");
    let whole = text.as_str().and_then(|text| text.strip_suffix('\u{fffd}')).map(str::to_owned);
    *text = whole.expect("half a character").into();
}

/// Every trace of the corpus, which the server took in, is answered as Tempo did.
///
/// # Panics
/// With every trace that differs, and how.
pub fn assert_equal_to_recorded(server: &Server, state: &str) {
    assert_equal(server, state, &recorded_of_ours());
}

/// Every one of these traces is answered so, in both versions of the API.
///
/// # Panics
/// With every trace that differs, and how.
pub fn assert_equal(server: &Server, state: &str, traces: &BTreeMap<String, Value>) {
    let different: Vec<String> = traces
        .iter()
        .flat_map(|(id, expected)| {
            let v1 = difference(&server.get(&format!("/api/traces/{id}")), "/batches", expected);
            let v2 = server.get(&format!("/api/v2/traces/{id}"));
            let v2 = difference(&v2, "/trace/resourceSpans", expected);
            v1.or(v2).map(|difference| format!("{id}: {difference}"))
        })
        .collect();
    let count = different.len();
    assert!(different.is_empty(), "{state}: {count} traces differ\n{}", different.join("\n"));
}

fn difference(answer: &super::Answer, batches: &str, expected: &Value) -> Option<String> {
    if answer.status != 200 {
        return Some(format!("status {}", answer.status));
    }
    let found = answer.json();
    let found = canonical(found.pointer(batches).unwrap_or(&Value::Null));
    let expected = canonical(&expected["resourceSpans"]);
    if found == expected {
        return None;
    }
    let only = |these: &[Value], others: &[Value]| -> String {
        these.iter().filter(|batch| !others.contains(batch)).map(|b| format!("\n{b}")).collect()
    };
    let (here, there) = (only(&found, &expected), only(&expected, &found));
    Some(format!("found, not expected:{here}\nexpected, not found:{there}"))
}

/// Batches without regard to the order of batches, scopes, spans, and attributes with different
/// keys: the API promises none, and a block keeps attributes with columns of their own elsewhere.
pub fn canonical(batches: &Value) -> Vec<Value> {
    sorted(list(batches).iter().map(|batch| {
        let mut batch = batch.clone();
        by_key(&mut batch["resource"]);
        batch["scopeSpans"] = sorted(list(&batch["scopeSpans"]).iter().map(scope_spans)).into();
        batch
    }))
}

fn scope_spans(scope_spans: &Value) -> Value {
    let mut scope_spans = scope_spans.clone();
    by_key(&mut scope_spans["scope"]);
    scope_spans["spans"] = sorted(list(&scope_spans["spans"]).iter().map(span)).into();
    scope_spans
}

fn span(span: &Value) -> Value {
    let mut span = span.clone();
    by_key(&mut span);
    for parts in ["events", "links"] {
        if let Some(Value::Array(parts)) = span.get_mut(parts) {
            parts.iter_mut().for_each(by_key);
        }
    }
    span
}

/// Sorts the attributes of an object by key; values of one key stay in their order.
fn by_key(owner: &mut Value) {
    if let Some(Value::Array(attributes)) = owner.get_mut("attributes") {
        attributes.sort_by_key(|attribute| attribute["key"].to_string());
    }
}

fn sorted(items: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut items: Vec<Value> = items.collect();
    items.sort_by_key(Value::to_string);
    items
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
