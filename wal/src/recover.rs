//! Reads a segment's file back after a crash. Pure: the whole file as one slice.

use crate::format::{FrameHeader, SegmentHeader};

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

/// What recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Frames read.
    pub frames: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// Where the log ends.
    pub end_offset: u64,
    /// Ranges in the middle that could not be read although later groups could: damage, not a torn
    /// tail.
    pub damaged: Vec<std::ops::Range<u64>>,
    /// The tail holds bytes of this segment that do not check out: a torn last write.
    pub torn_tail: bool,
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
/// When the file is no segment at all. Damage behind the header is reported, not an error.
pub fn recover<'a>(
    file: &'a [u8],
    frame: impl FnMut(RecoveredFrame<'a>),
) -> Result<(SegmentHeader, RecoveryReport), NotASegment> {
    let _ = (file, frame);
    todo!()
}
