//! Which blocks of a tenant are to become one (contract blocks.md §20). A pure function of the
//! blocks' metas, the rules and the time; who may not be touched now is left out by the caller.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use super::columns_hash::columns_hash;
use crate::block_list::BlockEntry;

/// Blocks whose window was the current one so long ago are handed over from the merging of fresh
/// blocks to that of old ones, and are left alone meanwhile.
const ACTIVE_FOR: Duration = Duration::from_secs(24 * 3600);
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// What may be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Blocks that end in the same window of time are merged.
    pub window: Duration,
    /// Fewest inputs of a job.
    pub inputs_min: usize,
    /// Most inputs of a job.
    pub inputs_max: usize,
    /// Most traces of all inputs together.
    pub objects_max: u64,
    /// Most bytes of all inputs together.
    pub bytes_max: u64,
    /// Blocks of this level or above stay; 0 = no limit.
    pub level_max: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(3600),
            inputs_min: 2,
            inputs_max: 4,
            objects_max: 6_000_000,
            bytes_max: 107_374_182_400,
            level_max: 0,
        }
    }
}

/// Blocks that are to become one.
pub type Inputs = Vec<Arc<BlockEntry>>;

/// All jobs that a tenant's blocks give now, in the order in which they should be done. No block
/// is in two of them.
pub fn plan<'a>(
    blocks: impl IntoIterator<Item = &'a Arc<BlockEntry>>,
    rules: &Rules,
    now_unix_nanos: u64,
) -> Vec<Inputs> {
    let windows = Windows::of(rules.window, now_unix_nanos);
    let candidates = blocks.into_iter().filter_map(|block| Candidate::of(block, rules, &windows));
    let mut candidates: Vec<Candidate<'_>> = candidates.collect();
    candidates.sort_by(Candidate::order);
    let mut jobs = Vec::new();
    let mut left = candidates.as_slice();
    while !left.is_empty() {
        let length = run_length(left, rules);
        if length >= rules.inputs_min.max(2) {
            jobs.push(left[..length].iter().map(|one| Arc::clone(one.block)).collect());
            left = &left[length..];
        } else {
            left = &left[1..];
        }
    }
    jobs
}

/// How many of the first candidates fit together.
fn run_length(candidates: &[Candidate<'_>], rules: &Rules) -> usize {
    let first = &candidates[0];
    let (mut objects, mut bytes) = (0_u64, 0_u64);
    let fits = |candidate: &&Candidate<'_>| {
        objects = objects.saturating_add(candidate.block.meta.total_objects);
        bytes = bytes.saturating_add(candidate.block.meta.size);
        candidate.goes_with(first) && objects <= rules.objects_max && bytes <= rules.bytes_max
    };
    candidates.iter().take(rules.inputs_max).take_while(fits).count()
}

/// Windows are numbered from the Unix epoch.
struct Windows {
    seconds: u64,
    now: i64,
    /// The one that is handed over.
    active: i64,
}

impl Windows {
    fn of(window: Duration, now_unix_nanos: u64) -> Self {
        let seconds = window.as_secs().max(1);
        let number = |nanos: u64| (nanos / NANOS_PER_SECOND / seconds) as i64;
        let active = now_unix_nanos.saturating_sub(ACTIVE_FOR.as_nanos() as u64);
        Self { seconds, now: number(now_unix_nanos), active: number(active) }
    }

    fn number(&self, unix_nanos: u64) -> i64 {
        (unix_nanos / NANOS_PER_SECOND / self.seconds) as i64
    }
}

/// Only blocks of one group are merged. The order of groups is that in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    /// Those of the last day go first.
    is_old: bool,
    /// Of old blocks 0: all levels are merged.
    level: u32,
    /// Windows until now.
    age: i64,
    replication_factor: u32,
}

/// A block that may be merged.
struct Candidate<'a> {
    block: &'a Arc<BlockEntry>,
    group: Group,
    /// In its group: the level of old blocks, traces.
    size: (u32, u64),
    columns: u64,
}

impl<'a> Candidate<'a> {
    fn of(block: &'a Arc<BlockEntry>, rules: &Rules, windows: &Windows) -> Option<Self> {
        let meta = &block.meta;
        let (window, level) = (windows.number(block.end_unix_nanos), meta.compaction_level);
        let may_grow = rules.level_max == 0 || level < rules.level_max;
        let can_be_read = meta.version().is_some();
        if !may_grow || window == windows.active || !can_be_read {
            return None;
        }
        let (is_old, age) = (window < windows.active, windows.now - window);
        let replication_factor = meta.replication_factor;
        let group =
            Group { is_old, level: if is_old { 0 } else { level }, age, replication_factor };
        let size = (if is_old { level } else { 0 }, meta.total_objects);
        Some(Self { block, group, size, columns: columns_hash(&meta.dedicated_columns) })
    }

    fn order(&self, other: &Self) -> Ordering {
        let key = |one: &Self| (one.group, one.size);
        let (mine, others) = (&self.block.meta, &other.block.meta);
        key(self)
            .cmp(&key(other))
            .then_with(|| mine.format.cmp(&others.format))
            .then_with(|| self.columns.cmp(&other.columns))
            // So that a plan does not depend on the order of the list.
            .then_with(|| mine.block_id.cmp(&others.block_id))
    }

    fn goes_with(&self, other: &Self) -> bool {
        self.group == other.group
            && self.columns == other.columns
            && self.block.meta.format == other.block.meta.format
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
