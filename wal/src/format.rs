//! Bytes of segments and groups (docs/format/wal.md). Pure; frames are in `frame.rs`.
//!
//! A segment is a chain of units, each beginning on a page with the same 64 bytes: unit 0 is the
//! header page, every further one a group. So a segment whose header page is damaged can be read
//! with what any of its groups says.

use uuid::Uuid;

use crate::buffer::PAGE_BYTES;

/// The format that this program writes.
pub const FORMAT_VERSION: u16 = 1;

/// Largest segment: offsets in a file fit `u32`, in whole pages.
pub const SEGMENT_BYTES_MAX: u64 = u32::MAX as u64 - (PAGE_BYTES as u64 - 1);

/// Longest tenant id, in bytes (as the multi-tenancy limit of the API).
pub const TENANT_BYTES_MAX: usize = 150;

/// Bytes before the first frame of a group.
pub const UNIT_HEADER_BYTES: usize = 64;

/// Bytes of a frame before its tenant.
pub const FRAME_HEADER_BYTES: usize = 32;

/// Frames begin on multiples of this.
pub const FRAME_ALIGNMENT: usize = 8;

const MAGIC: [u8; 8] = *b"StrndWAL";
const CRC_AT: usize = UNIT_HEADER_BYTES - 4;

const _: () = assert!(SEGMENT_BYTES_MAX.is_multiple_of(PAGE_BYTES as u64));
const _: () = assert!(TENANT_BYTES_MAX <= u8::MAX as usize);
const _: () = assert!(UNIT_HEADER_BYTES.is_multiple_of(FRAME_ALIGNMENT));

/// First page of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Unique per use of the file: a recycled file gets a new one, so that frames of its former
    /// life are not taken for new ones. Also the seed of the ids of the blocks made from it.
    pub segment_id: Uuid,
    /// The core that wrote it, when it was written.
    pub core: u16,
    /// Number of cores then.
    pub cores: u16,
    /// When this header was written, nanoseconds since the Unix epoch; the first group may come
    /// much later.
    pub created_unix_nanos: u64,
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// OTLP `ExportTraceServiceRequest` bytes.
    OtlpTraces = 1,
}

impl FrameKind {
    /// The kind of that number; none if this format version has no such kind.
    pub fn from_u8(number: u8) -> Option<Self> {
        (number == Self::OtlpTraces as u8).then_some(Self::OtlpTraces)
    }
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

/// The 64 bytes at the start of the header page and of every group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub segment: SegmentHeader,
    /// 0: the header page; groups count from 1.
    pub sequence: u32,
    /// Where the unit is in the file; checked against where it was found.
    pub offset: u64,
    /// Bytes of these 64 and the frames, without the padding to the page.
    pub bytes: u32,
    /// Number of frames.
    pub frames: u32,
}

/// Why there is no unit at an offset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotAUnit {
    /// Not these bytes, or not at this place, or they do not check out.
    Unreadable,
    /// It checks out, but its version is this one.
    Newer(u16),
}

impl Unit {
    pub fn encode(&self) -> [u8; UNIT_HEADER_BYTES] {
        let first_page = u32::try_from(self.offset / PAGE_BYTES as u64)
            .expect("segments are shorter than 4 GiB, so page numbers fit 32 bits");
        let mut out = [0; UNIT_HEADER_BYTES];
        out[..8].copy_from_slice(&MAGIC);
        out[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        out[10..12].copy_from_slice(&self.segment.core.to_le_bytes());
        out[12..14].copy_from_slice(&self.segment.cores.to_le_bytes());
        out[16..32].copy_from_slice(self.segment.segment_id.as_bytes());
        out[32..40].copy_from_slice(&self.segment.created_unix_nanos.to_le_bytes());
        out[40..44].copy_from_slice(&self.sequence.to_le_bytes());
        out[44..48].copy_from_slice(&first_page.to_le_bytes());
        out[48..52].copy_from_slice(&self.bytes.to_le_bytes());
        out[52..56].copy_from_slice(&self.frames.to_le_bytes());
        let crc = crc32fast::hash(&out[..CRC_AT]);
        out[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The unit at `offset` of `file`, if it checks out and says that it belongs there.
    pub fn decode(file: &[u8], offset: usize) -> Result<Self, NotAUnit> {
        let bytes: &[u8; UNIT_HEADER_BYTES] = file
            .get(offset..)
            .and_then(<[u8]>::first_chunk)
            .filter(|bytes| bytes[..8] == MAGIC)
            .ok_or(NotAUnit::Unreadable)?;
        if crc32fast::hash(&bytes[..CRC_AT]) != u32_le(bytes, CRC_AT) {
            return Err(NotAUnit::Unreadable);
        }
        match u16_le(bytes, 8) {
            FORMAT_VERSION => {}
            version if version > FORMAT_VERSION => return Err(NotAUnit::Newer(version)),
            _ => return Err(NotAUnit::Unreadable),
        }
        let unit = Self::fields(bytes);
        let in_place = unit.offset == offset as u64;
        let whole = unit.bytes as usize >= UNIT_HEADER_BYTES;
        if in_place && whole { Ok(unit) } else { Err(NotAUnit::Unreadable) }
    }

    fn fields(bytes: &[u8; UNIT_HEADER_BYTES]) -> Self {
        let segment = SegmentHeader {
            segment_id: segment_id_in(bytes),
            core: u16_le(bytes, 10),
            cores: u16_le(bytes, 12),
            created_unix_nanos: u64_le(bytes, 32),
        };
        Self {
            segment,
            sequence: u32_le(bytes, 40),
            offset: u64::from(u32_le(bytes, 44)) * PAGE_BYTES as u64,
            bytes: u32_le(bytes, 48),
            frames: u32_le(bytes, 52),
        }
    }
}

/// The segment id in a unit's header, whether or not the header checks out.
pub(crate) fn segment_id_in(bytes: &[u8; UNIT_HEADER_BYTES]) -> Uuid {
    Uuid::from_bytes(array(bytes, 16))
}

/// `N` bytes of `bytes` at `at`, which lies inside: callers check lengths first.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("the caller has checked the length")
}

pub(crate) fn u16_le(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

pub(crate) fn u32_le(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

pub(crate) fn u64_le(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
