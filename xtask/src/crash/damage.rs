//! Damage to a segment, and what recovery must make of it (docs/format/wal.md, "What follows").

use std::fmt;
use std::ops::Range;

use crate::crash::image::{Frame, Image, Recovered, UNIT_HEADER_BYTES};

/// What happened to the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It ends at this byte.
    Cut(usize),
    /// From this byte on it is zeros: the write did not get further.
    Zeroed(usize),
    /// A bit is flipped.
    Flip {
        /// The byte.
        at: usize,
        /// The bit, 0 to 7.
        bit: u8,
    },
    /// All unit headers are zeros: nothing tells that it is a segment.
    Headless,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut(at) => write!(f, "cut at byte {at}"),
            Self::Zeroed(at) => write!(f, "zeros from byte {at}"),
            Self::Flip { at, bit } => write!(f, "bit {bit} of byte {at} flipped"),
            Self::Headless => write!(f, "no unit header left"),
        }
    }
}

impl Damage {
    /// The segment with the damage.
    pub fn apply(&self, image: &Image) -> Vec<u8> {
        let mut bytes = image.bytes.clone();
        match *self {
            Self::Cut(at) => bytes.truncate(at),
            Self::Zeroed(at) => bytes[at..].fill(0),
            Self::Flip { at, bit } => bytes[at] ^= 1 << bit,
            Self::Headless => {
                // A header page that is zeros altogether would be a file that was never begun.
                bytes[..UNIT_HEADER_BYTES].fill(0xff);
                for group in &image.groups {
                    bytes[group.start..group.start + UNIT_HEADER_BYTES].fill(0);
                }
            }
        }
        bytes
    }

    /// What is wrong with what recovery found; nothing if it is as the format promises.
    ///
    /// # Errors
    /// What is wrong.
    pub fn judge(&self, image: &Image, found: &Recovered) -> Result<(), String> {
        let (frames, report) = match (self, found) {
            (Self::Headless, Err(_)) => return Ok(()),
            (_, Ok((frames, report))) => (frames, report),
            (_, Err(error)) => return Err(format!("taken for no segment: {error}")),
        };
        let told = report.torn_tail || !report.damaged.is_empty();
        match *self {
            Self::Headless => Err("taken for a segment".to_owned()),
            Self::Cut(at) => {
                prefix(image, frames, at)?;
                if !report.damaged.is_empty() {
                    return Err("a torn tail is reported as damage".to_owned());
                }
                told_if(told, torn(image, at))
            }
            // Bytes that were zeros before are no damage.
            Self::Zeroed(at) => {
                let at = at + leading_zeros(&image.bytes[at..]);
                prefix(image, frames, at)?;
                let header_is_whole = |group: &Range<usize>| at >= group.start + UNIT_HEADER_BYTES;
                told_if(told, torn(image, at).filter(header_is_whole))
            }
            Self::Flip { at, .. } => {
                all_but(image, frames, at)?;
                let mut hit = image.frames.iter().map(|frame| &frame.whole);
                told_if(told, hit.find(|whole| whole.contains(&at)).cloned())
            }
        }
    }
}

/// The group that is torn by a cut at `at`, with a byte of its left.
fn torn(image: &Image, at: usize) -> Option<Range<usize>> {
    image.groups.iter().find(|group| group.start < at && ends(image, group) > at).cloned()
}

/// Where the last frame of a group ends: padding behind it may be missing.
fn ends(image: &Image, group: &Range<usize>) -> usize {
    let frames = image.frames.iter().filter(|frame| group.contains(&frame.whole.start));
    frames.map(|frame| frame.whole.end).max().unwrap_or(group.end)
}

fn told_if(told: bool, lost: Option<Range<usize>>) -> Result<(), String> {
    match lost {
        Some(lost) if !told => Err(format!("bytes {lost:?} were hit and nothing is reported")),
        _ => Ok(()),
    }
}

/// Frames that end at or before `at` are there, and no others.
fn prefix(image: &Image, frames: &[Frame], at: usize) -> Result<(), String> {
    let before = image.frames.partition_point(|frame| frame.whole.end <= at);
    same(&image.frames[..before], frames)
}

/// All frames are there but the one that byte `at` belongs to.
fn all_but(image: &Image, frames: &[Frame], at: usize) -> Result<(), String> {
    let spared = image.frames.iter().filter(|frame| !frame.whole.contains(&at));
    same(&spared.cloned().collect::<Vec<_>>(), frames)
}

fn same(wanted: &[Frame], found: &[Frame]) -> Result<(), String> {
    if wanted == found {
        return Ok(());
    }
    let first = wanted.iter().zip(found).position(|(wanted, found)| wanted != found);
    let first = first.unwrap_or(wanted.len().min(found.len()));
    let (wanted, found) = (wanted.len(), found.len());
    Err(format!("{found} frames read and {wanted} expected, frame {first} the first to differ"))
}

fn leading_zeros(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len())
}

#[cfg(test)]
#[path = "damage_tests.rs"]
mod tests;
