//! What narrows autocompletion (contract `traceql.md` §12): the conditions of a query that is
//! still being typed, and the tag whose values are asked for.
//!
//! From: the text in an editor. To: [`Narrowing::plan`], a search for the spans whose names and
//! values are offered. Whatever cannot be understood narrows nothing; the one error is too many
//! alternatives.

mod conditions;
mod repair;
mod tag;

pub use tag::{ATTRIBUTE_SCOPES, INTRINSIC_TAGS, TagError, ValueSource, parse_tag};

use crate::ast::{BinaryOp, Body, Expr, Pipeline, Query, Spanset, Stage, Static};
use crate::field::Field;
use crate::plan::{SearchPlan, plan_pipeline};
use crate::{lexer, parser, validate};
use conditions::{Alternative, alternatives};

/// Most alternatives unless a server says otherwise (§13).
pub const ALTERNATIVES_MAX: usize = 100;

/// A query with more alternatives than are allowed (§12.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "maximum condition groups reached (limit: {limit}). \
     Reduce the number of OR conditions in the query"
)]
pub struct TooManyAlternatives {
    /// The limit.
    pub limit: usize,
}

/// Spans that meet all conditions of one of some alternatives.
#[derive(Clone, Debug, PartialEq)]
pub struct Narrowing {
    alternatives: Vec<Alternative>,
}

impl Narrowing {
    /// What `text` narrows by; `None` if it narrows nothing. Of at most `alternatives_max`
    /// alternatives (0 = no limit).
    ///
    /// # Errors
    /// There are more.
    pub fn of(text: &str, alternatives_max: usize) -> Result<Option<Self>, TooManyAlternatives> {
        let Some(filter) = first_filter(text) else { return Ok(None) };
        let limit = if alternatives_max == 0 { usize::MAX } else { alternatives_max };
        let found = alternatives(&filter, limit);
        let alternatives = found.map_err(|_| TooManyAlternatives { limit: alternatives_max })?;
        let narrows = alternatives.iter().all(|alternative| !alternative.is_empty());
        Ok(narrows.then_some(Self { alternatives }))
    }

    /// The literals that alternatives demand of `field`, and what is left without them: such an
    /// alternative answers its literal, whatever is stored (§12.5).
    pub fn without_literals_of(self, field: &Field) -> (Vec<Static>, Option<Self>) {
        let (mut literals, mut left) = (Vec::new(), Vec::new());
        for alternative in self.alternatives {
            match conditions::literal_of(&alternative, field) {
                Some(literal) => literals.push(literal),
                None => left.push(alternative),
            }
        }
        (literals, (!left.is_empty()).then_some(Self { alternatives: left }))
    }

    /// The search for those spans, which reads `fields` besides. `None` if it cannot be planned.
    pub fn plan(&self, fields: &[Field]) -> Option<SearchPlan> {
        let alternatives = self.alternatives.iter().map(|all| joined(BinaryOp::And, all.clone()));
        plan_of(joined(BinaryOp::Or, alternatives.collect()), fields)
    }
}

/// A search of all spans that reads `fields`; `None` if it cannot be planned.
pub fn plan_of_all(fields: &[Field]) -> Option<SearchPlan> {
    plan_of(Expr::Static(Static::Bool(true)), fields)
}

fn plan_of(filter: Expr, fields: &[Field]) -> Option<SearchPlan> {
    let pipeline = Pipeline { stages: vec![Stage::Spanset(Spanset::Filter(filter))] };
    plan_pipeline(&pipeline, fields).ok()
}

/// Joined as a tree of little height, since plans are made by recursion.
fn joined(op: BinaryOp, mut parts: Vec<Expr>) -> Expr {
    if parts.len() < 2 {
        return parts.pop().unwrap_or(Expr::Static(Static::Bool(true)));
    }
    let right = parts.split_off(parts.len() / 2);
    Expr::Binary { op, left: Box::new(joined(op, parts)), right: Box::new(joined(op, right)) }
}

/// The filter that the first stage is, once the text is repaired (§12.1, §12.2).
fn first_filter(text: &str) -> Option<Expr> {
    if text.len() > crate::limits::QUERY_BYTES_MAX {
        return None;
    }
    let tokens = repair::repaired(lexer::tokens(text).ok()?);
    let query = parser::parse_tokens(tokens).ok()?;
    validate::validate(&query).ok()?;
    let pipeline: Pipeline = match query {
        Query { body: Body::Pipeline(pipeline), .. } => pipeline,
        Query { body: Body::Metrics(metrics), .. } => metrics.pipeline,
        _ => return None,
    };
    match pipeline.stages.into_iter().next()? {
        Stage::Spanset(Spanset::Filter(filter)) => Some(filter),
        _ => None,
    }
}

#[cfg(test)]
#[path = "narrow_tests.rs"]
mod tests;
