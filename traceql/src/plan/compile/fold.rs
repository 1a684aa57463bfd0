//! Expressions whose value is known before any data is read become constants (contract §3.10).

use crate::ast::Static;
use crate::plan::expression::{At, Expression, value};
use crate::source::{SpanColumns, SpanList};
use crate::value::ValueRef;

/// Operands joined by `&&`.
pub(super) fn all(mut operands: Vec<Expression>) -> Expression {
    if operands.iter().any(is_never_true) {
        return Expression::Constant(Static::Bool(false));
    }
    operands.retain(|operand| !is_constant(operand));
    if operands.is_empty() {
        return Expression::Constant(Static::Bool(true));
    }
    Expression::All(operands)
}

/// Whether an expression is a constant other than `true`.
fn is_never_true(expression: &Expression) -> bool {
    match expression {
        Expression::Constant(literal) => *literal != Static::Bool(true),
        _ => false,
    }
}

/// Operands joined by `||`.
pub(super) fn any(operands: Vec<Expression>) -> Expression {
    let all_boolean = operands.iter().all(is_boolean);
    let is_true =
        |operand: &Expression| matches!(operand, Expression::Constant(Static::Bool(true)));
    if all_boolean && operands.iter().any(is_true) {
        return Expression::Constant(Static::Bool(true));
    }
    folded(Expression::Any { operands, all_boolean })
}

/// Whether an expression is boolean whatever the span holds.
pub(super) fn is_boolean(expression: &Expression) -> bool {
    match expression {
        Expression::Constant(literal) => matches!(literal, Static::Bool(_)),
        Expression::Not(operand) => is_boolean(operand),
        Expression::Field(_)
        | Expression::Calculate { .. }
        | Expression::Negate(_)
        | Expression::OfItems { .. } => false,
        _ => true,
    }
}

fn is_constant(expression: &Expression) -> bool {
    matches!(expression, Expression::Constant(_))
}

/// Nothing to read from: what is constant does not look.
struct NoSpans;

impl SpanColumns for NoSpans {
    fn len(&self) -> usize {
        0
    }

    fn value(&self, _span: usize, _field: usize) -> ValueRef<'_> {
        ValueRef::Missing
    }

    fn items(&self, _span: usize, _list: SpanList) -> usize {
        0
    }

    fn item_value(&self, _span: usize, _item: usize, _field: usize) -> ValueRef<'_> {
        ValueRef::Missing
    }
}

/// An expression whose operands are all constant becomes its value.
pub(super) fn folded(expression: Expression) -> Expression {
    let is_leaf = matches!(
        expression,
        Expression::Constant(_) | Expression::Field(_) | Expression::Predicate(_)
    );
    if is_leaf || !expression.operands().all(is_constant) {
        return expression;
    }
    if let Expression::Negate(operand) = &expression
        && let Expression::Constant(Static::Duration(nanos)) = **operand
    {
        return Expression::Constant(Static::Duration(nanos.wrapping_neg()));
    }
    Expression::Constant(as_static(value(&expression, &NoSpans, At::span(0))))
}

fn as_static(value: ValueRef<'_>) -> Static {
    match value {
        ValueRef::Int(value) => Static::Int(value),
        ValueRef::Float(value) => Static::Float(value),
        ValueRef::Bool(value) => Static::Bool(value),
        ValueRef::Str(bytes) => Static::Str(bytes.to_vec()),
        ValueRef::Duration(nanos) => i64::try_from(nanos).map_or(Static::Nil, Static::Duration),
        _ => Static::Nil,
    }
}
