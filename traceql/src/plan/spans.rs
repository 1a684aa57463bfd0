//! Spanset expressions, ready to run (contract `traceql.md` §6): which spans of a set are taken.
//!
//! Lists of span numbers are ascending and hold each span once. `expression` judges single spans,
//! `structure` their places in the tree; `pipeline` runs this per set of spans.

use std::cmp::Reverse;

use super::expression::{At, Expression, is_true};
use super::structure::{Structure, combine};
use crate::ast::Static;
use crate::source::SpanColumns;

/// A spanset expression, ready to run.
#[derive(Clone, Debug)]
pub(super) enum Spans {
    Filter(Filter),
    /// `L && R && …`: the spans of all, if each has some.
    All(Vec<Spans>),
    /// `L || R || …`
    Any(Vec<Spans>),
    /// `L >> R` and its kin.
    Structural {
        structure: Structure,
        left: Box<Spans>,
        right: Box<Spans>,
        /// Which side runs first; see [`Spans::arrange`].
        right_first: bool,
    },
}

/// `{ … }`
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub expression: Expression,
    /// Its number in the plan ([`Spans::each_filter_mut`]).
    pub number: usize,
}

impl From<Expression> for Spans {
    fn from(expression: Expression) -> Self {
        Self::Filter(Filter { expression, number: usize::MAX })
    }
}

impl Spans {
    /// Every filter, in the order of their numbers.
    pub fn each_filter_mut(&mut self, each: &mut impl FnMut(&mut Filter)) {
        match self {
            Self::Filter(filter) => each(filter),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter_mut().for_each(|part| part.each_filter_mut(each));
            }
            Self::Structural { left, right, .. } => {
                left.each_filter_mut(each);
                right.each_filter_mut(each);
            }
        }
    }

    /// The same, to look at.
    pub fn each_filter(&self, each: &mut impl FnMut(&Filter)) {
        match self {
            Self::Filter(filter) => each(filter),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.each_filter(each));
            }
            Self::Structural { left, right, .. } => {
                left.each_filter(each);
                right.each_filter(each);
            }
        }
    }

    /// Puts first what holds the most lists of spans while it runs, and gives how many the whole
    /// holds. So the number grows with the logarithm of the length of a query, however it nests.
    pub fn arrange(&mut self) -> u32 {
        match self {
            Self::Filter(_) => 1,
            Self::All(parts) | Self::Any(parts) => {
                let mut weighed: Vec<(u32, Self)> = Vec::with_capacity(parts.len());
                weighed.extend(parts.drain(..).map(|mut part| (part.arrange(), part)));
                weighed.sort_by_key(|(lists, _)| Reverse(*lists));
                // The first one fills the result, later ones a list beside it.
                let beside = |(at, (lists, _)): (usize, &(u32, Self))| lists + u32::from(at > 0);
                let lists = weighed.iter().enumerate().map(beside).max();
                parts.extend(weighed.into_iter().map(|(_, part)| part));
                lists.unwrap_or(1)
            }
            Self::Structural { left, right, right_first, .. } => {
                let (of_left, of_right) = (left.arrange(), right.arrange());
                *right_first = of_right >= of_left;
                of_left.max(of_right).max(of_left.min(of_right) + 1).max(3)
            }
        }
    }
}

/// The spans that a stage starts from, ascending.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    /// The first so many.
    First(u32),
    These(&'a [u32]),
}

/// Appends the spans of the input that an expression yields to `out`, which is empty.
pub(super) fn select<C: SpanColumns>(
    spans: &Spans,
    trace: &C,
    input: Input<'_>,
    out: &mut Vec<u32>,
) {
    match spans {
        Spans::Filter(asked) => filter(asked, trace, input, out),
        Spans::All(parts) => select_each(parts, trace, input, out, true),
        Spans::Any(parts) => select_each(parts, trace, input, out, false),
        Spans::Structural { structure, left, right, right_first } => {
            let (first, second) = if *right_first { (right, left) } else { (left, right) };
            let (mut of_first, mut of_second) = (Vec::new(), Vec::new());
            select(first, trace, input, &mut of_first);
            // Every operator takes right spans, or pairs with one.
            if of_first.is_empty() && (*right_first || structure.needs_left()) {
                return;
            }
            select(second, trace, input, &mut of_second);
            let (of_left, of_right) =
                if *right_first { (of_second, of_first) } else { (of_first, of_second) };
            combine(structure, trace, &of_left, &of_right, out);
        }
    }
}

fn filter<C: SpanColumns>(filter: &Filter, trace: &C, input: Input<'_>, out: &mut Vec<u32>) {
    if let Some(judged) = trace.judged()
        && let Some(mask) = judged.masks.of(filter.number)
    {
        let first = judged.first_span;
        match input {
            Input::First(count) => {
                let ones = mask.ones(first..first + count as usize);
                out.extend(ones.map(|span| (span - first) as u32));
            }
            Input::These(spans) => {
                let spans = spans.iter().copied();
                out.extend(spans.filter(|span| mask.contains(first + *span as usize)));
            }
        }
        return;
    }
    let passes = |span: &u32| is_true(&filter.expression, trace, At::span(*span));
    match input {
        Input::First(count) => out.extend((0..count).filter(passes)),
        Input::These(spans) => out.extend(spans.iter().copied().filter(passes)),
    }
}

fn select_each<C: SpanColumns>(
    parts: &[Spans],
    trace: &C,
    input: Input<'_>,
    out: &mut Vec<u32>,
    each_must_yield: bool,
) {
    let Some((first, others)) = parts.split_first() else { return };
    select(first, trace, input, out);
    let mut found = Vec::new();
    for part in others {
        if each_must_yield && out.is_empty() {
            return;
        }
        found.clear();
        select(part, trace, input, &mut found);
        if each_must_yield && found.is_empty() {
            out.clear();
            return;
        }
        out.extend_from_slice(&found);
        ascending(out);
    }
}

/// Puts span numbers in order, each once.
pub(super) fn ascending(spans: &mut Vec<u32>) {
    spans.sort_unstable();
    spans.dedup();
}

/// Whether no span of any trace is taken, as by `{ false }`.
pub(super) fn yields_nothing(spans: &Spans) -> bool {
    match spans {
        Spans::Filter(filter) => match &filter.expression {
            Expression::Constant(value) => *value != Static::Bool(true),
            _ => false,
        },
        Spans::All(parts) => parts.iter().any(yields_nothing),
        Spans::Any(parts) => parts.iter().all(yields_nothing),
        Spans::Structural { structure, left, right, .. } => {
            yields_nothing(right) || structure.needs_left() && yields_nothing(left)
        }
    }
}
