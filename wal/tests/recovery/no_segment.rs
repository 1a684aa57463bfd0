//! Files that are no segment.

use stringendo_wal::NotASegment;

use crate::support::{Log, PAGE, read};

#[test]
fn a_file_of_zeros_is_empty_whatever_its_length() {
    for len in [0, 1, 63, 64, PAGE - 1, PAGE, 10 * PAGE, 10 * PAGE + 1] {
        assert_eq!(read(&vec![0; len]), Err(NotASegment::Empty), "length {len}");
    }
}

#[test]
fn a_file_of_something_else_is_damaged() {
    for len in [1, 64, PAGE, 10 * PAGE + 1] {
        assert_eq!(read(&vec![b'x'; len]), Err(NotASegment::Damaged), "length {len}");
    }
}

#[test]
fn a_segment_begun_but_not_written_to_holds_nothing() {
    let log = Log::with_groups(1, 4 * PAGE, &[]);
    let (header, report, frames) = read(&log.image()).unwrap();
    assert_eq!(&header, log.writer.header());
    assert!(frames.is_empty() && !report.torn_tail && report.damaged.is_empty());
    assert_eq!(report.end_offset, PAGE as u64);
}

#[test]
fn a_newer_format_is_named_and_left_alone() {
    let mut file = Log::with_groups(1, 4 * PAGE, &[vec![10]]).image();
    file[8..10].copy_from_slice(&9_u16.to_le_bytes());
    let crc = crc32fast::hash(&file[..60]);
    file[60..64].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(read(&file), Err(NotASegment::NewerFormat(9)));
}
