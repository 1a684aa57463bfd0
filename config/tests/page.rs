//! The page for users and the table of keys say the same.

use std::collections::HashSet;

use stringendo_config::known_keys::{Shape, State, known_keys};

const PAGE: &str = include_str!("../../docs/CONFIGURATION.md");

/// Dotted paths in the page's code spans.
fn named() -> HashSet<&'static str> {
    let in_code = PAGE.lines().filter(|line| line.starts_with('|')).flat_map(|line| {
        line.split('`').skip(1).step_by(2).filter(|span| span.contains('.') && !span.contains(' '))
    });
    in_code.collect()
}

#[test]
fn every_key_that_the_page_names_is_known() {
    let known: HashSet<String> = known_keys().into_iter().map(|key| key.path).collect();
    let is_key = |span: &&str| span.starts_with(|c: char| c.is_ascii_lowercase());
    // The name of a target, not of a key.
    let named = named().into_iter().filter(|span| *span != "all-3.0");
    let unknown: Vec<_> = named.filter(is_key).filter(|span| !known.contains(*span)).collect();
    assert_eq!(unknown, Vec::<&str>::new());
}

#[test]
fn every_served_key_is_on_the_page() {
    let named = named();
    let missing: Vec<String> = known_keys()
        .into_iter()
        .filter(|key| key.state == State::Served)
        .filter(|key| matches!(key.shape, Shape::One(_) | Shape::Word(_) | Shape::List(_)))
        // Said in the text, block by block.
        .filter(|key| !key.path.starts_with("distributor.receivers."))
        .filter(|key| !key.path.starts_with("storage.trace.memcached."))
        .filter(|key| !key.path.starts_with("storage.trace.redis."))
        // Those of `storage.trace`.
        .filter(|key| {
            let client = key.path.strip_prefix("overrides.user_configurable_overrides.client.");
            !client.is_some_and(|key| ["s3.", "gcs.", "azure."].iter().any(|b| key.starts_with(b)))
        })
        .filter(|key| !key.path.contains("_spans.") && !key.path.contains("[]"))
        .map(|key| key.path)
        .filter(|path| path.contains('.') && !named.contains(path.as_str()))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}
