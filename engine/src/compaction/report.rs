//! What is counted and logged of jobs (contract metrics.md B4).

use super::job::{Compacted, CompactionJob, JobError};
use crate::metrics::{Metrics, families as family};
use crate::node::Node;
use crate::tenant::TenantId;

/// Label of jobs that merge.
pub const COMPACTION: &str = "compaction";
/// Label of jobs that mark and delete.
pub const RETENTION: &str = "retention";

/// A job has begun.
pub fn begun(node: &Node, job: &CompactionJob) {
    let tenant = job.tenant.as_str();
    node.counters().add(&family::JOBS_CREATED, &[tenant, COMPACTION], 1.0);
    node.counters().add(&family::COMPACTION_JOBS_CREATED, &[tenant], 1.0);
}

/// A block was published.
pub fn done(node: &Node, job: &CompactionJob, compacted: &Compacted) {
    let (meta, counts, metrics) = (&compacted.meta, &compacted.counts, node.counters());
    let took = compacted.took.as_secs_f64();
    for input in &job.inputs {
        let level = input.meta.compaction_level.to_string();
        metrics.add(&family::COMPACTION_BLOCKS, &[&level], 1.0);
        metrics.add(&family::COMPACTION_BLOCKS_ALIAS, &[], 1.0);
    }
    let level = (meta.compaction_level.saturating_sub(1)).to_string();
    metrics.add(&family::COMPACTION_OBJECTS, &[&level], meta.total_objects as f64);
    metrics.add(&family::COMPACTION_BYTES, &[&level], meta.size as f64);
    metrics.add(&family::COMPACTION_COMBINED, &[&level], counts.traces_combined as f64);
    metrics.observe(&family::COMPACTION_OUTPUT_SIZE, &[], meta.size as f64);
    metrics.observe(&family::COMPACTION_DURATION_ALIAS, &[], took);
    metrics.observe(&family::JOB_DURATION, &[COMPACTION], took);
    metrics.add(&family::JOBS_COMPLETED, &[job.tenant.as_str(), COMPACTION], 1.0);
    metrics.add(&family::WORKER_JOBS, &[], 1.0);
    let factor = [&*meta.replication_factor.to_string()];
    for counter in [&family::COMPACTION_DEDUPED, &family::COMPACTION_DEDUPED_ALIAS] {
        metrics.add(counter, &factor, counts.spans_repeated as f64);
    }
    if counts.spans_discarded > 0 {
        let labels = ["trace_too_large_to_compact", job.tenant.as_str()];
        metrics.add(&family::DISCARDED_SPANS, &labels, counts.spans_discarded as f64);
    }
    tracing::info!(
        tenant = %job.tenant, block = %meta.block_id, inputs = job.inputs.len(),
        level = meta.compaction_level, traces = meta.total_objects, bytes = meta.size,
        combined = counts.traces_combined, spans = counts.spans,
        took_ms = compacted.took.as_millis() as u64, "blocks merged"
    );
}

/// A job has failed; its inputs are as they were. It may be that it is tried again at once, with
/// more memory or fewer inputs.
pub fn failed(node: &Node, job: &CompactionJob, error: &JobError, again_at_once: bool) {
    let (metrics, reason) = (node.counters(), error.reason());
    metrics.add(&family::COMPACTION_FAILURES, &[reason], 1.0);
    metrics.add(&family::WORKER_JOBS, &[], 1.0);
    let labels = [job.tenant.as_str(), COMPACTION];
    if error.is_harmless() || again_at_once {
        metrics.add(&family::JOBS_DROPPED, &labels, 1.0);
        tracing::info!(tenant = %job.tenant, reason, %error, "blocks are not merged now");
        return;
    }
    metrics.add(&family::COMPACTION_ERRORS, &[], 1.0);
    metrics.add(&family::JOBS_FAILED, &labels, 1.0);
    let inputs: Vec<_> = job.inputs.iter().map(|input| input.meta.block_id).collect();
    tracing::error!(
        tenant = %job.tenant, ?inputs, reason, %error,
        "blocks could not be merged; they stay as they are, and will be tried again"
    );
}

/// It is not known what became of a job's output. Its inputs wait until it is.
pub fn in_doubt(job: &CompactionJob, error: &std::io::Error) {
    tracing::warn!(
        tenant = %job.tenant, block = %job.output, %error,
        "whether a merged block was published, or what was written of it removed, is not known; \
         will ask again"
    );
}

/// A job has failed, and yet its output is there: the store did what it said it could not do.
pub fn published_after_all(job: &CompactionJob) {
    tracing::info!(
        tenant = %job.tenant, block = %job.output, inputs = job.inputs.len(),
        "a merged block was published although the store said that it was not"
    );
}

/// So many blocks of a tenant wait to be merged.
pub fn outstanding(node: &Node, tenant: &TenantId, blocks: usize) {
    for gauge in [&family::COMPACTION_OUTSTANDING, &family::COMPACTION_OUTSTANDING_ALIAS] {
        node.counters().set(gauge, &[tenant.as_str()], blocks as f64);
    }
}

/// Counters that are there from the start, so that alerts see them rise.
pub fn begin(metrics: &Metrics) {
    for counter in [
        &family::COMPACTION_ERRORS,
        &family::COMPACTION_BLOCKS_ALIAS,
        &family::RETENTION_ERRORS,
        &family::RETENTION_MARKED,
        &family::RETENTION_DELETED,
        &family::WORKER_JOBS,
    ] {
        metrics.add(counter, &[], 0.0);
    }
    metrics.set(&family::JOBS_PENDING, &[], 0.0);
    metrics.set(&family::JOBS_ACTIVE, &[], 0.0);
}
