//! Crashes that keep any subset of the sectors not yet synced.

use proptest::prelude::*;
use stringendo_wal::{Commit, SimDisk};

use crate::support::{Log, PAGE, Random, block_on, is_subsequence, poll_once, read};

const SEGMENT: usize = 64 * PAGE;

/// Payload sizes of some groups: within a sector, over several, over several pages.
fn groups(at_most: usize) -> impl Strategy<Value = Vec<Vec<usize>>> {
    let size = prop_oneof![0..400_usize, 400..3000_usize, 3000..9000_usize];
    prop::collection::vec(prop::collection::vec(size, 1..5), 0..at_most)
}

/// A disk whose file held a full segment of the same frames before.
fn recycled_disk(groups: &[Vec<usize>]) -> SimDisk {
    let mut old = Log::begin(SimDisk::new(SEGMENT), 99, SEGMENT);
    for sizes in groups {
        // A full segment is as good.
        let _: Result<(), _> = old.write(sizes, Commit::Durable);
    }
    SimDisk::with_contents(old.image())
}

/// Recovery after a crash that kept some sectors by `seed`: all that is durable is there.
fn check_crash(log: &Log, seed: u64) -> Result<(), TestCaseError> {
    let mut random = Random(seed);
    let (_, report, frames) = read(&log.disk.crash(|_| random.coin())).unwrap();
    let all = log.frames();
    prop_assert!(is_subsequence(&frames, &all), "frames that were never written");
    prop_assert!(frames.len() >= log.durable);
    prop_assert_eq!(&frames[..log.durable], &all[..log.durable]);
    let last_group = *log.groups.last().unwrap_or(&PAGE) as u64;
    prop_assert!(report.torn.iter().all(|gap| gap.start >= log.groups[0] as u64));
    prop_assert!(report.end_offset <= SEGMENT as u64 && report.end_offset <= last_group + 100_000);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn what_was_acknowledged_is_there_after_a_crash_in_the_next_write(
        acknowledged in groups(4),
        in_flight in prop::collection::vec(0..6000_usize, 1..5),
        former_life in groups(8),
        seed: u64,
    ) {
        let mut log = Log::begin(recycled_disk(&former_life), 1, SEGMENT);
        for sizes in &acknowledged {
            prop_assume!(log.write(sizes, Commit::Durable).is_ok());
        }
        let group = log.gather(&in_flight);
        prop_assume!(group.bytes_on_disk() as u64 <= log.writer.bytes_left());
        poll_once(log.writer.write(group, Commit::Durable));
        check_crash(&log, seed)?;
        let mut random = Random(seed);
        let (_, report, _) = read(&log.disk.crash(|_| random.coin())).unwrap();
        prop_assert_eq!(report.damaged, vec![], "a torn write is no damage");
    }

    #[test]
    fn what_was_synced_is_there_though_later_groups_were_only_written(
        mixed in prop::collection::vec((groups(3), any::<bool>()), 1..5),
        former_life in groups(8),
        seed: u64,
    ) {
        let mut log = Log::begin(recycled_disk(&former_life), 1, SEGMENT);
        for (groups, durable) in &mixed {
            let commit = if *durable { Commit::Durable } else { Commit::Written };
            for sizes in groups {
                prop_assume!(log.write(sizes, commit).is_ok());
            }
        }
        prop_assume!(!log.groups.is_empty());
        check_crash(&log, seed)?;
    }

    #[test]
    fn without_a_crash_everything_is_read_back_in_order(groups in groups(8)) {
        let mut log = Log::begin(SimDisk::new(SEGMENT), 1, SEGMENT);
        for sizes in &groups {
            prop_assume!(log.write(sizes, Commit::Written).is_ok());
        }
        block_on(log.writer.sync()).unwrap();
        prop_assert_eq!(log.disk.unsynced_sectors(), 0);
        let (header, report, frames) = read(&log.disk.crash(|_| false)).unwrap();
        prop_assert_eq!(&header, log.writer.header());
        prop_assert_eq!(frames, log.frames());
        prop_assert_eq!(report.end_offset, log.writer.bytes_used());
        prop_assert_eq!(report.groups, groups.len() as u64);
        prop_assert_eq!((report.damaged, report.torn_tail, report.frames_lost), (vec![], false, 0));
    }
}

#[test]
fn a_failed_sync_may_lose_its_group_but_nothing_before_it() {
    for keep in [false, true] {
        let mut log = Log::begin(SimDisk::new(SEGMENT), 1, SEGMENT);
        log.write(&[100, 200], Commit::Durable).unwrap();
        log.disk.fail_after(1);
        log.write(&[300], Commit::Durable).unwrap_err();
        let (_, report, frames) = read(&log.disk.crash(|_| keep)).unwrap();
        assert_eq!(frames.len(), if keep { 3 } else { 2 });
        assert_eq!(frames, log.frames()[..frames.len()]);
        assert!(!report.torn_tail);
    }
}

#[test]
fn a_crash_while_a_recycled_file_is_begun_again_leaves_either_segment() {
    let old = Log::with_groups(7, SEGMENT, &[vec![10, 20], vec![30]]);
    for keep in [false, true] {
        let disk = SimDisk::with_contents(old.image());
        let header = crate::support::segment_header(8);
        poll_once(stringendo_wal::SegmentWriter::begin(disk.clone(), &header, SEGMENT as u64));
        let (found, report, frames) = read(&disk.crash(|_| keep)).unwrap();
        assert_eq!(found == header, keep);
        assert_eq!(frames.len(), if keep { 0 } else { 3 });
        assert!(report.damaged.is_empty() && !report.torn_tail);
    }
}
