//! Taking what one accumulator has come to into another, step by step: there may be so much of it
//! that other tasks of the thread should get their turn meanwhile.

use std::collections::hash_map;

use super::accumulate::{Accumulator, Cells, NO_ROW};
use super::compare::{Comparison, add};
use super::exemplar::Exemplars;
use super::groups::{Found, Groups};

/// Values that are looked at in a step, about: some 10 µs.
const STEP_VALUES: usize = 4096;

/// An accumulator that is being taken into another one of the same leg and axis.
#[derive(Debug)]
pub struct Merging {
    keys: Vec<Box<[u8]>>,
    cells: Cells,
    exemplars: Option<Exemplars>,
    /// Numbers in the other accumulator of the groups that are in already.
    numbers: Vec<u32>,
    comparison: MergingComparison,
}

impl Accumulator {
    /// Begins to be taken into another one.
    pub fn into_merging(self) -> Merging {
        Merging {
            keys: self.groups.into_keys(),
            cells: self.cells,
            exemplars: Some(self.exemplars),
            numbers: Vec::new(),
            comparison: self.comparison.into_merging(),
        }
    }

    /// Takes in what another accumulator has come to.
    ///
    /// # Errors
    /// Those of `grow`, which is told of memory before it is taken.
    pub fn merge<E>(
        &mut self,
        other: Self,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut merging = other.into_merging();
        while merging.step(self, grow)? {}
        Ok(())
    }
}

impl Merging {
    /// Takes some of it into `sum`; whether there is more.
    ///
    /// # Errors
    /// Those of `grow`, which is told of memory before it is taken.
    pub fn step<E>(
        &mut self,
        sum: &mut Accumulator,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut values = 0;
        while self.numbers.len() < self.keys.len() {
            if values > STEP_VALUES {
                return Ok(true);
            }
            values += self.group(sum, grow)?;
        }
        if self.comparison.step(&mut sum.comparison, grow)? {
            return Ok(true);
        }
        if let Some(exemplars) = self.exemplars.take() {
            sum.exemplars.merge(exemplars, &self.numbers, grow)?;
        }
        Ok(false)
    }

    /// Takes in the next group; gives how many values that were.
    fn group<E>(
        &mut self,
        sum: &mut Accumulator,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<usize, E> {
        let leg = std::sync::Arc::clone(&sum.leg);
        let theirs = self.numbers.len();
        let key = &self.keys[theirs];
        let own = match sum.groups.find_key(|own| own.extend_from_slice(key)) {
            Found::Known(group) => group,
            Found::New(key_bytes) => {
                grow(Groups::entry_bytes(key_bytes) + sum.cells.group_bytes(&leg, &sum.axis))?;
                sum.cells.add_group(&leg, &sum.axis);
                sum.groups.insert()
            }
        };
        let mut rows = 1;
        if leg.counts_buckets() {
            for (bucket, row) in self.cells.bucket_rows[theirs].iter().enumerate() {
                if *row != NO_ROW {
                    let own = sum.row(&leg, own, bucket as u8, grow)?;
                    sum.merge_row(&self.cells, *row, own);
                    rows += 1;
                }
            }
        } else {
            sum.merge_row(&self.cells, theirs as u32, own);
        }
        // It is in now.
        self.numbers.push(own);
        Ok(rows * sum.axis.intervals().max(1))
    }
}

/// A comparison that is being taken into another one. All lists go by the numbers of the former.
#[derive(Debug)]
struct MergingComparison {
    field_keys: Vec<Box<[u8]>>,
    field_values: Vec<u32>,
    value_keys: Vec<Box<[u8]>>,
    totals: Vec<(u32, u64)>,
    cells: hash_map::IntoIter<(u32, u32), u64>,
    field_cells: hash_map::IntoIter<(u32, u32), u64>,
    /// Numbers in the other comparison.
    fields: Vec<u32>,
    values: Vec<Option<u32>>,
    is_done: bool,
}

impl Comparison {
    fn into_merging(self) -> MergingComparison {
        MergingComparison {
            field_keys: self.fields.into_keys(),
            field_values: self.field_values,
            value_keys: self.values.into_keys(),
            totals: self.totals,
            cells: self.cells.into_iter(),
            field_cells: self.field_cells.into_iter(),
            fields: Vec::new(),
            values: Vec::new(),
            is_done: false,
        }
    }
}

impl MergingComparison {
    fn step<E>(
        &mut self,
        sum: &mut Comparison,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<bool, E> {
        for _ in 0..STEP_VALUES {
            if !self.next(sum, grow)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes in the next field, value or cell; `false` at the end.
    fn next<E>(
        &mut self,
        sum: &mut Comparison,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<bool, E> {
        if let Some(key) = self.field_keys.get(self.fields.len()) {
            let found = sum.fields.find_key(|own| own.extend_from_slice(key));
            self.fields.push(sum.field_of(found, grow)?);
        } else if let Some(key) = self.value_keys.get(self.values.len()) {
            let (field, total) = self.totals[self.values.len()];
            let field = self.fields[field as usize];
            let found = sum.values.find_key(|own| {
                own.extend_from_slice(&field.to_le_bytes());
                own.extend_from_slice(&key[4..]);
            });
            let value = sum.value_of(found, field, grow)?;
            if let Some(value) = value {
                sum.totals[value as usize].1 += total;
            }
            self.values.push(value);
        } else if let Some(((field, interval), count)) = self.field_cells.next() {
            let cell = (self.fields[field as usize], interval);
            add(&mut sum.field_cells, cell, count, grow)?;
        } else if let Some(((value, interval), count)) = self.cells.next() {
            if let Some(value) = self.values[value as usize] {
                add(&mut sum.cells, (value, interval), count, grow)?;
            }
        } else if !self.is_done {
            // A field that had too many values there has too many here.
            for (field, count) in self.fields.iter().zip(&self.field_values) {
                let known = &mut sum.field_values[*field as usize];
                *known = (*known).max(*count);
            }
            self.is_done = true;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}
