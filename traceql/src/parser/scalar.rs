//! Constant arithmetic beside aggregates and metrics, folded when parsed (contract §2, §7.5,
//! §11.8).

use crate::ast::{ArithmeticOp, Static};

const DIVISION_BY_ZERO: &str = "division by zero";
const NO_DURATIONS: &str = "duration cannot be used in scalar arithmetic";
const OUT_OF_RANGE: &str = "scalar arithmetic: value out of range";

/// `left op right`; only `+ - * /`, only plain numbers. Integers stay integers and wrap.
pub(super) fn fold(op: ArithmeticOp, left: &Static, right: &Static) -> Result<Static, String> {
    match (left, right) {
        (Static::Duration(_), _) | (_, Static::Duration(_)) => Err(NO_DURATIONS.to_owned()),
        (Static::Int(left), Static::Int(right)) => integers(op, *left, *right).map(Static::Int),
        _ => floats(op, as_float(left)?, as_float(right)?).map(Static::Float),
    }
}

/// `-value`
pub(super) fn negate(value: &Static) -> Option<Static> {
    match value {
        Static::Int(value) => Some(Static::Int(value.wrapping_neg())),
        Static::Float(value) => Some(Static::Float(-value)),
        Static::Duration(nanos) => Some(Static::Duration(nanos.wrapping_neg())),
        _ => None,
    }
}

fn as_float(value: &Static) -> Result<f64, String> {
    match value {
        Static::Int(value) => Ok(*value as f64),
        Static::Float(value) => Ok(*value),
        other => Err(format!("syntax error: unexpected {other}")),
    }
}

fn integers(op: ArithmeticOp, left: i64, right: i64) -> Result<i64, String> {
    Ok(match op {
        ArithmeticOp::Add => left.wrapping_add(right),
        ArithmeticOp::Subtract => left.wrapping_sub(right),
        ArithmeticOp::Multiply => left.wrapping_mul(right),
        ArithmeticOp::Divide if right == 0 => return Err(DIVISION_BY_ZERO.to_owned()),
        ArithmeticOp::Divide => left.wrapping_div(right),
        ArithmeticOp::Modulo | ArithmeticOp::Power => return Err(unexpected(op)),
    })
}

fn floats(op: ArithmeticOp, left: f64, right: f64) -> Result<f64, String> {
    let value = match op {
        ArithmeticOp::Add => left + right,
        ArithmeticOp::Subtract => left - right,
        ArithmeticOp::Multiply => left * right,
        ArithmeticOp::Divide if right == 0.0 => return Err(DIVISION_BY_ZERO.to_owned()),
        ArithmeticOp::Divide => left / right,
        ArithmeticOp::Modulo | ArithmeticOp::Power => return Err(unexpected(op)),
    };
    if value.is_finite() { Ok(value) } else { Err(OUT_OF_RANGE.to_owned()) }
}

fn unexpected(op: ArithmeticOp) -> String {
    format!("syntax error: unexpected {op}")
}
