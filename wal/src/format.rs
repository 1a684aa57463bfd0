//! Bytes of segments and frames (docs/format/wal.md). Pure.

/// First page of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Unique per use of the file: a recycled file gets a new one, so that frames of its former
    /// life are not taken for new ones. Also the seed of the ids of the blocks made from it.
    pub segment_id: uuid::Uuid,
    /// The core that wrote it, when it was written.
    pub core: u16,
    /// Number of cores then.
    pub cores: u16,
    /// When it was begun, nanoseconds since the Unix epoch.
    pub created_unix_nanos: u64,
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// OTLP `ExportTraceServiceRequest` bytes.
    OtlpTraces = 1,
}

/// What stands before a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader<'a> {
    /// What the payload is.
    pub kind: FrameKind,
    /// When it was received, nanoseconds since the Unix epoch.
    pub received_unix_nanos: u64,
    /// Tenant id (1 to 150 bytes).
    pub tenant: &'a [u8],
}
