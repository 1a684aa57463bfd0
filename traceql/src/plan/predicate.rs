//! Tests of one field against one literal: the unit that sources can use to leave spans out.

use memchr::memmem;
use regex::bytes::Regex;

use super::compare::{Typing, compare};
use crate::ast::{ComparisonOp, Static};
use crate::field::{AttributeScope, Field, Intrinsic};
use crate::source::SpanList;
use crate::value::ValueRef;

/// A field's number and how what the source lends is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub field: usize,
    /// The list of whose items it is read, one at a time.
    pub list: Option<SpanList>,
    reading: Reading,
    pub typing: Typing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    AsItIs,
    /// A string that always exists: absent means empty (§5.1, §5.2).
    EmptyWhenMissing,
    /// Trace ids compare without their leading zeros.
    WithoutLeadingZeros,
}

impl Column {
    pub fn new(field: usize, what: &Field) -> Self {
        use Intrinsic as I;
        let reading = match what {
            Field::Attribute {
                scope: AttributeScope::Resource | AttributeScope::Unscoped,
                name,
            } if name == "service.name" => Reading::EmptyWhenMissing,
            Field::Intrinsic(I::TraceId | I::LinkTraceId) => Reading::WithoutLeadingZeros,
            Field::Intrinsic(
                I::Name
                | I::StatusMessage
                | I::RootName
                | I::RootService
                | I::InstrumentationName
                | I::InstrumentationVersion,
            ) => Reading::EmptyWhenMissing,
            _ => Reading::AsItIs,
        };
        let is_attribute = matches!(what, Field::Attribute { .. });
        let typing = if is_attribute { Typing::Strict } else { Typing::Loose };
        Self { field, list: what.list(), reading, typing }
    }

    /// What evaluation sees of a value that a source lends.
    pub fn read<'a>(self, value: ValueRef<'a>) -> ValueRef<'a> {
        match (value, self.reading) {
            (ValueRef::Missing, Reading::EmptyWhenMissing) => ValueRef::Str(b""),
            (ValueRef::Str(digits), Reading::WithoutLeadingZeros) => {
                ValueRef::Str(without_leading_zeros(digits))
            }
            // Empty arrays count as missing, single elements as themselves (§3.8).
            (ValueRef::Array(array), _) if array.len() <= 1 => array.get(0),
            _ => value,
        }
    }

    /// A literal in the form in which values are read.
    pub fn literal(self, literal: Static) -> Static {
        match literal {
            Static::Str(digits) if self.reading == Reading::WithoutLeadingZeros => {
                Static::Str(without_leading_zeros(&digits).to_vec())
            }
            other => other,
        }
    }
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

/// A test of one field against one literal.
#[derive(Clone, Debug)]
pub struct Predicate {
    column: Column,
    test: Test,
    literal: Static,
}

#[derive(Clone, Debug)]
enum Test {
    Compare(ComparisonOp),
    Regex { regex: Regex, negated: bool },
    Contains,
    Presence { present: bool },
}

/// How a predicate tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PredicateOp {
    /// `=`; of arrays: some element.
    Equal,
    /// `!=`; of arrays: no element equals. False for missing values and values of other types.
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `=~`: the whole value matches the pattern that the literal holds.
    Matches,
    /// `!~`
    NotMatches,
    /// The value holds the literal as a part (legacy tags only).
    Contains,
    /// `!= nil`
    Exists,
    /// `= nil`
    Absent,
}

impl Predicate {
    pub(super) fn compare(column: Column, op: ComparisonOp, literal: Static) -> Self {
        Self { column, test: Test::Compare(op), literal: column.literal(literal) }
    }

    pub(super) fn regex(column: Column, regex: Regex, negated: bool, pattern: Static) -> Self {
        Self { column, test: Test::Regex { regex, negated }, literal: pattern }
    }

    pub(super) fn contains(column: Column, part: &str) -> Self {
        Self { column, test: Test::Contains, literal: Static::Str(part.as_bytes().to_vec()) }
    }

    pub(super) fn presence(column: Column, present: bool) -> Self {
        Self { column, test: Test::Presence { present }, literal: Static::Nil }
    }

    pub(super) fn column(&self) -> Column {
        self.column
    }

    /// Which field: an index into [`SearchPlan::fields`](crate::SearchPlan::fields).
    pub fn field(&self) -> usize {
        self.column.field
    }

    /// How it tests.
    pub fn op(&self) -> PredicateOp {
        match &self.test {
            Test::Compare(ComparisonOp::Equal) => PredicateOp::Equal,
            Test::Compare(ComparisonOp::NotEqual) => PredicateOp::NotEqual,
            Test::Compare(ComparisonOp::Less) => PredicateOp::Less,
            Test::Compare(ComparisonOp::LessEqual) => PredicateOp::LessEqual,
            Test::Compare(ComparisonOp::Greater) => PredicateOp::Greater,
            Test::Compare(ComparisonOp::GreaterEqual) => PredicateOp::GreaterEqual,
            Test::Regex { negated: false, .. } => PredicateOp::Matches,
            Test::Regex { negated: true, .. } => PredicateOp::NotMatches,
            Test::Contains => PredicateOp::Contains,
            Test::Presence { present: true } => PredicateOp::Exists,
            Test::Presence { present: false } => PredicateOp::Absent,
        }
    }

    /// What it compares with; [`Static::Nil`] for `Exists` and `Absent`. Trace ids are without
    /// leading zeros.
    pub fn literal(&self) -> &Static {
        &self.literal
    }

    /// Whether a span with this value passes: exactly what evaluation answers. Sources call it for
    /// dictionary entries, and with [`ValueRef::Missing`] for spans without the field. Of a field
    /// of events or links, some item of the span must pass; without items none does.
    pub fn accepts(&self, value: ValueRef<'_>) -> bool {
        let value = self.column.read(value);
        match &self.test {
            Test::Compare(op) => compare(self.column.typing, *op, value, self.literal.as_value()),
            Test::Regex { regex, negated } => matches(regex, *negated, value),
            Test::Contains => self.is_contained_in(value),
            Test::Presence { present } => (value != ValueRef::Missing) == *present,
        }
    }

    fn is_contained_in(&self, value: ValueRef<'_>) -> bool {
        let Static::Str(part) = &self.literal else { return false };
        let holds =
            |item| matches!(item, ValueRef::Str(text) if memmem::find(text, part).is_some());
        match value {
            ValueRef::Array(array) => array.iter().any(holds),
            single => holds(single),
        }
    }
}

/// `value =~ pattern`; only strings match and only strings fail to (§3.9).
pub(super) fn matches(regex: &Regex, negated: bool, value: ValueRef<'_>) -> bool {
    let single = |item| match item {
        ValueRef::Str(text) => regex.is_match(text) != negated,
        _ => false,
    };
    match value {
        ValueRef::Array(array) if negated => !array.is_empty() && array.iter().all(single),
        ValueRef::Array(array) => array.iter().any(single),
        value => single(value),
    }
}
