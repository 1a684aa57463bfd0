//! The write-ahead log of one shard: segment format, group commit, recovery.
//!
//! A segment is a preallocated file of groups; a group is what one write and one `fdatasync` made
//! durable: frames, padded to [`buffer::PAGE_BYTES`]. The same bytes stay in memory as the image
//! that live queries read ([`segment::CommittedGroup`]). The byte table is in `docs/format/wal.md`.
//!
//! This crate knows frames of bytes, never spans; it names no runtime and opens no file: it writes
//! through [`segment::SegmentFile`].

pub mod buffer;
pub mod format;
pub mod group;
pub mod recover;
pub mod segment;
pub mod simdisk;

pub use buffer::AlignedBuf;
pub use format::{FrameHeader, FrameKind, SegmentHeader};
pub use group::{FramePos, Group};
pub use recover::{RecoveredFrame, RecoveryReport, recover};
pub use segment::{CommittedGroup, SegmentFile, SegmentWriter, WalError};
