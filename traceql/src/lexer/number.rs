//! Integers, floats and durations (contract `traceql.md` §1.6–§1.8).

use super::{Lexer, Token};
use crate::ast::Static;
use crate::duration::{parse_go, parse_prometheus};

/// Reads a number with all that touches it, so that `4sec` is one bad token and not two good ones.
pub(super) fn number(lexer: &mut Lexer<'_>) -> Result<Token, String> {
    let text = number_text(lexer.rest());
    let literal = if text.bytes().all(|b| b.is_ascii_digit()) {
        integer(text)?
    } else if is_float(text) {
        float(text)?
    } else {
        duration(text)?
    };
    lexer.advance(text.len());
    Ok(Token::Literal(literal))
}

fn number_text(text: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || c == '.' || c == '_';
    let mut end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    // The sign of an exponent: `1e-3`, but not the minus of `1s-3`.
    let is_mantissa = |c: char| c.is_ascii_digit() || c == '.';
    let signed = text[..end]
        .strip_suffix(['e', 'E'])
        .is_some_and(|head| head.chars().all(is_mantissa) && text[end..].starts_with(['+', '-']));
    if signed {
        let digits = &text[end + 1..];
        end += 1 + digits.find(|c| !is_part(c)).unwrap_or(digits.len());
    }
    &text[..end]
}

/// A leading zero promises octal digits, and yet the number is decimal.
fn integer(text: &str) -> Result<Static, String> {
    if text.len() > 1 && text.starts_with('0') && text.contains(['8', '9']) {
        return Err(format!("invalid digit in octal literal {text}"));
    }
    let value = text.parse();
    value
        .map(Static::Int)
        .map_err(|_| format!("strconv.Atoi: parsing \"{text}\": value out of range"))
}

fn is_float(text: &str) -> bool {
    let mut exponent_digits = None;
    let (mut digits, mut points) = (0, 0);
    for b in text.bytes() {
        match (b, &mut exponent_digits) {
            (b'0'..=b'9', Some(count)) => *count += 1,
            (b'0'..=b'9', None) => digits += 1,
            (b'.', None) => points += 1,
            (b'e' | b'E', None) => exponent_digits = Some(0),
            (b'+' | b'-', Some(0)) => {}
            _ => return false,
        }
    }
    digits > 0 && points <= 1 && exponent_digits != Some(0)
}

fn float(text: &str) -> Result<Static, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Static::Float(value)),
        _ => Err(format!("strconv.ParseFloat: parsing \"{text}\": value out of range")),
    }
}

/// The two forms of durations, tried in turn.
fn duration(text: &str) -> Result<Static, String> {
    parse_prometheus(text)
        .or_else(|_| parse_go(text))
        .map(Static::Duration)
        .map_err(|_| format!("syntax error: unexpected {text}"))
}
