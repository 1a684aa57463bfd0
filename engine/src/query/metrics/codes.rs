//! Codes for the values that tell series apart: the numbers that texts have in their dictionaries,
//! so that the texts themselves are looked at once per dictionary and not once per span.
//!
//! From: batches of a scan. To: [`Accumulator::observe_batch`], which knows groups by codes.
//!
//! [`Accumulator::observe_batch`]: stringendo_traceql::metrics::Accumulator::observe_batch

use stringendo_block::scan::{ScanBatch, ScanCell, TextTable};
use stringendo_traceql::metrics::NO_CODE;

use crate::query::block_columns::{FieldMap, Form, Source};

/// Codes below are the same in all batches: what is missing, booleans, small integers.
const FIXED: u32 = 128;
/// Integers from 0 to here are among them: kinds, status codes.
const INTS: i64 = 64;
/// After so many codes they begin anew.
const CODES_MAX: u32 = 1 << 20;

/// Codes of the fields that tell series apart, from batch to batch of a scan.
#[derive(Debug, Default)]
pub struct SpanCodes {
    /// Per field one list: a code per span of the batch.
    codes: Vec<Vec<u32>>,
    tables: Tables,
}

/// Where the codes of tables begin.
#[derive(Debug, Default)]
struct Tables {
    /// Tables of the last batch.
    known: Vec<(TextTable, u32)>,
    next: u32,
    /// By number of the table in the batch at hand.
    bases: Vec<u32>,
}

/// What became of the codes of former batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Former {
    /// They mean the same.
    Valid,
    /// They mean nothing any more.
    Void,
}

impl SpanCodes {
    /// Makes the codes of a batch for these fields; `None` if there are none for one of them.
    pub fn read(
        &mut self,
        fields: impl ExactSizeIterator<Item = Option<usize>>,
        map: &FieldMap,
        batch: &ScanBatch,
    ) -> Option<(&[Vec<u32>], Former)> {
        let former = self.tables.find(batch);
        self.codes.resize_with(fields.len(), Vec::new);
        for (field, codes) in fields.zip(&mut self.codes) {
            codes.clear();
            let Some(field) = field else {
                codes.resize(batch.spans, 0);
                continue;
            };
            match map.source_of(field) {
                (_, Form::Digits) => return None,
                (Source::One(column), _) => {
                    append(&batch.columns[column], &self.tables.bases, codes);
                }
                // Each column has tables of its own, so codes of one are never those of the other.
                (Source::Either(first, second), _) => {
                    append(&batch.columns[second], &self.tables.bases, codes);
                    overlay(&batch.columns[first], &self.tables.bases, codes);
                }
                (Source::Children(..) | Source::Items(..), _) => return None,
            }
        }
        Some((&self.codes, former))
    }
}

impl Tables {
    /// Gives the batch's tables the codes that they had in the batch before, or new ones.
    fn find(&mut self, batch: &ScanBatch) -> Former {
        // What is kept of former batches would keep their pages in memory.
        let is_here = |(known, _): &(TextTable, u32)| batch.tables.iter().any(|it| it.is(known));
        self.known.retain(is_here);
        let former = match self.next {
            FIXED..CODES_MAX => Former::Valid,
            _ => {
                self.known.clear();
                self.next = FIXED;
                Former::Void
            }
        };
        self.bases.clear();
        for table in &batch.tables {
            let known = self.known.iter().find(|(known, _)| known.is(table)).map(|(_, base)| *base);
            let base = known.unwrap_or_else(|| {
                let base = self.next;
                self.next = base.saturating_add(table.len() as u32);
                self.known.push((table.clone(), base));
                base
            });
            self.bases.push(base);
        }
        former
    }
}

fn append(cells: &[ScanCell], bases: &[u32], codes: &mut Vec<u32>) {
    codes.extend(cells.iter().map(|cell| code(*cell, bases)));
}

/// The codes of those cells that are not missing, over others.
fn overlay(cells: &[ScanCell], bases: &[u32], codes: &mut [u32]) {
    let present = cells.iter().zip(codes).filter(|(cell, _)| **cell != ScanCell::Missing);
    present.for_each(|(cell, own)| *own = code(*cell, bases));
}

fn code(cell: ScanCell, bases: &[u32]) -> u32 {
    match cell {
        ScanCell::Text { table, at } => bases[table as usize] + at,
        ScanCell::Missing => 0,
        ScanCell::Bool(truth) => 1 + u32::from(truth),
        ScanCell::Int(number @ 0..INTS) => 3 + number as u32,
        _ => NO_CODE,
    }
}
