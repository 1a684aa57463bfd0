//! TraceQL: from text to a plan, and from a plan to matching spans.
//!
//! ```text
//! text ─ lexer ─ parser ─▶ ast::Query ─ validate ─ plan::compile ─▶ SearchPlan
//!                                                                     │ fields(), required()
//!                                      source of spans (live, block) ◀┘
//!                                          │ SpanColumns
//!                                          ▼
//!                              SearchPlan::spansets ─▶ sets of spans
//! ```
//!
//! Metrics queries go through [`metrics::compile_metrics`] instead, whose legs hold a plan each.
//!
//! The language is that of `contract/traceql.md`, whose sections are cited as §. The whole language
//! is parsed and validated; what cannot be answered yet is refused by [`plan`] by name.
//!
//! What is absent: this crate does no I/O, knows no clock, and does not know where spans come from
//! nor how they are stored. Text from outside never makes it panic.

pub mod ast;
pub mod duration;
mod error;
mod field;
pub mod legacy_tags;
mod lexer;
pub mod limits;
pub mod metrics;
pub mod narrow;
mod parser;
mod pattern;
mod plan;
mod print;
mod source;
mod validate;
mod value;

pub use ast::Query;
pub use error::{EvalError, ParseError, PlanError, Position, QueryError, ValidateError};
pub use field::{AttributeScope, Field, Intrinsic};
pub use plan::{
    FilterMasks, Judged, Predicate, PredicateOp, SearchPlan, SpanFilter, SpanMask, SpanSet,
};
pub use source::{SpanColumns, SpanList};
pub use value::{ArrayRef, Value, ValueRef};

/// Parses a query.
///
/// # Errors
/// The first thing that is wrong with the text, and where.
pub fn parse(text: &str) -> Result<Query, ParseError> {
    parser::parse(text)
}

/// Checks types and limits of a parsed query (§3.3, §9.2, §9.3).
///
/// # Errors
/// The first rule that the query breaks.
pub fn validate(query: &Query) -> Result<(), ValidateError> {
    validate::validate(query)
}

/// Plans a validated search query.
///
/// # Errors
/// [`PlanError::Unsupported`] names the construct that cannot be answered yet.
pub fn plan(query: &Query) -> Result<SearchPlan, PlanError> {
    plan::plan(query)
}

/// Plans the pipeline of a validated metrics query. `extra` fields are read beside those of the
/// pipeline and not shown; [`SearchPlan::field_number`] tells where they are.
///
/// # Errors
/// [`PlanError::Unsupported`] names the construct that cannot be answered yet.
pub fn plan_pipeline(pipeline: &ast::Pipeline, extra: &[Field]) -> Result<SearchPlan, PlanError> {
    plan::plan_pipeline(pipeline, extra)
}

/// Parses, validates and plans a search query.
///
/// # Errors
/// Whatever is wrong; see [`QueryError::response_text`] for what a client is told.
pub fn compile_search(text: &str) -> Result<SearchPlan, QueryError> {
    let query = parse(text)?;
    validate(&query)?;
    Ok(plan(&query)?)
}
