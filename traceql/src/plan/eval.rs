//! Runs plans over the columns of one trace (contract `traceql.md` §4, §6).
//!
//! Hot: one call per trace, one walk of the expression per span. Nothing is allocated but lists of
//! span numbers where spansets are combined.

use regex::bytes::Regex;

use super::compare::{Typing, calculate, compare, negate};
use super::predicate::{Column, Predicate, matches};
use crate::ast::{ArithmeticOp, ComparisonOp, Static};
use crate::source::SpanColumns;
use crate::value::ValueRef;

/// A field expression, ready to run.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Constant(Static),
    Field(Column),
    Predicate(Predicate),
    /// A pattern on something that is no plain field.
    Regex {
        operand: Box<Expression>,
        regex: Regex,
        negated: bool,
    },
    Compare {
        op: ComparisonOp,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    Calculate {
        op: ArithmeticOp,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    Negate(Box<Expression>),
    Not(Box<Expression>),
    /// `a && b && c`
    All(Vec<Expression>),
    /// `a || b || c`, from left to right: a step whose sides are not both boolean is false (§4.2).
    Any {
        operands: Vec<Expression>,
        all_boolean: bool,
    },
}

/// A spanset expression, ready to run.
#[derive(Clone, Debug)]
pub(super) enum Spans {
    Filter(Expression),
    /// `L && R && …`: the spans of all, if each has some.
    All(Vec<Spans>),
    /// `L || R || …`
    Any(Vec<Spans>),
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
        Spans::All(parts) => combine(parts, trace, input, out, true),
        Spans::Any(parts) => combine(parts, trace, input, out, false),
    }
}

fn filter<C: SpanColumns>(
    expression: &Expression,
    trace: &C,
    input: Input<'_>,
    out: &mut Vec<u32>,
) {
    let passes = |span: &u32| is_true(expression, trace, *span as usize);
    match input {
        Input::First(count) => out.extend((0..count).filter(passes)),
        Input::These(spans) => out.extend(spans.iter().copied().filter(passes)),
    }
}

fn combine<C: SpanColumns>(
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
    }
    out.sort_unstable();
    out.dedup();
}

/// Whether an expression is boolean true for a span.
pub(super) fn is_true<C: SpanColumns>(expression: &Expression, trace: &C, span: usize) -> bool {
    match expression {
        Expression::Predicate(test) => test.accepts(trace.value(span, test.field())),
        Expression::All(operands) => operands.iter().all(|operand| is_true(operand, trace, span)),
        Expression::Any { operands, all_boolean: true } => {
            operands.iter().any(|operand| is_true(operand, trace, span))
        }
        Expression::Any { operands, all_boolean: false } => any_of_mixed(operands, trace, span),
        other => value(other, trace, span) == ValueRef::Bool(true),
    }
}

fn any_of_mixed<C: SpanColumns>(operands: &[Expression], trace: &C, span: usize) -> bool {
    let mut values = operands.iter().map(|operand| match value(operand, trace, span) {
        ValueRef::Bool(value) => Some(value),
        _ => None,
    });
    let first = values.next().flatten();
    let join = |left: Option<bool>, right: Option<bool>| {
        Some(left.zip(right).is_some_and(|(left, right)| left || right))
    };
    values.fold(first, join).unwrap_or(false)
}

/// The value of an expression for a span.
pub(super) fn value<'a, C: SpanColumns>(
    expression: &'a Expression,
    trace: &'a C,
    span: usize,
) -> ValueRef<'a> {
    let of = |operand: &'a Expression| value(operand, trace, span);
    match expression {
        Expression::Constant(literal) => literal.as_value(),
        Expression::Field(column) => column.read(trace.value(span, column.field)),
        Expression::Regex { operand, regex, negated } => {
            ValueRef::Bool(matches(regex, *negated, of(operand)))
        }
        Expression::Compare { op, left, right } => {
            ValueRef::Bool(compare(Typing::Loose, *op, of(left), of(right)))
        }
        Expression::Calculate { op, left, right } => calculate(*op, of(left), of(right)),
        Expression::Negate(operand) => negate(of(operand)),
        Expression::Not(operand) => match of(operand) {
            ValueRef::Bool(value) => ValueRef::Bool(!value),
            _ => ValueRef::Missing,
        },
        Expression::Predicate(_) | Expression::All(_) | Expression::Any { .. } => {
            ValueRef::Bool(is_true(expression, trace, span))
        }
    }
}
