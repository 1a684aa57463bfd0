//! Reads the log back after a start, into the same image and index that ingest fills.
//!
//! From: segment files ([`crate::wal_dir`]). To: sealed segments, which become blocks as always.
//! Which core reads which file does not matter: every core is asked for live traces.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stringendo_proto::walk::{BatchIndex, WalkLimits, walk};
use stringendo_ring::file::{direct, whole};
use stringendo_ring::{Class, sleep, spawn, yield_if_due};
use stringendo_wal::buffer::{AlignedBuf, Pages};
use stringendo_wal::recover::NotASegment;
use stringendo_wal::{FrameKind, RecoveredFrame, RecoveryReport, recover};

use crate::budget::Charge;
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

/// Reads back this core's segments: while one is indexed, the next is on its way from the disk.
///
/// # Errors
/// When a file cannot be read or is of a newer format. Damaged parts are reported and counted.
pub async fn recover_all(shard: &Rc<Shard>, segments: Vec<PathBuf>) -> Result<(), RecoveryError> {
    let indexing = Rc::new(Cell::new(false));
    let begin = |path| {
        let (shard, indexing) = (Rc::clone(shard), Rc::clone(&indexing));
        spawn(Class::Ack, async move { read(&shard, path, &indexing).await })
    };
    let mut paths = segments.into_iter();
    let mut coming = paths.next().map(begin);
    while let Some(reading) = coming.take() {
        let file = reading.await?;
        indexing.set(true);
        coming = paths.next().map(begin);
        recover_file(shard, file).await?;
        indexing.set(false);
    }
    Ok(())
}

/// A segment's file in memory.
struct ReadFile {
    path: PathBuf,
    bytes: Arc<AlignedBuf>,
    /// Of the memory; the segment's own later.
    charge: Charge,
}

async fn read(shard: &Shard, path: PathBuf, indexing: &Cell<bool>) -> io::Result<ReadFile> {
    wait_for_room(shard, indexing).await;
    let bytes = direct::read(&path, u64::from(u32::MAX), AlignedBuf::zeroed).await?;
    let mut charge = shard.live_charge();
    charge.resize(bytes.capacity() as u64);
    Ok(ReadFile { path, bytes: Arc::new(bytes), charge })
}

async fn recover_file(shard: &Rc<Shard>, file: ReadFile) -> Result<(), RecoveryError> {
    let ReadFile { path, bytes, charge } = file;
    let mut frames: Vec<RecoveredFrame<'_>> = Vec::new();
    let (header, report) = match recover(bytes.as_slice(), |frame| frames.push(frame)) {
        Ok(found) => found,
        Err(NotASegment::Empty) => return Ok(shard.wal.release(&path).await?),
        Err(reason @ NotASegment::NewerFormat(_)) => {
            return Err(RecoveryError::Newer { path: path.display().to_string(), reason });
        }
        Err(NotASegment::Damaged) => return Ok(set_aside(shard, &path).await?),
    };
    tell(shard, &path, &report);
    let mut segment = LiveSegment::new(header.segment_id, path, charge);
    let (image, held) = image(&bytes, report.end_offset as usize);
    segment.add_chunk(image, held);
    segment.first_frame = Some(shard.now());
    let mut indexer = Indexer { shard, segment: &mut segment, index: BatchIndex::default() };
    for frame in &frames {
        indexer.add(bytes.as_slice(), frame);
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
fn image(file: &Arc<AlignedBuf>, used: usize) -> (Bytes, usize) {
    if used < file.len() / 2 {
        return (Bytes::copy_from_slice(&file.as_slice()[..used]), used);
    }
    (Pages(Arc::clone(file)).bytes().slice(..used), file.capacity())
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

/// Segments are read back while earlier ones are indexed and encoded; no more of them at once than
/// the budget allows.
async fn wait_for_room(shard: &Shard, indexing: &Cell<bool>) {
    let is_first = || shard.sealed.borrow().is_empty() && !indexing.get();
    while !is_first() && !shard.budget.has_room(shard.settings.segment_bytes * 2) {
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
