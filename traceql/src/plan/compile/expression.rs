//! Field expressions to what runs (contract `traceql.md` §3, §4, §5.3).
//!
//! Conditions on events and links hold if some item satisfies them. A condition is what stands
//! between boolean operators; in a filter made only of `&&`, all conditions on one list together
//! are about one and the same item.

use super::fold::{all, any, folded, is_boolean};
use super::{Compiler, unsupported};
use crate::ast::*;
use crate::error::PlanError;
use crate::pattern;
use crate::plan::compare::Typing;
use crate::plan::expression::Expression;
use crate::plan::predicate::{Column, Predicate};
use crate::source::SpanList;

impl Compiler {
    /// An expression that stands alone: in braces, in `by(…)` or in an aggregate.
    pub fn whole_expression(&mut self, expr: &Expr) -> Result<Expression, PlanError> {
        let Some(conditions) = conjunction(expr).filter(|conditions| conditions.len() > 1) else {
            return self.expression(expr).map(judged_alone);
        };
        let mut on_span = Vec::new();
        let mut on_items: [Vec<Expression>; 2] = Default::default();
        let mut on_both = Vec::new();
        for condition in conditions {
            let condition = self.expression(condition)?;
            match lists(&condition) {
                [false, false] => on_span.push(condition),
                [true, false] => on_items[0].push(condition),
                [false, true] => on_items[1].push(condition),
                [true, true] => on_both.push(condition),
            }
        }
        let [on_events, on_links] = on_items;
        if on_both.is_empty() {
            on_span.extend(some(SpanList::Events, on_events));
            on_span.extend(some(SpanList::Links, on_links));
        } else {
            on_both.extend(on_events);
            on_both.extend(on_links);
            let of_a_link = some(SpanList::Links, on_both).into_iter().collect();
            on_span.extend(some(SpanList::Events, of_a_link));
        }
        Ok(all(on_span))
    }

    /// An expression of which nothing is known but what it says; its fields of events and links
    /// are those of one item, which whoever takes it has to give.
    fn expression(&mut self, expr: &Expr) -> Result<Expression, PlanError> {
        match expr {
            Expr::Static(literal) => Ok(Expression::Constant(literal.clone())),
            Expr::Field(field) => self.field(field).map(Expression::Field),
            Expr::Unary { op: UnaryOp::Negate, operand } => {
                Ok(folded(Expression::Negate(Box::new(self.expression(operand)?))))
            }
            Expr::Unary { op: UnaryOp::Not, operand } => {
                let operand = self.expression(operand)?;
                let operand = if is_boolean(&operand) { judged_alone(operand) } else { operand };
                Ok(folded(Expression::Not(Box::new(operand))))
            }
            Expr::Binary { .. } => self.chain(expr),
            Expr::NilTest { present, operand } => self.nil_test(*present, operand),
        }
    }

    /// The column of a field that the text names.
    pub fn field(&mut self, field: &FieldRef) -> Result<Column, PlanError> {
        match field {
            FieldRef::Plain(field) => Ok(self.column(field)),
            FieldRef::Parent | FieldRef::ParentAttribute { .. } => unsupported(field.to_string()),
        }
    }

    fn chain(&mut self, chain: &Expr) -> Result<Expression, PlanError> {
        let (first, links) = chain.chain();
        let mut left = self.expression(first)?;
        for ChainLink { op, right, .. } in links {
            let right = self.expression(right)?;
            left = binary(op, left, right)?;
        }
        Ok(left)
    }

    /// Only plain fields can be nil; of anything else the test is false (§3.7).
    fn nil_test(&mut self, present: bool, operand: &Expr) -> Result<Expression, PlanError> {
        Ok(match self.expression(operand)? {
            Expression::Field(column) => {
                Expression::Predicate(Predicate::presence(column, present))
            }
            _ => Expression::Constant(Static::Bool(false)),
        })
    }
}

/// The conditions of an expression made only of `&&`, in order; `None` for any other.
fn conjunction(expr: &Expr) -> Option<Vec<&Expr>> {
    let mut conditions = Vec::new();
    let mut rest = vec![expr];
    while let Some(expr) = rest.pop() {
        match expr {
            Expr::Binary { op: BinaryOp::And, left, right } => rest.extend([&**right, &**left]),
            Expr::Binary { op: BinaryOp::Or, .. } => return None,
            Expr::Unary { op: UnaryOp::Not, operand } if is_condition(operand) => return None,
            condition => conditions.push(condition),
        }
    }
    Some(conditions)
}

/// Whether an expression is boolean by its form.
fn is_condition(expr: &Expr) -> bool {
    match expr {
        Expr::Binary { op, .. } => !matches!(op, BinaryOp::Arithmetic(_)),
        Expr::NilTest { .. } => true,
        Expr::Unary { op: UnaryOp::Not, operand } => is_condition(operand),
        _ => false,
    }
}

/// Which lists (events, links) an expression reads an item of that nothing gives it yet.
fn lists(expression: &Expression) -> [bool; 2] {
    let number = |list: SpanList| usize::from(list == SpanList::Links);
    let of_operands = expression.operands().map(lists);
    let mut found = of_operands.fold([false; 2], |a, b| [a[0] || b[0], a[1] || b[1]]);
    match expression {
        Expression::Field(column) => {
            column.list.into_iter().for_each(|list| found[number(list)] = true);
        }
        Expression::Predicate(test) => {
            test.column().list.into_iter().for_each(|list| found[number(list)] = true);
        }
        Expression::SomeItem { list, .. } | Expression::OfItems { list, .. } => {
            found[number(*list)] = false;
        }
        _ => {}
    }
    found
}

/// Gives an expression the items that it reads.
fn judged_alone(expression: Expression) -> Expression {
    let [reads_events, reads_links] = lists(&expression);
    let of_link = if reads_links { of_items(SpanList::Links, expression) } else { expression };
    if reads_events { of_items(SpanList::Events, of_link) } else { of_link }
}

fn of_items(list: SpanList, operand: Expression) -> Expression {
    if is_boolean(&operand) {
        Expression::SomeItem { list, operand: Box::new(operand) }
    } else {
        Expression::OfItems { list, operand: Box::new(operand) }
    }
}

/// That one item satisfies all conditions, if there are any.
fn some(list: SpanList, conditions: Vec<Expression>) -> Option<Expression> {
    if conditions.is_empty() {
        return None;
    }
    Some(Expression::SomeItem { list, operand: Box::new(all(conditions)) })
}

fn binary(op: BinaryOp, left: Expression, right: Expression) -> Result<Expression, PlanError> {
    Ok(match op {
        BinaryOp::And => all(joined(left, right, |left| match left {
            Expression::All(operands) => Ok(operands),
            other => Err(other),
        })),
        BinaryOp::Or => any(joined(left, right, |left| match left {
            Expression::Any { operands, .. } => Ok(operands),
            other => Err(other),
        })),
        BinaryOp::Comparison(op) => comparison(op, left, right),
        BinaryOp::Regex { negated } => return regex(left, negated, right),
        BinaryOp::Arithmetic(op) => {
            folded(Expression::Calculate { op, left: Box::new(left), right: Box::new(right) })
        }
    })
}

/// Operands of a chain: those of the left side if it is one already.
fn joined(
    left: Expression,
    right: Expression,
    operands: impl Fn(Expression) -> Result<Vec<Expression>, Expression>,
) -> Vec<Expression> {
    let mut operands = operands(left).unwrap_or_else(|other| vec![judged_alone(other)]);
    operands.push(judged_alone(right));
    operands
}

fn comparison(op: ComparisonOp, left: Expression, right: Expression) -> Expression {
    match (left, right) {
        (Expression::Field(column), Expression::Constant(literal)) => {
            field_comparison(column, op, literal)
        }
        (Expression::Constant(literal), Expression::Field(column)) => {
            field_comparison(column, op.mirrored(), literal)
        }
        (left, right) => {
            folded(Expression::Compare { op, left: Box::new(left), right: Box::new(right) })
        }
    }
}

/// A field against a literal. Attributes never hold durations, statuses or kinds (§3.5), and a
/// constant that has no value, such as `1 / 0`, compares with nothing.
fn field_comparison(column: Column, op: ComparisonOp, literal: Static) -> Expression {
    let never = match literal {
        Static::Nil => true,
        Static::Duration(_) | Static::Status(_) | Static::Kind(_) => {
            column.typing == Typing::Strict
        }
        _ => false,
    };
    if never {
        return Expression::Constant(Static::Bool(false));
    }
    Expression::Predicate(Predicate::compare(column, op, literal))
}

fn regex(left: Expression, negated: bool, right: Expression) -> Result<Expression, PlanError> {
    let Expression::Constant(Static::Str(pattern)) = right else {
        return unsupported("a regular expression that is no literal");
    };
    let Ok(regex) = pattern::compile(&pattern) else {
        return unsupported(format!("the pattern {}", Static::Str(pattern)));
    };
    Ok(match left {
        Expression::Field(column) => {
            Expression::Predicate(Predicate::regex(column, regex, negated, Static::Str(pattern)))
        }
        operand => folded(Expression::Regex { operand: Box::new(operand), regex, negated }),
    })
}
