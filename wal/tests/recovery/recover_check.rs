//! What the fuzz target `wal_recover` checks of one input; the tests replay its corpus.
//!
//! The first byte says how the rest is read: even, it is the file; odd, it is a script that builds
//! a segment and damages it.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use stringendo_wal::{
    Commit, FrameHeader, FrameKind, Group, RecoveredFrame, SegmentHeader, SegmentWriter, SimDisk,
    recover,
};

const PAGE_BYTES: usize = 4096;
const SEGMENT_PAGES: usize = 12;
/// Fewer flipped bits than CRC-32 lets pass unnoticed in a header or in a small payload.
const DAMAGES_MAX: usize = 3;

/// Panics if recovery of `input` is unsound.
pub fn check(input: &[u8]) {
    match input.split_first() {
        Some((first, script)) if first & 1 == 1 => check_script(Script(script)),
        Some((_, file)) => {
            frames_of(file);
        }
        None => {}
    }
}

/// A frame as (receive time, tenant, payload).
type Known = (u64, Vec<u8>, Vec<u8>);

/// The frames that recovery yields; checks that they are in bounds and in order and that the
/// report adds up.
fn frames_of(file: &[u8]) -> Vec<Known> {
    let mut frames = Vec::new();
    let mut end = 0;
    let Ok((_, report)) = recover(file, |frame: RecoveredFrame<'_>| {
        assert!(frame.range().start > end && frame.range().end <= file.len());
        assert!((1..=150).contains(&frame.header.tenant.len()));
        end = frame.range().end;
        let payload = file[frame.range()].to_vec();
        frames.push((frame.header.received_unix_nanos, frame.header.tenant.to_vec(), payload));
    }) else {
        assert!(frames.is_empty());
        return frames;
    };
    assert_eq!(report.frames, frames.len() as u64);
    assert_eq!(report.payload_bytes, frames.iter().map(|f| f.2.len() as u64).sum::<u64>());
    assert!((end as u64..=file.len() as u64).contains(&report.end_offset));
    assert!(report.damaged.windows(2).all(|pair| pair[0].end <= pair[1].start));
    assert!(report.damaged.iter().chain(&report.torn).all(|gap| gap.start < gap.end));
    assert_eq!(report.torn_tail, !report.torn.is_empty());
    frames
}

/// Numbers from the input; zeros behind its end.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()]))
    }
}

fn check_script(mut script: Script<'_>) {
    let disk = SimDisk::new(SEGMENT_PAGES * PAGE_BYTES);
    // The file's former life: the same script, so that old frames look like new ones.
    if script.byte() & 1 == 1 {
        write_segment(&disk, 1, &mut Script(script.0));
    }
    let written = write_segment(&disk, 2, &mut script);
    let mut file = disk.crash(|_| true);
    for _ in 0..usize::from(script.byte()) % (DAMAGES_MAX + 1) {
        damage(&mut file, &mut script);
    }
    let mut rest = written.iter();
    for frame in frames_of(&file) {
        assert!(rest.any(|known| *known == frame), "a frame that was not written, or not there");
    }
}

/// Writes up to eight groups of up to four frames; returns their frames.
fn write_segment(disk: &SimDisk, id: u128, script: &mut Script<'_>) -> Vec<Known> {
    let segment_id = uuid::Uuid::from_u128(id);
    let header = SegmentHeader { segment_id, core: 0, cores: 1, created_unix_nanos: 1 };
    let size_bytes = (SEGMENT_PAGES * PAGE_BYTES) as u64;
    let mut writer = block_on(SegmentWriter::begin(disk.clone(), &header, size_bytes))
        .expect("the simulated disk has no errors");
    let mut written = Vec::new();
    for _ in 0..script.byte() % 8 {
        let mut group = Group::new(segment_id, PAGE_BYTES);
        let mut frames = Vec::new();
        for _ in 0..script.byte() % 4 + 1 {
            let number = (written.len() + frames.len()) as u64;
            frames.push(append(&mut group, number, script.number() % 6000));
        }
        // A group that no longer fits ends the segment.
        if block_on(writer.write(group, Commit::Durable)).is_err() {
            break;
        }
        written.append(&mut frames);
    }
    written
}

fn append(group: &mut Group, number: u64, payload_bytes: usize) -> Known {
    let tenant = vec![b't'; 1 + number as usize % 150];
    let payload: Vec<u8> = (0..payload_bytes).map(|i| (i as u64 * 13 + number) as u8).collect();
    let kind = FrameKind::OtlpTraces;
    let header = FrameHeader { kind, received_unix_nanos: number, tenant: &tenant };
    group.append(&header, &payload);
    (number, tenant, payload)
}

/// Flips a bit, fills a range, copies a page over another, or cuts the file off.
fn damage(file: &mut Vec<u8>, script: &mut Script<'_>) {
    let (kind, at) = (script.byte(), script.number());
    if file.is_empty() {
        return;
    }
    let at = at % file.len();
    match kind % 4 {
        0 => file[at] ^= 1 << (kind >> 5),
        1 => {
            let end = (at + script.number()).min(file.len());
            file[at..end].fill(script.byte());
        }
        2 => {
            let pages = file.len() / PAGE_BYTES;
            if pages > 0 {
                let from = script.number() % pages * PAGE_BYTES;
                file.copy_within(from..from + PAGE_BYTES, at / PAGE_BYTES % pages * PAGE_BYTES);
            }
        }
        _ => file.truncate(at),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(value) = polled {
            return value;
        }
    }
}
