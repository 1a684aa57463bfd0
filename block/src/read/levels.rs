//! Levels of a page: which row, and which item of it, each value belongs to.
//!
//! From: [`super::page`]. To: rows and scans. Columns of one list share their levels, which are
//! decoded once for all of them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::page::ColumnKind;
use super::rle::decode_hybrid;
use super::values::BadPage;

/// The levels of a page.
#[derive(Debug)]
pub(crate) struct Levels {
    pub(crate) rep: Vec<u8>,
    pub(crate) def: Vec<u8>,
    /// Per row where its levels begin; one more for the end.
    pub(crate) row_levels: Vec<u32>,
    /// Per row where its values begin; one more for the end.
    pub(crate) row_values: Vec<u32>,
}

fn level_run(bytes: &[u8], max: u8, count: usize) -> Result<Vec<u8>, BadPage> {
    if max == 0 {
        return Ok(vec![0; count]);
    }
    let mut levels = Vec::new();
    let bit_width = (u8::BITS - max.leading_zeros()) as u8;
    decode_hybrid(bytes, bit_width, count, &mut levels)?;
    // Not `all`: that would look at them one by one.
    match levels.iter().fold(0, |highest, level| highest.max(*level)) <= max {
        true => Ok(levels),
        false => Err(BadPage("level above the column's maximum")),
    }
}

impl Levels {
    /// Decodes `count` levels of each kind.
    pub(super) fn decode(
        column: &ColumnKind,
        rep: &[u8],
        def: &[u8],
        count: usize,
    ) -> Result<Self, BadPage> {
        let rep = level_run(rep, column.max_rep, count)?;
        Self::new(column, rep, level_run(def, column.max_def, count)?)
    }

    /// Finds where rows begin, in levels and in values. A page begins with a row, as every known
    /// writer does.
    fn new(column: &ColumnKind, rep: Vec<u8>, def: Vec<u8>) -> Result<Self, BadPage> {
        if rep.first().is_some_and(|rep| *rep != 0) {
            return Err(BadPage("page begins inside a row"));
        }
        let rows = rep.iter().filter(|rep| **rep == 0).count();
        let mut row_levels = Vec::with_capacity(rows + 1);
        row_levels.extend(memchr::memchr_iter(0, &rep).map(|at| at as u32));
        row_levels.push(rep.len() as u32);
        let mut row_values = Vec::with_capacity(rows + 1);
        let mut value = 0_u32;
        row_values.push(value);
        for row in row_levels.windows(2) {
            let def = &def[row[0] as usize..row[1] as usize];
            value += def.iter().filter(|def| **def == column.max_def).count() as u32;
            row_values.push(value);
        }
        Ok(Self { rep, def, row_levels, row_values })
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.row_levels.len() - 1
    }

    /// How many values there are.
    pub(crate) fn present(&self) -> usize {
        self.row_values.last().map_or(0, |end| *end as usize)
    }

    /// Memory held.
    pub(super) fn memory_bytes(&self) -> usize {
        let positions = self.row_levels.capacity() + self.row_values.capacity();
        self.rep.capacity() + self.def.capacity() + positions * size_of::<u32>()
    }
}

/// Levels that were decoded last. All columns of a list that have a value per item have the same
/// ones, in the same bytes if one writer wrote them.
#[derive(Debug, Default)]
pub(crate) struct KnownLevels {
    known: VecDeque<Known>,
}

#[derive(Debug)]
struct Known {
    bytes: LevelBytes,
    /// The same, compressed as a frame of its own.
    frame: Option<Bytes>,
    levels: Arc<Levels>,
}

/// Levels as they are in the file, and all that their meaning depends on.
#[derive(Debug, PartialEq, Eq)]
struct LevelBytes {
    rep: Bytes,
    def: Bytes,
    kind: LevelKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LevelKind {
    max_rep: u8,
    max_def: u8,
    count: usize,
}

impl LevelBytes {
    /// Their length in a page, with the lengths before them.
    fn plain_len(&self) -> usize {
        let prefixed = |bytes: &Bytes, max| if max == 0 { 0 } else { 4 + bytes.len() };
        prefixed(&self.rep, self.kind.max_rep) + prefixed(&self.def, self.kind.max_def)
    }
}

impl KnownLevels {
    /// A scan reads columns of so many lists, or little more; a whole row has twice as many, in
    /// an order that has few between those of one list.
    const KEPT: usize = 8;
    /// Levels of larger pages are not kept: what is kept is not charged.
    const COUNT_MAX: usize = 1 << 17;

    /// The levels of a page, decoded or known. `frame` is the first of several frames that the page
    /// consists of.
    pub(super) fn levels(
        &mut self,
        column: &ColumnKind,
        count: usize,
        (rep, def): (&Bytes, &Bytes),
        frame: Option<Bytes>,
    ) -> Result<Arc<Levels>, BadPage> {
        let kind = LevelKind { max_rep: column.max_rep, max_def: column.max_def, count };
        let bytes = LevelBytes { rep: rep.clone(), def: def.clone(), kind };
        if let Some(known) = self.known.iter().find(|known| known.bytes == bytes) {
            return Ok(Arc::clone(&known.levels));
        }
        let levels = Arc::new(Levels::decode(column, rep, def, count)?);
        if count <= Self::COUNT_MAX {
            self.known.truncate(Self::KEPT - 1);
            // The frame was decompressed with all that follows, so it has the length that it says.
            let is_alone = |frame: &Bytes| {
                let length = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten();
                length == Some(bytes.plain_len() as u64)
            };
            let frame = frame.filter(is_alone);
            self.known.push_front(Known { bytes, frame, levels: Arc::clone(&levels) });
        }
        Ok(levels)
    }

    /// The levels of a page that begins with this frame, if it holds them alone and they are known;
    /// and their length in the page.
    pub(super) fn of_frame(
        &self,
        column: &ColumnKind,
        count: usize,
        frame: &Bytes,
    ) -> Option<(Arc<Levels>, usize)> {
        let kind = LevelKind { max_rep: column.max_rep, max_def: column.max_def, count };
        let is_same = |known: &&Known| {
            known.bytes.kind == kind && known.frame.as_ref().is_some_and(|known| known == frame)
        };
        let known = self.known.iter().find(is_same)?;
        Some((Arc::clone(&known.levels), known.bytes.plain_len()))
    }
}
