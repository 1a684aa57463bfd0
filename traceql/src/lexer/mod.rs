//! Text to tokens (contract `traceql.md` §1).
//!
//! The parser takes the whole list at once. Words are only classified by whether they belong to the
//! language at all; what a word means where it stands is the parser's business.

mod name;
mod number;
mod text;

use std::fmt;

use crate::ast::Static;
use crate::error::{ParseError, Position};
use crate::field::{AttributeScope, Field, Intrinsic};
use crate::print::quote_name;

pub(crate) use name::ends_name;

/// A token and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spanned {
    pub token: Token,
    pub at: Position,
}

/// The smallest parts of a query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// Operators and punctuation.
    Symbol(&'static str),
    /// A bare word, known or not.
    Word(String),
    /// `span:`, `trace:` …; the word that follows names an intrinsic.
    IntrinsicPrefix(&'static str),
    /// A string, number or duration.
    Literal(Static),
    /// `.x`, `span.x` …
    Attribute(AttributeScope, String),
    /// `parent.x`, `parent.span.x`
    ParentAttribute(AttributeScope, String),
    /// The end of the text.
    End,
}

impl fmt::Display for Token {
    /// As error texts name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symbol(symbol) => f.write_str(symbol),
            Self::Word(word) => f.write_str(word),
            Self::IntrinsicPrefix(prefix) => write!(f, "{prefix}:"),
            Self::Literal(literal) => write!(f, "{literal}"),
            Self::Attribute(scope, name) => {
                write!(f, "{}", Field::attribute(*scope, name.clone()))
            }
            Self::ParentAttribute(_, name) => write!(f, "parent.{}", quote_name(name)),
            Self::End => f.write_str("$end"),
        }
    }
}

/// Longest first, so that the first that fits is the right one.
const SYMBOLS: [&str; 37] = [
    "!>>", "!<<", "&>>", "&<<", "!=", "=~", "!~", "<=", ">=", "&&", "||", ">>", "<<", "!>", "!<",
    "&>", "&<", "&~", "{", "}", "(", ")", ",", ".", "|", "=", "<", ">", "+", "-", "*", "/", "%",
    "^", "!", "~", "&",
];

const SCOPES: [(&str, AttributeScope); 5] = [
    ("span", AttributeScope::Span),
    ("resource", AttributeScope::Resource),
    ("event", AttributeScope::Event),
    ("link", AttributeScope::Link),
    ("instrumentation", AttributeScope::Instrumentation),
];

/// Scopes that hold intrinsics, written with a colon.
const INTRINSIC_PREFIXES: [&str; 5] = ["span", "trace", "event", "link", "instrumentation"];

/// Cuts a text into tokens, [`Token::End`] last. Only what no token can start with is an error
/// here; everything else that is wrong is wrong for the parser.
pub(crate) fn tokens(text: &str) -> Result<Vec<Spanned>, ParseError> {
    let mut lexer = Lexer { text, offset: 0, at: Position { line: 1, column: 1 } };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let at = lexer.at;
        let token = lexer.token().map_err(|message| ParseError::Syntax { at, message })?;
        let last = token == Token::End;
        tokens.push(Spanned { token, at });
        if last {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    /// In bytes.
    offset: usize,
    at: Position,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.offset..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes on by so many bytes, which end between characters.
    fn advance(&mut self, bytes: usize) {
        for c in self.rest()[..bytes].chars() {
            if c == '\n' {
                self.at = Position { line: self.at.line + 1, column: 1 };
            } else {
                self.at.column += 1;
            }
        }
        self.offset += bytes;
    }

    fn skip_blanks(&mut self) -> Result<(), ParseError> {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            if blanks > 0 {
                self.advance(blanks);
            } else if rest.starts_with("//") {
                self.advance(rest.find('\n').unwrap_or(rest.len()));
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let Some(end) = comment.find("*/") else {
                    let message = "comment not terminated".to_owned();
                    return Err(ParseError::Syntax { at: self.at, message });
                };
                self.advance(end + 4);
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token, String> {
        let Some(first) = self.peek() else { return Ok(Token::End) };
        let second = self.rest()[first.len_utf8()..].chars().next();
        match first {
            '"' => text::quoted(self).map(|bytes| Token::Literal(Static::Str(bytes))),
            '`' => text::raw(self).map(|bytes| Token::Literal(Static::Str(bytes))),
            '0'..='9' => number::number(self),
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => number::number(self),
            '.' => {
                self.advance(1);
                self.attribute_name().map(|name| Token::Attribute(AttributeScope::Unscoped, name))
            }
            c if is_word_start(c) => self.word(),
            _ => self.symbol(first),
        }
    }

    fn symbol(&mut self, first: char) -> Result<Token, String> {
        let symbol = SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol));
        match symbol {
            Some(symbol) => {
                self.advance(symbol.len());
                Ok(Token::Symbol(symbol))
            }
            None => Err(format!("syntax error: unexpected {first:?}")),
        }
    }

    /// A word, or the prefix that it is because a dot or colon touches it.
    fn word(&mut self) -> Result<Token, String> {
        let rest = self.rest();
        let end = rest.find(|c| !is_word_part(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        match rest[end..].chars().next() {
            Some('.') => self.scoped(word),
            Some(':') => self.intrinsic_prefix(word),
            _ => {
                self.advance(end);
                Ok(Token::Word(word.to_owned()))
            }
        }
    }

    fn scoped(&mut self, word: &str) -> Result<Token, String> {
        if word == "parent" {
            self.advance("parent.".len());
            return self.parent_attribute();
        }
        let Some((_, scope)) = SCOPES.iter().find(|(prefix, _)| *prefix == word) else {
            return Err(unknown_identifier(word));
        };
        self.advance(word.len() + 1);
        self.attribute_name().map(|name| Token::Attribute(*scope, name))
    }

    fn parent_attribute(&mut self) -> Result<Token, String> {
        let mut found = AttributeScope::Unscoped;
        for scope in [AttributeScope::Span, AttributeScope::Resource] {
            if self.rest().starts_with(scope.prefix()) {
                self.advance(scope.prefix().len());
                found = scope;
                break;
            }
        }
        self.attribute_name().map(|name| Token::ParentAttribute(found, name))
    }

    fn intrinsic_prefix(&mut self, word: &str) -> Result<Token, String> {
        let Some(prefix) = INTRINSIC_PREFIXES.iter().find(|prefix| **prefix == word) else {
            return Err(unknown_identifier(&format!("{word}:")));
        };
        self.advance(word.len() + 1);
        Ok(Token::IntrinsicPrefix(prefix))
    }

    fn attribute_name(&mut self) -> Result<String, String> {
        let (name, length) = name::name(self.rest())?;
        self.advance(length);
        Ok(name)
    }
}

/// The text of the error for a word that the language does not have.
pub(crate) fn unknown_identifier(word: &str) -> String {
    format!("unknown identifier: {word}")
}

/// Words of the language that are neither statics nor intrinsics.
const KEYWORDS: [&str; 28] = [
    "true",
    "false",
    "nil",
    "minInt",
    "maxInt",
    "parent",
    "childCount",
    "count",
    "avg",
    "max",
    "min",
    "sum",
    "by",
    "coalesce",
    "select",
    "rate",
    "count_over_time",
    "min_over_time",
    "max_over_time",
    "avg_over_time",
    "sum_over_time",
    "quantile_over_time",
    "histogram_over_time",
    "compare",
    "topk",
    "bottomk",
    "with",
    "rootService",
];

/// Whether a word belongs to the language, so that it is misplaced rather than unknown.
pub(crate) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
        || Static::from_word(word).is_some()
        || Intrinsic::from_word(word).is_some()
}

fn is_word_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn is_word_part(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

#[cfg(test)]
#[path = "../lexer_tests.rs"]
mod tests;
