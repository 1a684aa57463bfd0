//! A plan's filters, judged over the columns of a batch.
//!
//! From: [`super::block_columns`], which knows which columns make up a field. To:
//! [`SearchPlan::judge`]. A predicate is asked once per text of a dictionary, not once per span.
//! What it says of a value is what evaluation would say of it, span by span.

use stringendo_block::scan::{ScanBatch, ScanCell, ScanValue};
use stringendo_traceql::{FilterMasks, Predicate, SearchPlan, SpanMask, ValueRef};

use super::block_columns::{FieldMap, Form, Source};

/// Integers from 0 to here are codes more often than not, and asked once.
const CODES: usize = 64;

/// Judges all spans of a batch.
pub fn judge(plan: &SearchPlan, map: &FieldMap, batch: &ScanBatch) -> FilterMasks {
    plan.judge(batch.spans, &mut |predicate| passing(predicate, map, batch))
}

/// Which spans pass a predicate; `None` if that is not known from columns of spans alone.
fn passing(predicate: &Predicate, map: &FieldMap, batch: &ScanBatch) -> Option<SpanMask> {
    let (source, form) = map.source_of(predicate.field());
    if form == Form::Digits {
        return None;
    }
    match source {
        Source::One(column) => {
            let (cells, mut verdicts) = (&batch.columns[column], Verdicts::new(predicate, batch));
            Some(SpanMask::of(batch.spans, |at| verdicts.of(cells[at], |value| form.lend(value))))
        }
        Source::Either(first, second) => {
            let (first, second) = (&batch.columns[first], &batch.columns[second]);
            let (mut own, mut other) =
                (Verdicts::new(predicate, batch), Verdicts::new(predicate, batch));
            Some(SpanMask::of(batch.spans, |at| match first[at] {
                ScanCell::Missing => other.of(second[at], |value| form.lend_of_resource(value)),
                cell => own.of(cell, |value| form.lend(value)),
            }))
        }
        Source::Children(..) | Source::Items(..) => None,
    }
}

/// What a predicate said of the values of a batch.
struct Verdicts<'a> {
    predicate: &'a Predicate,
    batch: &'a ScanBatch,
    /// By table and text.
    texts: Vec<Vec<Verdict>>,
    codes: [Verdict; CODES],
    missing: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    NotAsked,
    Passes,
    Fails,
}

impl Verdict {
    fn or_ask(&mut self, ask: impl FnOnce() -> bool) -> bool {
        if *self == Self::NotAsked {
            *self = if ask() { Self::Passes } else { Self::Fails };
        }
        *self == Self::Passes
    }
}

impl<'a> Verdicts<'a> {
    fn new(predicate: &'a Predicate, batch: &'a ScanBatch) -> Self {
        let texts = vec![Vec::new(); batch.tables.len()];
        let (codes, missing) = ([Verdict::NotAsked; CODES], Verdict::NotAsked);
        Self { predicate, batch, texts, codes, missing }
    }

    /// Whether the value of a cell passes; `lend` makes it the field's value.
    fn of(&mut self, cell: ScanCell, lend: impl Fn(ScanValue<'a>) -> ValueRef<'a>) -> bool {
        let (predicate, batch) = (self.predicate, self.batch);
        let ask = || predicate.accepts(lend(batch.value_of(cell)));
        match cell {
            ScanCell::Text { table, at } => {
                let verdicts = &mut self.texts[table as usize];
                if verdicts.is_empty() {
                    verdicts.resize(batch.tables[table as usize].len(), Verdict::NotAsked);
                }
                verdicts[at as usize].or_ask(ask)
            }
            ScanCell::Int(code @ 0..64) => self.codes[code as usize].or_ask(ask),
            ScanCell::Missing => self.missing.or_ask(ask),
            _ => ask(),
        }
    }
}
