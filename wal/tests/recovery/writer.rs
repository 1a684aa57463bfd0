//! What the writer refuses, and what it gives back.

use stringendo_wal::{
    AlignedBuf, Commit, FrameHeader, FrameKind, Group, SegmentWriter, SimDisk, WalError,
};
use uuid::Uuid;

use crate::support::{Log, PAGE, block_on, poll_once, read, segment_header};

fn header() -> FrameHeader<'static> {
    FrameHeader { kind: FrameKind::OtlpTraces, received_unix_nanos: 5, tenant: b"acme" }
}

#[test]
fn a_committed_group_holds_its_payloads_where_append_said() {
    let mut log = Log::begin(SimDisk::new(16 * PAGE), 1, 16 * PAGE);
    let mut group = Group::new(Uuid::from_u128(1), PAGE);
    let first = group.append(&header(), b"first payload");
    let second = group.append_parts(&header(), &[b"second ", b"", b"payload"]);
    let committed = block_on(log.writer.write(group, Commit::Durable)).unwrap();
    let bytes = committed.bytes();
    assert_eq!(&bytes[first.range()], b"first payload");
    assert_eq!(bytes.slice(second.range()), &b"second payload"[..]);
    assert_eq!(committed.offset, PAGE as u64);
    assert_eq!(bytes.as_ptr(), committed.pages.as_slice().as_ptr());
}

#[test]
fn the_image_in_memory_is_the_image_on_disk() {
    let mut log = Log::begin(SimDisk::new(16 * PAGE), 1, 16 * PAGE);
    let group = log.gather(&[100, 5000, 0, 3]);
    let on_disk = group.bytes_on_disk();
    let committed = block_on(log.writer.write(group, Commit::Durable)).unwrap();
    assert_eq!(committed.pages.as_pages().len(), on_disk);
    let at = committed.offset as usize;
    assert_eq!(log.image()[at..at + on_disk], *committed.pages.as_pages());
}

#[test]
fn a_payload_in_parts_is_the_same_frame_as_the_whole_payload() {
    let mut images = Vec::new();
    for parts in [&[&b"abcdef"[..]][..], &[b"ab", b"", b"cdef"]] {
        let log = &mut Log::begin(SimDisk::new(4 * PAGE), 1, 4 * PAGE);
        let mut group = Group::new(Uuid::from_u128(1), 0);
        group.append_parts(&header(), parts);
        block_on(log.writer.write(group, Commit::Durable)).unwrap();
        images.push(log.image());
    }
    assert_eq!(images[0], images[1]);
}

#[test]
fn the_size_of_a_group_is_known_before_a_frame_is_appended() {
    let mut group = Group::new(Uuid::from_u128(1), 0);
    assert_eq!(group.bytes_on_disk(), PAGE);
    for payload_bytes in [0, 100, 3900, 4095, 4096, 20_000] {
        let expected = group.bytes_on_disk_with(4, payload_bytes);
        group.append(&header(), &vec![1; payload_bytes]);
        assert_eq!(group.bytes_on_disk(), expected);
    }
}

#[test]
fn a_group_that_does_not_fit_is_refused_and_the_segment_goes_on() {
    let mut log = Log::begin(SimDisk::new(3 * PAGE), 1, 3 * PAGE);
    let big = log.writer.header().segment_id;
    let mut group = Group::new(big, 0);
    group.append(&header(), &[7; 2 * PAGE]);
    let refused = block_on(log.writer.write(group, Commit::Durable)).map(|_| ()).unwrap_err();
    let (needed, left) = (3 * PAGE as u64, 2 * PAGE as u64);
    assert!(matches!(refused, WalError::Full { needed: n, left: l } if (n, l) == (needed, left)));
    log.write(&[10], Commit::Durable).unwrap();
    log.write(&[10], Commit::Durable).unwrap();
    assert_eq!(log.writer.bytes_left(), 0);
    assert_eq!(read(&log.image()).unwrap().2, log.frames());
}

#[test]
fn a_group_may_move_to_the_next_segment() {
    let mut log = Log::begin(SimDisk::new(4 * PAGE), 2, 4 * PAGE);
    let mut group = Group::new(Uuid::from_u128(1), 0);
    group.append(&header(), b"payload");
    group.set_segment(Uuid::from_u128(2));
    block_on(log.writer.write(group, Commit::Durable)).unwrap();
    assert_eq!(read(&log.image()).unwrap().2[0].payload, b"payload");
}

#[test]
fn a_group_of_another_segment_is_refused() {
    let mut log = Log::begin(SimDisk::new(4 * PAGE), 2, 4 * PAGE);
    let group = Group::new(Uuid::from_u128(1), 0);
    let refused = block_on(log.writer.write(group, Commit::Durable)).map(|_| ()).unwrap_err();
    assert!(matches!(refused, WalError::WrongSegment { .. }));
    log.write(&[10], Commit::Durable).unwrap();
}

#[test]
fn sizes_that_are_no_segment_are_refused() {
    for size in [0, 4096, 8191, 8193, 12_287, 1 << 32] {
        let header = segment_header(1);
        let begun = SegmentWriter::begin(SimDisk::new(0), &header, size);
        assert!(matches!(block_on(begun), Err(WalError::BadSize(s)) if s == size), "size {size}");
    }
}

#[test]
fn after_a_failed_write_or_sync_everything_is_refused() {
    for operations in 0..2 {
        for commit in [Commit::Durable, Commit::Written] {
            let mut log = Log::begin(SimDisk::new(16 * PAGE), 1, 16 * PAGE);
            log.disk.fail_after(operations);
            let failed = log.write(&[10], commit);
            if (operations, commit) == (1, Commit::Written) {
                failed.unwrap();
                assert!(matches!(block_on(log.writer.sync()), Err(WalError::Io(_))));
            } else {
                assert!(matches!(failed, Err(WalError::Io(_))));
            }
            log.disk.fail_after(u32::MAX);
            assert!(matches!(log.write(&[10], commit), Err(WalError::GivenUp)));
            assert!(matches!(block_on(log.writer.sync()), Err(WalError::GivenUp)));
        }
    }
}

#[test]
fn a_write_abandoned_in_flight_ends_the_segment() {
    let mut log = Log::begin(SimDisk::new(16 * PAGE), 1, 16 * PAGE);
    let group = log.gather(&[10]);
    poll_once(log.writer.write(group, Commit::Durable));
    assert!(matches!(log.write(&[10], Commit::Durable), Err(WalError::GivenUp)));
}

#[test]
fn a_segment_that_cannot_be_begun_says_so() {
    let disk = SimDisk::new(16 * PAGE);
    disk.fail_after(1);
    let header = segment_header(1);
    let begun = SegmentWriter::begin(disk, &header, 16 * PAGE as u64);
    assert!(matches!(block_on(begun), Err(WalError::Io(_))));
}

#[test]
fn a_group_in_used_memory_is_written_as_in_fresh_memory() {
    let mut images = Vec::new();
    let mut used = AlignedBuf::default();
    used.append(&[0xAA; 5 * PAGE]);
    for buf in [AlignedBuf::default(), used] {
        let mut log = Log::begin(SimDisk::new(4 * PAGE), 1, 4 * PAGE);
        let mut group = Group::reuse(Uuid::from_u128(1), buf);
        group.append(&header(), b"payload!!");
        group.append(&header(), &[3; 4500]);
        block_on(log.writer.write(group, Commit::Durable)).unwrap();
        images.push(log.image());
    }
    assert_eq!(images[0], images[1]);
}

#[test]
fn a_small_group_does_not_keep_a_big_buffer() {
    let mut log = Log::begin(SimDisk::new(4 * PAGE), 1, 4 * PAGE);
    let mut group = Group::new(Uuid::from_u128(1), 1 << 20);
    group.append(&header(), b"payload");
    let committed = block_on(log.writer.write(group, Commit::Durable)).unwrap();
    assert_eq!(committed.pages.capacity(), PAGE);
}
