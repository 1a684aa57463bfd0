//! Operands and operators outside of braces (contract `traceql.md` §2).
//!
//! Everything is read as a [`Node`]; which kinds an operator takes decides what it makes of them.

use super::{Parser, comparison, scalar};
use crate::ast::*;
use crate::error::ParseError;
use crate::lexer::Token;

/// Binding strengths, loosest first (§2.1).
mod level {
    pub const BOOLEAN: u8 = 1;
    pub const RELATION: u8 = 2;
    pub const SUM: u8 = 3;
    pub const PRODUCT: u8 = 4;
    pub const POWER: u8 = 5;
}

/// What an operand turned out to be.
pub(super) enum Node {
    /// `{ … }`, `({ … } && { … })`
    Spanset {
        tree: Spanset,
        /// Whether it is made of parenthesised parts only, so that it may also combine with
        /// parenthesised pipelines.
        in_parentheses: bool,
    },
    /// `({ … } | count() > 1)`
    Wrapped(Wrapped),
    /// `3`, `1s`
    Static(Static),
    /// `count()`, `sum(.x) / 2`
    Scalar(Scalar),
    /// `count() > 2`
    ScalarFilter(ScalarFilter),
    /// `({ … } | count())`
    WrappedScalar(WrappedScalar),
    /// `({ … } | count()) > 2`
    ScalarComparison(ScalarComparison),
    /// `({ … } | rate())`, and what is done to its series
    Math { expr: Math, second: Vec<SecondStage> },
}

/// An operator outside of braces, before it is known what it stands between.
#[derive(Clone, Copy)]
struct Operator {
    level: u8,
    spanset: Option<SpansetOp>,
    comparison: Option<ComparisonOp>,
    arithmetic: Option<ArithmeticOp>,
}

impl Parser {
    /// Any combination of operands.
    pub(super) fn node(&mut self) -> Result<Node, ParseError> {
        self.node_at(level::BOOLEAN)
    }

    /// A constant, folded: the right side of a threshold.
    pub(super) fn constant(&mut self) -> Result<Static, ParseError> {
        let start = self.next;
        match self.node_at(level::SUM)? {
            Node::Static(value) => Ok(value),
            _ => Err(self.unexpected_at(start)),
        }
    }

    fn node_at(&mut self, min: u8) -> Result<Node, ParseError> {
        let mut left = self.operand()?;
        while let Some(op) = self.operator().filter(|op| op.level >= min) {
            let at = self.next;
            self.advance();
            self.count_operator()?;
            let right = if op.level == level::POWER {
                self.nested(|parser| parser.node_at(op.level))?
            } else {
                self.node_at(op.level + 1)?
            };
            left = self.combine(left, op, right, at)?;
        }
        Ok(left)
    }

    fn operator(&self) -> Option<Operator> {
        let Token::Symbol(symbol) = self.peek() else { return None };
        let (spanset, arithmetic) = (spanset_operator(symbol), arithmetic_operator(symbol));
        let comparison = comparison(symbol);
        let level = match (spanset, arithmetic) {
            (Some(SpansetOp::And | SpansetOp::Or), _) => level::BOOLEAN,
            (Some(SpansetOp::Structural { .. }), _) => level::RELATION,
            (None, Some(ArithmeticOp::Add | ArithmeticOp::Subtract)) => level::SUM,
            (None, Some(ArithmeticOp::Power)) => level::POWER,
            (None, Some(_)) => level::PRODUCT,
            (None, None) => comparison.map(|_| level::RELATION)?,
        };
        Some(Operator { level, spanset, comparison, arithmetic })
    }

    fn operand(&mut self) -> Result<Node, ParseError> {
        if self.is_symbol("{") {
            let tree = Spanset::Filter(self.braces()?);
            return Ok(Node::Spanset { tree, in_parentheses: false });
        }
        if self.take_symbol("(") {
            let node = self.nested(Self::parenthesis)?;
            self.expect_symbol(")")?;
            return Ok(node);
        }
        if self.is_symbol("-") {
            return self.negative();
        }
        if let Some(aggregate) = self.take_aggregate()? {
            return Ok(Node::Scalar(Scalar::Aggregate(aggregate)));
        }
        match self.peek() {
            Token::Literal(value @ (Static::Int(_) | Static::Float(_) | Static::Duration(_))) => {
                let value = value.clone();
                self.advance();
                Ok(Node::Static(value))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// `-3`
    fn negative(&mut self) -> Result<Node, ParseError> {
        self.advance();
        let start = self.next;
        let operand = self.nested(|parser| parser.node_at(level::PRODUCT))?;
        let Node::Static(value) = operand else { return Err(self.unexpected_at(start)) };
        scalar::negate(&value).map(Node::Static).ok_or_else(|| self.unexpected_at(start))
    }

    /// What an operator makes of its operands; `at` is where it stands.
    fn combine(
        &self,
        left: Node,
        op: Operator,
        right: Node,
        at: usize,
    ) -> Result<Node, ParseError> {
        use Node as N;
        let made = match (left, right) {
            (
                N::Spanset { tree: l, in_parentheses: a },
                N::Spanset { tree: r, in_parentheses: b },
            ) => op.spanset.map(|op| N::Spanset {
                tree: Spanset::Binary { op, left: Box::new(l), right: Box::new(r) },
                in_parentheses: a && b,
            }),
            (l @ (N::Spanset { .. } | N::Wrapped(_)), r @ (N::Spanset { .. } | N::Wrapped(_))) => {
                op.spanset.zip(wrapped(l)).zip(wrapped(r)).map(|((op, left), right)| {
                    N::Wrapped(Wrapped::Binary { op, left: left.into(), right: right.into() })
                })
            }
            (N::Static(l), N::Static(r)) => return self.constants(&l, op, &r, at),
            (l @ (N::Static(_) | N::Scalar(_)), r @ (N::Static(_) | N::Scalar(_))) => {
                scalars(l, op, r)
            }
            (N::WrappedScalar(l), r) => wrapped_scalars(l, op, r),
            (N::Math { expr, second }, N::Static(value)) if op.comparison.is_some() => {
                threshold(expr, second, op, value)
            }
            (l @ (N::Math { .. } | N::Static(_)), r @ (N::Math { .. } | N::Static(_))) => {
                self.check_math_operands(&[&l, &r], at)?;
                math(l, op, r)
            }
            _ => None,
        };
        made.ok_or_else(|| self.unexpected_at(at))
    }

    fn constants(
        &self,
        left: &Static,
        op: Operator,
        right: &Static,
        at: usize,
    ) -> Result<Node, ParseError> {
        let Some(op) = op.arithmetic else { return Err(self.unexpected_at(at)) };
        let folded = scalar::fold(op, left, right);
        folded.map(Node::Static).map_err(|message| self.error_at(at, message))
    }

    fn check_math_operands(&self, operands: &[&Node], at: usize) -> Result<(), ParseError> {
        if operands.iter().any(|node| matches!(node, Node::Static(Static::Duration(_)))) {
            let message = "duration cannot be used as a scalar operand in metric arithmetic";
            return Err(self.error_at(at, message));
        }
        Ok(())
    }
}

/// A parenthesised spanset or pipeline as an operand between pipelines.
fn wrapped(node: Node) -> Option<Wrapped> {
    match node {
        Node::Wrapped(wrapped) => Some(wrapped),
        Node::Spanset { tree, in_parentheses: true } => {
            Some(Wrapped::Pipeline(Pipeline { stages: vec![Stage::Spanset(tree)] }))
        }
        _ => None,
    }
}

fn scalars(left: Node, op: Operator, right: Node) -> Option<Node> {
    let (left, right) = (scalar_of(left)?, scalar_of(right)?);
    if let Some(op) = op.comparison {
        return Some(Node::ScalarFilter(ScalarFilter { op, left, right }));
    }
    let op = op.arithmetic?;
    Some(Node::Scalar(Scalar::Binary { op, left: Box::new(left), right: Box::new(right) }))
}

fn scalar_of(node: Node) -> Option<Scalar> {
    match node {
        Node::Scalar(scalar) => Some(scalar),
        Node::Static(value) => Some(Scalar::Static(value)),
        _ => None,
    }
}

fn wrapped_scalars(left: WrappedScalar, op: Operator, right: Node) -> Option<Node> {
    match (right, op.comparison, op.arithmetic) {
        (Node::WrappedScalar(right), Some(op), _) => {
            Some(Node::ScalarComparison(ScalarComparison { op, left, right }))
        }
        (Node::Static(value), Some(op), _) => {
            let right = WrappedScalar::Static(value);
            Some(Node::ScalarComparison(ScalarComparison { op, left, right }))
        }
        (Node::WrappedScalar(right), None, Some(op)) => {
            let (left, right) = (Box::new(left), Box::new(right));
            Some(Node::WrappedScalar(WrappedScalar::Binary { op, left, right }))
        }
        _ => None,
    }
}

fn threshold(
    expr: Math,
    mut second: Vec<SecondStage>,
    op: Operator,
    value: Static,
) -> Option<Node> {
    second.push(SecondStage::Threshold { op: op.comparison?, value });
    Some(Node::Math { expr, second })
}

fn math(left: Node, op: Operator, right: Node) -> Option<Node> {
    use ArithmeticOp as A;
    let op = op.arithmetic.filter(|op| !matches!(op, A::Modulo | A::Power))?;
    let (left, right) = (Box::new(math_of(left)?), Box::new(math_of(right)?));
    Some(Node::Math { expr: Math::Binary { op, left, right }, second: Vec::new() })
}

/// Metrics with thresholds outside of their parentheses are no operands.
fn math_of(node: Node) -> Option<Math> {
    match node {
        Node::Math { expr, second } if second.is_empty() => Some(expr),
        Node::Static(value) => Some(Math::Static(value)),
        _ => None,
    }
}

fn spanset_operator(symbol: &str) -> Option<SpansetOp> {
    let (take, relation) = match symbol {
        "&&" => return Some(SpansetOp::And),
        "||" => return Some(SpansetOp::Or),
        _ => match symbol.as_bytes().first()? {
            b'!' => (Take::RightUnrelated, &symbol[1..]),
            b'&' => (Take::Both, &symbol[1..]),
            _ => (Take::Right, symbol),
        },
    };
    let relation = match relation {
        ">" => Relation::Child,
        ">>" => Relation::Descendant,
        "<" => Relation::Parent,
        "<<" => Relation::Ancestor,
        "~" => Relation::Sibling,
        _ => return None,
    };
    Some(SpansetOp::Structural { relation, take })
}

fn arithmetic_operator(symbol: &str) -> Option<ArithmeticOp> {
    Some(match symbol {
        "+" => ArithmeticOp::Add,
        "-" => ArithmeticOp::Subtract,
        "*" => ArithmeticOp::Multiply,
        "/" => ArithmeticOp::Divide,
        "%" => ArithmeticOp::Modulo,
        "^" => ArithmeticOp::Power,
        _ => return None,
    })
}
