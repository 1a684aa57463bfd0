use proptest::prelude::*;
use std::collections::HashSet;
use stringendo_block::BlockMeta;
use stringendo_block::meta::rfc3339;
use uuid::Uuid;

use super::*;
use crate::tenant::TenantId;

const HOUR: u64 = 3600 * NANOS_PER_SECOND;
/// A full hour.
const NOW: u64 = 490_000 * HOUR;

/// A block that ended so many hours ago.
#[derive(Clone, Debug)]
struct Fake {
    hours_ago: u64,
    level: u32,
    objects: u64,
    bytes: u64,
    format: &'static str,
    column: Option<&'static str>,
    replication_factor: u32,
}

impl Default for Fake {
    fn default() -> Self {
        let (hours_ago, level, objects, bytes) = (1, 0, 10, 1000);
        let (format, column, replication_factor) = (stringendo_block::Version::V5.name(), None, 1);
        Self { hours_ago, level, objects, bytes, format, column, replication_factor }
    }
}

fn block(id: usize, fake: &Fake) -> Arc<BlockEntry> {
    let columns = fake.column.map(|name| format!(r#"[{{"n":"{name}"}}]"#));
    let meta = BlockMeta {
        format: fake.format.to_owned(),
        block_id: Uuid::from_u128(id as u128),
        end_time: rfc3339(NOW - fake.hours_ago * HOUR),
        total_objects: fake.objects,
        size: fake.bytes,
        compaction_level: fake.level,
        replication_factor: fake.replication_factor,
        dedicated_columns: columns
            .map_or_else(Vec::new, |json| serde_json::from_str(&json).expect("columns")),
        ..BlockMeta::default()
    };
    Arc::new(BlockEntry::new(TenantId::single(), meta))
}

fn blocks(fakes: &[Fake]) -> Vec<Arc<BlockEntry>> {
    fakes.iter().enumerate().map(|(id, fake)| block(id, fake)).collect()
}

fn ids(jobs: &[Inputs]) -> Vec<Vec<u128>> {
    let ids = |job: &Inputs| job.iter().map(|block| block.meta.block_id.as_u128()).collect();
    jobs.iter().map(ids).collect()
}

fn planned(fakes: &[Fake], rules: &Rules) -> Vec<Vec<u128>> {
    ids(&plan(&blocks(fakes), rules, NOW))
}

fn of(hours_ago: u64, level: u32, objects: u64) -> Fake {
    Fake { hours_ago, level, objects, ..Fake::default() }
}

#[test]
fn blocks_of_a_window_are_merged_four_at_a_time_smallest_first() {
    let sizes = [50, 10, 40, 20, 30, 60];
    let jobs = planned(&sizes.map(|objects| of(1, 0, objects)), &Rules::default());
    assert_eq!(jobs, [vec![1, 3, 4, 2], vec![0, 5]]);
}

#[test]
fn one_block_alone_stays() {
    assert!(planned(&[of(1, 0, 1)], &Rules::default()).is_empty());
    assert!(planned(&[of(1, 0, 1), of(2, 0, 1)], &Rules::default()).is_empty());
}

#[test]
fn lower_levels_go_first_then_younger_windows() {
    let fakes = [of(2, 0, 1), of(2, 0, 1), of(1, 1, 1), of(1, 1, 1), of(1, 0, 1), of(1, 0, 1)];
    assert_eq!(planned(&fakes, &Rules::default()), [vec![4, 5], vec![0, 1], vec![2, 3]]);
}

#[test]
fn levels_are_merged_together_only_after_the_day_is_over() {
    let fakes = [of(1, 0, 1), of(1, 1, 1), of(30, 0, 9), of(30, 2, 1), of(30, 1, 1)];
    assert_eq!(planned(&fakes, &Rules::default()), [vec![2, 4, 3]]);
}

#[test]
fn the_window_of_a_day_ago_is_left_alone() {
    let fakes =
        [of(24, 0, 1), of(24, 0, 1), of(23, 0, 1), of(23, 0, 1), of(25, 0, 1), of(25, 0, 1)];
    assert_eq!(planned(&fakes, &Rules::default()), [vec![2, 3], vec![4, 5]]);
}

#[test]
fn a_day_old_blocks_come_after_all_fresh_ones() {
    let fakes = [of(48, 0, 1), of(48, 0, 1), of(20, 5, 1), of(20, 5, 1)];
    assert_eq!(planned(&fakes, &Rules::default()), [vec![2, 3], vec![0, 1]]);
}

#[test]
fn formats_columns_and_replication_factors_are_not_mixed() {
    let plain = Fake::default();
    let fakes = [
        plain.clone(),
        Fake { column: Some("a"), ..plain.clone() },
        Fake { column: Some("b"), ..plain.clone() },
        Fake { replication_factor: 3, ..plain.clone() },
        Fake { format: "vParquet1", ..plain.clone() },
        Fake { column: Some("b"), ..plain },
    ];
    assert_eq!(planned(&fakes, &Rules::default()), [vec![2, 5]]);
}

#[test]
fn blocks_of_a_format_that_is_only_read_are_merged_with_one_another() {
    let of = |format| Fake { format, ..Fake::default() };
    let fakes = [of("vParquet3"), of("vParquet3"), of("vParquet4"), of("vParquet4")];
    assert_eq!(planned(&fakes, &Rules::default()), [vec![0, 1], vec![2, 3]]);
    assert!(planned(&[of("vParquet2"), of("vParquet2")], &Rules::default()).is_empty());
}

#[test]
fn traces_and_bytes_of_a_job_are_limited() {
    let rules = Rules { objects_max: 30, ..Rules::default() };
    assert_eq!(planned(&[of(1, 0, 10), of(1, 0, 11), of(1, 0, 12)], &rules), [vec![0, 1]]);
    let rules = Rules { bytes_max: 2000, ..Rules::default() };
    let fakes: Vec<_> = (0..5).map(|_| Fake::default()).collect();
    assert_eq!(planned(&fakes, &rules), [vec![0, 1], vec![2, 3]]);
    let rules = Rules { bytes_max: 1999, ..Rules::default() };
    assert!(planned(&fakes, &rules).is_empty());
}

#[test]
fn inputs_of_a_job_are_limited_both_ways() {
    let fakes: Vec<_> = (0..5).map(|_| Fake::default()).collect();
    let rules = Rules { inputs_min: 3, inputs_max: 3, ..Rules::default() };
    assert_eq!(planned(&fakes, &rules), [vec![0, 1, 2]]);
    let rules = Rules { inputs_min: 6, inputs_max: 8, ..Rules::default() };
    assert!(planned(&fakes, &rules).is_empty());
}

#[test]
fn blocks_of_the_highest_level_stay() {
    let fakes = [of(1, 1, 1), of(1, 1, 1), of(1, 2, 1), of(1, 2, 1)];
    let rules = Rules { level_max: 2, ..Rules::default() };
    assert_eq!(planned(&fakes, &rules), [vec![0, 1]]);
}

#[test]
fn blocks_of_the_future_or_without_a_time_do_no_harm() {
    let mut strange: Vec<_> = (0..2).map(|id| block(id, &Fake::default())).collect();
    strange[0] = Arc::new(BlockEntry { end_unix_nanos: u64::MAX, ..(*strange[0]).clone() });
    strange[1] = Arc::new(BlockEntry { end_unix_nanos: 0, ..(*strange[1]).clone() });
    assert!(plan(&strange, &Rules::default(), NOW).is_empty());
    assert!(plan(&strange, &Rules::default(), 0).is_empty());
    let rules = Rules { window: Duration::ZERO, inputs_min: 0, inputs_max: 0, ..Rules::default() };
    assert!(plan(&strange, &rules, NOW).is_empty());
}

prop_compose! {
    fn any_fake()(
        hours_ago in 0_u64..60, level in 0_u32..4, objects in 0_u64..100, bytes in 0_u64..5000,
        column in prop::option::of(prop::sample::select(vec!["a", "b"])),
        replication_factor in 0_u32..2,
    ) -> Fake {
        let format = stringendo_block::Version::V5.name();
        Fake { hours_ago, level, objects, bytes, format, column, replication_factor }
    }
}

prop_compose! {
    fn any_rules()(
        inputs_min in 0_usize..5, inputs_max in 0_usize..6, objects_max in 0_u64..300,
        bytes_max in 0_u64..20_000, level_max in 0_u32..4, hours in 1_u64..30,
    ) -> Rules {
        let window = Duration::from_secs(hours * 3600);
        Rules { window, inputs_min, inputs_max, objects_max, bytes_max, level_max }
    }
}

proptest! {
    #[test]
    fn every_job_keeps_the_rules_and_no_block_is_in_two(
        fakes in prop::collection::vec(any_fake(), 0..60), rules in any_rules(),
    ) {
        let jobs = plan(&blocks(&fakes), &rules, NOW);
        let mut seen = HashSet::new();
        for job in &jobs {
            prop_assert!(job.len() >= rules.inputs_min.max(2) && job.len() <= rules.inputs_max);
            prop_assert!(job.iter().all(|block| seen.insert(block.meta.block_id)));
            let objects: u64 = job.iter().map(|block| block.meta.total_objects).sum();
            let bytes: u64 = job.iter().map(|block| block.meta.size).sum();
            prop_assert!(objects <= rules.objects_max && bytes <= rules.bytes_max);
            let windows = Windows::of(rules.window, NOW);
            let window = |block: &Arc<BlockEntry>| windows.number(block.end_unix_nanos);
            let first = &job[0];
            for block in job {
                prop_assert_eq!(window(block), window(first));
                prop_assert_ne!(window(block), windows.active);
                prop_assert_eq!(&block.meta.dedicated_columns, &first.meta.dedicated_columns);
                prop_assert_eq!(block.meta.replication_factor, first.meta.replication_factor);
                let level = block.meta.compaction_level;
                prop_assert!(rules.level_max == 0 || level < rules.level_max);
                let is_fresh = window(block) > windows.active;
                prop_assert!(!is_fresh || level == first.meta.compaction_level);
            }
        }
    }

    #[test]
    fn a_plan_does_not_depend_on_the_order_of_the_list(
        fakes in prop::collection::vec(any_fake(), 0..40), rules in any_rules(),
        turn in 0_usize..40,
    ) {
        let mut blocks = blocks(&fakes);
        let before = ids(&plan(&blocks, &rules, NOW));
        let turn = turn.min(blocks.len());
        blocks.rotate_left(turn);
        prop_assert_eq!(before, ids(&plan(&blocks, &rules, NOW)));
    }

    #[test]
    fn merging_what_is_planned_comes_to_an_end(
        fakes in prop::collection::vec(any_fake(), 0..60), rules in any_rules(),
    ) {
        let mut blocks = blocks(&fakes);
        let mut rounds = 0;
        loop {
            let jobs = plan(&blocks, &rules, NOW);
            if jobs.is_empty() {
                break;
            }
            for job in jobs {
                let gone: HashSet<_> = job.iter().map(|block| block.meta.block_id).collect();
                blocks.retain(|block| !gone.contains(&block.meta.block_id));
                let mut meta = job[0].meta.clone();
                meta.total_objects = job.iter().map(|block| block.meta.total_objects).sum();
                meta.size = job.iter().map(|block| block.meta.size).sum();
                let levels = job.iter().map(|block| block.meta.compaction_level);
                meta.compaction_level = 1 + levels.max().unwrap_or(0);
                blocks.push(Arc::new(BlockEntry::new(TenantId::single(), meta)));
            }
            rounds += 1;
            prop_assert!(rounds <= 60, "every round makes fewer blocks");
        }
    }
}
