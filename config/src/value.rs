//! Types of values: how the text of a [`Node`] becomes a number, a duration, a list …
//!
//! The rules are Tempo's: quoted text is text, `1e6` is an integer if it is whole, YAML 1.1 words
//! are booleans. Used for checking every known key and for reading those that are served.

use std::path::PathBuf;
use std::time::Duration;

use crate::duration;
use crate::endpoint::Endpoint;
use crate::node::{Node, Value};

/// A type that a node can be read as.
pub trait FromNode: Sized {
    /// Reads the node.
    ///
    /// # Errors
    /// Text that says what was expected and what stood there.
    fn from_node(node: &Node) -> Result<Self, String>;
}

/// What stands there, for messages.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::Null => "nothing".to_owned(),
        Value::Scalar { text, plain: true } => format!("`{text}`"),
        Value::Scalar { text, plain: false } => format!("the text {text:?}"),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a map".to_owned(),
    }
}

fn expected<T>(what: &str, node: &Node) -> Result<T, String> {
    Err(format!("expected {what}, found {}", shown(node)))
}

fn plain(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, plain: true } => Some(text),
        _ => None,
    }
}

impl FromNode for bool {
    fn from_node(node: &Node) -> Result<Self, String> {
        let word = plain(node).map(str::to_ascii_lowercase);
        match word.as_deref() {
            Some("true" | "yes" | "on" | "y") => Ok(true),
            Some("false" | "no" | "off" | "n") => Ok(false),
            _ => expected("true or false", node),
        }
    }
}

impl FromNode for i64 {
    fn from_node(node: &Node) -> Result<Self, String> {
        let number = plain(node).and_then(integer);
        number.map_or_else(|| expected("an integer", node), Ok)
    }
}

/// Decimal, `0x`, `0o` and whole floats, with `_` between digits.
fn integer(text: &str) -> Option<i64> {
    let text = text.replace('_', "");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let radix = |prefix: &str, radix| {
        digits.strip_prefix(prefix).and_then(|rest| i64::from_str_radix(rest, radix).ok())
    };
    let number = radix("0x", 16)
        .or_else(|| radix("0o", 8))
        .or_else(|| digits.parse().ok())
        .or_else(|| whole(digits.parse().ok()?))?;
    Some(if negative { -number } else { number })
}

fn whole(number: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

macro_rules! unsigned {
    ($($type:ty, $what:literal;)*) => {$(
        impl FromNode for $type {
            fn from_node(node: &Node) -> Result<Self, String> {
                let number = i64::from_node(node).ok().and_then(|n| Self::try_from(n).ok());
                number.map_or_else(|| expected($what, node), Ok)
            }
        }
    )*};
}
unsigned! {
    u16, "an integer from 0 to 65535";
    u32, "an integer from 0 to 4294967295";
    u64, "an integer that is not negative";
    usize, "an integer that is not negative";
}

impl FromNode for f64 {
    fn from_node(node: &Node) -> Result<Self, String> {
        let number = plain(node).and_then(|text| text.replace('_', "").parse::<Self>().ok());
        match number {
            Some(number) if number.is_finite() => Ok(number),
            _ => expected("a number", node),
        }
    }
}

impl FromNode for String {
    fn from_node(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::Scalar { text, .. } => Ok(text.clone()),
            _ => expected("text", node),
        }
    }
}

impl FromNode for PathBuf {
    fn from_node(node: &Node) -> Result<Self, String> {
        String::from_node(node).map(Self::from)
    }
}

impl FromNode for Duration {
    fn from_node(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::Scalar { text, .. } => duration::parse(text),
            _ => expected("a duration such as 30s", node),
        }
    }
}

impl FromNode for Endpoint {
    fn from_node(node: &Node) -> Result<Self, String> {
        String::from_node(node)?.parse()
    }
}

impl FromNode for Vec<String> {
    fn from_node(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::List(items) => items.iter().map(String::from_node).collect(),
            _ => expected("a list of texts", node),
        }
    }
}

/// A type of values, as the schema names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true`, `false` and the words of YAML 1.1.
    Bool,
    /// An integer of either sign.
    Int,
    /// A count or a number of bytes.
    Size,
    /// A TCP or UDP port.
    Port,
    /// Any number.
    Float,
    /// A Go or Prometheus duration.
    Span,
    /// Any scalar.
    Text,
    /// A list of scalars.
    Texts,
    /// A list of numbers.
    Floats,
    /// `host:port`.
    Address,
    /// Whatever.
    Any,
}

impl Kind {
    /// Whether the node has this type; a null has every type.
    ///
    /// # Errors
    /// Text that says what was expected and what stood there.
    pub fn check(self, node: &Node) -> Result<(), String> {
        if node.is_null() {
            return Ok(());
        }
        match self {
            Self::Bool => bool::from_node(node).map(drop),
            Self::Int => i64::from_node(node).map(drop),
            Self::Size => u64::from_node(node).map(drop),
            Self::Port => u16::from_node(node).map(drop),
            Self::Float => f64::from_node(node).map(drop),
            Self::Span => Duration::from_node(node).map(drop),
            Self::Text => String::from_node(node).map(drop),
            Self::Texts => Vec::<String>::from_node(node).map(drop),
            Self::Floats => floats(node),
            Self::Address => Endpoint::from_node(node).map(drop),
            Self::Any => Ok(()),
        }
    }
}

fn floats(node: &Node) -> Result<(), String> {
    match &node.value {
        Value::List(items) => items.iter().try_for_each(|item| f64::from_node(item).map(drop)),
        _ => expected("a list of numbers", node),
    }
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
