//! Whole bodies, pipelines and their stages (contract `traceql.md` §2 `body`, `pipeline`).

use super::Parser;
use super::node::Node;
use crate::ast::*;
use crate::error::ParseError;
use crate::lexer::Token;

/// What stages joined by `|` turned out to be.
enum Piped {
    Pipeline(Pipeline),
    /// It ends in an aggregate without comparison.
    Scalar(Pipeline, Aggregate),
    Metrics(Metrics),
}

impl Parser {
    /// Everything but hints.
    pub(super) fn body(&mut self) -> Result<Body, ParseError> {
        let start = self.next;
        if self.starts_with_stage_word() {
            let stage = self.stage()?;
            return self.piped_body(stage, start);
        }
        match self.node()? {
            Node::Spanset { tree, .. } => self.piped_body(Stage::Spanset(tree), start),
            Node::ScalarFilter(filter) => self.piped_body(Stage::ScalarFilter(filter), start),
            Node::Wrapped(wrapped) => Ok(Body::Wrapped(wrapped)),
            Node::ScalarComparison(comparison) => Ok(Body::ScalarComparison(comparison)),
            Node::Math { expr, second } => self.math_body(expr, second),
            Node::Static(_) | Node::Scalar(_) | Node::WrappedScalar(_) => Err(self.unexpected()),
        }
    }

    fn piped_body(&mut self, first: Stage, start: usize) -> Result<Body, ParseError> {
        match self.piped(first)? {
            Piped::Pipeline(pipeline) => Ok(Body::Pipeline(pipeline)),
            Piped::Metrics(metrics) => Ok(Body::Metrics(metrics)),
            Piped::Scalar(..) if *self.peek() == Token::End => Err(self.unexpected()),
            Piped::Scalar(..) => Err(self.unexpected_at(start.max(self.next))),
        }
    }

    fn math_body(&mut self, expr: Math, mut second: Vec<SecondStage>) -> Result<Body, ParseError> {
        second.extend(self.second_stages()?);
        Ok(Body::Math { expr, second })
    }

    /// What stands in a parenthesis outside of braces.
    pub(super) fn parenthesis(&mut self) -> Result<Node, ParseError> {
        if self.starts_with_stage_word() {
            let stage = self.stage()?;
            return self.piped_node(stage);
        }
        let start = self.next;
        match self.node()? {
            Node::Spanset { tree, .. } if !self.is_symbol("|") => {
                Ok(Node::Spanset { tree, in_parentheses: true })
            }
            Node::Spanset { tree, .. } => self.piped_node(Stage::Spanset(tree)),
            Node::ScalarFilter(filter) => self.piped_node(Stage::ScalarFilter(filter)),
            Node::ScalarComparison(_) => Err(self.unexpected_at(start)),
            Node::Math { second, .. } if !second.is_empty() => Err(self.unexpected_at(start)),
            other => Ok(other),
        }
    }

    fn piped_node(&mut self, first: Stage) -> Result<Node, ParseError> {
        Ok(match self.piped(first)? {
            Piped::Pipeline(pipeline) => Node::Wrapped(Wrapped::Pipeline(pipeline)),
            Piped::Scalar(pipeline, aggregate) => {
                Node::WrappedScalar(WrappedScalar::Pipeline(pipeline, aggregate))
            }
            Piped::Metrics(metrics) => {
                Node::Math { expr: Math::Metrics(Box::new(metrics)), second: Vec::new() }
            }
        })
    }

    /// The stages behind the first one.
    fn piped(&mut self, first: Stage) -> Result<Piped, ParseError> {
        let mut pipeline = Pipeline { stages: vec![first] };
        while self.take_symbol("|") {
            self.count_operator()?;
            if let Some(first) = self.take_first_stage()? {
                let second = self.second_stages()?;
                return Ok(Piped::Metrics(Metrics { pipeline, first, second }));
            }
            if self.take_word("coalesce") {
                self.expect_empty_parentheses()?;
                pipeline.stages.push(Stage::Coalesce);
                continue;
            }
            match self.stage_or_aggregate()? {
                Ok(stage) => pipeline.stages.push(stage),
                Err(aggregate) => return Ok(Piped::Scalar(pipeline, aggregate)),
            }
        }
        Ok(Piped::Pipeline(pipeline))
    }

    fn starts_with_stage_word(&self) -> bool {
        self.is_word("by") || self.is_word("select")
    }

    /// A stage that may stand first, too.
    fn stage(&mut self) -> Result<Stage, ParseError> {
        match self.stage_or_aggregate()? {
            Ok(stage) => Ok(stage),
            Err(_) => Err(self.unexpected()),
        }
    }

    /// A stage, or the bare aggregate that ends a scalar pipeline.
    fn stage_or_aggregate(&mut self) -> Result<Result<Stage, Aggregate>, ParseError> {
        if self.take_word("by") {
            self.expect_symbol("(")?;
            let expr = self.field_expression()?;
            self.expect_symbol(")")?;
            return Ok(Ok(Stage::By(expr)));
        }
        if self.take_word("select") {
            self.expect_symbol("(")?;
            let fields = self.comma_separated(Self::field)?;
            self.expect_symbol(")")?;
            return Ok(Ok(Stage::Select(fields)));
        }
        let start = self.next;
        match self.node()? {
            Node::Spanset { tree, .. } => Ok(Ok(Stage::Spanset(tree))),
            Node::ScalarFilter(filter) => Ok(Ok(Stage::ScalarFilter(filter))),
            Node::Scalar(Scalar::Aggregate(aggregate)) => Ok(Err(aggregate)),
            Node::Scalar(_) | Node::Static(_) => Err(self.unexpected()),
            _ => Err(self.unexpected_at(start)),
        }
    }

    /// Passes an aggregate if one comes next.
    pub(super) fn take_aggregate(&mut self) -> Result<Option<Aggregate>, ParseError> {
        let function = match self.peek() {
            Token::Word(word) => match word.as_str() {
                "count" => None,
                "max" => Some(AggregateFunction::Max),
                "min" => Some(AggregateFunction::Min),
                "avg" => Some(AggregateFunction::Avg),
                "sum" => Some(AggregateFunction::Sum),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.advance();
        let Some(function) = function else {
            self.expect_empty_parentheses()?;
            return Ok(Some(Aggregate::Count));
        };
        self.expect_symbol("(")?;
        let expr = self.field_expression()?;
        self.expect_symbol(")")?;
        Ok(Some(Aggregate::Of { function, expr }))
    }
}
