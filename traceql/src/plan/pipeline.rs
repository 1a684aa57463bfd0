//! Pipelines, ready to run (contract `traceql.md` §6, §7): stages map sets of spans to sets.
//!
//! The first stage sees one set with all spans of the trace. Parenthesised pipelines each do, and
//! what they yield is combined.

use super::SpanSet;
use super::aggregate::AggregateFilter;
use super::expression::Expression;
use super::group::Group;
use super::spans::{Input, Spans, ascending, select};
use super::structure::{Structure, combine};
use crate::error::EvalError;
use crate::limits::SPANSETS_BYTES_MAX;
use crate::source::SpanColumns;
use crate::value::Value;

/// What a query asks of a trace.
#[derive(Clone, Debug)]
pub(super) enum Pipelines {
    /// Stages joined by `|`.
    One(Vec<Stage>),
    /// `(…) && (…)`
    Combined { combination: Combination, left: Box<Pipelines>, right: Box<Pipelines> },
}

/// How the sets of two parenthesised pipelines combine.
#[derive(Clone, Copy, Debug)]
pub(super) enum Combination {
    /// `&&`
    Both,
    /// `||`
    Either,
    Structural(Structure),
}

/// A stage of a pipeline. There is none for `select()`, which changes nothing.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    Spans(Spans),
    Group(Group),
    Aggregate(AggregateFilter),
    Coalesce,
}

/// Memory of what a stage says of a set, beside its key and the text of its value.
pub(super) const ATTRIBUTE_BYTES: usize = size_of::<(String, Value)>() + 32;

impl Pipelines {
    /// Gives every filter of spans its number.
    pub fn number_filters(&mut self) {
        let mut number = 0;
        self.each_stage_mut(&mut |spans| {
            spans.each_filter_mut(&mut |filter| {
                filter.number = number;
                number += 1;
            });
        });
    }

    fn each_stage_mut(&mut self, each: &mut impl FnMut(&mut Spans)) {
        match self {
            Self::One(stages) => stages.iter_mut().for_each(|stage| {
                if let Stage::Spans(spans) = stage {
                    each(spans);
                }
            }),
            Self::Combined { left, right, .. } => {
                left.each_stage_mut(each);
                right.each_stage_mut(each);
            }
        }
    }

    /// The expression of every filter, in the order of their numbers.
    pub fn each_filter(&self, each: &mut dyn FnMut(&Expression)) {
        match self {
            Self::One(stages) => stages.iter().for_each(|stage| {
                if let Stage::Spans(spans) = stage {
                    spans.each_filter(&mut |filter| each(&filter.expression));
                }
            }),
            Self::Combined { left, right, .. } => {
                left.each_filter(each);
                right.each_filter(each);
            }
        }
    }

    /// The sets of spans that are left of a trace.
    pub fn run<C: SpanColumns>(&self, trace: &C) -> Result<Vec<SpanSet>, EvalError> {
        match self {
            Self::One(stages) => run_stages(stages, trace),
            Self::Combined { combination, left, right } => {
                // Of a side only its spans are held while the other one runs.
                let left = combination.operand(&left.run(trace)?)?;
                let right = combination.operand(&right.run(trace)?)?;
                Ok(one_set(combination.spans(trace, left, &right)))
            }
        }
    }
}

fn run_stages<C: SpanColumns>(stages: &[Stage], trace: &C) -> Result<Vec<SpanSet>, EvalError> {
    let count = u32::try_from(trace.len()).unwrap_or(u32::MAX);
    let mut spans = Vec::new();
    let later = match stages.split_first() {
        Some((Stage::Spans(first), later)) => {
            select(first, trace, Input::First(count), &mut spans);
            later
        }
        _ => {
            spans.extend(0..count);
            stages
        }
    };
    let mut sets = one_set(spans);
    let mut room = Room::default();
    for stage in later {
        if sets.is_empty() {
            break;
        }
        stage.run(trace, &mut sets, &mut room)?;
    }
    Ok(sets)
}

/// What the sets of a trace may still take in memory.
pub(super) struct Room {
    bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { bytes: SPANSETS_BYTES_MAX }
    }
}

impl Room {
    /// Takes room for what is made.
    pub fn take(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(EvalError::TooManySpansets)?;
        Ok(())
    }
}

/// A set, unless it is empty.
fn one_set(spans: Vec<u32>) -> Vec<SpanSet> {
    if spans.is_empty() {
        return Vec::new();
    }
    vec![SpanSet { spans, attributes: Vec::new() }]
}

impl Stage {
    fn run<C: SpanColumns>(
        &self,
        trace: &C,
        sets: &mut Vec<SpanSet>,
        room: &mut Room,
    ) -> Result<(), EvalError> {
        match self {
            Self::Spans(spans) => filter(spans, trace, sets),
            Self::Group(group) => {
                *room = Room::default();
                let mut groups = Vec::new();
                for set in sets.iter() {
                    group.split(trace, set, &mut groups, room)?;
                }
                *sets = groups;
            }
            Self::Aggregate(filter) => {
                sets.retain_mut(|set| filter.keeps(trace, set));
                room.take(sets.len() * (filter.key.len() + ATTRIBUTE_BYTES))?;
            }
            Self::Coalesce => *sets = one_set(merged(sets)),
        }
        Ok(())
    }
}

/// Keeps the spans of each set that a spanset expression yields, and the sets that have some.
fn filter<C: SpanColumns>(spans: &Spans, trace: &C, sets: &mut Vec<SpanSet>) {
    let mut kept = Vec::new();
    sets.retain_mut(|set| {
        kept.clear();
        select(spans, trace, Input::These(&set.spans), &mut kept);
        std::mem::swap(&mut set.spans, &mut kept);
        !set.spans.is_empty()
    });
}

/// All spans of some sets.
fn merged(sets: &[SpanSet]) -> Vec<u32> {
    let mut spans = sets.iter().flat_map(|set| &set.spans).copied().collect();
    ascending(&mut spans);
    spans
}

impl Combination {
    /// The spans of a side. What its sets say of themselves is gone, as with `coalesce()`.
    fn operand(self, sets: &[SpanSet]) -> Result<Vec<u32>, EvalError> {
        if matches!(self, Self::Structural(_)) && sets.len() > 1 {
            return Err(EvalError::SeveralSpansets);
        }
        Ok(merged(sets))
    }

    fn spans<C: SpanColumns>(self, trace: &C, mut left: Vec<u32>, right: &[u32]) -> Vec<u32> {
        match self {
            Self::Both if left.is_empty() || right.is_empty() => Vec::new(),
            Self::Both | Self::Either => {
                left.extend_from_slice(right);
                ascending(&mut left);
                left
            }
            Self::Structural(structure) => {
                let mut spans = Vec::new();
                combine(&structure, trace, &left, right, &mut spans);
                spans
            }
        }
    }
}
