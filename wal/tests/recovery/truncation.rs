//! Files cut off at any byte.

use crate::support::{Log, PAGE, read};

#[test]
fn a_file_cut_anywhere_in_the_last_group_yields_what_is_whole() {
    let log = Log::with_groups(1, 16 * PAGE, &[vec![100, 5000], vec![300, 20, 4000, 7]]);
    let image = log.image();
    let last = log.groups[1];
    let frames_end = log.sent.last().unwrap().1.end;
    for len in last..=log.writer.bytes_used() as usize {
        let (_, report, frames) = read(&image[..len]).unwrap();
        let whole = log.sent.iter().filter(|(_, at)| at.end <= len).count();
        assert_eq!(frames, log.frames()[..whole], "cut at {len}");
        let torn = len != last && len < frames_end;
        assert!(!torn || report.torn_tail, "cut at {len}");
        assert!(report.damaged.is_empty());
        assert!(report.torn_tail || report.frames_lost == 0);
    }
}

#[test]
fn a_file_cut_between_groups_is_whole() {
    let log = Log::with_groups(1, 16 * PAGE, &[vec![100, 5000], vec![300], vec![20]]);
    for (group, frames) in [(0, 0), (1, 2), (2, 3)] {
        let (_, report, read) = read(&log.image()[..log.groups[group]]).unwrap();
        assert_eq!(read, log.frames()[..frames]);
        assert!(!report.torn_tail && report.damaged.is_empty());
        assert_eq!(report.end_offset, log.groups[group] as u64);
    }
}

#[test]
fn a_file_cut_in_its_header_page_is_a_segment_as_soon_as_the_header_is_there() {
    let log = Log::with_groups(1, 16 * PAGE, &[vec![100]]);
    for len in 0..PAGE {
        let file = &log.image()[..len];
        assert_eq!(read(file).is_ok(), len >= 64, "cut at {len}");
    }
}

#[test]
fn the_last_group_may_fill_the_file_to_its_end() {
    let log = Log::with_groups(1, 3 * PAGE, &[vec![10], vec![PAGE - 64 - 32 - 8]]);
    assert_eq!(log.writer.bytes_left(), 0);
    let (_, report, frames) = read(&log.image()).unwrap();
    assert_eq!(frames, log.frames());
    assert!(!report.torn_tail);
    assert_eq!(report.end_offset, 3 * PAGE as u64);
}
