//! A file's former life never comes back.

use stringendo_wal::{Commit, SimDisk};

use crate::support::{Log, PAGE, read};

const SEGMENT: usize = 16 * PAGE;

#[test]
fn frames_of_the_former_life_are_not_read_behind_the_end() {
    let old = Log::with_groups(1, SEGMENT, &[vec![10], vec![20], vec![30], vec![5000, 40]]);
    for groups in 0..3 {
        let mut log = Log::begin(SimDisk::with_contents(old.image()), 2, SEGMENT);
        for _ in 0..groups {
            log.write(&[10], Commit::Durable).unwrap();
        }
        let (header, report, frames) = read(&log.image()).unwrap();
        assert_eq!(&header, log.writer.header());
        assert_eq!(frames, log.frames());
        assert_eq!(report.end_offset, log.writer.bytes_used());
        assert!(!report.torn_tail && report.damaged.is_empty());
    }
}

#[test]
fn a_damaged_header_page_is_rebuilt_from_this_life_not_the_former() {
    let old = Log::with_groups(1, SEGMENT, &[vec![10], vec![20], vec![30]]);
    let mut log = Log::begin(SimDisk::with_contents(old.image()), 2, SEGMENT);
    log.write(&[50], Commit::Durable).unwrap();
    let mut file = log.image();
    file[0] ^= 1;
    let (header, _, frames) = read(&file).unwrap();
    assert_eq!(&header, log.writer.header());
    assert_eq!(frames, log.frames());
}

#[test]
fn a_group_lost_from_a_recycled_file_does_not_uncover_the_old_one() {
    let old = Log::with_groups(1, SEGMENT, &[vec![10], vec![20], vec![30]]);
    let mut log = Log::begin(SimDisk::with_contents(old.image()), 2, SEGMENT);
    for size in [10, 20, 30] {
        log.write(&[size], Commit::Durable).unwrap();
    }
    let mut file = log.image();
    let page = log.groups[1]..log.groups[2];
    file[page.clone()].copy_from_slice(&old.image()[page.clone()]);
    let (_, report, frames) = read(&file).unwrap();
    assert_eq!(frames, [log.frames()[0].clone(), log.frames()[2].clone()]);
    assert_eq!(report.damaged, [page.start as u64..page.end as u64]);
}
