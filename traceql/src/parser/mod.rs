//! Tokens to a tree (contract `traceql.md` §2).
//!
//! A recursive descent with precedence climbing, in two layers: `field` reads what stands in
//! braces, `node` reads operands of everything outside of them, since only what stands inside of a
//! parenthesis tells whether it is a spanset, a pipeline, a scalar or a metric. `pipeline` reads
//! stages, `metrics` the functions that make series. Meaning is left to `validate`.

mod field;
mod metrics;
mod node;
mod pipeline;
mod scalar;

use crate::ast::{Body, ComparisonOp, Hint, Query, Static};
use crate::error::ParseError;
use crate::lexer::{self, Spanned, Token, is_keyword, unknown_identifier};
use crate::limits::{NESTING_MAX, QUERY_BYTES_MAX, TREE_HEIGHT_MAX};

/// Reads a whole query.
pub(crate) fn parse(text: &str) -> Result<Query, ParseError> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(ParseError::TooLong);
    }
    parse_tokens(lexer::tokens(text)?)
}

/// Reads a whole query from its tokens, [`Token::End`] last.
pub(crate) fn parse_tokens(tokens: Vec<Spanned>) -> Result<Query, ParseError> {
    let mut parser = Parser { tokens, next: 0, nesting: 0, operators: 0 };
    let body: Body = parser.body()?;
    let hints = parser.hints()?;
    if *parser.peek() != Token::End {
        return Err(parser.unexpected());
    }
    Ok(Query { body, hints })
}

struct Parser {
    /// The last one is [`Token::End`], which is never passed.
    tokens: Vec<Spanned>,
    next: usize,
    /// Open parentheses and prefix operators around the next token.
    nesting: usize,
    /// Operators outside of braces so far; bounds the height of the trees that they make.
    operators: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].token
    }

    fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(found) if *found == symbol)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found == word)
    }

    /// Passes a symbol if it comes next.
    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    /// Passes a word if it comes next.
    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), ParseError> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected_but(symbol)) }
    }

    /// Passes `()`.
    fn expect_empty_parentheses(&mut self) -> Result<(), ParseError> {
        self.expect_symbol("(")?;
        self.expect_symbol(")")
    }

    /// An error at a token that was seen before.
    fn error_at(&self, token: usize, message: impl Into<String>) -> ParseError {
        ParseError::Syntax { at: self.tokens[token].at, message: message.into() }
    }

    /// The error that the given token should not be where it is.
    fn unexpected_at(&self, token: usize) -> ParseError {
        let found = &self.tokens[token].token;
        match found {
            Token::Word(word) if !is_keyword(word) => {
                self.error_at(token, unknown_identifier(word))
            }
            _ => self.error_at(token, format!("syntax error: unexpected {found}")),
        }
    }

    fn unexpected(&self) -> ParseError {
        self.unexpected_at(self.next)
    }

    fn unexpected_but(&self, expected: &str) -> ParseError {
        match self.unexpected() {
            ParseError::Syntax { at, message } if message.starts_with("syntax") => {
                ParseError::Syntax { at, message: format!("{message}, expecting {expected}") }
            }
            other => other,
        }
    }

    /// Runs a part of the parser one level deeper.
    fn nested<T>(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        if self.nesting == NESTING_MAX {
            let message = format!("query is nested deeper than {NESTING_MAX} levels");
            return Err(self.error_at(self.next, message));
        }
        self.nesting += 1;
        let result = part(self);
        self.nesting -= 1;
        result
    }

    fn count_operator(&mut self) -> Result<(), ParseError> {
        self.operators += 1;
        if self.operators > TREE_HEIGHT_MAX {
            return Err(self.too_many_operators());
        }
        Ok(())
    }

    fn too_many_operators(&self) -> ParseError {
        let message = format!("more than {TREE_HEIGHT_MAX} operators in a row");
        self.error_at(self.next, message)
    }

    /// `with(…)`, any number of times; the last one wins.
    fn hints(&mut self) -> Result<Vec<Hint>, ParseError> {
        let mut hints = Vec::new();
        while self.take_word("with") {
            self.expect_symbol("(")?;
            hints = self.comma_separated(Self::hint)?;
            self.expect_symbol(")")?;
        }
        Ok(hints)
    }

    fn hint(&mut self) -> Result<Hint, ParseError> {
        let name = match self.peek() {
            Token::Word(name) if !is_keyword(name) => name.clone(),
            _ => return Err(self.unexpected_but("identifier")),
        };
        self.advance();
        self.expect_symbol("=")?;
        let value = self.take_static().ok_or_else(|| self.unexpected())?;
        Ok(Hint { name, value })
    }

    fn comma_separated<T>(
        &mut self,
        item: impl Fn(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        let mut items = vec![item(self)?];
        while self.take_symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Passes a literal if one comes next.
    fn take_static(&mut self) -> Option<Static> {
        let value = match self.peek() {
            Token::Literal(value) => Some(value.clone()),
            Token::Word(word) => Static::from_word(word),
            _ => None,
        };
        if value.is_some() {
            self.advance();
        }
        value
    }
}

/// The comparison of a symbol.
fn comparison(symbol: &str) -> Option<ComparisonOp> {
    Some(match symbol {
        "=" => ComparisonOp::Equal,
        "!=" => ComparisonOp::NotEqual,
        "<" => ComparisonOp::Less,
        "<=" => ComparisonOp::LessEqual,
        ">" => ComparisonOp::Greater,
        ">=" => ComparisonOp::GreaterEqual,
        _ => return None,
    })
}
