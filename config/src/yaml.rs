//! Settings as YAML, for `/status/config`.
//!
//! The text loads again into the same settings. Values of secret keys are masked.

use serde_json::{Map, Value};
use std::fmt::Write as _;

use crate::duration;
use crate::settings::{Settings, TenantLimits};

/// Keys whose values never leave the process.
const SECRETS: [&str; 12] = [
    "secret_key",
    "access_key",
    "session_token",
    "encryption_key",
    "storage_account_key",
    "password",
    "sentinel_password",
    "sasl_password",
    "acl_token",
    "bearer_token",
    "credentials",
    "client_secret",
];

impl TenantLimits {
    /// The limits as YAML.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        document(&self.to_value())
    }

    /// What differs from `other`, as YAML.
    #[must_use]
    pub fn diff_yaml(&self, other: &Self) -> String {
        let nothing = || Value::Object(Map::new());
        document(&differing(self.to_value(), &other.to_value()).unwrap_or_else(nothing))
    }

    fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("limits have text keys, finite numbers")
    }
}

impl Settings {
    /// The settings as YAML (`/status/config`).
    #[must_use]
    pub fn to_yaml(&self) -> String {
        document(&self.to_value())
    }

    /// What differs from the defaults, as YAML (`/status/config?mode=diff`).
    #[must_use]
    pub fn diff_yaml(&self) -> String {
        let default = Self::default().to_value();
        document(&differing(self.to_value(), &default).unwrap_or_else(|| Value::Object(Map::new())))
    }

    fn to_value(&self) -> Value {
        let mut value =
            serde_json::to_value(self).expect("settings have text keys, finite numbers");
        mask(&mut value);
        value
    }
}

/// Replaces the values of secret keys, empty ones excepted.
fn mask(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if SECRETS.contains(&key.as_str()) && !text.is_empty() => {
                        *text = "<secret>".to_owned();
                    }
                    value => mask(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

/// The parts of `value` that are not in `default`; lists count as one part.
fn differing(value: Value, default: &Value) -> Option<Value> {
    match (value, default) {
        (value, default) if value == *default => None,
        (Value::Object(map), Value::Object(default)) => {
            let parts = map.into_iter().filter_map(|(key, value)| {
                let part = differing(value, default.get(&key).unwrap_or(&Value::Null))?;
                Some((key, part))
            });
            Some(Value::Object(parts.collect()))
        }
        (value, _) => Some(value),
    }
}

fn document(value: &Value) -> String {
    let mut out = "---".to_owned();
    write_value(&mut out, value, 0);
    out.push('\n');
    out
}

/// Writes a value after `key:`, `-` or `---`.
fn write_value(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if map.is_empty() => out.push_str(" {}"),
        Value::Array(items) if items.is_empty() => out.push_str(" []"),
        Value::Object(map) => {
            for (key, value) in map {
                let _ = write!(out, "\n{:indent$}{}:", "", text(key));
                write_value(out, value, indent + 2);
            }
        }
        Value::Array(items) => {
            for item in items {
                let _ = write!(out, "\n{:indent$}-", "");
                write_value(out, item, indent + 2);
            }
        }
        Value::String(string) => {
            let _ = write!(out, " {}", text(string));
        }
        other => {
            let _ = write!(out, " {other}");
        }
    }
}

/// A text, quoted unless it is surely plain.
fn text(string: &str) -> String {
    let is_plain = string.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && string.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
        && !["true", "false", "yes", "no", "on", "off", "y", "n", "null"]
            .contains(&string.to_ascii_lowercase().as_str());
    let is_duration = string.ends_with('s') && duration::parse(string).is_ok();
    // A JSON string is a YAML double-quoted one.
    if is_plain || is_duration { string.to_owned() } else { Value::from(string).to_string() }
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
