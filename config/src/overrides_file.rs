//! The file with limits of single tenants (`overrides.per_tenant_override_config`, config.md §8).
//!
//! In: its text and the defaults of the configuration. Out: limits for each entry. An entry has the
//! keys that `overrides.defaults` has in the configuration, in the scoped or in the flat form, so
//! each is held against the same table ([`crate::check`]) and read by the same code
//! ([`crate::build`]). Does not know which names tenants may have.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::build::overrides::{LIMITS, limits};
use crate::check;
use crate::expand::{Env, expand};
use crate::node::{self, Entry, Node, Place, Value};
use crate::raw::Raw;
use crate::settings::TenantLimits;
use crate::warning::{Warning, WarningKind};

/// Name of the entry for tenants that have none.
pub const ANY_TENANT: &str = "*";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OverridesFile {
    /// Limits by the name of the entry; [`ANY_TENANT`] is one.
    pub entries: BTreeMap<String, TenantLimits>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Reads the file. `env` looks up environment variables where references to them are replaced.
///
/// # Errors
/// Text that says what is wrong and where: not YAML, unknown keys, wrong types.
pub fn parse(
    text: &str,
    env: Option<Env<'_>>,
    defaults: &TenantLimits,
) -> Result<OverridesFile, String> {
    let expanded = env.map(|env| expand(text, env)).transpose()?;
    let tree = node::parse(expanded.as_deref().unwrap_or(text))?;
    let mut file = OverridesFile::default();
    for entry in entries(&tree)? {
        // An entry without anything is none, as in Tempo.
        if !entry.node.is_null() {
            let limits = entry_limits(entry, defaults, &mut file.warnings)?;
            file.entries.insert(entry.key.clone(), limits);
        }
    }
    Ok(file)
}

fn entries(tree: &Node) -> Result<&[Entry], String> {
    if !matches!(tree.value, Value::Map(_) | Value::Null) {
        return Err(format!("{}: expected a map with the key `overrides`", tree.place));
    }
    if let Some(other) = tree.entries().iter().find(|entry| entry.key != "overrides") {
        return Err(format!("{}: `{}`: no such key", other.place, other.key));
    }
    match tree.get("overrides") {
        Some(Node { value: Value::Map(entries), .. }) => Ok(entries),
        None | Some(Node { value: Value::Null, .. }) => Ok(&[]),
        Some(other) => Err(format!("{}: `overrides`: expected a map of tenants", other.place)),
    }
}

/// Reads an entry as if it were the defaults of a configuration.
fn entry_limits(
    entry: &Entry,
    defaults: &TenantLimits,
    warnings: &mut Vec<Warning>,
) -> Result<TenantLimits, String> {
    let mut tree = Node { value: Value::Null, place: Place::Line(1) };
    tree.set(LIMITS, entry.node.clone());
    let here = |text: &str| text.replace(LIMITS, &format!("overrides.{}", entry.key));
    let wrong = |error: crate::ConfigError| match error {
        crate::ConfigError::Invalid(text) => here(&text),
        other => other.to_string(),
    };
    let found = check::check(&mut tree, true).map_err(wrong)?;
    let mut more = one_of_flat_keys(found, entry);
    let mut read = TenantLimits::of_silent_entry(defaults);
    limits(&Raw::new(tree), &mut read, &mut more).map_err(wrong)?;
    // One for the whole file, whatever its entry says (config.md §8.1).
    read.ingestion.rate_strategy = defaults.ingestion.rate_strategy;
    fill_optional(&mut read.metrics_generator, &defaults.metrics_generator);
    warnings.extend(more.into_iter().map(|w| Warning { text: here(&w.text), ..w }));
    Ok(read)
}

/// The flat form is as good as the other here: one warning an entry says it.
fn one_of_flat_keys(found: Vec<Warning>, entry: &Entry) -> Vec<Warning> {
    let (flat, mut rest): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|warning| warning.kind == WarningKind::Deprecated);
    if !flat.is_empty() {
        let text = format!(
            "`overrides.{}` is in the flat (legacy) form; Tempo 3 wants it scoped",
            entry.key
        );
        let place = Some(entry.place.clone());
        rest.push(Warning { kind: WarningKind::Deprecated, place, text });
    }
    rest
}

/// What is optional in Tempo is the defaults' where the entry is silent: switches that need not be
/// set, and the form of native histograms.
fn fill_optional(entry: &mut Map<String, Json>, defaults: &Map<String, Json>) {
    for (key, default) in defaults {
        let is_optional = key.starts_with("native_histogram_")
            || (key.starts_with("enable_") && default.is_boolean());
        match (entry.get_mut(key), default) {
            (Some(Json::Object(inner)), Json::Object(default)) => fill_optional(inner, default),
            (None, Json::Object(default)) => {
                let mut inner = Map::new();
                fill_optional(&mut inner, default);
                if !inner.is_empty() {
                    entry.insert(key.clone(), Json::Object(inner));
                }
            }
            (None, default) if is_optional => {
                entry.insert(key.clone(), default.clone());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "overrides_file_tests.rs"]
mod tests;
