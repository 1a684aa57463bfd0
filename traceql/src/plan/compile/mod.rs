//! Trees to plans: stages and spansets here, what stands in braces in `expression`, constants in
//! `fold`.
//!
//! On the way fields get numbers, regular expressions are compiled, literals move to the right and
//! chains of `&&` and `||` become flat.

mod expression;
mod fold;

use super::SearchPlan;
use super::aggregate::{AggregateFilter, Measure};
use super::group::Group;
use super::pipeline::{Combination, Pipelines, Stage};
use super::predicate::Column;
use super::spans::Spans;
use super::structure::Structure;
use crate::ast::{self, *};
use crate::error::PlanError;
use crate::field::{Field, Intrinsic};

fn unsupported<T>(what: impl Into<String>) -> Result<T, PlanError> {
    Err(PlanError::Unsupported(what.into()))
}

/// Plans a query that passed validation. Of a metrics query it is the pipeline (§9.4).
pub(crate) fn plan(query: &Query) -> Result<SearchPlan, PlanError> {
    let mut compiler = Compiler::default();
    let pipelines = match &query.body {
        Body::Pipeline(pipeline) => compiler.pipeline(pipeline)?,
        Body::Metrics(metrics) => compiler.pipeline(&metrics.pipeline)?,
        Body::Wrapped(wrapped) => compiler.wrapped(wrapped)?,
        Body::ScalarComparison(_) => return unsupported("comparing parenthesised pipelines"),
        Body::Math { .. } => return Err(PlanError::MathInSearch),
    };
    Ok(SearchPlan::new(compiler, pipelines, wants_most_recent(&query.hints)))
}

/// Plans the pipeline of a metrics query, with fields that are read beside it and not shown.
pub(crate) fn plan_pipeline(pipeline: &Pipeline, extra: &[Field]) -> Result<SearchPlan, PlanError> {
    let mut compiler = Compiler::default();
    let pipelines = compiler.pipeline(pipeline)?;
    for field in extra {
        compiler.hidden_column(field);
    }
    Ok(SearchPlan::new(compiler, pipelines, false))
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
    fn hidden_column(&mut self, field: &Field) -> Column {
        let known = self.fields.iter().position(|other| other == field);
        let number = known.unwrap_or_else(|| {
            self.fields.push(field.clone());
            self.shown.push(false);
            self.fields.len() - 1
        });
        Column::new(number, field)
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Result<Pipelines, PlanError> {
        let mut stages = Vec::with_capacity(pipeline.stages.len());
        for stage in &pipeline.stages {
            stages.extend(self.stage(stage)?);
        }
        Ok(Pipelines::One(stages))
    }

    /// A stage, if it does anything when it runs.
    fn stage(&mut self, stage: &ast::Stage) -> Result<Option<Stage>, PlanError> {
        Ok(Some(match stage {
            ast::Stage::Spanset(spanset) => {
                let mut spans = self.spanset(spanset)?;
                spans.arrange();
                Stage::Spans(spans)
            }
            ast::Stage::ScalarFilter(filter) => Stage::Aggregate(self.scalar_filter(filter)?),
            ast::Stage::By(expr) => {
                let expression = self.whole_expression(expr)?;
                Stage::Group(Group { expression, key: format!("by({expr})") })
            }
            ast::Stage::Select(fields) => {
                for field in fields {
                    self.field(field)?;
                }
                return Ok(None);
            }
            ast::Stage::Coalesce => Stage::Coalesce,
        }))
    }

    /// Other forms than an aggregate and a constant are refused by validation (§7.6).
    fn scalar_filter(&mut self, filter: &ScalarFilter) -> Result<AggregateFilter, PlanError> {
        let (Scalar::Aggregate(aggregate), Scalar::Static(literal)) = (&filter.left, &filter.right)
        else {
            return unsupported(format!("{} {} {}", filter.left, filter.op, filter.right));
        };
        let measure = match aggregate {
            Aggregate::Count => Measure::Count,
            Aggregate::Of { function, expr } => {
                Measure::Of(*function, self.whole_expression(expr)?)
            }
        };
        let key = aggregate.to_string();
        Ok(AggregateFilter { measure, op: filter.op, literal: literal.clone(), key })
    }

    fn wrapped(&mut self, wrapped: &Wrapped) -> Result<Pipelines, PlanError> {
        match wrapped {
            Wrapped::Pipeline(pipeline) => self.pipeline(pipeline),
            Wrapped::Binary { op, left, right } => {
                let (left, right) = (self.wrapped(left)?, self.wrapped(right)?);
                let combination = match *op {
                    SpansetOp::And => Combination::Both,
                    SpansetOp::Or => Combination::Either,
                    SpansetOp::Structural { relation, take } => {
                        Combination::Structural(self.structure(relation, take))
                    }
                };
                Ok(Pipelines::Combined {
                    combination,
                    left: Box::new(left),
                    right: Box::new(right),
                })
            }
        }
    }

    fn spanset(&mut self, spanset: &Spanset) -> Result<Spans, PlanError> {
        let (op, left, written_right) = match spanset {
            Spanset::Filter(expr) => return self.whole_expression(expr).map(Spans::from),
            Spanset::Binary { op, left, right } => (*op, self.spanset(left)?, right),
        };
        let right = self.spanset(written_right)?;
        Ok(match (op, left) {
            (SpansetOp::And, Spans::All(parts)) => Spans::All(with(parts, right)),
            (SpansetOp::And, left) => Spans::All(vec![left, right]),
            (SpansetOp::Or, Spans::Any(parts)) => Spans::Any(with(parts, right)),
            (SpansetOp::Or, left) => Spans::Any(vec![left, right]),
            (SpansetOp::Structural { relation, take }, left) => {
                let in_trees_alone = is_everything(written_right);
                let structure = Structure { in_trees_alone, ..self.structure(relation, take) };
                let (left, right) = (Box::new(left), Box::new(right));
                Spans::Structural { structure, left, right, right_first: true }
            }
        })
    }

    /// An operator with the numbers that it reads, which are not shown (§10.3).
    fn structure(&mut self, relation: Relation, take: Take) -> Structure {
        use Relation::{Ancestor, Child, Descendant, Parent, Sibling};
        let mut number = |intrinsic, relations: &[Relation]| {
            let is_read = relations.contains(&relation);
            is_read.then(|| self.hidden_column(&Field::Intrinsic(intrinsic)).field)
        };
        Structure {
            relation,
            take,
            in_trees_alone: false,
            left: number(Intrinsic::NestedSetLeft, &[Child, Parent, Descendant, Ancestor]),
            right: number(Intrinsic::NestedSetRight, &[Descendant, Ancestor]),
            parent: number(Intrinsic::NestedSetParent, &[Child, Parent, Sibling]),
        }
    }
}

/// `{}`
fn is_everything(spanset: &Spanset) -> bool {
    matches!(spanset, Spanset::Filter(Expr::Static(Static::Bool(true))))
}

fn with(mut parts: Vec<Spans>, another: Spans) -> Vec<Spans> {
    parts.push(another);
    parts
}
