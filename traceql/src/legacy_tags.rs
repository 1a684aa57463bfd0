//! The logfmt `tags=` parameter of search, from before TraceQL (contract `http-api.md` §4.2).

use std::collections::HashSet;
use std::time::Duration;

use crate::ast::ComparisonOp;
use crate::plan::{SearchPlan, Tag, plan_tags};

/// What is wrong with a `tags=` parameter or the durations beside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagsError {
    /// The text is not logfmt; the position counts bytes from 1.
    #[error("logfmt syntax error at pos {position} on line 1: {message}")]
    Syntax {
        /// Where.
        position: usize,
        /// What.
        message: String,
    },
    /// A key is there twice.
    #[error("tag {key:?} has been set more than once (at pos {position})")]
    Duplicate {
        /// Which key.
        key: String,
        /// Where it is the second time, in bytes from 1.
        position: usize,
    },
    /// The duration bounds exclude everything.
    #[error("invalid maxDuration: must be greater than minDuration")]
    Durations,
}

/// Plans a search for traces that hold every tag on some span and last between the bounds, both
/// inclusive. An empty text asks for all traces. Results carry no spans and echo no fields.
///
/// # Errors
/// See [`TagsError`]; all are the client's fault (HTTP 400).
pub fn compile_tags(
    tags: &str,
    min_duration: Option<Duration>,
    max_duration: Option<Duration>,
) -> Result<SearchPlan, TagsError> {
    let pairs = logfmt(tags)?;
    let tags: Vec<(&str, &str, usize)> =
        pairs.iter().map(|pair| (pair.key.as_str(), pair.value.as_str(), pair.position)).collect();
    compile(&tags, min_duration, max_duration)
}

/// The same for tags that are already apart, such as the unknown parameters of an old Grafana.
///
/// # Errors
/// See [`TagsError`]; positions count pairs from 1.
pub fn compile_tag_pairs<'a>(
    tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    min_duration: Option<Duration>,
    max_duration: Option<Duration>,
) -> Result<SearchPlan, TagsError> {
    let tags: Vec<(&str, &str, usize)> =
        tags.into_iter().zip(1..).map(|((key, value), position)| (key, value, position)).collect();
    compile(&tags, min_duration, max_duration)
}

fn compile(
    tags: &[(&str, &str, usize)],
    min_duration: Option<Duration>,
    max_duration: Option<Duration>,
) -> Result<SearchPlan, TagsError> {
    let mut seen = HashSet::new();
    if let Some((key, _, position)) = tags.iter().find(|(key, ..)| !seen.insert(*key)) {
        return Err(TagsError::Duplicate { key: (*key).to_owned(), position: *position });
    }
    if let (Some(min), Some(max)) = (min_duration, max_duration)
        && max < min
    {
        return Err(TagsError::Durations);
    }
    let mut conditions: Vec<Tag<'_>> =
        tags.iter().map(|(key, value, _)| Tag::Text { key, value }).collect();
    conditions.extend(bound(ComparisonOp::GreaterEqual, min_duration));
    conditions.extend(bound(ComparisonOp::LessEqual, max_duration));
    Ok(plan_tags(&conditions))
}

fn bound(op: ComparisonOp, duration: Option<Duration>) -> Option<Tag<'static>> {
    let nanos = i64::try_from(duration?.as_nanos()).unwrap_or(i64::MAX);
    Some(Tag::TraceDuration { op, nanos })
}

/// One `key=value` and where it begins, in bytes from 1.
struct Pair {
    key: String,
    value: String,
    position: usize,
}

/// Reads logfmt: pairs between blanks, values bare or in double quotes, a key alone has an empty
/// value.
fn logfmt(text: &str) -> Result<Vec<Pair>, TagsError> {
    let mut pairs = Vec::new();
    let mut offset = 0;
    loop {
        offset += text[offset..].len() - text[offset..].trim_start().len();
        if offset == text.len() {
            return Ok(pairs);
        }
        let start = offset;
        offset += bare(&text[offset..]);
        let key = &text[start..offset];
        if key.is_empty() {
            return Err(unexpected(text, offset));
        }
        let value = if text[offset..].starts_with('=') {
            offset += 1;
            value(text, &mut offset)?
        } else {
            String::new()
        };
        if text[offset..].starts_with(|c: char| !c.is_whitespace()) {
            return Err(unexpected(text, offset));
        }
        pairs.push(Pair { key: key.to_owned(), value, position: start + 1 });
    }
}

/// Length of the bare word at the start of a text.
fn bare(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || c == '=' || c == '"').unwrap_or(text.len())
}

fn value(text: &str, offset: &mut usize) -> Result<String, TagsError> {
    let rest = &text[*offset..];
    let Some(quoted) = rest.strip_prefix('"') else {
        let length = bare(rest);
        *offset += length;
        return Ok(rest[..length].to_owned());
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => {
                *offset += at + 2;
                return Ok(value);
            }
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, escaped @ ('"' | '\\' | '/'))) => value.push(escaped),
                _ => return Err(syntax(*offset + 1 + at, "invalid quoted value")),
            },
            _ => value.push(c),
        }
    }
    Err(syntax(text.len(), "unterminated quoted value"))
}

fn unexpected(text: &str, offset: usize) -> TagsError {
    let c = text[offset..].chars().next().unwrap_or(' ');
    syntax(offset, format!("unexpected {c:?}"))
}

fn syntax(offset: usize, message: impl Into<String>) -> TagsError {
    TagsError::Syntax { position: offset + 1, message: message.into() }
}
