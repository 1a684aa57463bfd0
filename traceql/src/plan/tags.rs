//! Plans of the legacy tag search (contract `http-api.md` §4.2): one filter per tag, all of which
//! must hold on some span of the trace.

use super::SearchPlan;
use super::compile::Compiler;
use super::expression::Expression;
use super::pipeline::{Pipelines, Stage};
use super::predicate::Predicate;
use super::spans::Spans;
use crate::ast::{ComparisonOp, Static, Status};
use crate::field::{AttributeScope, Field, Intrinsic};

/// One condition of a tag search.
pub(crate) enum Tag<'t> {
    /// `key=value`
    Text { key: &'t str, value: &'t str },
    /// Bounds of the trace's duration in nanoseconds, inclusive.
    TraceDuration { op: ComparisonOp, nanos: i64 },
}

/// Plans the conditions; none at all ask for everything.
pub(crate) fn plan_tags(tags: &[Tag<'_>]) -> SearchPlan {
    let mut compiler = Compiler::default();
    let mut filters: Vec<Spans> = tags.iter().map(|tag| compiler.tag(tag).into()).collect();
    let everything = || Expression::Constant(Static::Bool(true)).into();
    let spans = match filters.len() {
        0 | 1 => filters.pop().unwrap_or_else(everything),
        _ => Spans::All(filters),
    };
    let plan = SearchPlan::new(compiler, Pipelines::One(vec![Stage::Spans(spans)]), false);
    SearchPlan { returns_spans: false, ..plan }
}

impl Compiler {
    fn tag(&mut self, tag: &Tag<'_>) -> Expression {
        match tag {
            Tag::TraceDuration { op, nanos } => {
                self.compare_intrinsic(Intrinsic::TraceDuration, *op, Static::Duration(*nanos))
            }
            Tag::Text { key, value } => self.text_tag(key, value),
        }
    }

    fn text_tag(&mut self, key: &str, value: &str) -> Expression {
        match (key, value) {
            ("name", _) => self.intrinsic_contains(Intrinsic::Name, value),
            ("root.name", _) => self.intrinsic_contains(Intrinsic::RootName, value),
            ("root.service.name", _) => self.intrinsic_contains(Intrinsic::RootService, value),
            ("error", "true") => self.status(Status::Error),
            ("status.code", _) => match Status::from_word(value) {
                Some(status) => self.status(status),
                // No span has such a status.
                None => Expression::Constant(Static::Bool(false)),
            },
            ("http.status_code", _) => match value.parse() {
                Ok(code) => self.attribute_equals(key, code),
                Err(_) => self.attribute_contains(key, value),
            },
            _ => self.attribute_contains(key, value),
        }
    }

    fn status(&mut self, status: Status) -> Expression {
        self.compare_intrinsic(Intrinsic::Status, ComparisonOp::Equal, Static::Status(status))
    }

    fn compare_intrinsic(
        &mut self,
        intrinsic: Intrinsic,
        op: ComparisonOp,
        literal: Static,
    ) -> Expression {
        let column = self.column(&Field::Intrinsic(intrinsic));
        Expression::Predicate(Predicate::compare(column, op, literal))
    }

    fn intrinsic_contains(&mut self, intrinsic: Intrinsic, part: &str) -> Expression {
        let column = self.column(&Field::Intrinsic(intrinsic));
        Expression::Predicate(Predicate::contains(column, part))
    }

    /// On the resource or on the span: either will do, so unscoped lookup, which stops at the span,
    /// is not enough.
    fn attribute_contains(&mut self, key: &str, part: &str) -> Expression {
        self.attribute(key, |column| Predicate::contains(column, part))
    }

    fn attribute_equals(&mut self, key: &str, number: i64) -> Expression {
        self.attribute(key, |column| {
            Predicate::compare(column, ComparisonOp::Equal, Static::Int(number))
        })
    }

    fn attribute(
        &mut self,
        key: &str,
        test: impl Fn(super::predicate::Column) -> Predicate,
    ) -> Expression {
        let operands = [AttributeScope::Resource, AttributeScope::Span]
            .map(|scope| self.column(&Field::attribute(scope, key)))
            .map(|column| Expression::Predicate(test(column)));
        Expression::Any { operands: operands.into(), all_boolean: true }
    }
}
