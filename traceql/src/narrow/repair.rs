//! Makes a query of what is being typed (contract `traceql.md` §12.2).

use crate::error::Position;
use crate::field::Intrinsic;
use crate::lexer::{Spanned, Token};

/// Comparisons that want a value behind them.
const COMPARISONS: [&str; 8] = ["=", "!=", "<", "<=", ">", ">=", "=~", "!~"];
/// What stands where the value is missing.
const ENDS: [&str; 4] = ["}", ")", "&&", "||"];

/// A field with a comparison and no value becomes `true`; braces that are open are closed.
pub(super) fn repaired(tokens: Vec<Spanned>) -> Vec<Spanned> {
    let mut repaired: Vec<Spanned> = Vec::with_capacity(tokens.len());
    let mut open = 0_usize;
    let mut rest = tokens.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        if let Some(length) = incomplete(rest) {
            repaired.push(Spanned { token: Token::Word("true".to_owned()), at: first.at });
            rest = &rest[length..];
            continue;
        }
        match first.token {
            Token::Symbol("{") => open += 1,
            Token::Symbol("}") => open = open.saturating_sub(1),
            Token::End => close(open, first.at, &mut repaired),
            _ => {}
        }
        repaired.push(first.clone());
        rest = behind;
    }
    repaired
}

fn close(open: usize, at: Position, tokens: &mut Vec<Spanned>) {
    let brace = || Spanned { token: Token::Symbol("}"), at };
    tokens.extend(std::iter::repeat_with(brace).take(open));
}

/// How many tokens a comparison without a value takes that begins here.
fn incomplete(tokens: &[Spanned]) -> Option<usize> {
    let field = field_tokens(tokens)?;
    let [operator, end, ..] = &tokens[field..] else { return None };
    let is_comparison =
        matches!(operator.token, Token::Symbol(symbol) if COMPARISONS.contains(&symbol));
    let has_no_value = match end.token {
        Token::Symbol(symbol) => ENDS.contains(&symbol),
        Token::End => true,
        _ => false,
    };
    (is_comparison && has_no_value).then_some(field + 1)
}

/// How many tokens the field takes that begins here.
fn field_tokens(tokens: &[Spanned]) -> Option<usize> {
    match tokens.first().map(|first| &first.token)? {
        Token::Attribute(..) | Token::ParentAttribute(..) => Some(1),
        Token::IntrinsicPrefix(_) => Some(2),
        Token::Word(word) if Intrinsic::from_word(word).is_some() => Some(1),
        _ => None,
    }
}
