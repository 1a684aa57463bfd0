//! Which rows come next: runs of rows of one input, or a trace that several have.
//!
//! From: the ids of rows that are ready. To: [`super::append`] or [`super::pieces`].

use std::ops::Range;

use stringendo_proto::TraceId;

use super::input::Input;
use crate::encode::splice::Wanted;

/// Rows that go into the output one after the other.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) runs: Vec<Run>,
    /// Of all rows.
    pub(super) ids: Vec<TraceId>,
}

/// Rows of an input, all on the pages that it is at.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) input: usize,
    pub(super) rows: Range<u64>,
}

/// What comes next.
pub(super) enum Next {
    /// The rows in the batch, which are taken from the inputs.
    Batch,
    /// A trace that is the next one of these inputs, and cannot be copied: several have it, or they
    /// have other columns than the output.
    Row(Vec<usize>),
    /// A trace that is to be left out is the next one of these inputs.
    LeftOut(Vec<usize>),
    /// Nothing more.
    End,
}

/// What is to be taken.
pub(super) struct Take<'a> {
    /// So much at a time.
    pub(super) wanted: Wanted,
    /// Not these ids, which ascend.
    pub(super) without: &'a [u128],
    /// Whether no row can be copied.
    pub(super) by_row: bool,
}

/// Finds what comes next. All inputs are ready or at their end. A batch goes on until it has as
/// much as is wanted, an input has no more rows ready, or there is a split trace.
pub(super) fn next(inputs: &mut [Input], take: &Take<'_>, batch: &mut Batch) -> Next {
    let Take { wanted, without, by_row } = take;
    let is_left_out = |id: &u128| !without.is_empty() && without.binary_search(id).is_ok();
    batch.runs.clear();
    batch.ids.clear();
    let (mut spans, mut bytes) = (0, 0);
    loop {
        if inputs.iter().any(|input| input.ids().is_empty() && !input.is_at_end()) {
            return Next::Batch;
        }
        let Some(first) = first(inputs) else {
            return if batch.runs.is_empty() { Next::End } else { Next::Batch };
        };
        if inputs[first.input].ids().first().is_some_and(is_left_out) {
            let is_next = batch.runs.is_empty();
            return if is_next { Next::LeftOut(holders(inputs)) } else { Next::Batch };
        }
        if first.is_split || *by_row {
            return if batch.runs.is_empty() { Next::Row(holders(inputs)) } else { Next::Batch };
        }
        let input = &inputs[first.input];
        let (ids, row) = (input.ids(), input.next_row());
        let mut rows = 0;
        while let Some(id) = ids.get(rows)
            && first.before.is_none_or(|before| *id < before)
            && spans < wanted.spans
            && bytes < wanted.bytes
            && !is_left_out(id)
        {
            batch.ids.push(TraceId(id.to_be_bytes()));
            spans += input.spans_of(row + rows as u64) as u32;
            bytes += input.row_bytes();
            rows += 1;
        }
        let rows = rows as u64;
        batch.runs.push(Run { input: first.input, rows: row..row + rows });
        inputs[first.input].pass_rows(rows);
        if spans >= wanted.spans || bytes >= wanted.bytes {
            return Next::Batch;
        }
    }
}

/// The input with the smallest id.
struct First {
    input: usize,
    /// The smallest id of the others.
    before: Option<u128>,
    /// Whether that is the same.
    is_split: bool,
}

fn first(inputs: &[Input]) -> Option<First> {
    let mut found: Option<(usize, u128)> = None;
    let mut before: Option<u128> = None;
    for (number, input) in inputs.iter().enumerate() {
        let Some(&id) = input.ids().first() else { continue };
        match found {
            Some((_, smallest)) if id >= smallest => {
                before = Some(before.map_or(id, |before| before.min(id)));
            }
            _ => {
                before = found.map(|(_, smallest)| smallest).or(before);
                found = Some((number, id));
            }
        }
    }
    let (input, id) = found?;
    Some(First { input, before, is_split: before == Some(id) })
}

/// All inputs whose next row is of the smallest id.
fn holders(inputs: &[Input]) -> Vec<usize> {
    let next = |input: &Input| input.ids().first().copied();
    let smallest = inputs.iter().filter_map(next).min();
    let numbers = inputs.iter().enumerate().filter(|(_, input)| next(input) == smallest);
    numbers.filter(|(_, input)| !input.ids().is_empty()).map(|(number, _)| number).collect()
}
