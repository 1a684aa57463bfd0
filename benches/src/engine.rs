//! What benches of the engine share: its settings, requests to it, and the time.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use stringendo_engine::settings::{
    BackendSettings, BlockSettings, CompactionSettings, RetentionSettings,
};
use stringendo_engine::{Durability, EngineSettings, Limits, LimitsSource, TenantLimits};
use stringendo_loadgen::WorkloadOptions;
use stringendo_loadgen::template::{BATCHES_PER_GROUP, GRPC_PREFIX_BYTES, TemplateSet};
use stringendo_ring::Clock;

const BASE_UNIX_NS: u64 = 1_768_478_400_000_000_000;

/// As the server's defaults, with the memory of a small machine.
pub fn settings(path: PathBuf) -> EngineSettings {
    EngineSettings {
        wal_path: path.join("wal"),
        backend: BackendSettings::Local(path.join("blocks")),
        poll: Default::default(),
        durability: Durability::Sync,
        segment_bytes: 64 << 20,
        budget_bytes_per_core: 1 << 30,
        block_bytes_max: 500 << 20,
        block_age_max: Duration::from_secs(3600),
        retry_after: None,
        trace_idle: Duration::from_secs(5),
        limits: LimitsSource::fixed(Limits::of_all(TenantLimits::default())),
        discard_log: Default::default(),
        user_limits: None,
        blocklist_poll: Duration::from_secs(3600),
        query_bytes_max: 0,
        outer_caches: Default::default(),
        block: BlockSettings {
            version: stringendo_block::Version::V5,
            dedicated_columns: stringendo_block::meta::default_dedicated_columns(),
            bloom_false_positive: 0.01,
            bloom_shard_bytes: 102_400,
            row_group_bytes: 100_000_000,
        },
        // Only where it is looked at.
        compaction: CompactionSettings { disabled: true, ..CompactionSettings::default() },
        retention: RetentionSettings::default(),
    }
}

/// Batches of the load generator with at least so many spans, as bodies of requests, and how many
/// spans; those of other rounds are others.
pub fn batches(round: u64, spans: usize) -> (VecDeque<Bytes>, usize) {
    let set = TemplateSet::build(&WorkloadOptions::default(), 7).expect("the workload is valid");
    let groups = set.templates.len() / BATCHES_PER_GROUP;
    let (mut batches, mut have) = (VecDeque::new(), 0);
    for use_of_group in round * 1_000_000.. {
        let group = use_of_group as usize % groups * BATCHES_PER_GROUP;
        let fill = set.fill_of(use_of_group, BASE_UNIX_NS + use_of_group * 100_000_000);
        for template in &set.templates[group..group + BATCHES_PER_GROUP] {
            let filled = template.fill(&fill, None, &mut Vec::new()).freeze();
            batches.push_back(filled.slice(GRPC_PREFIX_BYTES..));
            have += template.spans;
        }
        if have >= spans {
            break;
        }
    }
    (batches, have)
}

/// A moment.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Since some moment in the past.
    pub wall: Duration,
    /// Of the whole process.
    pub cpu: Duration,
}

/// The present.
pub fn now() -> Now {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let cpu = Duration::new(cpu.tv_sec.unsigned_abs(), cpu.tv_nsec.unsigned_abs() as u32);
    Now { wall: Clock::System.monotonic(), cpu }
}
