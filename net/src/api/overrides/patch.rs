//! JSON merge patches (RFC 7386).

use serde_json::Value;

/// `target` after the patch: what is `null` goes, objects are merged, all else is replaced.
pub fn merged(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut target = match target {
        Value::Object(target) => target,
        _ => serde_json::Map::new(),
    };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
            continue;
        }
        let before = target.remove(key).unwrap_or(Value::Null);
        target.insert(key.clone(), merged(before, value));
    }
    Value::Object(target)
}

#[cfg(test)]
#[path = "patch_tests.rs"]
mod tests;
