//! Spanset expressions, ready to run (contract `traceql.md` §6): which spans of a set are taken.
//!
//! Lists of span numbers are ascending and hold each span once. `expression` judges single spans,
//! `structure` their places in the tree; `pipeline` runs this per set of spans.

use super::expression::{At, Expression, is_true};
use super::structure::{Structure, combine};
use crate::ast::Static;
use crate::source::SpanColumns;

/// A spanset expression, ready to run.
#[derive(Clone, Debug)]
pub(super) enum Spans {
    Filter(Expression),
    /// `L && R && …`: the spans of all, if each has some.
    All(Vec<Spans>),
    /// `L || R || …`
    Any(Vec<Spans>),
    /// `L >> R` and its kin.
    Structural {
        structure: Structure,
        left: Box<Spans>,
        right: Box<Spans>,
    },
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
        Spans::Filter(expression) => filter(expression, trace, input, out),
        Spans::All(parts) => select_each(parts, trace, input, out, true),
        Spans::Any(parts) => select_each(parts, trace, input, out, false),
        Spans::Structural { structure, left, right } => {
            let (mut of_left, mut of_right) = (Vec::new(), Vec::new());
            select(right, trace, input, &mut of_right);
            // Every operator takes spans that the right side yields, or pairs with one.
            if !of_right.is_empty() {
                select(left, trace, input, &mut of_left);
                combine(structure, trace, &of_left, &of_right, out);
            }
        }
    }
}

fn filter<C: SpanColumns>(
    expression: &Expression,
    trace: &C,
    input: Input<'_>,
    out: &mut Vec<u32>,
) {
    let passes = |span: &u32| is_true(expression, trace, At::span(*span));
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
    let mut found = Vec::new();
    for part in parts {
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
        Spans::Filter(Expression::Constant(value)) => *value != Static::Bool(true),
        Spans::Filter(_) => false,
        Spans::All(parts) => parts.iter().any(yields_nothing),
        Spans::Any(parts) => parts.iter().all(yields_nothing),
        Spans::Structural { structure, left, right } => {
            yields_nothing(right) || structure.needs_left() && yields_nothing(left)
        }
    }
}
