use std::io::Write;
use std::time::Duration;

use stringendo_config::Settings;
use stringendo_config::settings::DedicatedColumn;
use stringendo_config::settings::{ColumnScope, ColumnType};
use stringendo_engine::TenantId;

use super::{of_tenant, source};

fn defaults(settings: &Settings) -> stringendo_engine::TenantLimits {
    let tempos = stringendo_config::settings::TenantLimits::default();
    of_tenant(&settings.overrides.defaults, &tempos, &settings.distributor)
}

#[test]
fn the_distributors_settings_hold_where_a_tenant_has_none() {
    let mut settings = Settings::default();
    settings.distributor.artificial_delay = Duration::from_secs(3);
    let limits = defaults(&settings);
    assert_eq!((limits.attribute_bytes_max, limits.artificial_delay.as_secs()), (2048, 3));
    settings.overrides.defaults.ingestion.max_attribute_bytes = 10;
    settings.overrides.defaults.ingestion.artificial_delay = Some(Duration::ZERO);
    let limits = defaults(&settings);
    assert_eq!((limits.attribute_bytes_max, limits.artificial_delay.as_secs()), (10, 0));
    settings.overrides.defaults.ingestion.max_attribute_bytes = u64::MAX;
    assert_eq!(defaults(&settings).attribute_bytes_max, u32::MAX);
}

#[test]
fn the_smaller_number_of_live_traces_holds_and_zero_is_none() {
    let mut settings = Settings::default();
    for (local, global, expected) in [(5, 0, 5), (0, 7, 7), (5, 3, 3), (0, 0, 0)] {
        let ingestion = &mut settings.overrides.defaults.ingestion;
        ingestion.max_traces_per_user = local;
        ingestion.max_global_traces_per_user = global;
        assert_eq!(defaults(&settings).live_traces_max, expected);
    }
}

#[test]
fn limits_of_queries_and_blocks_are_handed_on() {
    let mut settings = Settings::default();
    let limits = &mut settings.overrides.defaults;
    limits.read.max_bytes_per_tag_values_query = 5;
    limits.read.max_blocks_per_tag_values_query = 6;
    limits.read.max_condition_groups_per_tag_query = 7;
    limits.read.max_search_duration = Duration::from_secs(8);
    limits.read.max_metrics_duration = Duration::from_secs(9);
    limits.read.left_pad_trace_ids = true;
    limits.compaction.block_retention = Duration::from_secs(10);
    limits.compaction.compaction_window = Duration::from_secs(11);
    limits.compaction.compaction_disabled = true;
    limits.storage.parquet_dedicated_columns = vec![DedicatedColumn {
        scope: ColumnScope::Span,
        name: "k".to_owned(),
        column_type: ColumnType::Int,
        array: false,
        blob: false,
    }];
    let ours = defaults(&settings);
    let tags = (ours.tag_bytes_max, ours.tag_blocks_max, ours.tag_alternatives_max);
    assert_eq!(tags, (5, 6, 7));
    let ranges = (ours.search_range_max.as_secs(), ours.metrics_range_max.as_secs());
    assert_eq!((ranges, ours.pads_trace_ids), ((8, 9), true));
    let compaction = (ours.block_retention.as_secs(), ours.compaction_window.as_secs());
    assert_eq!((compaction, ours.compaction_disabled), ((10, 11), true));
    assert_eq!(ours.dedicated_columns[0].name, "k");
    assert!(ours.yaml.contains("block_retention: 10s"), "{}", ours.yaml);
}

#[test]
fn the_file_is_read_at_the_start_and_again_when_it_has_changed() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "overrides: {{a: {{ingestion: {{rate_limit_bytes: 3}}}}, 'a/b': {{}}}}")
        .unwrap();
    let mut settings = Settings::default();
    settings.overrides.per_tenant_override_config = file.path().to_owned();
    let found = source(&settings).unwrap();
    let (tenant, other) = (TenantId::parse("a").unwrap(), TenantId::parse("b").unwrap());
    assert_eq!(found.initial.of(&tenant).rate_bytes, 3);
    assert_eq!(found.initial.of(&other).rate_bytes, 30_000_000);
    assert_eq!(found.initial.tenants.len(), 1, "a name that cannot be has no limits");
    let (period, read) = found.reload.unwrap();
    assert_eq!(period, Duration::from_secs(10));
    assert_eq!(read(&found.initial), Ok(None));
    std::fs::write(file.path(), "overrides: {'*': {ingestion: {rate_limit_bytes: 4}}}").unwrap();
    let limits = read(&found.initial).unwrap().unwrap();
    assert_eq!((limits.of(&tenant).rate_bytes, limits.of(&other).rate_bytes), (4, 4));
    std::fs::write(file.path(), "overrides: {a: {rate: 4}}").unwrap();
    assert!(read(&found.initial).unwrap_err().contains("no such key"));
    assert!(source(&settings).is_err());
    settings.overrides.per_tenant_override_config = "does/not/exist".into();
    assert!(source(&settings).unwrap_err().starts_with("does/not/exist: "));
}
