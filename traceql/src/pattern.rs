//! Regular expressions in Go's RE2 syntax, made of the `regex` crate (contract `traceql.md` §3.9).
//!
//! The two syntaxes differ in small things that queries meet in practice: in Go a brace that is no
//! repetition is a plain character (`/users/{id}`), `\d \w \s \b` are ASCII, `\Q…\E` quotes, and
//! classes do not nest. [`translate`] writes the one in the other.

use regex::bytes::{Regex, RegexBuilder};

use crate::limits::{REGEX_BYTES_MAX, REGEX_CACHE_BYTES_MAX, REGEX_NESTING_MAX};

/// A pattern that cannot be used: bad syntax, or more memory than it may take.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadPattern;

/// Compiles a pattern that must match a whole value, `.` matching line feeds too.
pub(crate) fn compile(pattern: &[u8]) -> Result<Regex, BadPattern> {
    let pattern = std::str::from_utf8(pattern).map_err(|_| BadPattern)?;
    let translated = translate(pattern)?;
    // Alone first, so that `a)(b` does not borrow the parentheses around it.
    build(&translated)?;
    build(&format!("^(?s:{translated})$"))
}

fn build(pattern: &str) -> Result<Regex, BadPattern> {
    RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_CACHE_BYTES_MAX)
        .nest_limit(REGEX_NESTING_MAX)
        .build()
        .map_err(|_| BadPattern)
}

/// Rewrites Go's syntax in that of the `regex` crate.
fn translate(pattern: &str) -> Result<String, BadPattern> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let used = match c {
            '\\' => escape(rest, &mut out)?,
            '[' => class(rest, &mut out)?,
            '{' if !is_repetition(rest) => push(&mut out, "\\{"),
            '(' if rest.starts_with("(?") => flags(rest, &mut out)?,
            _ => {
                out.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[used..];
    }
    Ok(out)
}

/// Writes a replacement of one byte of pattern.
fn push(out: &mut String, text: &str) -> usize {
    out.push_str(text);
    1
}

/// `{2}`, `{2,}`, `{2,5}`
fn is_repetition(rest: &str) -> bool {
    let Some((counts, _)) = rest[1..].split_once('}') else { return false };
    let (low, high) = counts.split_once(',').unwrap_or((counts, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    !low.is_empty() && digits(low) && digits(high)
}

/// Go knows the flags `i m s U` alone; `(?x)` and others of ours are refused.
fn flags(rest: &str, out: &mut String) -> Result<usize, BadPattern> {
    let inner = &rest[2..];
    let end = inner.find([':', ')', '<', '>', '=', '!']).ok_or(BadPattern)?;
    let is_name = inner.starts_with('P') || inner.starts_with('<');
    if !is_name && !inner[..end].chars().all(|c| "imsU-".contains(c)) {
        return Err(BadPattern);
    }
    out.push_str("(?");
    Ok(2)
}

/// An escape outside of classes; gives how many bytes of pattern it was.
fn escape(rest: &str, out: &mut String) -> Result<usize, BadPattern> {
    let c = rest[1..].chars().next().ok_or(BadPattern)?;
    match c {
        'Q' => {
            let body = &rest[2..];
            let end = body.find("\\E").unwrap_or(body.len());
            out.push_str(&regex::escape(&body[..end]));
            return Ok((2 + end + 2).min(rest.len()));
        }
        'b' | 'B' => out.push_str(if c == 'b' { "(?-u:\\b)" } else { "(?-u:\\B)" }),
        'd' | 'w' | 's' => {
            out.push('[');
            out.push_str(ascii_class(c));
            out.push(']');
        }
        _ => escape_anywhere(c, out)?,
    }
    Ok(1 + c.len_utf8())
}

/// Escapes that mean the same inside and outside of classes.
fn escape_anywhere(c: char, out: &mut String) -> Result<(), BadPattern> {
    match c {
        'D' | 'W' | 'S' => {
            out.push_str("[^");
            out.push_str(ascii_class(c.to_ascii_lowercase()));
            out.push(']');
        }
        // Word boundaries of ours, plain characters in Go.
        '<' | '>' => out.push(c),
        // Letters that Go does not know behind a backslash.
        'u' | 'U' | 'E' | 'R' | 'X' | 'h' | 'H' => return Err(BadPattern),
        _ => {
            out.push('\\');
            out.push(c);
        }
    }
    Ok(())
}

fn ascii_class(c: char) -> &'static str {
    match c {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        _ => "\\t\\n\\x0C\\r ",
    }
}

/// A class in brackets; gives how many bytes of pattern it was. Go's classes hold no classes but
/// `[:named:]` ones and know no set operations, so what would be one for us is escaped.
fn class(rest: &str, out: &mut String) -> Result<usize, BadPattern> {
    let mut offset = 1;
    out.push('[');
    if rest[offset..].starts_with('^') {
        offset += push(out, "^");
    }
    let mut first = true;
    loop {
        let tail = &rest[offset..];
        let c = tail.chars().next().ok_or(BadPattern)?;
        offset += match c {
            ']' if !first => {
                out.push(']');
                return Ok(offset + 1);
            }
            ']' => push(out, "\\]"),
            '[' => named_class(tail, out)?,
            '&' | '~' => {
                out.extend(['\\', c]);
                1
            }
            '-' if first => push(out, "\\-"),
            '-' if tail.starts_with("--") => push(out, "-\\-") + 1,
            '\\' => class_escape(tail, out)?,
            _ => {
                out.push(c);
                c.len_utf8()
            }
        };
        first = false;
    }
}

/// `[:alpha:]`, or a plain bracket.
fn named_class(tail: &str, out: &mut String) -> Result<usize, BadPattern> {
    let Some(name) = tail.strip_prefix("[:") else { return Ok(push(out, "\\[")) };
    let Some(end) = name.find(":]") else { return Ok(push(out, "\\[")) };
    out.push_str(&tail[..end + 4]);
    Ok(end + 4)
}

fn class_escape(tail: &str, out: &mut String) -> Result<usize, BadPattern> {
    let c = tail[1..].chars().next().ok_or(BadPattern)?;
    match c {
        'd' | 'w' | 's' => out.push_str(ascii_class(c)),
        _ => escape_anywhere(c, out)?,
    }
    Ok(1 + c.len_utf8())
}

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
