//! The group that gathers while the one before it is being written.

use crate::format::FrameHeader;

/// Where a frame's payload is inside its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramePos {
    /// First byte of the payload, counted from the start of the group.
    pub payload_offset: u32,
    /// Bytes of the payload.
    pub payload_len: u32,
}

/// Frames that will be committed together.
pub struct Group {
    _private: (),
}

impl Group {
    /// An empty group for the segment `segment_id`, with memory for `capacity_bytes`.
    pub fn new(segment_id: uuid::Uuid, capacity_bytes: usize) -> Self {
        let _ = (segment_id, capacity_bytes);
        todo!()
    }

    /// Appends a frame.
    pub fn append(&mut self, header: &FrameHeader<'_>, payload: &[u8]) -> FramePos {
        let _ = (header, payload);
        todo!()
    }

    /// Bytes that the group will take in the segment, padding included.
    pub fn bytes_on_disk(&self) -> usize {
        todo!()
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        todo!()
    }
}
