//! What the levels of a page say, in the form in which rows are copied: how many children every
//! parent has, and which element every value belongs to.
//!
//! From: decoded levels. To: [`super::append`]. A page is looked at once, however many runs of rows
//! are copied from it.

use crate::read::levels::Levels;

/// How many elements of a list every parent has, on a page.
#[derive(Default)]
pub(super) struct Children {
    /// One number per parent.
    pub(super) counts: Vec<u32>,
    /// Per row where its parents begin; one more for the end.
    pub(super) rows: Vec<u32>,
}

impl Children {
    /// Of the levels of a column that has one value per element of a list at `level`.
    pub(super) fn read(&mut self, levels: &Levels, level: u8) {
        let Self { counts, rows } = self;
        counts.clear();
        rows.clear();
        for (rep, def) in levels.rep.levels.iter().zip(&levels.def) {
            if *rep == 0 {
                rows.push(counts.len() as u32);
            }
            if *rep < level {
                if *def + 1 >= level {
                    counts.push(u32::from(*def >= level));
                }
            } else if let Some(count) = counts.last_mut() {
                *count += 1;
            }
        }
        rows.push(counts.len() as u32);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        (self.counts.capacity() + self.rows.capacity()) * 4
    }
}

/// Which element of its list every value of a page belongs to.
#[derive(Default)]
pub(super) struct Owners {
    /// The number of the element on the page, for each value.
    pub(super) elements: Vec<u32>,
    /// Per row which element it begins with; one more for the end. Empty if elements are entries.
    rows: Vec<u32>,
}

impl Owners {
    /// Of the levels of a column whose list is at `level`, and whose values are at `max_def`. False
    /// if values belong to no element.
    pub(super) fn read(&mut self, levels: &Levels, level: u8, max_def: u8) -> bool {
        self.rows.clear();
        self.elements.clear();
        self.elements.reserve(levels.present());
        if levels.rep.highest() <= level && count_below(&levels.def, level) == 0 {
            push_entries(&levels.def, max_def, &mut self.elements);
            return true;
        }
        self.read_elements(levels, level, max_def)
    }

    /// Where some elements have no entry of their own, or several.
    fn read_elements(&mut self, levels: &Levels, level: u8, max_def: u8) -> bool {
        let Self { elements, rows } = self;
        let (mut begun, mut has_owners) = (0_u32, true);
        for row in levels.rep.rows.windows(2) {
            let entries = row[0] as usize..row[1] as usize;
            rows.push(begun);
            let row_begins = begun;
            for (rep, def) in levels.rep.levels[entries.clone()].iter().zip(&levels.def[entries]) {
                begun += u32::from((*rep <= level) & (*def >= level));
                if *def == max_def {
                    elements.push(begun.wrapping_sub(1));
                    has_owners &= begun > row_begins;
                }
            }
        }
        rows.push(begun);
        has_owners
    }

    /// Per row which element it begins with; one more for the end.
    pub(super) fn rows<'a>(&'a self, levels: &'a Levels) -> &'a [u32] {
        if self.rows.is_empty() { &levels.rep.rows } else { &self.rows }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        (self.elements.capacity() + self.rows.capacity()) * 4
    }
}

/// How many levels are below `level`.
fn count_below(levels: &[u8], level: u8) -> usize {
    // A byte holds the count of so many, so that many are counted at once.
    let of_chunk = |chunk: &[u8]| chunk.iter().fold(0_u8, |sum, at| sum + u8::from(*at < level));
    levels.chunks(255).map(|chunk| usize::from(of_chunk(chunk))).sum()
}

/// Appends the numbers of the entries that are `level`, looking at eight at a time.
fn push_entries(levels: &[u8], level: u8, out: &mut Vec<u32>) {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let (words, rest) = levels.as_chunks::<8>();
    let wanted = u64::from_le_bytes([level; 8]);
    let mut at = 0;
    for word in words {
        let other = u64::from_le_bytes(*word) ^ wanted;
        // The highest bit of each byte that is zero.
        let mut found = !(((other & LOW) + LOW) | other | LOW);
        while found != 0 {
            out.push(at + found.trailing_zeros() / 8);
            found &= found - 1;
        }
        at += 8;
    }
    let rest = (at..).zip(rest).filter(|(_, other)| **other == level);
    out.extend(rest.map(|(at, _)| at));
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
