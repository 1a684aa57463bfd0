//! A filter as alternatives of conditions that all hold (contract `traceql.md` §12.3).
//!
//! Conditions are comparisons of a field with a literal and tests for nil. Everything else, a bare
//! field or arithmetic, is dropped, as if it were `true`.

use crate::ast::{BinaryOp, ComparisonOp, Expr, FieldRef, Static, UnaryOp};
use crate::field::Field;

/// Conditions that hold together.
pub(super) type Alternative = Vec<Expr>;

/// There are more alternatives than wanted.
#[derive(Debug)]
pub(super) struct TooMany;

/// The alternatives of `filter`, `limit` at most. One without conditions lets every span pass.
pub(super) fn alternatives(filter: &Expr, limit: usize) -> Result<Vec<Alternative>, TooMany> {
    let (first, links) = filter.chain();
    // Other operators bind more strongly: they end before the first `&&` or `||`.
    let is_boolean = |op| matches!(op, BinaryOp::And | BinaryOp::Or);
    let split = links.iter().position(|link| is_boolean(link.op)).unwrap_or(links.len());
    let first = split.checked_sub(1).map_or(first, |last| links[last].whole);
    let mut found = operand(first, limit)?;
    for link in &links[split..] {
        let right = operand(link.right, limit)?;
        found = match link.op {
            BinaryOp::Or => either(found, right, limit)?,
            _ => both(&found, &right, limit)?,
        };
    }
    Ok(found)
}

/// One side of `&&` or `||`.
fn operand(expr: &Expr, limit: usize) -> Result<Vec<Alternative>, TooMany> {
    match expr {
        Expr::Binary { op: BinaryOp::And | BinaryOp::Or, .. } => alternatives(expr, limit),
        other => Ok(vec![condition(other).into_iter().collect()]),
    }
}

fn either(
    mut left: Vec<Alternative>,
    right: Vec<Alternative>,
    limit: usize,
) -> Result<Vec<Alternative>, TooMany> {
    left.extend(right);
    if left.len() > limit { Err(TooMany) } else { Ok(left) }
}

fn both(
    left: &[Alternative],
    right: &[Alternative],
    limit: usize,
) -> Result<Vec<Alternative>, TooMany> {
    if left.len().saturating_mul(right.len()) > limit {
        return Err(TooMany);
    }
    let pairs = left.iter().flat_map(|left| right.iter().map(move |right| (left, right)));
    Ok(pairs.map(|(left, right)| [left.as_slice(), right].concat()).collect())
}

fn condition(expr: &Expr) -> Option<Expr> {
    let used = match expr {
        Expr::NilTest { operand, .. } => field(operand).is_some(),
        Expr::Binary { op: BinaryOp::Comparison(_) | BinaryOp::Regex { .. }, left, right } => {
            (field(left).is_some() && is_constant(right))
                || (is_constant(left) && field(right).is_some())
        }
        _ => false,
    };
    used.then(|| expr.clone())
}

fn field(expr: &Expr) -> Option<&Field> {
    match expr {
        Expr::Field(FieldRef::Plain(field)) => Some(field),
        _ => None,
    }
}

fn is_constant(expr: &Expr) -> bool {
    literal(expr).is_some()
}

fn literal(expr: &Expr) -> Option<Static> {
    match expr {
        Expr::Static(literal) => Some(literal.clone()),
        Expr::Unary { op: UnaryOp::Negate, operand } => match literal(operand)? {
            Static::Int(value) => Some(Static::Int(value.wrapping_neg())),
            Static::Float(value) => Some(Static::Float(-value)),
            Static::Duration(nanos) => Some(Static::Duration(nanos.wrapping_neg())),
            _ => None,
        },
        _ => None,
    }
}

/// The literal that a condition of the alternative demands of `wanted` (the first, if several do).
pub(super) fn literal_of(alternative: &Alternative, wanted: &Field) -> Option<Static> {
    alternative.iter().find_map(|condition| {
        let Expr::Binary { op, left, right } = condition else { return None };
        let is_equality = *op == BinaryOp::Comparison(ComparisonOp::Equal);
        match (field(left), field(right)) {
            (Some(found), _) if is_equality && found == wanted => literal(right),
            (_, Some(found)) if is_equality && found == wanted => literal(left),
            _ => None,
        }
    })
}
