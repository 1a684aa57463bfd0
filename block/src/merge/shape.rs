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
    /// Per row which element it begins with; one more for the end.
    pub(super) rows: Vec<u32>,
}

impl Owners {
    /// Of the levels of a column whose list is at `level`, and whose values are at `max_def`. False
    /// if values belong to no element.
    pub(super) fn read(&mut self, levels: &Levels, level: u8, max_def: u8) -> bool {
        let Self { elements, rows } = self;
        elements.clear();
        rows.clear();
        let (mut begun, mut row_begins, mut has_owners) = (0_u32, 0, true);
        for (rep, def) in levels.rep.levels.iter().zip(&levels.def) {
            if *rep == 0 {
                rows.push(begun);
                row_begins = begun;
            }
            begun += u32::from(*rep <= level && *def >= level);
            if *def == max_def {
                elements.push(begun.wrapping_sub(1));
                has_owners &= begun > row_begins;
            }
        }
        rows.push(begun);
        has_owners && elements.len() == levels.present()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        (self.elements.capacity() + self.rows.capacity()) * 4
    }
}
