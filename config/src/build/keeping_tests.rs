use std::path::PathBuf;
use std::time::Duration;

use crate::cli::CliOptions;
use crate::settings::Settings;

const BASE: &str = "storage: {trace: {backend: local, local: {path: /b}}}\n";

fn loaded(yaml: &str) -> Result<Settings, String> {
    let text = format!("{BASE}{yaml}");
    let options =
        CliOptions { config_file: Some(PathBuf::from("x.yaml")), ..CliOptions::default() };
    let loaded = crate::load(&options, &|_| None, &|_| Ok(text.clone()));
    loaded.map(|loaded| loaded.settings).map_err(|error| error.to_string())
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[test]
fn the_compactor_of_2_x_is_read() {
    let settings = loaded(
        "compactor:\n  disabled: true\n  compaction: {compaction_window: 2h, block_retention: 48h, \
         compacted_block_retention: 5m, max_compaction_objects: 7, max_block_bytes: 8, \
         compaction_cycle: 3s, retention_concurrency: 0}\n",
    );
    let settings = settings.expect("loads");
    assert!(settings.compactor.disabled);
    let jobs = settings.backend_scheduler.provider.compaction;
    let c = &jobs.compaction;
    assert_eq!((c.compaction_window, c.block_retention), (hours(2), hours(48)));
    assert_eq!(c.compacted_block_retention, Duration::from_secs(300));
    assert_eq!((c.max_compaction_objects, c.max_block_bytes), (7, 8));
    assert_eq!((jobs.min_cycle_interval, c.retention_concurrency), (Duration::from_secs(3), 10));
}

#[test]
fn scheduler_and_worker_of_3_x_are_read_and_win() {
    let settings = loaded(
        "compactor: {compaction: {block_retention: 1h, compaction_window: 3h}}\n\
         backend_worker: {compaction: {block_retention: 2h}}\n\
         backend_scheduler: {provider: {retention: {interval: 10m}, compaction: \
         {max_input_blocks: 8, min_input_blocks: 3, max_compaction_level: 5, \
         max_jobs_per_tenant: 9, min_cycle_interval: 1m, compaction: {max_block_bytes: 4}}}}\n",
    );
    let provider = settings.expect("loads").backend_scheduler.provider;
    assert_eq!(provider.retention.interval, Duration::from_secs(600));
    let jobs = provider.compaction;
    assert_eq!((jobs.min_input_blocks, jobs.max_input_blocks), (3, 8));
    assert_eq!((jobs.max_compaction_level, jobs.max_jobs_per_tenant), (5, 9));
    assert_eq!(jobs.min_cycle_interval, Duration::from_secs(60));
    let c = jobs.compaction;
    assert_eq!((c.block_retention, c.compaction_window), (hours(2), hours(3)));
    assert_eq!(c.max_block_bytes, 4);
}

#[test]
fn what_cannot_be_is_refused() {
    for (yaml, key) in [
        ("compactor: {compaction: {compaction_window: 0s}}\n", "compaction_window"),
        ("backend_scheduler: {provider: {retention: {interval: 0s}}}\n", "retention.interval"),
        ("backend_scheduler: {provider: {compaction: {min_input_blocks: 1}}}\n", "min_input"),
        ("backend_scheduler: {provider: {compaction: {max_input_blocks: 1}}}\n", "max_input"),
    ] {
        let error = loaded(yaml).expect_err(yaml);
        assert!(error.contains(key), "{error}");
    }
}
