//! Field expressions (contract `traceql.md` §2 `field`, §2.1).

use super::{Parser, comparison};
use crate::ast::{ArithmeticOp, BinaryOp, ComparisonOp, Expr, FieldRef, Static, UnaryOp};
use crate::error::ParseError;
use crate::field::{AttributeScope, Field, Intrinsic};
use crate::lexer::Token;
use crate::limits::TREE_HEIGHT_MAX;

/// Binding strengths, loosest first (§2.1).
mod level {
    pub const BOOLEAN: u8 = 1;
    pub const COMPARISON: u8 = 2;
    pub const SUM: u8 = 3;
    pub const NOT: u8 = 4;
    pub const PRODUCT: u8 = 5;
    pub const POWER: u8 = 6;
}

/// An expression and how high its tree is.
struct Tall {
    expr: Expr,
    height: usize,
}

impl Tall {
    fn leaf(expr: Expr) -> Self {
        Self { expr, height: 1 }
    }
}

impl Parser {
    /// Any field expression.
    pub(super) fn field_expression(&mut self) -> Result<Expr, ParseError> {
        Ok(self.field_at(level::BOOLEAN)?.expr)
    }

    /// `{ … }` without its opening brace passed; `{}` is `{ true }`.
    pub(super) fn braces(&mut self) -> Result<Expr, ParseError> {
        self.expect_symbol("{")?;
        if self.take_symbol("}") {
            return Ok(Expr::Static(Static::Bool(true)));
        }
        let expr = self.field_expression()?;
        self.expect_symbol("}")?;
        Ok(expr)
    }

    /// An expression whose operators bind at least as strongly as `min`.
    fn field_at(&mut self, min: u8) -> Result<Tall, ParseError> {
        let mut left = self.field_operand()?;
        while let Some((op, level)) = self.field_operator().filter(|(_, level)| *level >= min) {
            self.advance();
            left = self.field_binary(left, op, level)?;
        }
        Ok(left)
    }

    /// What follows a binary operator, joined with what stands before it.
    fn field_binary(&mut self, left: Tall, op: BinaryOp, level: u8) -> Result<Tall, ParseError> {
        if let Some(present) = nil_comparison(op).filter(|_| self.is_word("nil")) {
            self.advance();
            return self.nil_test(left, present);
        }
        let right = if level == level::POWER {
            self.nested(|parser| parser.field_at(level))?
        } else {
            self.field_at(level + 1)?
        };
        let height = left.height.max(right.height);
        let (left, right) = (Box::new(left.expr), Box::new(right.expr));
        self.raised(Expr::Binary { op, left, right }, height)
    }

    fn nil_test(&self, operand: Tall, present: bool) -> Result<Tall, ParseError> {
        let height = operand.height;
        self.raised(Expr::NilTest { present, operand: Box::new(operand.expr) }, height)
    }

    /// A tree above operands of the given height.
    fn raised(&self, expr: Expr, height: usize) -> Result<Tall, ParseError> {
        if height >= TREE_HEIGHT_MAX {
            return Err(self.too_many_operators());
        }
        Ok(Tall { expr, height: height + 1 })
    }

    fn field_operand(&mut self) -> Result<Tall, ParseError> {
        if self.take_symbol("(") {
            let inner = self.nested(|parser| parser.field_at(level::BOOLEAN))?;
            self.expect_symbol(")")?;
            return Ok(inner);
        }
        if self.take_symbol("-") {
            return self.field_unary(UnaryOp::Negate, level::SUM + 1);
        }
        if self.take_symbol("!") {
            return self.field_unary(UnaryOp::Not, level::NOT + 1);
        }
        if self.take_word("nil") {
            return self.nil_first();
        }
        if let Some(field) = self.take_field()? {
            return Ok(Tall::leaf(Expr::Field(field)));
        }
        let value = self.take_static().ok_or_else(|| self.unexpected())?;
        Ok(Tall::leaf(Expr::Static(value)))
    }

    fn field_unary(&mut self, op: UnaryOp, min: u8) -> Result<Tall, ParseError> {
        let operand = self.nested(|parser| parser.field_at(min))?;
        let height = operand.height;
        self.raised(Expr::Unary { op, operand: Box::new(operand.expr) }, height)
    }

    /// `nil = x`, after `nil`.
    fn nil_first(&mut self) -> Result<Tall, ParseError> {
        let op = self.field_operator().and_then(|(op, _)| nil_comparison(op));
        let present = op.ok_or_else(|| self.unexpected())?;
        self.advance();
        let operand = if self.take_word("nil") {
            Tall::leaf(Expr::Static(Static::Nil))
        } else {
            self.nested(|parser| parser.field_at(level::COMPARISON + 1))?
        };
        self.nil_test(operand, present)
    }

    /// The binary operator that comes next, not passed.
    fn field_operator(&self) -> Option<(BinaryOp, u8)> {
        let Token::Symbol(symbol) = self.peek() else { return None };
        Some(match *symbol {
            "&&" => (BinaryOp::And, level::BOOLEAN),
            "||" => (BinaryOp::Or, level::BOOLEAN),
            "=~" => (BinaryOp::Regex { negated: false }, level::COMPARISON),
            "!~" => (BinaryOp::Regex { negated: true }, level::COMPARISON),
            "+" => (BinaryOp::Arithmetic(ArithmeticOp::Add), level::SUM),
            "-" => (BinaryOp::Arithmetic(ArithmeticOp::Subtract), level::SUM),
            "*" => (BinaryOp::Arithmetic(ArithmeticOp::Multiply), level::PRODUCT),
            "/" => (BinaryOp::Arithmetic(ArithmeticOp::Divide), level::PRODUCT),
            "%" => (BinaryOp::Arithmetic(ArithmeticOp::Modulo), level::PRODUCT),
            "^" => (BinaryOp::Arithmetic(ArithmeticOp::Power), level::POWER),
            _ => (BinaryOp::Comparison(comparison(symbol)?), level::COMPARISON),
        })
    }

    /// A field, where nothing else may stand.
    pub(super) fn field(&mut self) -> Result<FieldRef, ParseError> {
        self.take_field()?.ok_or_else(|| self.unexpected())
    }

    /// Passes a field if one comes next.
    fn take_field(&mut self) -> Result<Option<FieldRef>, ParseError> {
        let field = match self.peek() {
            Token::Attribute(scope, name) => plain_attribute(*scope, name),
            Token::ParentAttribute(scope, name) => {
                FieldRef::ParentAttribute { scope: *scope, name: name.clone() }
            }
            Token::IntrinsicPrefix(prefix) => {
                let prefix = *prefix;
                self.advance();
                self.scoped_intrinsic(prefix)?
            }
            Token::Word(word) if word == "parent" => FieldRef::Parent,
            Token::Word(word) => match Intrinsic::from_word(word) {
                Some(intrinsic) => FieldRef::Plain(Field::Intrinsic(intrinsic)),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(field))
    }

    fn scoped_intrinsic(&self, prefix: &str) -> Result<FieldRef, ParseError> {
        let intrinsic = match self.peek() {
            Token::Word(word) => Intrinsic::from_scoped(prefix, word),
            _ => None,
        };
        intrinsic
            .map(|intrinsic| FieldRef::Plain(Field::Intrinsic(intrinsic)))
            .ok_or_else(|| self.unexpected())
    }
}

fn plain_attribute(scope: AttributeScope, name: &str) -> FieldRef {
    FieldRef::Plain(Field::attribute(scope, name))
}

/// For `=` and `!=`, which may test for nil: whether presence is asked for.
fn nil_comparison(op: BinaryOp) -> Option<bool> {
    match op {
        BinaryOp::Comparison(ComparisonOp::Equal) => Some(false),
        BinaryOp::Comparison(ComparisonOp::NotEqual) => Some(true),
        _ => None,
    }
}
