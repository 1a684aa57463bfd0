//! Answers in the canonical forms of `tests/data/golden/golden.json`.

use serde_json::{Value as Json, json};
use stringendo_proto::otlp::{AnyValue, Event, KeyValue, Link, Span, TracesData};
use stringendo_proto::render_json::{self, put_any_value};
use stringendo_proto::tempopb::{QueryInstantResponse, QueryRangeResponse, SearchResponse};

/// A case: a request to the HTTP API, and what Tempo answered.
pub struct Case {
    /// Its name.
    pub id: String,
    /// Path with the id of a trace at its end, or that of the search.
    pub path: String,
    /// What is compared.
    pub compare: String,
    /// HTTP status.
    pub status: u64,
    /// The answer in canonical form.
    pub answer: Json,
    params: Json,
}

impl Case {
    /// A parameter of the request.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params[name].as_str()
    }

    /// A parameter that is a number.
    pub fn number(&self, name: &str) -> u64 {
        self.param(name).and_then(|text| text.parse().ok()).expect("a number")
    }
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let all: Json = serde_json::from_slice(&super::data("golden/golden.json")).expect("JSON");
    let text = |case: &Json, key: &str| case[key].as_str().expect("text").to_owned();
    let cases = all["cases"].as_array().expect("cases").iter();
    cases
        .map(|case| Case {
            id: text(case, "id"),
            path: text(case, "path"),
            compare: text(case, "compare"),
            status: case["status"].as_u64().expect("a number"),
            answer: case["answer"].clone(),
            params: case["params"].clone(),
        })
        .collect()
}

/// Form `trace`.
pub fn trace(trace: &TracesData) -> Json {
    let mut spans = Vec::new();
    for resource_spans in &trace.resource_spans {
        let resource = resource_spans.resource.clone().unwrap_or_default();
        for scope_spans in &resource_spans.scope_spans {
            let scope = scope_spans.scope.clone().unwrap_or_default();
            for span in &scope_spans.spans {
                let mut json = span_json(span);
                json["resourceAttributes"] = attributes(&resource.attributes);
                json["scope"] = json!({
                    "name": text(&scope.name),
                    "version": text(&scope.version),
                    "attributes": attributes(&scope.attributes),
                });
                spans.push(json);
            }
        }
    }
    spans.sort_by_key(|span| (span["spanId"].to_string(), span["kind"].to_string()));
    Json::Array(spans)
}

fn span_json(span: &Span) -> Json {
    const KINDS: [&str; 6] =
        ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
    const STATUSES: [&str; 3] = ["UNSET", "OK", "ERROR"];
    let status = span.status.clone().unwrap_or_default();
    json!({
        "traceId": hex(&span.trace_id),
        "spanId": hex(&span.span_id),
        "parentSpanId": hex(&span.parent_span_id),
        "name": text(&span.name),
        "kind": format!("SPAN_KIND_{}", KINDS[span.kind as usize]),
        "startTimeUnixNano": span.start_time_unix_nano.to_string(),
        "endTimeUnixNano": span.end_time_unix_nano.to_string(),
        "status": {
            "code": format!("STATUS_CODE_{}", STATUSES[status.code as usize]),
            "message": text(&status.message),
        },
        "attributes": attributes(&span.attributes),
        "events": sorted(span.events.iter().map(event_json)),
        "links": sorted(span.links.iter().map(link_json)),
    })
}

fn event_json(event: &Event) -> Json {
    json!({
        "timeUnixNano": event.time_unix_nano.to_string(),
        "name": text(&event.name),
        "attributes": attributes(&event.attributes),
    })
}

fn link_json(link: &Link) -> Json {
    json!({
        "traceId": hex(&link.trace_id),
        "spanId": hex(&link.span_id),
        "attributes": attributes(&link.attributes),
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(attributes: &[KeyValue]) -> Json {
    let value = |value: &AnyValue| {
        let mut json = Vec::new();
        put_any_value(&mut json, value);
        serde_json::from_slice::<Json>(&json).expect("JSON")
    };
    let pair = |attribute: &KeyValue| {
        let value = value(attribute.value.as_ref().expect("a value"));
        json!({ "key": text(&attribute.key), "value": value })
    };
    by_key(attributes.iter().map(pair).collect())
}

fn by_key(mut attributes: Vec<Json>) -> Json {
    attributes.sort_by_key(|attribute| attribute["key"].to_string());
    Json::Array(attributes)
}

fn sorted(items: impl Iterator<Item = Json>) -> Json {
    let mut items: Vec<Json> = items.collect();
    items.sort_by_key(Json::to_string);
    Json::Array(items)
}

/// Forms `search` and `search-no-span-attributes`, from the JSON that clients get; traces in the
/// order in which they come.
pub fn search(answer: &SearchResponse, shows_span_attributes: bool) -> Json {
    let json: Json = serde_json::from_slice(&render_json::search(answer)).expect("JSON");
    let trace = |trace: &Json| {
        json!({
            "traceID": padded_id(trace),
            "rootServiceName": trace["rootServiceName"].as_str().unwrap_or_default(),
            "rootTraceName": trace["rootTraceName"].as_str().unwrap_or_default(),
            "startTimeUnixNano": trace["startTimeUnixNano"],
            "durationMs": trace["durationMs"].as_u64().unwrap_or_default(),
            "serviceStats": service_stats(&trace["serviceStats"]),
            "spanSets": sorted(
                list(&trace["spanSets"]).iter().map(|set| span_set(set, shows_span_attributes)),
            ),
        })
    };
    list(&json["traces"]).iter().map(trace).collect()
}

/// Form `trace-ids`.
pub fn trace_ids(answer: &SearchResponse) -> Json {
    let json: Json = serde_json::from_slice(&render_json::search(answer)).expect("JSON");
    sorted(list(&json["traces"]).iter().map(|trace| padded_id(trace).into()))
}

fn padded_id(trace: &Json) -> String {
    format!("{:0>32}", trace["traceID"].as_str().expect("an id"))
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn service_stats(stats: &Json) -> Json {
    let count = |service: &Json, name: &str| service[name].as_u64().unwrap_or_default();
    let services = stats.as_object().into_iter().flatten().map(|(name, service)| {
        let errors = count(service, "errorCount");
        (name.clone(), json!({ "spanCount": count(service, "spanCount"), "errorCount": errors }))
    });
    Json::Object(services.collect())
}

fn span_set(set: &Json, shows_span_attributes: bool) -> Json {
    let mut spans: Vec<Json> = list(&set["spans"]).to_vec();
    spans.sort_by_key(|span| span["spanID"].to_string());
    for span in &mut spans {
        let attributes = list(&span["attributes"]).to_vec();
        let fields = span.as_object_mut().expect("an object");
        // JSON leaves out what is zero.
        fields.entry("durationNanos").or_insert_with(|| "0".into());
        fields.entry("name").or_insert_with(|| "".into());
        fields.insert("attributes".into(), by_key(attributes));
        if !shows_span_attributes {
            fields.retain(|key, _| key != "name" && key != "attributes");
        }
    }
    let matched = set["matched"].as_u64().unwrap_or_default();
    let attributes = by_key(list(&set["attributes"]).to_vec());
    let mut canonical = json!({ "matched": matched, "attributes": attributes });
    if spans.len() as u64 == matched {
        canonical["spans"] = spans.into();
    }
    canonical
}

/// Form `series`, from the JSON that clients get.
pub fn series(answer: &QueryRangeResponse) -> Json {
    let json: Json = serde_json::from_slice(&render_json::query_range(answer)).expect("JSON");
    let series = list(&json["series"]).iter().map(|series| {
        let sample = |sample: &Json| {
            let time = sample["timestampMs"].as_str().and_then(|text| text.parse::<i64>().ok());
            json!([time.expect("a time"), sample.get("value").unwrap_or(&json!(0))])
        };
        let samples: Vec<Json> = list(&series["samples"]).iter().map(sample).collect();
        json!({ "labels": by_key(list(&series["labels"]).to_vec()), "samples": samples })
    });
    by_labels(series)
}

/// Form `instant`.
pub fn instant(answer: &QueryInstantResponse) -> Json {
    let json: Json = serde_json::from_slice(&render_json::query_instant(answer)).expect("JSON");
    let series = list(&json["series"]).iter().map(|series| {
        let labels = by_key(list(&series["labels"]).to_vec());
        json!({ "labels": labels, "value": series.get("value").unwrap_or(&json!(0)) })
    });
    by_labels(series)
}

fn by_labels(series: impl Iterator<Item = Json>) -> Json {
    let mut series: Vec<Json> = series.collect();
    series.sort_by_key(|series| series["labels"].to_string());
    Json::Array(series)
}

/// Whether two answers are the same, numbers up to how they were rounded.
pub fn is_same(found: &Json, expected: &Json) -> bool {
    match (found, expected) {
        (Json::Number(found), Json::Number(expected)) => {
            let (found, expected) = (found.as_f64(), expected.as_f64());
            let pair = found.zip(expected);
            pair.is_some_and(|(a, b)| a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()))
        }
        (Json::Array(found), Json::Array(expected)) => {
            found.len() == expected.len()
                && found.iter().zip(expected).all(|(found, expected)| is_same(found, expected))
        }
        (Json::Object(found), Json::Object(expected)) => {
            let same = |(key, found): (&String, &Json)| {
                expected.get(key).is_some_and(|expected| is_same(found, expected))
            };
            found.len() == expected.len() && found.iter().all(same)
        }
        _ => found == expected,
    }
}
