//! The write-ahead log of one shard: segment format, group commit, recovery.
//!
//! ```text
//! sub-batches ──▶ group (gathers) ──▶ segment (seals, writes, syncs) ──▶ SegmentFile
//!                                        └──▶ CommittedGroup: the image that live queries read
//! a file's bytes, after a crash ──▶ recover ──▶ frames, in order, once ──▶ the same image
//! ```
//!
//! A segment is a preallocated file of groups; a group is what one write and one `fdatasync` made
//! durable: frames, padded to [`buffer::PAGE_BYTES`]. The same bytes stay in memory as the image
//! that live queries read ([`segment::CommittedGroup`]). The byte table is in `docs/format/wal.md`.
//!
//! What a crash loses: with [`segment::Commit::Durable`] nothing that was acknowledged after the
//! write returned; with [`segment::Commit::Written`] nothing if only the process dies, and what
//! was written since the last sync if the machine does. Which of them an acknowledgement waits for
//! (`sync`, `interval`, `os`) is the engine's decision.
//!
//! This crate knows frames of bytes, never spans; it names no runtime and opens no file: it writes
//! through [`segment::SegmentFile`].

pub mod buffer;
pub mod format;
mod frame;
pub mod group;
pub mod recover;
pub mod segment;
pub mod simdisk;

pub use buffer::{AlignedBuf, Pages};
pub use format::{FrameHeader, FrameKind, SegmentHeader};
pub use group::{FramePos, Group};
pub use recover::{NotASegment, RecoveredFrame, RecoveryReport, recover};
pub use segment::{Commit, CommittedGroup, SegmentFile, SegmentWriter, WalError};
pub use simdisk::SimDisk;
