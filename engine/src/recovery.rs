//! Reads the log back after a start, into the same image and index that ingest fills.
//!
//! From: segment files ([`crate::wal_dir`]). To: sealed segments, which become blocks as always.
//! Which core reads which file does not matter: every core is asked for live traces.

use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use stringendo_proto::walk::{BatchIndex, WalkLimits, walk};
use stringendo_ring::file::whole;
use stringendo_ring::{sleep, yield_if_due};
use stringendo_wal::recover::NotASegment;
use stringendo_wal::{FrameKind, RecoveredFrame, RecoveryReport, recover};

use crate::live::LiveSegment;
use crate::live::index::Placement;
use crate::metrics::families as family;
use crate::shard::Shard;
use crate::tenant::TenantId;

/// Why the log could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The file could not be read.
    #[error("WAL segment could not be read: {0}")]
    Io(#[from] io::Error),
    /// Written by a newer version of this program.
    #[error("{path}: {reason}; start the version that wrote it, or move the file away")]
    Newer {
        /// The file.
        path: String,
        /// What the log said.
        reason: NotASegment,
    },
}

/// Reads back this core's segments.
///
/// # Errors
/// When a file cannot be read or is of a newer format. Damaged parts are reported and counted.
pub async fn recover_all(shard: &Rc<Shard>, segments: Vec<PathBuf>) -> Result<(), RecoveryError> {
    for path in segments {
        recover_file(shard, path).await?;
    }
    Ok(())
}

async fn recover_file(shard: &Rc<Shard>, path: PathBuf) -> Result<(), RecoveryError> {
    wait_for_room(shard).await;
    let file = whole::read(&path, u64::from(u32::MAX)).await?;
    let mut frames: Vec<RecoveredFrame<'_>> = Vec::new();
    let (header, report) = match recover(&file, |frame| frames.push(frame)) {
        Ok(found) => found,
        Err(NotASegment::Empty) => return Ok(shard.wal.release(&path).await?),
        Err(reason @ NotASegment::NewerFormat(_)) => {
            return Err(RecoveryError::Newer { path: path.display().to_string(), reason });
        }
        Err(NotASegment::Damaged) => return Ok(set_aside(shard, &path).await?),
    };
    tell(shard, &path, &report);
    let mut segment = LiveSegment::new(header.segment_id, path, shard.live_charge());
    let (image, held) = image(&file, report.end_offset as usize);
    segment.add_chunk(image, held);
    segment.first_frame = Some(shard.now());
    let mut indexer = Indexer { shard, segment: &mut segment, index: BatchIndex::default() };
    for frame in &frames {
        indexer.add(&file, frame);
        yield_if_due().await;
    }
    segment.recharge();
    if segment.is_empty() {
        return Ok(shard.wal.release(&segment.path).await?);
    }
    shard.sealed.borrow_mut().push_back(Rc::new(segment));
    shard.encode_work.notify();
    Ok(())
}

/// What was written to a file, and the memory that it holds: all of the file's, or a copy if most
/// of the file is zeros or of a former life.
fn image(file: &Bytes, used: usize) -> (Bytes, usize) {
    if used < file.len() / 2 {
        return (Bytes::copy_from_slice(&file[..used]), used);
    }
    (file.slice(..used), file.len())
}

struct Indexer<'a> {
    shard: &'a Shard,
    segment: &'a mut LiveSegment,
    index: BatchIndex,
}

impl Indexer<'_> {
    /// Indexes a frame. Its checksum was right, so one that does not walk is a defect of the
    /// program that wrote it: it is counted and left out.
    fn add(&mut self, file: &[u8], frame: &RecoveredFrame<'_>) {
        let FrameKind::OtlpTraces = frame.header.kind;
        let tenant = std::str::from_utf8(frame.header.tenant).ok().map(TenantId::parse);
        let limits = WalkLimits::ACCEPTED_BEFORE;
        let walked = walk(&file[frame.range()], &limits, &mut self.index);
        let (Some(Ok(tenant)), Ok(_)) = (tenant, walked) else {
            tracing::error!(offset = frame.payload_offset, "WAL frame does not decode; left out");
            self.shard.metrics.add(&family::REPLAY_ERRORS, &[TenantId::single().as_str()], 1.0);
            return;
        };
        let place = Placement { chunk: 0, payload_offset: frame.payload_offset };
        self.segment.add_frame(&tenant, place, frame.payload_len, &self.index);
    }
}

/// Segments are read back while earlier ones are encoded; no more of them at once than the budget
/// allows.
async fn wait_for_room(shard: &Shard) {
    while !shard.sealed.borrow().is_empty()
        && !shard.budget.has_room(shard.settings.segment_bytes * 2)
    {
        sleep(Duration::from_millis(20)).await;
    }
}

/// Keeps a file whose header and groups are unreadable out of the way, for people to look at.
async fn set_aside(shard: &Shard, path: &Path) -> io::Result<()> {
    let aside = path.with_extension("wal-damaged");
    tracing::error!(path = %path.display(), kept_as = %aside.display(), "WAL segment is damaged");
    shard.metrics.add(&family::REPLAY_ERRORS, &[TenantId::single().as_str()], 1.0);
    whole::rename(path, &aside).await
}

fn tell(shard: &Shard, path: &Path, report: &RecoveryReport) {
    tracing::info!(
        path = %path.display(), frames = report.frames, bytes = report.payload_bytes,
        torn_tail = report.torn_tail, "WAL segment read back"
    );
    for damaged in &report.damaged {
        tracing::error!(path = %path.display(), ?damaged, "damage in the middle of a WAL segment");
        shard.metrics.add(&family::REPLAY_ERRORS, &[TenantId::single().as_str()], 1.0);
    }
}
