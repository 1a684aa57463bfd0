//! Damage loses what it hits and nothing else, and is reported.

use std::ops::Range;

use proptest::prelude::*;
use stringendo_wal::NotASegment;
use stringendo_wal::format::UNIT_HEADER_BYTES;

use crate::support::{Log, PAGE, Sent, read};

const SEGMENT: usize = 24 * PAGE;

fn log() -> Log {
    let groups = [vec![100, 3000, 0, 700], vec![5000, 1], vec![40; 60], vec![9000], vec![10, 20]];
    Log::with_groups(1, SEGMENT, &groups)
}

/// The runs of bytes in which two files differ.
fn differences(a: &[u8], b: &[u8]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for at in (0..a.len()).filter(|&at| a[at] != b[at]) {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// The frames that none of `hits` touches.
fn untouched(log: &Log, hits: &[Range<usize>]) -> Vec<Sent> {
    let whole = log.sent.iter().filter(|(_, at)| !hits.iter().any(|hit| overlap(hit, at)));
    whole.map(|(frame, _)| frame.clone()).collect()
}

/// Reads `file`, the image of `log` damaged at `hits`: the untouched frames are there, the others
/// are within the reported ranges.
fn check(log: &Log, file: &[u8], hits: &[Range<usize>]) {
    let (header, report, frames) = match read(file) {
        Ok(read) => read,
        Err(NotASegment::Damaged) => {
            let units = log.groups.iter().copied().chain([0]);
            let mut headers = units.map(|at| at..at + UNIT_HEADER_BYTES);
            assert!(headers.all(|header| hits.iter().any(|hit| overlap(hit, &header))));
            return;
        }
        Err(other) => panic!("{other}"),
    };
    assert_eq!(&header, log.writer.header());
    assert_eq!(frames, untouched(log, hits), "hits {hits:?}");
    let reported: Vec<_> = report.damaged.iter().chain(&report.torn).collect();
    // Of groups at the end nothing tells how long they were once their headers are gone.
    let header_hit = |at: &&usize| hits.iter().any(|hit| overlap(hit, &(**at..**at + 64)));
    let unknown_from = log.groups.iter().rev().take_while(header_hit).last();
    let known = *unknown_from.unwrap_or(&SEGMENT);
    let lost = log.sent.iter().filter(|(frame, _)| !frames.contains(frame));
    for (_, at) in lost.filter(|(_, at)| at.start < known) {
        let (start, end) = (at.start as u64, at.end as u64);
        let covered = reported.iter().any(|gap| gap.start <= start && gap.end >= end);
        assert!(covered, "lost {at:?} but reported {reported:?}");
    }
}

#[test]
fn a_flipped_bit_anywhere_loses_at_most_the_frame_it_hits() {
    let log = log();
    let image = log.image();
    // Every fifth byte: headers are walked bit by bit below.
    for at in (0..log.writer.bytes_used() as usize).step_by(5) {
        let mut file = image.clone();
        file[at] ^= 1 << (at % 8);
        check(&log, &file, &[at..at + 1]);
    }
}

#[test]
fn every_bit_of_lengths_and_headers_may_flip() {
    let log = log();
    let image = log.image();
    let frame = log.sent[4].1.start;
    for start in [0, log.groups[1], frame] {
        for bit in 0..UNIT_HEADER_BYTES * 8 {
            let (at, mut file) = (start + bit / 8, image.clone());
            file[at] ^= 1 << (bit % 8);
            check(&log, &file, &[at..at + 1]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn many_flipped_bits_lose_only_the_frames_they_hit(
        flips in prop::collection::vec((0..20 * PAGE, 0..8_u32), 1..60),
    ) {
        let log = log();
        let mut file = log.image();
        let mut hits = Vec::new();
        for (at, bit) in flips {
            file[at] ^= 1_u8 << bit;
            hits.push(at..at + 1);
        }
        // Two flips of one bit are none; what they "hit" is then there.
        let image = log.image();
        hits.retain(|hit| file[hit.start] != image[hit.start]);
        check(&log, &file, &hits);
    }

    #[test]
    fn overwritten_ranges_lose_only_the_frames_they_hit(
        ranges in prop::collection::vec((0..20 * PAGE, 1..3000_usize, any::<u8>()), 1..4),
    ) {
        let log = log();
        let image = log.image();
        let mut file = image.clone();
        for (start, len, fill) in ranges {
            let end = (start + len).min(SEGMENT);
            file[start..end].fill(fill);
        }
        let hits = differences(&file, &image);
        check(&log, &file, &hits);
    }

    #[test]
    fn pages_copied_over_others_yield_no_frame_twice(from in 1..20_usize, to in 1..20_usize) {
        prop_assume!(from != to);
        let log = log();
        let image = log.image();
        let mut file = image.clone();
        file.copy_within(from * PAGE..(from + 1) * PAGE, to * PAGE);
        let hits = differences(&file, &image);
        check(&log, &file, &hits);
    }
}

#[test]
fn a_damaged_header_page_is_rebuilt_from_the_groups_and_reported() {
    let log = log();
    let mut file = log.image();
    file[..PAGE].fill(0xFF);
    file[log.groups[0]] ^= 1;
    let (header, report, frames) = read(&file).unwrap();
    assert_eq!(&header, log.writer.header());
    assert_eq!(frames, log.frames());
    let group = log.groups[0] as u64;
    let expected = [0..PAGE as u64, group..group + UNIT_HEADER_BYTES as u64];
    assert_eq!(report.damaged, expected);
    assert!(!report.torn_tail);
}

#[test]
fn a_damaged_group_header_loses_no_frame() {
    let log = log();
    let mut file = log.image();
    file[log.groups[2]..][..UNIT_HEADER_BYTES].fill(0);
    let (_, report, frames) = read(&file).unwrap();
    assert_eq!(frames, log.frames());
    let group = log.groups[2] as u64;
    assert_eq!(report.damaged, [group..group + UNIT_HEADER_BYTES as u64]);
    assert_eq!(report.groups, 4);
}

#[test]
fn a_lost_payload_in_the_middle_is_damage_and_counted() {
    let log = log();
    let mut file = log.image();
    let hit = log.sent[1].1.clone();
    file[hit.end - 1] ^= 1;
    let (_, report, frames) = read(&file).unwrap();
    assert_eq!(frames.len(), log.sent.len() - 1);
    assert_eq!(report.frames_lost, 1);
    assert_eq!(report.damaged, [hit.start as u64..hit.end.next_multiple_of(8) as u64]);
    assert!(!report.torn_tail);
}

#[test]
fn a_lost_payload_in_the_last_group_is_a_torn_tail() {
    let log = log();
    let mut file = log.image();
    let hit = log.sent.last().unwrap().1.clone();
    file[hit.end - 1] ^= 1;
    let (_, report, frames) = read(&file).unwrap();
    assert_eq!(frames.len(), log.sent.len() - 1);
    assert!(report.torn_tail && report.damaged.is_empty());
    assert_eq!(report.frames_lost, 1);
}

#[test]
fn a_whole_group_lost_in_the_middle_is_damage() {
    let log = log();
    let mut file = log.image();
    file[log.groups[1]..log.groups[2]].fill(0);
    let (_, report, frames) = read(&file).unwrap();
    assert_eq!(frames.len(), log.sent.len() - 2);
    assert_eq!(report.damaged, [log.groups[1] as u64..log.groups[2] as u64]);
    assert!(!report.torn_tail);
}

#[test]
fn a_last_group_that_cannot_be_read_at_all_is_a_torn_tail() {
    let log = log();
    let mut file = log.image();
    let last = *log.groups.last().unwrap();
    file[last + 40] ^= 1;
    file[last + UNIT_HEADER_BYTES..last + PAGE].fill(0);
    let (_, report, _) = read(&file).unwrap();
    assert!(report.torn_tail && report.damaged.is_empty());
    assert_eq!(report.end_offset, last as u64);
}
