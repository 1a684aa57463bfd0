//! Labels of series and exemplars, with types (contract §11.5).

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::ast::{Kind, Status};
use crate::duration::format_go;
use crate::value::ValueRef;

/// The label that carries a function's name.
pub(super) const NAME: &str = "__name__";

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Canonical text of a field, or a name with leading underscores.
    pub key: String,
    /// Typed.
    pub value: LabelValue,
}

impl Label {
    /// A label.
    pub fn new(key: impl Into<String>, value: LabelValue) -> Self {
        Self { key: key.into(), value }
    }
}

/// A value of a label. `1`, `1.0` and `"1"` are different.
#[derive(Clone, Debug, PartialEq)]
pub enum LabelValue {
    /// Text, as bytes; statuses, kinds and durations, too.
    Str(Box<[u8]>),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A boolean.
    Bool(bool),
}

impl LabelValue {
    /// Text.
    pub fn text(text: &str) -> Self {
        Self::Str(text.as_bytes().into())
    }

    /// The form that labels give to a field's value; nothing for what is absent or has no simple
    /// form.
    pub(super) fn of(value: ValueRef<'_>) -> Option<Self> {
        Some(match value {
            ValueRef::Int(value) => Self::Int(value),
            ValueRef::Float(value) => Self::Float(value),
            ValueRef::Bool(value) => Self::Bool(value),
            ValueRef::Str(bytes) => Self::Str(bytes.into()),
            ValueRef::Duration(nanos) => Self::text(&duration(nanos)),
            ValueRef::Status(code) => Self::text(status_word(code)),
            ValueRef::Kind(code) => Self::text(kind_word(code)),
            ValueRef::Missing | ValueRef::Array(_) | ValueRef::Unsupported => return None,
        })
    }

    /// As text, for ordering.
    pub(super) fn as_text(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Str(bytes) => Cow::Borrowed(bytes),
            Self::Int(value) => Cow::Owned(value.to_string().into_bytes()),
            Self::Float(value) => Cow::Owned(value.to_string().into_bytes()),
            Self::Bool(value) => Cow::Borrowed(if *value { b"true" } else { b"false" }),
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Str(_) => "string",
            Self::Int(_) => "int",
            Self::Float(_) => "double",
            Self::Bool(_) => "bool",
        }
    }

    /// Bytes held beyond its own size.
    pub(super) fn heap_bytes(&self) -> u64 {
        if let Self::Str(bytes) = self { bytes.len() as u64 } else { 0 }
    }

    /// By text.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.as_text().cmp(&other.as_text())
    }
}

fn duration(nanos: u64) -> String {
    format_go(i64::try_from(nanos).unwrap_or(i64::MAX))
}

fn status_word(code: i32) -> &'static str {
    Status::from_code(code).map_or("unset", Status::word)
}

fn kind_word(code: i32) -> &'static str {
    Kind::from_code(code).map_or("unspecified", Kind::word)
}

/// The order of series: fewer labels first, then by keys and values as text; of equal texts by the
/// names of their types, so that no two series are equal.
pub(super) fn order(left: &[Label], right: &[Label]) -> Ordering {
    let pair = |(left, right): (&Label, &Label)| {
        left.key.cmp(&right.key).then_with(|| left.value.compare(&right.value))
    };
    let pairs = || left.iter().zip(right).map(pair).find(|order| order.is_ne());
    let types = |labels: &[Label]| labels.iter().map(|label| label.value.type_name()).collect();
    let by_types = || Vec::cmp(&types(left), &types(right));
    left.len().cmp(&right.len()).then_with(|| pairs().unwrap_or_else(by_types))
}

/// The order in which `topk` prefers series of equal value: by values alone.
pub(super) fn order_by_values(left: &[Label], right: &[Label]) -> Ordering {
    let pair = |(left, right): (&Label, &Label)| left.value.compare(&right.value);
    let differing = left.iter().zip(right).map(pair).find(|order| order.is_ne());
    differing.unwrap_or_else(|| order(left, right))
}
