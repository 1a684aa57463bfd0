//! Values that expressions have, and how they compare and calculate (contract §3).

use std::cmp::Ordering;

use stringendo_traceql::ast::{ArithmeticOp, ComparisonOp, Kind, Static, Status};
use stringendo_traceql::duration::format_go;

use crate::rows;

/// The value of a field or of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Absent, or without a value.
    Nil,
    /// Integer.
    Int(i64),
    /// Floating-point number.
    Float(f64),
    /// Text.
    Str(Vec<u8>),
    /// Truth.
    Bool(bool),
    /// Nanoseconds.
    Duration(i64),
    /// A status in OTLP's numbers.
    Status(i32),
    /// A kind in OTLP's numbers.
    Kind(i32),
    /// At least two elements.
    Array(Vec<Value>),
    /// Present, and comparable with nothing.
    Opaque,
}

impl Value {
    /// A literal's value.
    pub fn of_literal(literal: &Static) -> Self {
        match literal {
            Static::Nil => Self::Nil,
            Static::Int(value) => Self::Int(*value),
            Static::Float(value) => Self::Float(*value),
            Static::Str(bytes) => Self::Str(bytes.clone()),
            Static::Bool(value) => Self::Bool(*value),
            Static::Duration(nanos) => Self::Duration(*nanos),
            Static::Status(status) => Self::Status(*status as i32),
            Static::Kind(kind) => Self::Kind(*kind as i32),
        }
    }

    /// An attribute's value. An array of one element is that element, and an empty one is missing
    /// (§3.8).
    pub fn of_attribute(value: &rows::Value) -> Self {
        match value {
            rows::Value::Str(text) => Self::Str(text.as_bytes().to_vec()),
            rows::Value::Int(value) => Self::Int(*value),
            rows::Value::Float(value) => Self::Float(*value),
            rows::Value::Bool(value) => Self::Bool(*value),
            rows::Value::Map => Self::Opaque,
            rows::Value::Array(items) => match items.as_slice() {
                [] => Self::Nil,
                [only] => Self::of_attribute(only),
                items => Self::Array(items.iter().map(Self::of_attribute).collect()),
            },
        }
    }

    /// As results show it: type and text. Statuses, kinds and durations are strings, and so is the
    /// absence of a value.
    pub fn shown(&self) -> String {
        let string = |text: &str| format!("string {text}");
        match self {
            Self::Nil => string("nil"),
            Self::Int(value) => format!("int {value}"),
            Self::Float(value) => format!("double {value}"),
            Self::Str(bytes) => string(&String::from_utf8_lossy(bytes)),
            Self::Bool(value) => format!("bool {value}"),
            Self::Duration(nanos) => string(&format_go(*nanos)),
            Self::Status(code) => string(Status::from_code(*code).map_or("unset", Status::word)),
            Self::Kind(code) => string(Kind::from_code(*code).map_or("unspecified", Kind::word)),
            Self::Array(items) => {
                format!("array {:?}", items.iter().map(Self::shown).collect::<Vec<_>>())
            }
            Self::Opaque => "opaque".to_owned(),
        }
    }

    /// The value as a number: of nanoseconds for durations.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Int(value) | Self::Duration(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether this is boolean true.
    pub fn is_true(&self) -> bool {
        *self == Self::Bool(true)
    }
}

/// `left op right` of any two values (§3.4, §3.8).
pub fn compare(op: ComparisonOp, left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(_), Value::Array(_)) => false,
        (Value::Array(items), single) => elements(op, items, single),
        (single, Value::Array(items)) => elements(op.mirrored(), items, single),
        _ => scalars(op, left, right),
    }
}

/// Some element, or for `!=` every one.
fn elements(op: ComparisonOp, items: &[Value], single: &Value) -> bool {
    if op == ComparisonOp::NotEqual {
        items.iter().all(|item| scalars(op, item, single))
    } else {
        items.iter().any(|item| scalars(op, item, single))
    }
}

fn scalars(op: ComparisonOp, left: &Value, right: &Value) -> bool {
    use Value as V;
    let equality = |equal: bool| match op {
        ComparisonOp::Equal => equal,
        ComparisonOp::NotEqual => !equal,
        _ => false,
    };
    match (left, right) {
        (V::Int(l) | V::Duration(l), V::Int(r) | V::Duration(r)) => ordered(op, Some(l.cmp(r))),
        (V::Str(l), V::Str(r)) => ordered(op, Some(l.cmp(r))),
        (V::Bool(l), V::Bool(r)) => equality(l == r),
        (V::Status(l), V::Status(r)) | (V::Kind(l), V::Kind(r)) => equality(l == r),
        _ => match (left.as_float(), right.as_float()) {
            (Some(l), Some(r)) => ordered(op, l.partial_cmp(&r)),
            _ => false,
        },
    }
}

fn ordered(op: ComparisonOp, order: Option<Ordering>) -> bool {
    use Ordering::{Equal, Greater, Less};
    match op {
        ComparisonOp::Equal => order == Some(Equal),
        ComparisonOp::NotEqual => order != Some(Equal),
        ComparisonOp::Less => order == Some(Less),
        ComparisonOp::LessEqual => matches!(order, Some(Less | Equal)),
        ComparisonOp::Greater => order == Some(Greater),
        ComparisonOp::GreaterEqual => matches!(order, Some(Greater | Equal)),
    }
}

/// `attribute op literal`: only values of the literal's very type count (§3.5).
pub fn compare_with_literal(op: ComparisonOp, attribute: &Value, literal: &Value) -> bool {
    let same_type = |value: &Value| {
        matches!(
            (value, literal),
            (Value::Int(_), Value::Int(_))
                | (Value::Float(_), Value::Float(_))
                | (Value::Str(_), Value::Str(_))
                | (Value::Bool(_), Value::Bool(_))
        )
    };
    match attribute {
        Value::Array(items) => items.iter().all(same_type) && elements(op, items, literal),
        single => same_type(single) && scalars(op, single, literal),
    }
}

/// `left op right`; nil where that is no number (§3.10).
pub fn calculate(op: ArithmeticOp, left: &Value, right: &Value) -> Value {
    if let (Value::Int(left), Value::Int(right)) = (left, right) {
        return integers(op, *left, *right);
    }
    let (Some(left), Some(right)) = (left.as_float(), right.as_float()) else { return Value::Nil };
    Value::Float(match op {
        ArithmeticOp::Add => left + right,
        ArithmeticOp::Subtract => left - right,
        ArithmeticOp::Multiply => left * right,
        ArithmeticOp::Divide => left / right,
        ArithmeticOp::Modulo => left % right,
        ArithmeticOp::Power => left.powf(right),
    })
}

fn integers(op: ArithmeticOp, left: i64, right: i64) -> Value {
    Value::Int(match op {
        ArithmeticOp::Add => left.wrapping_add(right),
        ArithmeticOp::Subtract => left.wrapping_sub(right),
        ArithmeticOp::Multiply => left.wrapping_mul(right),
        ArithmeticOp::Divide | ArithmeticOp::Modulo if right == 0 => return Value::Nil,
        ArithmeticOp::Divide => left.wrapping_div(right),
        ArithmeticOp::Modulo => left.wrapping_rem(right),
        ArithmeticOp::Power => match u32::try_from(right) {
            Ok(right) => left.wrapping_pow(right),
            Err(_) => (left as f64).powf(right as f64) as i64,
        },
    })
}

/// `-value`; nil of what is no number.
pub fn negate(value: &Value) -> Value {
    match value {
        Value::Int(value) => Value::Int(value.wrapping_neg()),
        Value::Float(value) => Value::Float(-value),
        Value::Duration(nanos) => Value::Duration(-nanos),
        _ => Value::Nil,
    }
}
