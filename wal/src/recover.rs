//! Reads a segment's file back after a crash. Pure: the whole file as one slice.
//!
//! The steps are those of docs/format/wal.md, "Recovery". Frames go to the caller in the order in
//! which they were written, each once; nothing is copied. Frames that check out are handed out
//! even where the group's own header is damaged, since each frame proves by itself that it belongs
//! to this segment and this place.

use std::ops::Range;

use crate::buffer::PAGE_BYTES;
use crate::format::{
    FrameHeader, NotAUnit, SEGMENT_BYTES_MAX, SegmentHeader, UNIT_HEADER_BYTES, Unit, segment_id_in,
};
use crate::frame::{self, Frame, FrameSeed};

/// A frame that was read back; `payload_offset` counts from the start of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveredFrame<'a> {
    /// Kind, time, tenant.
    pub header: FrameHeader<'a>,
    /// First byte of the payload in the file.
    pub payload_offset: u32,
    /// Bytes of the payload.
    pub payload_len: u32,
}

impl RecoveredFrame<'_> {
    /// The payload's bytes in the file.
    pub fn range(&self) -> Range<usize> {
        let start = self.payload_offset as usize;
        start..start + self.payload_len as usize
    }
}

/// What recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Frames read.
    pub frames: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// Groups whose header was read.
    pub groups: u64,
    /// Frames that those groups held but that could not be read, torn ones included.
    pub frames_lost: u64,
    /// Where the log ends: behind the last group or frame that was read, on a page (or where the
    /// file ends).
    pub end_offset: u64,
    /// Ranges in the middle that could not be read although later groups could: damage, not a torn
    /// tail. The header page counts, if it had to be rebuilt from the groups.
    pub damaged: Vec<Range<u64>>,
    /// The tail holds bytes of this segment that do not check out: a torn last write.
    pub torn_tail: bool,
    /// What could not be read of the last group, where `torn_tail`.
    pub torn: Vec<Range<u64>>,
}

/// Why a file is no segment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotASegment {
    /// Never begun, or begun and not made durable: nothing was ever acknowledged from it.
    #[error("the file holds no segment header")]
    Empty,
    /// A header of a newer format.
    #[error("segment format {0} is newer than this program's")]
    NewerFormat(u16),
    /// A header that does not check out.
    #[error("the segment header is damaged")]
    Damaged,
}

/// Reads a segment, calling `frame` for each frame in order.
///
/// # Errors
/// When the file is no segment at all. Damage behind the header is reported, not an error; damage
/// of the header page too, as long as any group's header can be read.
pub fn recover<'a>(
    file: &'a [u8],
    frame: impl FnMut(RecoveredFrame<'a>),
) -> Result<(SegmentHeader, RecoveryReport), NotASegment> {
    let file = &file[..file.len().min(SEGMENT_BYTES_MAX as usize)];
    let (segment, rebuilt) = segment_header(file)?;
    let mut walk = Walk::new(file, &segment, frame);
    if rebuilt {
        walk.gap(0..PAGE_BYTES);
    }
    walk.run();
    let report = walk.finish();
    Ok((segment, report))
}

/// What the header page says, or else the first group that can be read (true). Groups of the
/// file's former life stand behind those of this one, so the first is the right one.
fn segment_header(file: &[u8]) -> Result<(SegmentHeader, bool), NotASegment> {
    for offset in (0..file.len()).step_by(PAGE_BYTES) {
        match Unit::decode(file, offset) {
            Ok(unit) => return Ok((unit.segment, offset > 0)),
            Err(NotAUnit::Newer(version)) => return Err(NotASegment::NewerFormat(version)),
            Err(NotAUnit::Unreadable) => {}
        }
    }
    let first_page = &file[..file.len().min(PAGE_BYTES)];
    let empty = first_page.iter().all(|&byte| byte == 0);
    Err(if empty { NotASegment::Empty } else { NotASegment::Damaged })
}

struct Walk<'a, 's, S> {
    file: &'a [u8],
    segment: &'s SegmentHeader,
    seed: FrameSeed,
    sink: S,
    report: RecoveryReport,
    /// What could not be read so far.
    gaps: Vec<Range<u64>>,
    /// Where the last group begins; gaps from there on are a torn write.
    last_group: usize,
    last_sequence: u32,
}

impl<'a, 's, S: FnMut(RecoveredFrame<'a>)> Walk<'a, 's, S> {
    fn new(file: &'a [u8], segment: &'s SegmentHeader, sink: S) -> Self {
        Self {
            file,
            segment,
            seed: FrameSeed::new(segment.segment_id),
            sink,
            report: RecoveryReport::default(),
            gaps: Vec::new(),
            last_group: PAGE_BYTES,
            last_sequence: 0,
        }
    }

    /// Group after group; where there is none, on to the next that can be read.
    fn run(&mut self) {
        let mut at = PAGE_BYTES;
        self.ends_at(at);
        while at < self.file.len() {
            at = match self.group_at(at) {
                Some(unit) => self.group(&unit, at),
                None => match self.next_group(at + PAGE_BYTES) {
                    Some(next) => self.headless(at..next),
                    None => return self.tail(at),
                },
            };
        }
    }

    /// The group at `at`, if it is one of this segment that follows those read.
    fn group_at(&self, at: usize) -> Option<Unit> {
        let unit = Unit::decode(self.file, at).ok()?;
        let ours = unit.segment.segment_id == self.segment.segment_id;
        (ours && unit.sequence > self.last_sequence).then_some(unit)
    }

    fn next_group(&self, from: usize) -> Option<usize> {
        (from..self.file.len()).step_by(PAGE_BYTES).find(|&at| self.group_at(at).is_some())
    }

    /// Reads a group whose header checks out; returns where the next one begins.
    fn group(&mut self, unit: &Unit, at: usize) -> usize {
        let end = at + unit.bytes as usize;
        let frames_before = self.report.frames;
        self.last_group = at;
        self.last_sequence = unit.sequence;
        self.report.groups += 1;
        let readable = at + UNIT_HEADER_BYTES..end.min(self.file.len());
        let read_to = self.frames(readable.clone());
        if read_to < end {
            self.gap(read_to..end);
        }
        let read = self.report.frames - frames_before;
        self.report.frames_lost += u64::from(unit.frames).saturating_sub(read);
        self.ends_at(end);
        end.next_multiple_of(PAGE_BYTES)
    }

    /// Reads what is left of groups whose headers are damaged, up to the next group.
    fn headless(&mut self, range: Range<usize>) -> usize {
        self.last_group = range.start;
        let next = range.end;
        let read_to = self.frames(range);
        let rest = &self.file[read_to..next];
        let padding = read_to.next_multiple_of(PAGE_BYTES) == next && is_zero(rest);
        if !padding {
            self.gap(read_to..next);
        }
        next
    }

    /// Looks for a torn last group behind the last one that can be read. What else is there is of
    /// the file's former life, or was never written.
    fn tail(&mut self, at: usize) {
        let (frames_before, gaps_before) = (self.report.frames, self.gaps.len());
        let group_before = std::mem::replace(&mut self.last_group, at);
        let read_to = self.frames(at..self.file.len());
        if self.report.frames > frames_before || self.gaps.len() > gaps_before {
            self.ends_at(read_to);
        } else if looks_like_group(&self.file[at..], self.segment) {
            self.gap(at..self.file.len().min(at + UNIT_HEADER_BYTES));
        } else {
            self.last_group = group_before;
        }
    }

    /// Hands out the frames in `range` that check out and notes the gaps between frames; returns
    /// the end of the last frame whose header was readable.
    fn frames(&mut self, range: Range<usize>) -> usize {
        let mut at = range.start;
        while at < range.end {
            match Frame::decode(&self.file[..range.end], at, self.seed) {
                Some(frame) => at = self.frame(&frame, at, range.end),
                None => match frame::find(self.file, at..range.end, self.seed) {
                    Some(next) => {
                        self.gap(at..next);
                        at = next;
                    }
                    None => return at,
                },
            }
        }
        at
    }

    /// Hands out one frame, or notes that its payload is damaged; returns where the next begins.
    #[inline]
    fn frame(&mut self, frame: &Frame<'a>, at: usize, end: usize) -> usize {
        let next = frame.next.min(end);
        if !frame.payload_checks_out(self.file, end) {
            self.gap(at..next);
            return next;
        }
        let payload = &frame.payload;
        self.report.frames += 1;
        self.report.payload_bytes += payload.len() as u64;
        (self.sink)(RecoveredFrame {
            header: frame.header,
            payload_offset: payload.start as u32,
            payload_len: payload.len() as u32,
        });
        next
    }

    fn gap(&mut self, range: Range<usize>) {
        let (start, end) = (range.start as u64, range.end as u64);
        match self.gaps.last_mut() {
            Some(last) if last.end == start && start != self.last_group as u64 => last.end = end,
            _ => self.gaps.push(start..end),
        }
    }

    fn ends_at(&mut self, end: usize) {
        let end = end.next_multiple_of(PAGE_BYTES).min(self.file.len());
        self.report.end_offset = end as u64;
    }

    /// Sorts the gaps into damage and torn tail.
    fn finish(mut self) -> RecoveryReport {
        let last_group = self.last_group as u64;
        let torn_from = self.gaps.partition_point(|gap| gap.start < last_group);
        self.report.torn = self.gaps.split_off(torn_from);
        self.report.torn_tail = !self.report.torn.is_empty();
        self.report.damaged = self.gaps;
        self.report
    }
}

/// Whether `tail` begins with what may be the rest of a group's header of `segment`.
fn looks_like_group(tail: &[u8], segment: &SegmentHeader) -> bool {
    match tail.first_chunk() {
        Some(header) => segment_id_in(header) == segment.segment_id,
        // The file was cut off inside the header.
        None => !is_zero(tail),
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}
