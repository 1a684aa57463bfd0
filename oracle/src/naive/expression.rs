//! Field expressions of a span (contract §3–§5).

use regex::bytes::Regex;
use stringendo_traceql::ast::{BinaryOp, Expr, FieldRef, Static, UnaryOp};
use stringendo_traceql::{Field, Intrinsic, SpanList};

use super::trace::TraceView;
use super::value::{Value, calculate, compare, compare_with_literal, negate};

/// The event and the link that fields of events and links are read from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Items {
    /// Number of the event.
    pub event: Option<usize>,
    /// Number of the link.
    pub link: Option<usize>,
}

/// Whether a filter matches a span: conditions of a filter made only of `&&` hold on one and the
/// same event and link, others each on any (§5.3).
pub fn matches(trace: &TraceView<'_>, span: usize, filter: &Expr) -> bool {
    if is_conjunction(filter) {
        any_items(trace, span, |items| evaluate(trace, span, items, filter).is_true())
    } else {
        separately(trace, span, filter).is_true()
    }
}

fn is_conjunction(expr: &Expr) -> bool {
    match expr {
        Expr::Binary { op: BinaryOp::And, left, right } => {
            is_conjunction(left) && is_conjunction(right)
        }
        Expr::Binary { op: BinaryOp::Or, .. } | Expr::Unary { op: UnaryOp::Not, .. } => false,
        Expr::Binary { left, right, .. } => is_conjunction(left) && is_conjunction(right),
        Expr::Unary { operand, .. } | Expr::NilTest { operand, .. } => is_conjunction(operand),
        Expr::Static(_) | Expr::Field(_) => true,
    }
}

/// The value where every condition looks for its own event and link.
fn separately(trace: &TraceView<'_>, span: usize, expr: &Expr) -> Value {
    match expr {
        Expr::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), left, right } => {
            logic(*op, &separately(trace, span, left), &separately(trace, span, right))
        }
        Expr::Unary { op: UnaryOp::Not, operand } => not(&separately(trace, span, operand)),
        condition if !reads_lists(condition) => evaluate(trace, span, Items::default(), condition),
        condition => Value::Bool(any_items(trace, span, |items| {
            evaluate(trace, span, items, condition).is_true()
        })),
    }
}

fn any_items(trace: &TraceView<'_>, span: usize, holds: impl Fn(Items) -> bool) -> bool {
    let or_none = |count: usize| -> Vec<Option<usize>> {
        if count == 0 { vec![None] } else { (0..count).map(Some).collect() }
    };
    let row = &trace.rows.spans[span];
    or_none(row.events.len())
        .into_iter()
        .any(|event| or_none(row.links.len()).into_iter().any(|link| holds(Items { event, link })))
}

fn reads_lists(expr: &Expr) -> bool {
    match expr {
        Expr::Static(_) => false,
        Expr::Field(field) => list_of(field).is_some(),
        Expr::Unary { operand, .. } | Expr::NilTest { operand, .. } => reads_lists(operand),
        Expr::Binary { left, right, .. } => reads_lists(left) || reads_lists(right),
    }
}

fn list_of(field: &FieldRef) -> Option<SpanList> {
    match field {
        FieldRef::Plain(field) => field.list(),
        _ => None,
    }
}

/// The value of an expression, with fields of events and links read from `items`.
pub fn evaluate(trace: &TraceView<'_>, span: usize, items: Items, expr: &Expr) -> Value {
    let value = |expr: &Expr| evaluate(trace, span, items, expr);
    match expr {
        Expr::Static(literal) => Value::of_literal(literal),
        Expr::Field(FieldRef::Plain(field)) => trace.field(span, items, field),
        Expr::Field(_) => Value::Nil,
        Expr::Unary { op: UnaryOp::Negate, operand } => negate(&value(operand)),
        Expr::Unary { op: UnaryOp::Not, operand } => not(&value(operand)),
        Expr::NilTest { present, operand } => {
            Value::Bool(nil_test(trace, span, items, *present, operand))
        }
        Expr::Binary { op, left, right } => match op {
            BinaryOp::And | BinaryOp::Or => logic(*op, &value(left), &value(right)),
            BinaryOp::Arithmetic(op) => calculate(*op, &value(left), &value(right)),
            BinaryOp::Regex { negated } => {
                Value::Bool(regex_matches(&value(left), *negated, right))
            }
            BinaryOp::Comparison(op) => {
                let (l, r) = (beside(right, value(left)), beside(left, value(right)));
                Value::Bool(if is_attribute(left) && is_constant(right) {
                    compare_with_literal(*op, &l, &r)
                } else if is_constant(left) && is_attribute(right) {
                    compare_with_literal(op.mirrored(), &r, &l)
                } else {
                    compare(*op, &l, &r)
                })
            }
        },
    }
}

/// A value to compare with `other`: trace ids are compared without leading zeros (§5.1).
fn beside(other: &Expr, value: Value) -> Value {
    use Intrinsic::{LinkTraceId, TraceId};
    match (other, value) {
        (
            Expr::Field(FieldRef::Plain(Field::Intrinsic(TraceId | LinkTraceId))),
            Value::Str(digits),
        ) => {
            let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
            Value::Str(digits[zeros..].to_vec())
        }
        (_, value) => value,
    }
}

/// Both sides must be booleans, also for `||` (§4.2).
fn logic(op: BinaryOp, left: &Value, right: &Value) -> Value {
    Value::Bool(match (left, right) {
        (Value::Bool(left), Value::Bool(right)) if op == BinaryOp::And => *left && *right,
        (Value::Bool(left), Value::Bool(right)) => *left || *right,
        _ => false,
    })
}

fn not(value: &Value) -> Value {
    match value {
        Value::Bool(value) => Value::Bool(!value),
        _ => Value::Nil,
    }
}

/// Only plain fields can be nil; fields of events and links only where there is one (§3.7).
fn nil_test(
    trace: &TraceView<'_>,
    span: usize,
    items: Items,
    present: bool,
    operand: &Expr,
) -> bool {
    let Expr::Field(FieldRef::Plain(field)) = operand else { return false };
    let has_item = match field.list() {
        Some(SpanList::Events) => items.event.is_some(),
        Some(SpanList::Links) => items.link.is_some(),
        None => true,
    };
    has_item && (trace.field(span, items, field) != Value::Nil) == present
}

fn is_attribute(expr: &Expr) -> bool {
    use Intrinsic::{InstrumentationName, InstrumentationVersion};
    let Expr::Field(FieldRef::Plain(field)) = expr else { return false };
    match field {
        Field::Attribute { .. } => true,
        Field::Intrinsic(intrinsic) => {
            matches!(intrinsic, InstrumentationName | InstrumentationVersion)
        }
    }
}

/// Constant parts are folded when parsed, so they are literals (§3.10).
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Static(_) => true,
        Expr::Field(_) => false,
        Expr::Unary { operand, .. } | Expr::NilTest { operand, .. } => is_constant(operand),
        Expr::Binary { left, right, .. } => is_constant(left) && is_constant(right),
    }
}

/// The whole value must match; of an array some element, or for `!~` none (§3.8, §3.9).
fn regex_matches(value: &Value, negated: bool, pattern: &Expr) -> bool {
    let Expr::Static(Static::Str(pattern)) = pattern else { return false };
    let pattern = String::from_utf8_lossy(pattern);
    let Ok(regex) = Regex::new(&format!("^(?s:{pattern})$")) else { return false };
    match value {
        Value::Str(text) => regex.is_match(text) != negated,
        Value::Array(items) => {
            let strings = items.iter().all(|item| matches!(item, Value::Str(_)));
            let matches = |item: &Value| matches!(item, Value::Str(text) if regex.is_match(text));
            strings && items.iter().any(matches) != negated
        }
        _ => false,
    }
}
