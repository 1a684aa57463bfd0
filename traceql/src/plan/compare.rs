//! How values of spans compare and calculate (contract `traceql.md` §3.4–§3.10).
//!
//! A mismatch of types is no error here: comparisons are false and arithmetic gives nothing.

use std::cmp::Ordering;

use crate::ast::{ArithmeticOp, ComparisonOp};
use crate::value::{ArrayRef, ValueRef};

/// Which types may meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typing {
    /// Numbers of different types compare by value.
    Loose,
    /// Only values of the very same type compare: an attribute against a literal (§3.5).
    Strict,
}

/// `left op right`
pub(super) fn compare(
    typing: Typing,
    op: ComparisonOp,
    left: ValueRef<'_>,
    right: ValueRef<'_>,
) -> bool {
    match (left, right) {
        (ValueRef::Array(_), ValueRef::Array(_)) => false,
        (ValueRef::Array(array), value) => compare_array(typing, op, array, value),
        (value, ValueRef::Array(array)) => compare_array(typing, op.mirrored(), array, value),
        _ => compare_single(typing, op, left, right),
    }
}

/// Some element must satisfy the comparison; for `!=`, no element may equal (§3.8).
fn compare_array(
    typing: Typing,
    op: ComparisonOp,
    array: ArrayRef<'_>,
    value: ValueRef<'_>,
) -> bool {
    if op == ComparisonOp::NotEqual {
        !array.is_empty() && array.iter().all(|item| compare_single(typing, op, item, value))
    } else {
        array.iter().any(|item| compare_single(typing, op, item, value))
    }
}

fn compare_single(
    typing: Typing,
    op: ComparisonOp,
    left: ValueRef<'_>,
    right: ValueRef<'_>,
) -> bool {
    use ValueRef as V;
    match (left, right) {
        (V::Str(left), V::Str(right)) => holds(op, Some(left.cmp(right))),
        (V::Int(left), V::Int(right)) => holds(op, Some(left.cmp(&right))),
        (V::Float(left), V::Float(right)) => holds(op, left.partial_cmp(&right)),
        (V::Duration(left), V::Duration(right)) => holds(op, Some(left.cmp(&right))),
        (V::Bool(left), V::Bool(right)) => equality(op, left == right),
        (V::Status(left), V::Status(right)) | (V::Kind(left), V::Kind(right)) => {
            equality(op, left == right)
        }
        _ if typing == Typing::Strict => false,
        (V::Int(left), V::Duration(right)) => {
            holds(op, Some(i128::from(left).cmp(&i128::from(right))))
        }
        (V::Duration(left), V::Int(right)) => {
            holds(op, Some(i128::from(left).cmp(&i128::from(right))))
        }
        _ => match (as_float(left), as_float(right)) {
            (Some(left), Some(right)) => holds(op, left.partial_cmp(&right)),
            _ => false,
        },
    }
}

/// Whether an order satisfies a comparison; `None` is the order of NaN.
fn holds(op: ComparisonOp, order: Option<Ordering>) -> bool {
    let Some(order) = order else { return op == ComparisonOp::NotEqual };
    match op {
        ComparisonOp::Equal => order.is_eq(),
        ComparisonOp::NotEqual => order.is_ne(),
        ComparisonOp::Less => order.is_lt(),
        ComparisonOp::LessEqual => order.is_le(),
        ComparisonOp::Greater => order.is_gt(),
        ComparisonOp::GreaterEqual => order.is_ge(),
    }
}

/// For types without order.
fn equality(op: ComparisonOp, equal: bool) -> bool {
    match op {
        ComparisonOp::Equal => equal,
        ComparisonOp::NotEqual => !equal,
        _ => false,
    }
}

fn as_float(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Int(value) => Some(value as f64),
        ValueRef::Float(value) => Some(value),
        ValueRef::Duration(nanos) => Some(nanos as f64),
        _ => None,
    }
}

/// `left op right`; [`ValueRef::Missing`] where that is no number. Integers stay integers, anything
/// else gives a float, of nanoseconds for durations (§3.10).
pub(super) fn calculate(
    op: ArithmeticOp,
    left: ValueRef<'_>,
    right: ValueRef<'_>,
) -> ValueRef<'static> {
    if let (ValueRef::Int(left), ValueRef::Int(right)) = (left, right) {
        return integers(op, left, right).map_or(ValueRef::Missing, ValueRef::Int);
    }
    match (as_float(left), as_float(right)) {
        (Some(left), Some(right)) => ValueRef::Float(floats(op, left, right)),
        _ => ValueRef::Missing,
    }
}

fn integers(op: ArithmeticOp, left: i64, right: i64) -> Option<i64> {
    Some(match op {
        ArithmeticOp::Add => left.wrapping_add(right),
        ArithmeticOp::Subtract => left.wrapping_sub(right),
        ArithmeticOp::Multiply => left.wrapping_mul(right),
        ArithmeticOp::Divide | ArithmeticOp::Modulo if right == 0 => return None,
        ArithmeticOp::Divide => left.wrapping_div(right),
        ArithmeticOp::Modulo => left.wrapping_rem(right),
        ArithmeticOp::Power => integer_power(left, right),
    })
}

/// Negative exponents truncate towards zero, as division does.
fn integer_power(base: i64, exponent: i64) -> i64 {
    match u32::try_from(exponent) {
        Ok(exponent) => base.wrapping_pow(exponent),
        Err(_) => (base as f64).powf(exponent as f64) as i64,
    }
}

fn floats(op: ArithmeticOp, left: f64, right: f64) -> f64 {
    match op {
        ArithmeticOp::Add => left + right,
        ArithmeticOp::Subtract => left - right,
        ArithmeticOp::Multiply => left * right,
        ArithmeticOp::Divide => left / right,
        ArithmeticOp::Modulo => left % right,
        ArithmeticOp::Power => left.powf(right),
    }
}

/// `-value`
pub(super) fn negate(value: ValueRef<'_>) -> ValueRef<'static> {
    match value {
        ValueRef::Int(value) => ValueRef::Int(value.wrapping_neg()),
        ValueRef::Float(value) => ValueRef::Float(-value),
        // As any arithmetic with durations: a float of nanoseconds, never an integer. Zero has
        // no sign, which a quotient would show.
        ValueRef::Duration(nanos) => ValueRef::Float(0.0 - nanos as f64),
        _ => ValueRef::Missing,
    }
}
