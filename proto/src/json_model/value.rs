//! `AnyValue`: an object whose one key says the type.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::scalar::{Base64, Double, Integer, Text};
use super::{KeyValueJson, Object, list, nullable};
use crate::otlp::{AnyValue, ArrayValue, KeyValueList, Value};

/// An `AnyValue`; of several members the last counts.
#[derive(Default)]
pub(crate) struct AnyValueJson(Option<Value>);

impl From<AnyValueJson> for AnyValue {
    fn from(json: AnyValueJson) -> Self {
        Self { value: json.0 }
    }
}

/// `ArrayValue` or `KeyValueList`.
#[derive(serde::Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct List<T> {
    #[serde(default = "Vec::new", deserialize_with = "nullable")]
    values: Vec<T>,
}

struct AnyValueVisitor;

impl<'de> Visitor<'de> for AnyValueVisitor {
    type Value = AnyValueJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with stringValue, boolValue, intValue, doubleValue, arrayValue, ")?;
        f.write_str("kvlistValue or bytesValue")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyValueJson, A::Error> {
        let mut value = None;
        while let Some(key) = map.next_key::<String>()? {
            value = member(&key, &mut map)?.or(value);
        }
        Ok(AnyValueJson(value))
    }
}

/// The value of the member `key`; `None` if it is unknown or `null`.
fn member<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Option<Value>, A::Error> {
    let value = match key {
        "stringValue" | "string_value" => {
            map.next_value::<Option<Text>>()?.map(|text| Value::String(text.into()))
        }
        "boolValue" | "bool_value" => map.next_value::<Option<bool>>()?.map(Value::Bool),
        "intValue" | "int_value" => {
            map.next_value::<Option<Integer<i64>>>()?.map(|number| Value::Int(number.get()))
        }
        "doubleValue" | "double_value" => {
            map.next_value::<Option<Double>>()?.map(|number| Value::Double(number.0))
        }
        "arrayValue" | "array_value" => {
            map.next_value::<Option<Object<List<AnyValueJson>>>>()?.map(array)
        }
        "kvlistValue" | "kvlist_value" => {
            map.next_value::<Option<Object<List<Object<KeyValueJson>>>>>()?.map(kvlist)
        }
        "bytesValue" | "bytes_value" => {
            map.next_value::<Option<Base64>>()?.map(|bytes| Value::Bytes(bytes.into()))
        }
        _ => {
            map.next_value::<IgnoredAny>()?;
            None
        }
    };
    Ok(value)
}

fn array(list: Object<List<AnyValueJson>>) -> Value {
    let values = list.0.values.into_iter().map(AnyValue::from).collect();
    Value::Array(ArrayValue { values })
}

fn kvlist(entries: Object<List<Object<KeyValueJson>>>) -> Value {
    Value::Kvlist(KeyValueList { values: list(entries.0.values) })
}

impl<'de> Deserialize<'de> for AnyValueJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnyValueVisitor)
    }
}
