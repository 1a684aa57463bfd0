//! The image of format version 1, byte for byte. It must stay readable for ever; if the writer
//! changes a byte of it, the format has changed (docs/format/wal.md).

use std::path::Path;

use crate::support::{Log, PAGE, read};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/segment-v1.wal");

fn log() -> Log {
    Log::with_groups(
        0x5354_5249_4e47_454e_444f_0000_0000_0001,
        4 * PAGE,
        &[vec![13, 200], vec![0, 1, 40]],
    )
}

#[test]
fn the_image_of_version_1_is_read() {
    let file = std::fs::read(FIXTURE).unwrap();
    let (header, report, frames) = read(&file).unwrap();
    assert_eq!(&header, log().writer.header());
    assert_eq!(frames, log().frames());
    assert_eq!(report.end_offset, 3 * PAGE as u64);
    assert!(!report.torn_tail && report.damaged.is_empty());
}

#[test]
fn the_writer_still_writes_version_1_byte_for_byte() {
    assert!(std::fs::read(FIXTURE).unwrap() == log().image(), "docs/format/wal.md says what to do");
}

#[test]
#[ignore = "writes the fixture; only when a new format version gets its own"]
fn write_the_fixture() {
    assert!(!Path::new(FIXTURE).exists(), "an old image is never written again");
    std::fs::write(FIXTURE, log().image()).unwrap();
}
