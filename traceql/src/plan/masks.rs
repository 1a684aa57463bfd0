//! Filters judged for many spans at once: one bit per span, column after column.
//!
//! From: a source that holds the columns of many traces in one piece, and says for a predicate
//! which spans pass ([`SearchPlan::judge`]). To: [`super::spans`], which takes the bits instead of
//! asking span after span. Filters that are more than predicates on values of spans, joined by
//! `&&`, `||` and `!`, are not judged here; of those every span is asked as ever.

use std::ops::Range;

use super::SearchPlan;
use super::expression::Expression;
use super::pipeline::{Pipelines, Stage};
use super::predicate::Predicate;
use super::spans::Spans;
use crate::ast::Static;

/// A set of spans, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanMask {
    words: Vec<u64>,
    len: usize,
}

const BITS: usize = u64::BITS as usize;

impl SpanMask {
    /// Of `len` spans those for which `passes` is true.
    pub fn of(len: usize, mut passes: impl FnMut(usize) -> bool) -> Self {
        let word = |at: usize| {
            let places = at * BITS..((at + 1) * BITS).min(len);
            places.rev().fold(0, |word, place| word << 1 | u64::from(passes(place)))
        };
        Self { words: (0..len.div_ceil(BITS)).map(word).collect(), len }
    }

    /// All or none of `len` spans.
    pub fn filled(len: usize, passes: bool) -> Self {
        let none = Self { words: vec![0; len.div_ceil(BITS)], len };
        if passes { none.complement() } else { none }
    }

    /// How many spans were judged.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a span is in.
    pub fn contains(&self, span: usize) -> bool {
        self.words.get(span / BITS).is_some_and(|word| word >> (span % BITS) & 1 == 1)
    }

    /// Whether all spans are in.
    pub fn is_full(&self) -> bool {
        let (whole, rest) = (self.len / BITS, self.len % BITS);
        self.words[..whole].iter().all(|word| *word == u64::MAX)
            && self.words[whole..].iter().all(|word| *word == (1 << rest) - 1)
    }

    /// Whether one of these spans is in.
    pub fn any_in(&self, spans: &Range<usize>) -> bool {
        self.ones(spans.clone()).next().is_some()
    }

    /// Those of the spans that are in, ascending.
    pub fn ones(&self, spans: Range<usize>) -> impl Iterator<Item = usize> + '_ {
        let end = spans.end.min(self.len);
        let mut next = spans.start;
        std::iter::from_fn(move || {
            while next < end {
                let left = self.words[next / BITS] >> (next % BITS);
                if left != 0 {
                    let found = next + left.trailing_zeros() as usize;
                    next = found + 1;
                    return (found < end).then_some(found);
                }
                next = (next / BITS + 1) * BITS;
            }
            None
        })
    }

    fn join(mut self, other: &Self, join: impl Fn(u64, u64) -> u64) -> Self {
        self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own = join(*own, *other));
        self
    }

    fn complement(mut self) -> Self {
        self.words.iter_mut().for_each(|word| *word = !*word);
        if let (Some(last), rest @ 1..) = (self.words.last_mut(), self.len % BITS) {
            *last &= (1 << rest) - 1;
        }
        self
    }
}

/// What the filters of a plan say of the spans of a source.
#[derive(Clone, Debug, Default)]
pub struct FilterMasks {
    /// By number of the filter; `None` for those that were not judged.
    masks: Vec<Option<SpanMask>>,
}

impl FilterMasks {
    pub(super) fn of(&self, filter: usize) -> Option<&SpanMask> {
        self.masks.get(filter)?.as_ref()
    }
}

/// The spans of a trace among those that were judged together.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// By the plan's filters.
    pub masks: &'a FilterMasks,
    /// Number of the trace's first span.
    pub first_span: usize,
}

impl SearchPlan {
    /// Judges `spans` spans at once. `passes` says which of them pass a predicate, or that it does
    /// not know.
    pub fn judge(
        &self,
        spans: usize,
        passes: &mut dyn FnMut(&Predicate) -> Option<SpanMask>,
    ) -> FilterMasks {
        let mut masks = FilterMasks::default();
        self.pipelines.each_filter(&mut |expression| {
            let mask = mask_of(expression, spans, passes);
            masks.masks.push(mask);
        });
        masks
    }

    /// The spans that match, if each span is judged by itself and all filters were judged.
    pub fn matching(&self, masks: &FilterMasks) -> Option<SpanMask> {
        let Pipelines::One(stages) = &self.pipelines else { return None };
        let mut matching: Option<SpanMask> = None;
        for stage in stages {
            let Stage::Spans(Spans::Filter(filter)) = stage else { return None };
            let mask = masks.of(filter.number)?;
            matching = Some(match matching {
                Some(others) => others.join(mask, |own, other| own & other),
                None => mask.clone(),
            });
        }
        matching
    }

    /// Whether the trace that has these spans, which are its own alone, may match; `false` is
    /// certain.
    pub fn may_match(&self, masks: &FilterMasks, spans: &Range<usize>) -> bool {
        may_match(&self.pipelines, masks, spans)
    }
}

fn mask_of(
    expression: &Expression,
    spans: usize,
    passes: &mut dyn FnMut(&Predicate) -> Option<SpanMask>,
) -> Option<SpanMask> {
    match expression {
        Expression::Constant(value) => Some(SpanMask::filled(spans, *value == Static::Bool(true))),
        Expression::Predicate(predicate) if predicate.column().list.is_none() => passes(predicate),
        Expression::All(operands) => joined(operands, spans, passes, |a, b| a & b),
        Expression::Any { operands, all_boolean: true } => {
            joined(operands, spans, passes, |a, b| a | b)
        }
        Expression::Not(operand) if is_boolean(operand) => {
            mask_of(operand, spans, passes).map(SpanMask::complement)
        }
        _ => None,
    }
}

/// Whether an expression is true or false of every span.
fn is_boolean(expression: &Expression) -> bool {
    matches!(expression, Expression::Predicate(_) | Expression::All(_) | Expression::Any { .. })
}

fn joined(
    operands: &[Expression],
    spans: usize,
    passes: &mut dyn FnMut(&Predicate) -> Option<SpanMask>,
    join: impl Fn(u64, u64) -> u64 + Copy,
) -> Option<SpanMask> {
    let mut operands = operands.iter();
    let first = mask_of(operands.next()?, spans, passes)?;
    operands
        .try_fold(first, |mask, operand| Some(mask.join(&mask_of(operand, spans, passes)?, join)))
}

fn may_match(pipelines: &Pipelines, masks: &FilterMasks, spans: &Range<usize>) -> bool {
    match pipelines {
        Pipelines::One(stages) => match stages.first() {
            Some(Stage::Spans(first)) => may_yield(first, masks, spans),
            _ => true,
        },
        // A side that finds something may fail to be evaluated, whatever the other one finds.
        Pipelines::Combined { left, right, .. } => {
            may_match(left, masks, spans) || may_match(right, masks, spans)
        }
    }
}

fn may_yield(expression: &Spans, masks: &FilterMasks, spans: &Range<usize>) -> bool {
    let may = |part: &Spans| may_yield(part, masks, spans);
    match expression {
        Spans::Filter(filter) => masks.of(filter.number).is_none_or(|mask| mask.any_in(spans)),
        Spans::All(parts) => parts.iter().all(may),
        Spans::Any(parts) => parts.iter().any(may),
        Spans::Structural { structure, left, right, .. } => {
            may(right) && (!structure.needs_left() || may(left))
        }
    }
}
