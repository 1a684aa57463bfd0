//! Trees to plans: fields get numbers, constants are folded, regular expressions compiled, literals
//! moved to the right, chains of `&&` and `||` made flat.

use super::SearchPlan;
use super::eval::{Expression, Spans, value};
use super::predicate::{Column, Predicate};
use crate::ast::*;
use crate::error::PlanError;
use crate::field::Field;
use crate::pattern;
use crate::source::{SpanColumns, SpanList};
use crate::value::ValueRef;

fn unsupported<T>(what: impl Into<String>) -> Result<T, PlanError> {
    Err(PlanError::Unsupported(what.into()))
}

/// Plans a query that passed validation.
pub(crate) fn plan(query: &Query) -> Result<SearchPlan, PlanError> {
    let pipeline = match &query.body {
        Body::Pipeline(pipeline) => pipeline,
        Body::Metrics(metrics) => return unsupported(format!("metrics ({})", metrics.first)),
        Body::Math { .. } => return unsupported("arithmetic between metrics"),
        Body::Wrapped(_) => return unsupported("combining parenthesised pipelines"),
        Body::ScalarComparison(_) => return unsupported("comparing parenthesised pipelines"),
    };
    let mut compiler = Compiler::default();
    let stages = compiler.stages(pipeline)?;
    Ok(SearchPlan::new(compiler, stages, wants_most_recent(&query.hints)))
}

/// Plans the pipeline of a metrics query, with fields that are read beside it and not shown.
pub(crate) fn plan_pipeline(pipeline: &Pipeline, extra: &[Field]) -> Result<SearchPlan, PlanError> {
    let mut compiler = Compiler::default();
    let stages = compiler.stages(pipeline)?;
    for field in extra {
        compiler.hidden_column(field);
    }
    Ok(SearchPlan::new(compiler, stages, false))
}

/// Hints with unknown names or values of the wrong type have no effect (§8).
fn wants_most_recent(hints: &[Hint]) -> bool {
    let last = hints.iter().rev().find(|hint| hint.name == "most_recent");
    last.is_some_and(|hint| hint.value == Static::Bool(true))
}

/// Gives fields their numbers, in order of mention.
#[derive(Default)]
pub(super) struct Compiler {
    pub fields: Vec<Field>,
    /// Whether result spans show the field of the same number.
    pub shown: Vec<bool>,
}

impl Compiler {
    /// The column of a field that the query mentions.
    pub fn column(&mut self, field: &Field) -> Column {
        let column = self.hidden_column(field);
        self.shown[column.field] = true;
        column
    }

    /// The column of a field that is read for other reasons.
    pub fn hidden_column(&mut self, field: &Field) -> Column {
        let known = self.fields.iter().position(|other| other == field);
        let number = known.unwrap_or_else(|| {
            self.fields.push(field.clone());
            self.shown.push(false);
            self.fields.len() - 1
        });
        Column::new(number, field)
    }

    fn stages(&mut self, pipeline: &Pipeline) -> Result<Vec<Spans>, PlanError> {
        pipeline.stages.iter().map(|stage| self.stage(stage)).collect()
    }

    fn stage(&mut self, stage: &Stage) -> Result<Spans, PlanError> {
        match stage {
            Stage::Spanset(spanset) => self.spanset(spanset),
            Stage::ScalarFilter(filter) => {
                unsupported(format!("the aggregate in {} {} …", filter.left, filter.op))
            }
            Stage::By(_) => unsupported("by()"),
            Stage::Select(_) => unsupported("select()"),
            Stage::Coalesce => unsupported("coalesce()"),
        }
    }

    fn spanset(&mut self, spanset: &Spanset) -> Result<Spans, PlanError> {
        match spanset {
            Spanset::Filter(expr) => self.expression(expr).map(Spans::Filter),
            Spanset::Binary { op: SpansetOp::And, left, right } => {
                let mut parts = match self.spanset(left)? {
                    Spans::All(parts) => parts,
                    other => vec![other],
                };
                parts.push(self.spanset(right)?);
                Ok(Spans::All(parts))
            }
            Spanset::Binary { op: SpansetOp::Or, left, right } => {
                let mut parts = match self.spanset(left)? {
                    Spans::Any(parts) => parts,
                    other => vec![other],
                };
                parts.push(self.spanset(right)?);
                Ok(Spans::Any(parts))
            }
            Spanset::Binary { op, .. } => unsupported(format!("the structural operator {op}")),
        }
    }

    /// Makes an expression ready to run.
    pub fn expression(&mut self, expr: &Expr) -> Result<Expression, PlanError> {
        match expr {
            Expr::Static(literal) => Ok(Expression::Constant(literal.clone())),
            Expr::Field(field) => self.field(field).map(Expression::Field),
            Expr::Unary { op, operand } => {
                let operand = Box::new(self.expression(operand)?);
                Ok(folded(match op {
                    UnaryOp::Negate => Expression::Negate(operand),
                    UnaryOp::Not => Expression::Not(operand),
                }))
            }
            Expr::Binary { .. } => self.chain(expr),
            Expr::NilTest { present, operand } => self.nil_test(*present, operand),
        }
    }

    fn field(&mut self, field: &FieldRef) -> Result<Column, PlanError> {
        match field {
            FieldRef::Plain(field) if field.list().is_some() => {
                unsupported(format!("{field} (fields of events and links)"))
            }
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

fn binary(op: BinaryOp, left: Expression, right: Expression) -> Result<Expression, PlanError> {
    Ok(match op {
        BinaryOp::And => all(left, right),
        BinaryOp::Or => any(left, right),
        BinaryOp::Comparison(op) => comparison(op, left, right),
        BinaryOp::Regex { negated } => return regex(left, negated, right),
        BinaryOp::Arithmetic(op) => {
            folded(Expression::Calculate { op, left: Box::new(left), right: Box::new(right) })
        }
    })
}

fn all(left: Expression, right: Expression) -> Expression {
    let mut operands = match left {
        Expression::All(operands) => operands,
        other => vec![other],
    };
    operands.push(right);
    if operands.iter().any(is_never_true) {
        return Expression::Constant(Static::Bool(false));
    }
    operands.retain(|operand| !matches!(operand, Expression::Constant(_)));
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

fn any(left: Expression, right: Expression) -> Expression {
    let mut operands = match left {
        Expression::Any { operands, .. } => operands,
        other => vec![other],
    };
    operands.push(right);
    let all_boolean = operands.iter().all(is_boolean);
    let is_true =
        |operand: &Expression| matches!(operand, Expression::Constant(Static::Bool(true)));
    if all_boolean && operands.iter().any(is_true) {
        return Expression::Constant(Static::Bool(true));
    }
    folded(Expression::Any { operands, all_boolean })
}

/// Whether an expression is boolean whatever the span holds.
fn is_boolean(expression: &Expression) -> bool {
    match expression {
        Expression::Constant(literal) => matches!(literal, Static::Bool(_)),
        Expression::Not(operand) => is_boolean(operand),
        Expression::Field(_) | Expression::Calculate { .. } | Expression::Negate(_) => false,
        _ => true,
    }
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
    use super::compare::Typing;
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
fn folded(expression: Expression) -> Expression {
    let constant = |operand: &Expression| matches!(operand, Expression::Constant(_));
    let is_constant = match &expression {
        Expression::Negate(operand)
        | Expression::Not(operand)
        | Expression::Regex { operand, .. } => constant(operand),
        Expression::Compare { left, right, .. } | Expression::Calculate { left, right, .. } => {
            constant(left) && constant(right)
        }
        Expression::Any { operands, .. } => operands.iter().all(constant),
        _ => false,
    };
    if !is_constant {
        return expression;
    }
    if let Expression::Negate(operand) = &expression
        && let Expression::Constant(Static::Duration(nanos)) = **operand
    {
        return Expression::Constant(Static::Duration(nanos.wrapping_neg()));
    }
    Expression::Constant(as_static(value(&expression, &NoSpans, 0)))
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
