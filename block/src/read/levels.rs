//! Repetition and definition levels of pages, decoded.
//!
//! From: [`super::page`]. To: [`super::stream`] and `scan`. All columns of a list repeat the same
//! levels: what was decoded last is known by its bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::page::ColumnKind;
use super::parts::Part;
use super::rle::decode_hybrid;
use super::values::BadPage;

/// The levels of a page.
#[derive(Debug)]
pub(crate) struct Levels {
    /// Columns of one list share them.
    pub(crate) rep: Arc<Repetition>,
    pub(crate) def: Vec<u8>,
    /// Per row where its values begin; one more for the end.
    pub(crate) row_values: Vec<u32>,
}

/// The repetition levels of a page.
#[derive(Debug)]
pub(crate) struct Repetition {
    pub(crate) levels: Vec<u8>,
    /// Per row where its levels begin; one more for the end.
    pub(crate) rows: Vec<u32>,
    highest: u8,
}

impl Repetition {
    /// A page begins with a row, as every known writer does.
    fn decode(bytes: &[u8], max: u8, count: usize) -> Result<Self, BadPage> {
        let (levels, highest) = level_run(bytes, max, count)?;
        if levels.first().is_some_and(|rep| *rep != 0) {
            return Err(BadPage("page begins inside a row"));
        }
        Ok(Self::of(levels, highest))
    }

    /// Of these levels, of which the first begins a row.
    pub(crate) fn of(levels: Vec<u8>, highest: u8) -> Self {
        let begins = levels.iter().filter(|rep| **rep == 0).count();
        let mut rows = Vec::with_capacity(begins + 1);
        rows.extend(memchr::memchr_iter(0, &levels).map(|at| at as u32));
        rows.push(levels.len() as u32);
        Self { levels, rows, highest }
    }

    /// The highest level.
    pub(crate) fn highest(&self) -> u8 {
        self.highest
    }

    /// How many rows there are.
    pub(crate) fn row_count(&self) -> usize {
        self.rows.len() - 1
    }

    fn memory_bytes(&self) -> usize {
        self.levels.capacity() + self.rows.capacity() * size_of::<u32>()
    }
}

impl Levels {
    /// Finds where the values of rows begin.
    pub(crate) fn new(rep: Arc<Repetition>, def: Vec<u8>, max_def: u8) -> Self {
        let row_values = match count(&def, max_def) == def.len() {
            true => rep.rows.clone(),
            false => row_values(&rep.rows, &def, max_def),
        };
        Self { rep, def, row_values }
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rep.row_count()
    }

    /// How many values there are.
    pub(crate) fn present(&self) -> usize {
        self.row_values.last().map_or(0, |end| *end as usize)
    }

    /// Memory held; of shared levels, too, as if they were not.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.rep.memory_bytes()
            + self.def.capacity()
            + self.row_values.capacity() * size_of::<u32>()
    }
}

fn row_values(rows: &[u32], def: &[u8], max_def: u8) -> Vec<u32> {
    let mut row_values = Vec::with_capacity(rows.len());
    let mut value = 0_u32;
    row_values.push(value);
    for row in rows.windows(2) {
        let def = &def[row[0] as usize..row[1] as usize];
        value += count(def, max_def) as u32;
        row_values.push(value);
    }
    row_values
}

/// How many levels are `level`.
pub(crate) fn count(levels: &[u8], level: u8) -> usize {
    // A byte holds the count of so many, so that many are counted at once.
    let of_chunk = |chunk: &[u8]| chunk.iter().fold(0_u8, |sum, at| sum + u8::from(*at == level));
    levels.chunks(255).map(|chunk| usize::from(of_chunk(chunk))).sum()
}

/// Decodes `count` definition levels.
pub(super) fn definitions(part: &Part, max: u8, count: usize) -> Result<Vec<u8>, BadPage> {
    Ok(level_run(&part.levels()?, max, count)?.0)
}

/// Also gives the highest.
fn level_run(bytes: &[u8], max: u8, count: usize) -> Result<(Vec<u8>, u8), BadPage> {
    if max == 0 {
        return Ok((vec![0; count], 0));
    }
    let mut levels = Vec::new();
    decode_hybrid(bytes, bit_width(max), count, &mut levels)?;
    let highest = check_max(&levels, max)?;
    Ok((levels, highest))
}

/// The highest of some levels.
pub(super) fn check_max(levels: &[u8], max: u8) -> Result<u8, BadPage> {
    // Not `all`: that would look at them one by one.
    let highest = levels.iter().fold(0, |highest, level| highest.max(*level));
    if highest <= max { Ok(highest) } else { Err(ABOVE) }
}

const ABOVE: BadPage = BadPage("level above the column's maximum");

pub(super) fn bit_width(max: u8) -> u8 {
    (u8::BITS - max.leading_zeros()) as u8
}

/// Levels that were decoded last.
#[derive(Debug, Default)]
pub(crate) struct KnownLevels {
    levels: Known<(LevelBytes, LevelBytes), Levels>,
    repetitions: Known<LevelBytes, Repetition>,
}

/// Levels as they are in the file, and all that their meaning depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LevelBytes {
    part: Part,
    bit_width: u8,
    count: usize,
}

impl LevelBytes {
    fn of(part: &Part, max: u8, count: usize) -> Self {
        Self { part: part.clone(), bit_width: bit_width(max), count }
    }
}

/// What was made of some bytes last.
#[derive(Debug)]
struct Known<K, V>(VecDeque<(K, Arc<V>)>);

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<K: PartialEq, V> Known<K, V> {
    /// A scan reads columns of fewer lists; a whole row has columns of one list some way apart.
    const KEPT: usize = 8;

    fn find(&self, key: &K) -> Option<Arc<V>> {
        let (_, known) = self.0.iter().find(|(known, _)| known == key)?;
        Some(Arc::clone(known))
    }

    fn keep(&mut self, key: K, value: &Arc<V>) {
        if self.0.len() == Self::KEPT {
            self.0.pop_back();
        }
        self.0.push_front((key, Arc::clone(value)));
    }
}

impl KnownLevels {
    /// Levels of larger pages are not kept: what is kept is not charged.
    const COUNT_MAX: usize = 1 << 17;

    /// The levels of a page of `count` entries, decoded or known.
    pub(crate) fn levels(
        &mut self,
        column: &ColumnKind,
        (rep, def): (&Part, &Part),
        count: usize,
    ) -> Result<Arc<Levels>, BadPage> {
        // Which definition level means a value is not in the bytes.
        let def_key = LevelBytes { bit_width: column.max_def, ..LevelBytes::of(def, 0, count) };
        let key = (LevelBytes::of(rep, column.max_rep, count), def_key);
        if let Some(known) = self.levels.find(&key) {
            return if known.rep.highest <= column.max_rep { Ok(known) } else { Err(ABOVE) };
        }
        let repetition = self.repetition(column, rep, count)?;
        let def = definitions(def, column.max_def, count)?;
        let levels = Arc::new(Levels::new(repetition, def, column.max_def));
        if count <= Self::COUNT_MAX {
            self.levels.keep(key, &levels);
        }
        Ok(levels)
    }

    /// The repetition levels of a page of `count` entries, decoded or known.
    pub(crate) fn repetition(
        &mut self,
        column: &ColumnKind,
        rep: &Part,
        count: usize,
    ) -> Result<Arc<Repetition>, BadPage> {
        let key = LevelBytes::of(rep, column.max_rep, count);
        if let Some(known) = self.repetitions.find(&key) {
            return if known.highest <= column.max_rep { Ok(known) } else { Err(ABOVE) };
        }
        let decoded = Arc::new(Repetition::decode(&rep.levels()?, column.max_rep, count)?);
        if count <= Self::COUNT_MAX {
            self.repetitions.keep(key, &decoded);
        }
        Ok(decoded)
    }
}
