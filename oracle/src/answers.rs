//! Answers of a server or engine in the form of the naive evaluator's.

use std::collections::BTreeMap;

use stringendo_proto::otlp::{AnyValue, KeyValue, Value as Otlp};
use stringendo_proto::tempopb::{self, QueryRangeResponse, SearchResponse, TraceSearchMetadata};

use crate::naive::{FoundSet, FoundSpan, FoundTrace, Shown};

/// A series of an answer: labels as the naive evaluator shows them, and points by milliseconds.
pub type SeriesOfAnswer = (Vec<(String, String)>, BTreeMap<i64, f64>);

/// The series of an answer, sorted by labels.
pub fn metrics(answer: &QueryRangeResponse) -> Vec<SeriesOfAnswer> {
    let label = |label: &KeyValue| Some((key(label), shown(label.value.as_ref()?)?));
    let of_series = |series: &tempopb::TimeSeries| {
        let points = series.samples.iter().map(|sample| (sample.timestamp_ms, sample.value));
        (series.labels.iter().filter_map(label).collect(), points.collect())
    };
    let mut series: Vec<SeriesOfAnswer> = answer.series.iter().map(of_series).collect();
    series.sort_by(|left, right| left.0.cmp(&right.0));
    series
}

/// The traces of an answer, by id without leading zeros.
///
/// # Panics
/// When a trace is there twice.
pub fn search(answer: &SearchResponse) -> BTreeMap<String, FoundTrace> {
    let mut found = BTreeMap::new();
    for trace in &answer.traces {
        let id = trace.trace_id.trim_start_matches('0').to_owned();
        assert!(found.insert(id, found_trace(trace)).is_none(), "{} twice", trace.trace_id);
    }
    found
}

fn found_trace(trace: &TraceSearchMetadata) -> FoundTrace {
    let services = trace.service_stats.iter().map(|(name, stats)| {
        (name.clone(), (u64::from(stats.span_count), u64::from(stats.error_count)))
    });
    let mut found = FoundTrace {
        root_service: trace.root_service_name.clone(),
        root_name: trace.root_trace_name.clone(),
        start_unix_nanos: trace.start_time_unix_nano,
        duration_ms: u64::from(trace.duration_ms),
        services: services.collect(),
        sets: trace.span_sets.iter().map(found_set).collect(),
    };
    found.sort();
    found
}

fn found_set(set: &tempopb::SpanSet) -> FoundSet {
    let attribute =
        |attribute: &KeyValue| Some((key(attribute), shown(attribute.value.as_ref()?)?));
    let spans = set.spans.iter();
    FoundSet {
        attributes: set.attributes.iter().filter_map(attribute).collect(),
        matched: u64::from(set.matched),
        spans: spans
            .map(|span| ((span.span_id.clone(), span.start_time_unix_nano), found_span(span)))
            .collect(),
    }
}

fn found_span(span: &tempopb::Span) -> FoundSpan {
    let mut attributes: BTreeMap<String, Shown> = BTreeMap::new();
    for attribute in &span.attributes {
        if let Some(text) = attribute.value.as_ref().and_then(shown) {
            attributes.entry(key(attribute)).or_default().values.insert(text);
        }
    }
    FoundSpan { duration_nanos: span.duration_nanos, name: span.name.clone(), attributes }
}

fn key(attribute: &KeyValue) -> String {
    String::from_utf8_lossy(&attribute.key).into_owned()
}

/// As [`crate::naive::Value::shown`]; nothing of what has no simple form.
fn shown(value: &AnyValue) -> Option<String> {
    Some(match value.value.as_ref()? {
        Otlp::String(bytes) => format!("string {}", String::from_utf8_lossy(bytes)),
        Otlp::Int(value) => format!("int {value}"),
        Otlp::Double(value) => format!("double {value}"),
        Otlp::Bool(value) => format!("bool {value}"),
        Otlp::Array(array) => match array.values.as_slice() {
            [] => return None,
            [only] => shown(only)?,
            items => format!("array {:?}", items.iter().filter_map(shown).collect::<Vec<_>>()),
        },
        Otlp::Kvlist(_) | Otlp::Bytes(_) => return None,
    })
}
