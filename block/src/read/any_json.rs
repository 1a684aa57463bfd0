//! ValueUnsupported: the proto3 JSON of an attribute value that has no column of its own (contract
//! blocks.md §10).
//!
//! From: [`super::assemble`]. To: an OTLP value. Text that is not such JSON is kept as a string, so
//! that one odd attribute does not hide a trace.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use serde_json::{Map, Value as Json};
use stringendo_proto::otlp::{AnyValue, ArrayValue, KeyValue, KeyValueList, Value};

/// Parses the stored text.
pub(crate) fn parse(text: &Bytes) -> AnyValue {
    // Strings inside can hold what is not UTF-8; it is shown as U+FFFD then.
    let parsed = match serde_json::from_slice::<Json>(text) {
        Ok(json) => any_value(&json),
        Err(_) => {
            let lossy = String::from_utf8_lossy(text);
            serde_json::from_str::<Json>(&lossy).ok().and_then(|json| any_value(&json))
        }
    };
    parsed.unwrap_or_else(|| AnyValue { value: Some(Value::String(text.clone())) })
}

/// The value that `json` stands for; `None` if it is not the JSON of an `AnyValue`.
fn any_value(json: &Json) -> Option<AnyValue> {
    let object = json.as_object()?;
    let Some((key, inner)) = object.iter().next() else {
        return Some(AnyValue { value: None });
    };
    if object.len() > 1 {
        return None;
    }
    let value = match key.as_str() {
        "stringValue" => Value::String(Bytes::copy_from_slice(inner.as_str()?.as_bytes())),
        "boolValue" => Value::Bool(inner.as_bool()?),
        "intValue" => Value::Int(int(inner)?),
        "doubleValue" => Value::Double(double(inner)?),
        "bytesValue" => Value::Bytes(base64_bytes(inner.as_str()?)?),
        "arrayValue" => Value::Array(ArrayValue { values: each(inner.as_object()?, any_value)? }),
        "kvlistValue" => Value::Kvlist(KeyValueList { values: each(inner.as_object()?, entry)? }),
        _ => return None,
    };
    Some(AnyValue { value: Some(value) })
}

/// The elements of `values`, which is left out if empty.
fn each<T>(object: &Map<String, Json>, element: impl Fn(&Json) -> Option<T>) -> Option<Vec<T>> {
    match object.get("values") {
        None | Some(Json::Null) => Some(Vec::new()),
        Some(values) => values.as_array()?.iter().map(element).collect(),
    }
}

fn entry(json: &Json) -> Option<KeyValue> {
    let object = json.as_object()?;
    let key = object.get("key").map_or(Some(""), Json::as_str)?;
    let value = match object.get("value") {
        None | Some(Json::Null) => None,
        Some(value) => Some(any_value(value)?),
    };
    Some(KeyValue { key: Bytes::copy_from_slice(key.as_bytes()), value })
}

fn int(json: &Json) -> Option<i64> {
    match json {
        Json::String(text) => text.parse().ok(),
        other => other.as_i64(),
    }
}

fn double(json: &Json) -> Option<f64> {
    match json {
        // "NaN", "Infinity", "-Infinity", or a number as text.
        Json::String(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}

fn base64_bytes(text: &str) -> Option<Bytes> {
    STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok().map(Bytes::from)
}

#[cfg(test)]
#[path = "any_json_tests.rs"]
mod tests;
