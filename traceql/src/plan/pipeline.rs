//! Pipelines, ready to run (contract `traceql.md` §6, §7): stages map sets of spans to sets.
//!
//! The first stage sees one set with all spans of the trace. Parenthesised pipelines each do, and
//! what they yield is combined.

use super::SpanSet;
use super::aggregate::AggregateFilter;
use super::group::Group;
use super::spans::{Input, Spans, ascending, select};
use super::structure::{Structure, combine};
use crate::error::EvalError;
use crate::source::SpanColumns;

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

impl Pipelines {
    /// The sets of spans that are left of a trace.
    pub fn run<C: SpanColumns>(&self, trace: &C) -> Result<Vec<SpanSet>, EvalError> {
        match self {
            Self::One(stages) => Ok(run_stages(stages, trace)),
            Self::Combined { combination, left, right } => {
                let (left, right) = (left.run(trace)?, right.run(trace)?);
                combination.run(trace, left, right)
            }
        }
    }
}

fn run_stages<C: SpanColumns>(stages: &[Stage], trace: &C) -> Vec<SpanSet> {
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
    for stage in later {
        if sets.is_empty() {
            break;
        }
        stage.run(trace, &mut sets);
    }
    sets
}

/// A set, unless it is empty.
fn one_set(spans: Vec<u32>) -> Vec<SpanSet> {
    if spans.is_empty() {
        return Vec::new();
    }
    vec![SpanSet { spans, attributes: Vec::new() }]
}

impl Stage {
    fn run<C: SpanColumns>(&self, trace: &C, sets: &mut Vec<SpanSet>) {
        match self {
            Self::Spans(spans) => {
                let mut kept = Vec::new();
                sets.retain_mut(|set| {
                    kept.clear();
                    select(spans, trace, Input::These(&set.spans), &mut kept);
                    std::mem::swap(&mut set.spans, &mut kept);
                    !set.spans.is_empty()
                });
            }
            Self::Group(group) => {
                let mut groups = Vec::new();
                sets.iter().for_each(|set| group.split(trace, set, &mut groups));
                *sets = groups;
            }
            Self::Aggregate(filter) => sets.retain_mut(|set| filter.keeps(trace, set)),
            Self::Coalesce => *sets = one_set(merged(sets)),
        }
    }
}

/// All spans of some sets.
fn merged(sets: &[SpanSet]) -> Vec<u32> {
    let mut spans = sets.iter().flat_map(|set| &set.spans).copied().collect();
    ascending(&mut spans);
    spans
}

impl Combination {
    /// What sets say of themselves is gone, as with `coalesce()`.
    fn run<C: SpanColumns>(
        self,
        trace: &C,
        left: Vec<SpanSet>,
        right: Vec<SpanSet>,
    ) -> Result<Vec<SpanSet>, EvalError> {
        match self {
            Self::Both if left.is_empty() || right.is_empty() => Ok(Vec::new()),
            Self::Both | Self::Either => {
                let both: Vec<SpanSet> = left.into_iter().chain(right).collect();
                Ok(one_set(merged(&both)))
            }
            Self::Structural(structure) => {
                let mut spans = Vec::new();
                combine(&structure, trace, only(&left)?, only(&right)?, &mut spans);
                Ok(one_set(spans))
            }
        }
    }
}

/// The spans of the only set, or none.
fn only(sets: &[SpanSet]) -> Result<&[u32], EvalError> {
    match sets {
        [] => Ok(&[]),
        [set] => Ok(&set.spans),
        _ => Err(EvalError::SeveralSpansets),
    }
}
