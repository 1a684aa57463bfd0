use super::{engine, retry_after, search, span_log, status_pages};
use std::path::{Path, PathBuf};
use std::time::Duration;
use stringendo_block::meta::{DedicatedOption, default_dedicated_columns};
use stringendo_config::Settings;
use stringendo_config::settings::{Durability as Promise, SpanLog};
use stringendo_engine::Durability;
use stringendo_engine::settings::BackendSettings;
use stringendo_net::SearchSettings;

fn blocks_path() -> PathBuf {
    PathBuf::from("d/blocks")
}

fn blocks() -> BackendSettings {
    BackendSettings::Local(blocks_path())
}

#[test]
fn the_engine_gets_the_directories_limits_and_block_form_of_the_configuration() {
    let mut settings = Settings::for_demo(Path::new("d"), 2);
    settings.stringendo.wal.durability = Promise::Interval;
    settings.stringendo.wal.interval = Duration::from_millis(7);
    let engine = engine(&settings, blocks()).unwrap();
    assert_eq!(engine.wal_path.to_str(), Some("d/wal"));
    assert!(matches!(engine.backend, BackendSettings::Local(path) if path == blocks_path()));
    assert_eq!(engine.durability, Durability::Interval(Duration::from_millis(7)));
    assert_eq!((engine.segment_bytes, engine.budget_bytes_per_core), (64 << 20, 512 << 20));
    assert_eq!(
        (engine.block_bytes_max, engine.limits.initial.defaults.trace_bytes_max),
        (52_428_800, 5_000_000)
    );
    assert_eq!(engine.block.dedicated_columns, default_dedicated_columns());
}

#[test]
fn options_of_dedicated_columns_are_handed_on() {
    let mut settings = Settings::default();
    let columns = &mut settings.storage.trace.block.parquet_dedicated_columns;
    (columns[0].array, columns[1].blob) = (true, true);
    let columns = engine(&settings, blocks()).unwrap().block.dedicated_columns;
    assert_eq!(columns[0].options, [DedicatedOption::Array]);
    assert_eq!(columns[1].options, [DedicatedOption::Blob]);
    assert_eq!(columns[2].options, []);
}

#[test]
fn a_retry_hint_is_sent_unless_it_is_zero() {
    let mut settings = Settings::default();
    assert_eq!(retry_after(&settings), Some(Duration::from_secs(5)));
    settings.distributor.retry_after_on_resource_exhausted = Duration::ZERO;
    assert_eq!(retry_after(&settings), None);
}

#[test]
fn the_defaults_of_searches_are_the_same_on_both_sides() {
    let (ours, theirs) = (search(&Settings::default()), SearchSettings::default());
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
}

#[test]
fn status_pages_show_effective_default_and_changed_settings() {
    let mut settings = Settings::default();
    settings.server.http_listen_port = 3201;
    let pages = status_pages(&settings);
    assert!(pages.config_yaml.contains("http_listen_port: 3201"));
    assert!(pages.config_defaults_yaml.contains("http_listen_port: 3200"));
    assert_eq!(pages.config_diff_yaml, "---\nserver:\n  http_listen_port: 3201\n");
}

#[test]
fn the_log_of_received_spans_is_handed_on() {
    let log = SpanLog { enabled: true, filter_by_status_error: true, ..SpanLog::default() };
    let log = span_log(&log);
    assert!(log.enabled && log.filter_by_status_error && !log.include_all_attributes);
}
