//! A segment as a killed server left it: its groups, its frames, and the spans in them.
//!
//! Groups are found by the byte table of docs/format/wal.md; frames by the product's recovery.

use std::ops::Range;
use std::path::{Path, PathBuf};

use stringendo_wal::{NotASegment, RecoveryReport, recover};

use crate::crash::spans;
use crate::error::{What, XtaskError, failed};

const PAGE_BYTES: usize = 4096;
const MAGIC: &[u8] = b"StrndWAL";
/// Where a unit header says how long its group is.
const LENGTH: Range<usize> = 48..52;
/// Bytes of a unit header.
pub const UNIT_HEADER_BYTES: usize = 64;
/// Bytes of a frame before its tenant.
const FRAME_HEADER_BYTES: usize = 32;
/// Pages behind the last group that are looked at too: what comes after is never written.
const PAGES_BEHIND: usize = 2;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Header, tenant and payload in the file.
    pub whole: Range<usize>,
    /// Payload in the file.
    pub payload: Range<usize>,
}

/// What recovery made of some bytes.
pub type Recovered = Result<(Vec<Frame>, RecoveryReport), NotASegment>;

/// Recovers as the server does.
pub fn recovered(bytes: &[u8]) -> Recovered {
    let mut frames = Vec::new();
    let (_, report) = recover(bytes, |frame| {
        let payload = frame.range();
        let start = payload.start - frame.header.tenant.len() - FRAME_HEADER_BYTES;
        frames.push(Frame { whole: start..payload.end, payload });
    })?;
    Ok((frames, report))
}

/// Spans in the frames.
///
/// # Errors
/// When a payload is no OTLP.
pub fn spans_in(bytes: &[u8], frames: &[Frame]) -> Result<u64, XtaskError> {
    let counts = frames.iter().map(|frame| spans::count(&bytes[frame.payload.clone()]));
    match counts.sum::<Option<u64>>() {
        Some(spans) => Ok(spans),
        None => failed("a frame's payload is no OTLP request"),
    }
}

/// The segment.
#[derive(Clone, Debug)]
pub struct Image {
    /// Name of its file.
    pub name: PathBuf,
    /// Its bytes, up to a little behind the last group.
    pub bytes: Vec<u8>,
    /// All frames.
    pub frames: Vec<Frame>,
    /// Its groups, without the padding behind them.
    pub groups: Vec<Range<usize>>,
}

impl Image {
    /// Reads the one segment in the directory.
    ///
    /// # Errors
    /// When there is none or more than one, or it is damaged.
    pub fn read(wal: &Path) -> Result<Self, XtaskError> {
        let path = the_segment(wal)?;
        let name = path.file_name().map(PathBuf::from).unwrap_or_default();
        Self::of(name, std::fs::read(&path).what(|| path.display().to_string())?)
    }

    /// Takes the bytes of a segment apart.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn of(name: PathBuf, mut bytes: Vec<u8>) -> Result<Self, XtaskError> {
        let groups = groups(&bytes);
        let end = groups.last().map_or(0, |group| group.end.next_multiple_of(PAGE_BYTES));
        bytes.truncate(end + PAGES_BEHIND * PAGE_BYTES);
        match recovered(&bytes) {
            Ok((frames, report)) if report.damaged.is_empty() && !report.torn_tail => {
                Ok(Self { name, bytes, frames, groups })
            }
            found => failed(format!("{}: not sound after a kill: {found:?}", name.display())),
        }
    }

    /// The last groups, at most `count`.
    pub fn last_groups(&self, count: usize) -> &[Range<usize>] {
        &self.groups[self.groups.len().saturating_sub(count)..]
    }
}

fn the_segment(wal: &Path) -> Result<PathBuf, XtaskError> {
    let what = || wal.display().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(wal).what(what)? {
        let path = entry.what(what)?.path();
        let is_segment = path.extension().is_some_and(|extension| extension == "wal");
        if is_segment && recovered(&std::fs::read(&path).what(what)?).is_ok_and(|r| !r.0.is_empty())
        {
            found.push(path);
        }
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        count => failed(format!("{}: {count} segments with frames, not one", wal.display())),
    }
}

/// Follows the chain of groups from page 1.
fn groups(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut at = PAGE_BYTES;
    while let Some(header) = bytes.get(at..at + UNIT_HEADER_BYTES) {
        let &[a, b, c, d] = &header[LENGTH] else { break };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if !header.starts_with(MAGIC) || length < UNIT_HEADER_BYTES {
            break;
        }
        groups.push(at..at + length);
        at = (at + length).next_multiple_of(PAGE_BYTES);
    }
    groups
}
