//! Answers of `GET /api/metrics/summary` (contract http-api.md §6.3). There is no protobuf form.

use crate::json::{Object, put_array, put_f64, put_integer, put_quoted};

/// Spans that have the same values of some fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The fields and their values.
    pub series: Vec<(String, SummaryValue)>,
    /// How many spans.
    pub spans: u64,
    /// How many of them are errors.
    pub errors: u64,
    /// Quantiles of their durations, in the order of [`QUANTILES`]; nanoseconds.
    pub durations_nanos: [u64; 4],
}

/// The quantiles of [`Summary::durations_nanos`], as answers name them.
pub const QUANTILES: [(&str, f64); 4] = [("p99", 0.99), ("p95", 0.95), ("p90", 0.9), ("p50", 0.5)];

/// A value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum SummaryValue {
    /// The spans have none.
    Nil,
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Str(Vec<u8>),
    /// A boolean.
    Bool(bool),
    /// A duration in nanoseconds.
    Duration(u64),
    /// A status: 0 error, 1 ok, 2 unset, the order in which the language lists them.
    Status(u32),
    /// A kind, by its number in OTLP.
    Kind(u32),
}

/// The whole answer.
pub fn metrics_summary(summaries: &[Summary]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut object = Object::begin(&mut out);
    put_array(object.key("summaries"), summaries, put_summary);
    object.end();
    out
}

fn put_summary(out: &mut Vec<u8>, summary: &Summary) {
    let mut object = Object::begin(out);
    object.u64_unless_zero("spanCount", summary.spans);
    object.u64_unless_zero("errorSpanCount", summary.errors);
    object.list_unless_empty("series", &summary.series, put_pair);
    for ((name, _), nanos) in QUANTILES.iter().zip(summary.durations_nanos) {
        object.u64_unless_zero(name, nanos);
    }
    object.end();
}

fn put_pair(out: &mut Vec<u8>, (key, value): &(String, SummaryValue)) {
    let mut object = Object::begin(out);
    object.string_unless_empty("key", key.as_bytes());
    put_value(object.key("value"), value);
    object.end();
}

/// The number of its type, and the value in the field of that type.
fn put_value(out: &mut Vec<u8>, value: &SummaryValue) {
    let mut object = Object::begin(out);
    let mut of_type = |number| object.u32_unless_zero("type", number);
    match value {
        SummaryValue::Nil => of_type(0),
        SummaryValue::Int(number) => {
            of_type(3);
            if *number != 0 {
                put_quoted(object.key("n"), number);
            }
        }
        SummaryValue::Float(number) => {
            of_type(4);
            if *number != 0.0 {
                put_f64(object.key("f"), *number);
            }
        }
        SummaryValue::Str(text) => {
            of_type(5);
            object.string_unless_empty("s", text);
        }
        SummaryValue::Bool(value) => {
            of_type(6);
            if *value {
                object.key("b").extend_from_slice(b"true");
            }
        }
        SummaryValue::Duration(nanos) => {
            of_type(7);
            object.u64_unless_zero("d", *nanos);
        }
        SummaryValue::Status(number) => {
            of_type(8);
            put_number(&mut object, "status", *number);
        }
        SummaryValue::Kind(number) => {
            of_type(9);
            put_number(&mut object, "kind", *number);
        }
    }
    object.end();
}

fn put_number(object: &mut Object<'_>, key: &str, number: u32) {
    if number != 0 {
        put_integer(object.key(key), number);
    }
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
