//! A log on a simulated disk that remembers what was written where.

use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use stringendo_wal::format::FRAME_HEADER_BYTES;
use stringendo_wal::{
    Commit, FrameHeader, FrameKind, Group, NotASegment, RecoveryReport, SegmentHeader,
    SegmentWriter, SimDisk, WalError, recover,
};
use uuid::Uuid;

pub const PAGE: usize = 4096;

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(value) = polled {
            return value;
        }
    }
}

/// Begins the future and abandons it.
pub fn poll_once<T>(future: impl Future<Output = T>) {
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
}

/// SplitMix64: reproducible choices from a seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn coin(&mut self) -> bool {
        self.next() & 1 == 0
    }
}

/// A frame as it was given to the log or read back from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub received_unix_nanos: u64,
    pub tenant: Vec<u8>,
    pub payload: Vec<u8>,
}

/// The frame of that number: the same bytes in every log, so that old frames look like new ones.
pub fn sent(number: u64, payload_bytes: usize) -> Sent {
    let tenant = format!("tenant-{}", number % 3).into_bytes();
    let payload = (0..payload_bytes).map(|i| (i as u64 * 7 + number) as u8).collect();
    Sent { received_unix_nanos: 1_000 + number, tenant, payload }
}

pub fn segment_header(id: u128) -> SegmentHeader {
    let segment_id = Uuid::from_u128(id);
    SegmentHeader { segment_id, core: 1, cores: 2, created_unix_nanos: 77 }
}

/// A segment being written, and what is known of it.
pub struct Log {
    pub disk: SimDisk,
    pub writer: SegmentWriter<SimDisk>,
    /// All frames given to the writer, and where their bytes are (without padding).
    pub sent: Vec<(Sent, Range<usize>)>,
    /// How many of them are durable.
    pub durable: usize,
    /// Where the groups begin.
    pub groups: Vec<usize>,
}

impl Log {
    pub fn begin(disk: SimDisk, id: u128, size_bytes: usize) -> Self {
        let header = segment_header(id);
        let begun = SegmentWriter::begin(disk.clone(), &header, size_bytes as u64);
        let writer = block_on(begun).unwrap();
        Self { disk, writer, sent: Vec::new(), durable: 0, groups: Vec::new() }
    }

    pub fn with_groups(id: u128, size_bytes: usize, groups: &[Vec<usize>]) -> Self {
        let mut log = Self::begin(SimDisk::new(size_bytes), id, size_bytes);
        for sizes in groups {
            log.write(sizes, Commit::Durable).unwrap();
        }
        log
    }

    /// A group of frames with payloads of these sizes, which is about to be written.
    pub fn gather(&mut self, payload_sizes: &[usize]) -> Group {
        let mut group = Group::new(self.writer.header().segment_id, PAGE);
        let start = self.writer.bytes_used() as usize;
        self.groups.push(start);
        for &payload_bytes in payload_sizes {
            let frame = sent(self.sent.len() as u64, payload_bytes);
            let header = FrameHeader {
                kind: FrameKind::OtlpTraces,
                received_unix_nanos: frame.received_unix_nanos,
                tenant: &frame.tenant,
            };
            let payload = group.append(&header, &frame.payload).range();
            let begin = payload.start - frame.tenant.len() - FRAME_HEADER_BYTES;
            self.sent.push((frame, start + begin..start + payload.end));
        }
        group
    }

    pub fn write(&mut self, payload_sizes: &[usize], commit: Commit) -> Result<(), WalError> {
        let group = self.gather(payload_sizes);
        block_on(self.writer.write(group, commit))?;
        if commit == Commit::Durable {
            self.durable = self.sent.len();
        }
        Ok(())
    }

    /// The file's bytes, all that was written included.
    pub fn image(&self) -> Vec<u8> {
        self.disk.crash(|_| true)
    }

    pub fn frames(&self) -> Vec<Sent> {
        self.sent.iter().map(|(frame, _)| frame.clone()).collect()
    }
}

pub type Recovered = (SegmentHeader, RecoveryReport, Vec<Sent>);

/// Recovers and checks what always holds: frames in order, in bounds, report adds up.
pub fn read(file: &[u8]) -> Result<Recovered, NotASegment> {
    let mut frames = Vec::new();
    let mut end = 0;
    let (header, report) = recover(file, |frame| {
        assert!(frame.range().start > end, "frames overlap or go back");
        end = frame.range().end;
        frames.push(Sent {
            received_unix_nanos: frame.header.received_unix_nanos,
            tenant: frame.header.tenant.to_vec(),
            payload: file[frame.range()].to_vec(),
        });
    })?;
    assert_eq!(report.frames, frames.len() as u64);
    assert_eq!(report.payload_bytes, frames.iter().map(|f| f.payload.len() as u64).sum::<u64>());
    assert!(report.end_offset <= file.len() as u64 && report.end_offset >= end as u64);
    assert_eq!(report.torn_tail, !report.torn.is_empty());
    Ok((header, report, frames))
}

/// Whether `part` is `whole` with some left out.
pub fn is_subsequence(part: &[Sent], whole: &[Sent]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|frame| whole.any(|other| other == frame))
}
