//! Bytes of one frame (docs/format/wal.md, "Frame"). Pure.
//!
//! Written by [`crate::group`], read by [`crate::recover`]. The header's checksum stands apart from
//! the payload's, so that the chain of frames can be followed across a damaged payload. It covers
//! the segment id and the frame's place in the file, neither of which is stored: a frame of the
//! file's former life, or one copied to another place, never checks out.

use std::ops::Range;

use uuid::Uuid;

use crate::format::{
    FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameHeader, FrameKind, TENANT_BYTES_MAX, u32_le, u64_le,
};

/// First four bytes of every frame: where reading looks for the next one after damage.
const MARKER: u32 = u32::from_le_bytes(*b"Fram");
const HEADER_CRC_AT: usize = 4;
const CHECKED_FROM: usize = 8;

/// What a segment's id adds to the checksum of its frames' headers.
#[derive(Clone, Copy)]
pub(crate) struct FrameSeed(u32);

impl FrameSeed {
    pub fn new(segment_id: Uuid) -> Self {
        Self(crc32fast::hash(segment_id.as_bytes()))
    }

    /// Checksum of a header (from [`CHECKED_FROM`]) and its tenant, at `offset` of the file.
    fn header_crc(self, offset: u64, header_and_tenant: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.0);
        hasher.update(&offset.to_le_bytes());
        hasher.update(&header_and_tenant[CHECKED_FROM..]);
        hasher.finalize()
    }
}

/// Bytes of a frame in its group, padding included.
#[inline]
pub(crate) fn padded_bytes(tenant_bytes: usize, payload_bytes: usize) -> usize {
    (FRAME_HEADER_BYTES + tenant_bytes + payload_bytes).next_multiple_of(FRAME_ALIGNMENT)
}

/// Fills `out`, [`padded_bytes`] long, with a frame, all but the header's own checksum, which needs
/// the place in the file ([`stamp`]).
#[inline]
pub(crate) fn encode(
    header: &FrameHeader<'_>,
    parts: &[&[u8]],
    payload_bytes: usize,
    out: &mut [u8],
) {
    let tenant_bytes = header.tenant.len();
    assert!((1..=TENANT_BYTES_MAX).contains(&tenant_bytes), "tenant id of {tenant_bytes} bytes");
    let (fixed, rest) = out.split_at_mut(FRAME_HEADER_BYTES);
    let (tenant, rest) = rest.split_at_mut(tenant_bytes);
    let (payload, padding) = rest.split_at_mut(payload_bytes);
    tenant.copy_from_slice(header.tenant);
    join(parts, payload);
    padding.fill(0);
    fixed.fill(0);
    fixed[..4].copy_from_slice(&MARKER.to_le_bytes());
    // One pass over the joined bytes: checksums of many small pieces are slow.
    fixed[8..12].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    fixed[12..16].copy_from_slice(&(payload_bytes as u32).to_le_bytes());
    fixed[16..24].copy_from_slice(&header.received_unix_nanos.to_le_bytes());
    fixed[24] = header.kind as u8;
    fixed[26] = tenant_bytes as u8;
}

/// Copies `parts` one behind the other into `out`, which is as long as they are together.
#[inline]
fn join(parts: &[&[u8]], mut out: &mut [u8]) {
    for part in parts {
        let (here, rest) = out.split_at_mut(part.len());
        here.copy_from_slice(part);
        out = rest;
    }
}

/// Stamps the header checksums of all frames in `group_bytes[first_frame..]`, a group that will
/// stand at `group_offset` of the file.
pub(crate) fn stamp(seed: FrameSeed, group: &mut [u8], first_frame: usize, group_offset: u64) {
    let mut at = first_frame;
    while at < group.len() {
        let frame = &mut group[at..];
        let tenant_bytes = usize::from(frame[26]);
        let head = &frame[..FRAME_HEADER_BYTES + tenant_bytes];
        let crc = seed.header_crc(group_offset + at as u64, head);
        let len = padded_bytes(tenant_bytes, u32_le(frame, 12) as usize);
        frame[HEADER_CRC_AT..CHECKED_FROM].copy_from_slice(&crc.to_le_bytes());
        at += len;
    }
}

/// A frame whose header checks out; its payload may still be damaged or cut off.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub header: FrameHeader<'a>,
    /// Where the payload is in the file.
    pub payload: Range<usize>,
    /// Where the next frame begins.
    pub next: usize,
    payload_crc: u32,
}

impl<'a> Frame<'a> {
    /// The frame at `offset` of `file`, if its header checks out.
    #[inline]
    pub fn decode(file: &'a [u8], offset: usize, seed: FrameSeed) -> Option<Self> {
        let bytes = file.get(offset..)?;
        let fixed: &[u8; FRAME_HEADER_BYTES] = bytes.first_chunk()?;
        if u32_le(fixed, 0) != MARKER {
            return None;
        }
        let tenant_bytes = usize::from(fixed[26]);
        let head = bytes.get(..FRAME_HEADER_BYTES + tenant_bytes)?;
        if seed.header_crc(offset as u64, head) != u32_le(fixed, HEADER_CRC_AT) {
            return None;
        }
        Self::fields(fixed, &head[FRAME_HEADER_BYTES..], offset)
    }

    /// The fields of a header that checks out; none if they are not of this format version.
    fn fields(fixed: &[u8; FRAME_HEADER_BYTES], tenant: &'a [u8], offset: usize) -> Option<Self> {
        let kind = FrameKind::from_u8(fixed[24])?;
        let reserved_is_zero = fixed[25] == 0 && fixed[27..] == [0; 5];
        if !reserved_is_zero || !(1..=TENANT_BYTES_MAX).contains(&tenant.len()) {
            return None;
        }
        let payload_bytes = u32_le(fixed, 12) as usize;
        let start = offset + FRAME_HEADER_BYTES + tenant.len();
        let header = FrameHeader { kind, received_unix_nanos: u64_le(fixed, 16), tenant };
        Some(Self {
            header,
            payload: start..start + payload_bytes,
            next: offset + padded_bytes(tenant.len(), payload_bytes),
            payload_crc: u32_le(fixed, 8),
        })
    }

    /// Whether all of the payload is there, before `end`, and checks out.
    #[inline]
    pub fn payload_checks_out(&self, file: &[u8], end: usize) -> bool {
        self.payload.end <= end
            && file
                .get(self.payload.clone())
                .is_some_and(|p| crc32fast::hash(p) == self.payload_crc)
    }
}

/// The first place in `range` (a multiple of [`FRAME_ALIGNMENT`]) where a frame's header checks
/// out.
pub(crate) fn find(file: &[u8], range: Range<usize>, seed: FrameSeed) -> Option<usize> {
    let mut from = range.start;
    loop {
        let rest = file.get(from..range.end)?;
        let step = rest.chunks_exact(FRAME_ALIGNMENT).position(|c| u32_le(c, 0) == MARKER)?;
        let at = from + step * FRAME_ALIGNMENT;
        if Frame::decode(&file[..range.end], at, seed).is_some() {
            return Some(at);
        }
        from = at + FRAME_ALIGNMENT;
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
