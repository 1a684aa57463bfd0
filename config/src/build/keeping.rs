//! `compactor`, `backend_worker`, `backend_scheduler` → one set of settings of compaction and
//! retention (config.md §5.2: whichever is present).

use crate::raw::Raw;
use crate::settings::{Compaction, Settings};
use crate::warning::ConfigError;

type Done = Result<(), ConfigError>;

const WORKER: &str = "backend_worker.compaction";
const PROVIDER: &str = "backend_scheduler.provider.compaction";

/// 2.x's block first, so that 3.x's wins where a file has both.
pub(super) fn read(raw: &Raw, settings: &mut Settings) -> Done {
    raw.read("compactor.disabled", &mut settings.compactor.disabled)?;
    let provider = &mut settings.backend_scheduler.provider;
    raw.read("backend_scheduler.provider.retention.interval", &mut provider.retention.interval)?;
    if provider.retention.interval.is_zero() {
        let path = "backend_scheduler.provider.retention.interval";
        return Err(raw.error(path, "must not be 0"));
    }
    let jobs = &mut provider.compaction;
    for block in
        ["compactor.compaction", WORKER, "backend_scheduler.provider.compaction.compaction"]
    {
        compaction(raw, block, &mut jobs.compaction)?;
        raw.read(&format!("{block}.compaction_cycle"), &mut jobs.min_cycle_interval)?;
    }
    raw.read(&format!("{PROVIDER}.min_cycle_interval"), &mut jobs.min_cycle_interval)?;
    raw.read(&format!("{PROVIDER}.max_jobs_per_tenant"), &mut jobs.max_jobs_per_tenant)?;
    raw.read(&format!("{PROVIDER}.min_input_blocks"), &mut jobs.min_input_blocks)?;
    raw.read(&format!("{PROVIDER}.max_input_blocks"), &mut jobs.max_input_blocks)?;
    raw.read(&format!("{PROVIDER}.max_compaction_level"), &mut jobs.max_compaction_level)?;
    if jobs.min_input_blocks < 2 {
        return Err(raw.error(&format!("{PROVIDER}.min_input_blocks"), "must be at least 2"));
    }
    if jobs.max_input_blocks < jobs.min_input_blocks {
        let why = "must not be less than min_input_blocks";
        return Err(raw.error(&format!("{PROVIDER}.max_input_blocks"), why));
    }
    Ok(())
}

fn compaction(raw: &Raw, block: &str, c: &mut Compaction) -> Done {
    let window = format!("{block}.compaction_window");
    raw.read(&window, &mut c.compaction_window)?;
    if c.compaction_window.as_secs() == 0 {
        return Err(raw.error(&window, "must be at least 1s"));
    }
    raw.read(&format!("{block}.max_compaction_objects"), &mut c.max_compaction_objects)?;
    raw.read(&format!("{block}.max_block_bytes"), &mut c.max_block_bytes)?;
    raw.read(&format!("{block}.block_retention"), &mut c.block_retention)?;
    let compacted = &mut c.compacted_block_retention;
    raw.read(&format!("{block}.compacted_block_retention"), compacted)?;
    raw.read(&format!("{block}.retention_concurrency"), &mut c.retention_concurrency)?;
    if c.retention_concurrency == 0 {
        c.retention_concurrency = Compaction::default().retention_concurrency;
    }
    Ok(())
}

#[cfg(test)]
#[path = "keeping_tests.rs"]
mod tests;
