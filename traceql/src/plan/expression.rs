//! Field expressions, ready to run, and their value for a span (contract `traceql.md` §4).
//!
//! Hot: one walk of the expression per span, and nothing is allocated. `compile` makes them;
//! `compare` knows how values compare and calculate; `spans`, `group` and `aggregate` ask.

use regex::bytes::Regex;

use super::compare::{Typing, calculate, compare, negate};
use super::predicate::{Column, Predicate, matches};
use crate::ast::{ArithmeticOp, ComparisonOp, Static};
use crate::source::{SpanColumns, SpanList};
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
    /// Whether the operand is true of some event or link (§5.3).
    SomeItem {
        list: SpanList,
        operand: Box<Expression>,
    },
    /// What the operand, which need not be boolean, is of the events or links: true if it is so of
    /// one of them, else what it is of the first that gives it a value.
    OfItems {
        list: SpanList,
        operand: Box<Expression>,
    },
}

/// Where an expression looks: at a span, and at one of its events and links where the expression
/// is about a single one.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    span: usize,
    event: usize,
    link: usize,
}

impl At {
    pub fn span(span: u32) -> Self {
        Self { span: span as usize, event: 0, link: 0 }
    }

    pub fn item(self, list: SpanList, item: usize) -> Self {
        match list {
            SpanList::Events => Self { event: item, ..self },
            SpanList::Links => Self { link: item, ..self },
        }
    }

    /// What the source lends of a column.
    pub fn read<C: SpanColumns>(self, trace: &C, column: Column) -> ValueRef<'_> {
        match column.list {
            None => trace.value(self.span, column.field),
            Some(SpanList::Events) => trace.item_value(self.span, self.event, column.field),
            Some(SpanList::Links) => trace.item_value(self.span, self.link, column.field),
        }
    }

    fn items<C: SpanColumns>(self, trace: &C, list: SpanList) -> impl Iterator<Item = Self> {
        (0..trace.items(self.span, list)).map(move |item| self.item(list, item))
    }
}

/// Whether an expression is boolean true.
pub(super) fn is_true<C: SpanColumns>(expression: &Expression, trace: &C, at: At) -> bool {
    let holds = |operand: &Expression| is_true(operand, trace, at);
    match expression {
        Expression::Predicate(test) => test.accepts(at.read(trace, test.column())),
        Expression::All(operands) => operands.iter().all(holds),
        Expression::Any { operands, all_boolean: true } => operands.iter().any(holds),
        Expression::Any { operands, all_boolean: false } => any_of_mixed(operands, trace, at),
        Expression::SomeItem { list, operand } => {
            at.items(trace, *list).any(|at| is_true(operand, trace, at))
        }
        other => value(other, trace, at) == ValueRef::Bool(true),
    }
}

fn any_of_mixed<C: SpanColumns>(operands: &[Expression], trace: &C, at: At) -> bool {
    let mut values = operands.iter().map(|operand| match value(operand, trace, at) {
        ValueRef::Bool(value) => Some(value),
        _ => None,
    });
    let first = values.next().flatten();
    let join = |left: Option<bool>, right: Option<bool>| {
        Some(left.zip(right).is_some_and(|(left, right)| left || right))
    };
    values.fold(first, join).unwrap_or(false)
}

/// The value of an expression.
pub(super) fn value<'a, C: SpanColumns>(
    expression: &'a Expression,
    trace: &'a C,
    at: At,
) -> ValueRef<'a> {
    let of = |operand: &'a Expression| value(operand, trace, at);
    match expression {
        Expression::Constant(literal) => literal.as_value(),
        Expression::Field(column) => column.read(at.read(trace, *column)),
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
        Expression::OfItems { list, operand } => value_of_items(*list, operand, trace, at),
        Expression::Predicate(_)
        | Expression::All(_)
        | Expression::Any { .. }
        | Expression::SomeItem { .. } => ValueRef::Bool(is_true(expression, trace, at)),
    }
}

fn value_of_items<'a, C: SpanColumns>(
    list: SpanList,
    operand: &'a Expression,
    trace: &'a C,
    at: At,
) -> ValueRef<'a> {
    let mut first = ValueRef::Missing;
    for at in at.items(trace, list) {
        let found = value(operand, trace, at);
        if found == ValueRef::Bool(true) {
            return found;
        }
        if first == ValueRef::Missing {
            first = found;
        }
    }
    first
}

impl Expression {
    /// What it is made of, in order of writing.
    pub fn operands(&self) -> impl Iterator<Item = &Self> {
        let (first, second, rest): (Option<&Self>, Option<&Self>, &[Self]) = match self {
            Self::Constant(_) | Self::Field(_) | Self::Predicate(_) => (None, None, &[]),
            Self::Regex { operand, .. }
            | Self::Negate(operand)
            | Self::Not(operand)
            | Self::SomeItem { operand, .. }
            | Self::OfItems { operand, .. } => (Some(operand), None, &[]),
            Self::Compare { left, right, .. } | Self::Calculate { left, right, .. } => {
                (Some(left), Some(right), &[])
            }
            Self::All(operands) | Self::Any { operands, .. } => (None, None, operands),
        };
        first.into_iter().chain(second).chain(rest)
    }
}
