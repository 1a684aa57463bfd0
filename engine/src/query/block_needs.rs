//! A plan's needs as tests of a block's columns.
//!
//! From: [`super::block_columns`], which knows which columns make up a field. To: the scan's
//! request. A test may pass more than the predicate it was made of, never less.

use std::ops::RangeInclusive;
use std::sync::Arc;

use stringendo_block::scan::{Scalar, ScanTest, ValueTypes};
use stringendo_traceql::ast::{Kind, Static, Status};
use stringendo_traceql::{Field, Predicate, PredicateOp, ValueRef};

use super::block_columns::{number_of, text};

/// Every integer.
const ANY_NUMBER: RangeInclusive<i128> = i128::MIN..=i128::MAX;

/// The test of `predicate` on `field`, whose values are in the columns `fields`.
pub fn test(predicate: &Predicate, field: &Field, fields: Vec<usize>) -> ScanTest {
    let (predicate, field) = (predicate.clone(), field.clone());
    let (types, numbers) = (types(&predicate), numbers(&predicate));
    let accepts = move |value: Scalar<'_>| accepts(&predicate, &field, value);
    ScanTest { fields, types, numbers, accepts: Arc::new(accepts) }
}

fn accepts(predicate: &Predicate, field: &Field, value: Scalar<'_>) -> bool {
    match value {
        Scalar::Bytes(bytes) => predicate.accepts(text(field, bytes).get()),
        Scalar::Int(number) => predicate.accepts(number_of(field, number)),
        Scalar::Missing => predicate.accepts(ValueRef::Missing),
        Scalar::Float(number) => predicate.accepts(ValueRef::Float(number)),
        Scalar::Bool(truth) => predicate.accepts(ValueRef::Bool(truth)),
        Scalar::Unsupported => predicate.accepts(ValueRef::Unsupported),
    }
}

/// Types of attribute values that may pass: those of the literal (traceql.md §3.5).
fn types(predicate: &Predicate) -> ValueTypes {
    use PredicateOp as Op;
    let none = ValueTypes::NONE;
    match (predicate.op(), predicate.literal()) {
        (Op::Exists | Op::Absent, _) => ValueTypes::ALL,
        (Op::Matches | Op::NotMatches | Op::Contains, _) | (_, Static::Str(_)) => {
            ValueTypes { bytes: true, ..none }
        }
        (_, Static::Int(_)) => ValueTypes { ints: true, ..none },
        (_, Static::Float(_)) => ValueTypes { floats: true, ..none },
        (_, Static::Bool(_)) => ValueTypes { bools: true, ..none },
        _ => ValueTypes::ALL,
    }
}

/// Integers that may pass.
fn numbers(predicate: &Predicate) -> RangeInclusive<i128> {
    let Some(literal) = number(predicate.literal()) else { return ANY_NUMBER };
    match predicate.op() {
        PredicateOp::Equal => literal..=literal,
        PredicateOp::Less => i128::MIN..=literal - 1,
        PredicateOp::LessEqual => i128::MIN..=literal,
        PredicateOp::Greater => literal + 1..=i128::MAX,
        PredicateOp::GreaterEqual => literal..=i128::MAX,
        _ => ANY_NUMBER,
    }
}

/// The integer that a column holds for a literal.
fn number(literal: &Static) -> Option<i128> {
    let code_of = |is_it: &dyn Fn(i32) -> bool| (0..8).find(|code| is_it(*code)).map(i128::from);
    match literal {
        Static::Int(number) | Static::Duration(number) => Some(i128::from(*number)),
        Static::Status(status) => code_of(&|code| Status::from_code(code) == Some(*status)),
        Static::Kind(kind) => code_of(&|code| Kind::from_code(code) == Some(*kind)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "block_needs_tests.rs"]
mod tests;
