//! The group that gathers while the one before it is being written.
//!
//! Frames come from the shard (one per sub-batch); [`crate::segment`] seals the group and writes
//! it. The group does not know where it will stand: place and segment id enter the checksums when
//! it is sealed, so a group that does not fit into one segment can go to the next.

use uuid::Uuid;

use crate::buffer::{AlignedBuf, PAGE_BYTES};
use crate::format::{
    FRAME_HEADER_BYTES, FrameHeader, SEGMENT_BYTES_MAX, SegmentHeader, UNIT_HEADER_BYTES, Unit,
};
use crate::frame::{self, FrameSeed};

/// Where a frame's payload is inside its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramePos {
    /// First byte of the payload, counted from the start of the group.
    pub payload_offset: u32,
    /// Bytes of the payload.
    pub payload_len: u32,
}

impl FramePos {
    /// The payload's bytes in the group.
    pub fn range(self) -> std::ops::Range<usize> {
        let start = self.payload_offset as usize;
        start..start + self.payload_len as usize
    }
}

/// Frames that will be committed together.
pub struct Group {
    segment_id: Uuid,
    buf: AlignedBuf,
    frames: u32,
}

impl Group {
    /// An empty group for the segment `segment_id`, with memory for `capacity_bytes`.
    pub fn new(segment_id: Uuid, capacity_bytes: usize) -> Self {
        Self::reuse(segment_id, AlignedBuf::with_capacity(capacity_bytes))
    }

    /// An empty group in the memory of `buf`, which may come from a segment that was given back.
    /// Memory that was touched before costs no page faults, which are five times as expensive as
    /// copy and checksum together (`benches/src/bin/wal_append.rs`).
    pub fn reuse(segment_id: Uuid, mut buf: AlignedBuf) -> Self {
        buf.clear();
        buf.append(&[0; UNIT_HEADER_BYTES]);
        Self { segment_id, buf, frames: 0 }
    }

    /// Appends a frame.
    ///
    /// # Panics
    /// As [`Group::append_parts`].
    pub fn append(&mut self, header: &FrameHeader<'_>, payload: &[u8]) -> FramePos {
        self.append_parts(header, &[payload])
    }

    /// Appends a frame whose payload is the concatenation of `parts`.
    ///
    /// # Panics
    /// If the tenant id is empty or longer than [`crate::format::TENANT_BYTES_MAX`], or the group
    /// would outgrow the largest segment: the caller bounds groups with
    /// [`Group::bytes_on_disk_with`].
    pub fn append_parts(&mut self, header: &FrameHeader<'_>, parts: &[&[u8]]) -> FramePos {
        let payload_bytes = parts.iter().map(|part| part.len()).sum();
        let needed = self.bytes_on_disk_with(header.tenant.len(), payload_bytes);
        assert!(needed as u64 <= SEGMENT_BYTES_MAX, "group of {needed} bytes fits no segment");
        let tenant_bytes = header.tenant.len();
        let payload_offset = self.buf.len() + FRAME_HEADER_BYTES + tenant_bytes;
        let bytes = self.buf.extend(frame::padded_bytes(tenant_bytes, payload_bytes));
        frame::encode(header, parts, payload_bytes, bytes);
        self.frames += 1;
        FramePos { payload_offset: payload_offset as u32, payload_len: payload_bytes as u32 }
    }

    /// Bytes that the group will take in the segment, padding included.
    pub fn bytes_on_disk(&self) -> usize {
        self.buf.len().next_multiple_of(PAGE_BYTES)
    }

    /// [`Group::bytes_on_disk`] as it would be after one more frame.
    pub fn bytes_on_disk_with(&self, tenant_bytes: usize, payload_bytes: usize) -> usize {
        let frame = frame::padded_bytes(tenant_bytes, payload_bytes);
        (self.buf.len() + frame).next_multiple_of(PAGE_BYTES)
    }

    /// Goes on in the memory of `buf` and returns its own: into a larger one before it grows, or
    /// into a smaller one before it is written. Copies what was appended.
    pub fn move_into(&mut self, mut buf: AlignedBuf) -> AlignedBuf {
        buf.clear();
        buf.append(self.buf.as_slice());
        std::mem::replace(&mut self.buf, buf)
    }

    /// Bytes of memory held.
    pub fn capacity_bytes(&self) -> usize {
        self.buf.capacity()
    }

    /// Whether the memory is more than twice as large as what was appended.
    pub fn wastes_memory(&self) -> bool {
        self.buf.capacity() > 2 * self.bytes_on_disk()
    }

    /// Number of frames.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// The segment that the group is for.
    pub fn segment_id(&self) -> Uuid {
        self.segment_id
    }

    /// Moves the group to another segment, because it does not fit into its own.
    pub fn set_segment(&mut self, segment_id: Uuid) {
        self.segment_id = segment_id;
    }

    /// The finished bytes, for `offset` of the segment's file. Memory that stays with the image
    /// is at most twice the bytes used.
    pub(crate) fn seal(
        mut self,
        segment: &SegmentHeader,
        sequence: u32,
        offset: u64,
    ) -> AlignedBuf {
        let unit = Unit {
            segment: segment.clone(),
            sequence,
            offset,
            bytes: self.buf.len() as u32,
            frames: self.frames,
        };
        let seed = FrameSeed::new(segment.segment_id);
        let bytes = self.buf.as_mut_slice();
        bytes[..UNIT_HEADER_BYTES].copy_from_slice(&unit.encode());
        frame::stamp(seed, bytes, UNIT_HEADER_BYTES, offset);
        if self.wastes_memory() {
            self.buf.shrink_to_fit();
        }
        self.buf
    }
}
