use std::time::Duration;

use super::{ANY_TENANT, OverridesFile, parse};
use crate::settings::{RateStrategy, TenantLimits};
use crate::warning::WarningKind;

fn read(text: &str) -> OverridesFile {
    parse(text, None, &TenantLimits::default()).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

fn refused(text: &str) -> String {
    parse(text, None, &TenantLimits::default()).expect_err(text)
}

#[test]
fn an_entry_replaces_the_defaults_as_a_whole() {
    let file = read(
        "overrides:\n  a:\n    ingestion:\n      rate_limit_bytes: 7\n  \"*\":\n    read:\n      \
         max_search_duration: 1h\n",
    );
    let a = &file.entries["a"];
    assert_eq!((a.ingestion.rate_limit_bytes, a.ingestion.burst_size_bytes), (7, 0));
    assert_eq!((a.ingestion.max_traces_per_user, a.global.max_bytes_per_trace), (0, 0));
    assert_eq!(a.read.max_bytes_per_tag_values_query, 0);
    let any = &file.entries[ANY_TENANT];
    assert_eq!(any.read.max_search_duration, Duration::from_secs(3600));
    assert_eq!(any.ingestion.rate_limit_bytes, 0);
}

#[test]
fn what_is_optional_is_the_defaults_where_the_entry_is_silent() {
    let mut defaults = TenantLimits::default();
    defaults.ingestion.retry_info_enabled = false;
    defaults.ingestion.rate_strategy = RateStrategy::Global;
    defaults.read.left_pad_trace_ids = true;
    defaults.metrics_generator = serde_json::from_str(
        r#"{"native_histogram_bucket_factor": 1.5, "max_active_series": 9, "processor":
            {"span_metrics": {"enable_target_info": true, "dimensions": ["x"]}}}"#,
    )
    .unwrap();
    let text = "overrides: {a: {ingestion: {rate_strategy: local}}, b: {ingestion: \
                {retry_info_enabled: true}, read: {left_pad_trace_ids: false}}}";
    let file = parse(text, None, &defaults).unwrap();
    let (a, b) = (&file.entries["a"], &file.entries["b"]);
    assert!(!a.ingestion.retry_info_enabled && a.read.left_pad_trace_ids);
    assert!(b.ingestion.retry_info_enabled && !b.read.left_pad_trace_ids);
    assert_eq!(a.ingestion.rate_strategy, RateStrategy::Global);
    let expected = serde_json::json!({
        "native_histogram_bucket_factor": 1.5,
        "processor": {"span_metrics": {"enable_target_info": true}},
    });
    assert_eq!(serde_json::Value::Object(a.metrics_generator.clone()), expected);
}

#[test]
fn the_flat_form_is_told_by_itself_and_warned_of_once_an_entry() {
    let file = read(
        "overrides:\n  a:\n    ingestion_rate_limit_bytes: 5\n    max_traces_per_user: 6\n    \
         block_retention: 48h\n    ingestion_artificial_delay: 1s\n    \
         metrics_generator_processor_span_metrics_dimensions: [x]\n    \
         parquet_dedicated_columns:\n    - {scope: span, name: k, type: string}\n",
    );
    let a = &file.entries["a"];
    assert_eq!((a.ingestion.rate_limit_bytes, a.ingestion.max_traces_per_user), (5, 6));
    assert_eq!(a.compaction.block_retention, Duration::from_secs(48 * 3600));
    assert_eq!(a.ingestion.artificial_delay, Some(Duration::from_secs(1)));
    assert_eq!(a.storage.parquet_dedicated_columns.len(), 1);
    assert_eq!(a.metrics_generator["processor"]["span_metrics"]["dimensions"][0], "x");
    let flat = file.warnings.iter().filter(|w| w.kind == WarningKind::Deprecated);
    assert_eq!(flat.count(), 1, "{:?}", file.warnings);
}

#[test]
fn what_is_not_served_yet_is_kept_and_warned_of() {
    let file = read("overrides: {a: {metrics_generator: {processors: [span-metrics]}}}");
    assert_eq!(file.warnings.len(), 1);
    assert!(file.warnings[0].text.contains("`overrides.a.metrics_generator` is accepted"));
    assert_eq!(file.entries["a"].metrics_generator["processors"][0], "span-metrics");
}

#[test]
fn unknown_keys_and_wrong_types_are_refused_with_their_place() {
    let why = refused("overrides:\n  a:\n    ingestion:\n      rate_limit: 7\n");
    assert_eq!(why, "line 4: `overrides.a.ingestion.rate_limit`: no such key");
    let why = refused("overrides:\n  a: {ingestion: {rate_limit_bytes: x}}\n");
    assert!(why.starts_with("line 2: `overrides.a.ingestion.rate_limit_bytes`: expected"), "{why}");
    assert!(refused("overrides: []").contains("expected a map of tenants"));
    assert!(refused("tenants: {}").contains("`tenants`: no such key"));
    assert!(refused("overrides: {a: 3}").contains("expected a map"));
    assert!(refused("- a").contains("expected a map"));
    refused("overrides: {a: {}, a: {}}");
    refused("{");
}

#[test]
fn files_and_entries_without_anything_say_nothing() {
    for text in ["", "overrides:", "overrides: {}", "overrides: {a: }"] {
        assert_eq!(read(text), OverridesFile::default(), "{text}");
    }
    let silent = TenantLimits::of_silent_entry(&TenantLimits::default());
    assert_eq!(read("overrides: {a: {}}").entries["a"], silent);
}

#[test]
fn environment_references_are_replaced_where_that_was_asked_for() {
    let text = "overrides: {a: {ingestion: {rate_limit_bytes: \"${RATE}\"}}}";
    assert!(refused(text).contains("${RATE}"));
    let text = "overrides: {a: {ingestion: {rate_limit_bytes: ${RATE}}}}";
    let env = |name: &str| (name == "RATE").then(|| "12".to_owned());
    let file = parse(text, Some(&env), &TenantLimits::default()).unwrap();
    assert_eq!(file.entries["a"].ingestion.rate_limit_bytes, 12);
}
