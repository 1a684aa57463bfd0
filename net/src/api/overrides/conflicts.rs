//! What a tenant sets that the overrides file sets for it, too.

use serde_json::{Map, Value};

/// The first key that both set, with dots.
pub fn first(limits: &Map<String, Value>, file: &Map<String, Value>) -> Option<String> {
    limits.iter().find_map(|(key, value)| match (value, file.get(key)?) {
        (Value::Object(limits), Value::Object(file)) => {
            first(limits, file).map(|inner| format!("{key}.{inner}"))
        }
        (_, found) if says_nothing(found) => None,
        _ => Some(key.clone()),
    })
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
#[path = "conflicts_tests.rs"]
mod tests;
