//! Attribute values that are kept as texts: of types that have no column, or of all types
//! (contract blocks.md §9, §10).
//!
//! From: columns of a block. To: [`super::assemble`], and searches, which compare scalars and lists
//! of scalars. `vParquet5` and `vParquet4` keep only what no comparison takes in this way.

use bytes::Bytes;
use prost::Message;
use stringendo_proto::otlp::{AnyValue, Value};

use super::any_json;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextForm {
    /// JSON of a value that is neither a scalar nor a list of scalars of one type.
    Rest,
    /// JSON of any list or map; none if empty.
    Json,
    /// Protobuf, or JSON, of any value.
    Message,
}

impl TextForm {
    /// The value, if there is one.
    pub(crate) fn parse(self, text: &Bytes) -> Option<AnyValue> {
        match self {
            Self::Rest => Some(any_json::parse(text)),
            Self::Json => (!text.is_empty()).then(|| any_json::parse(text)),
            Self::Message => {
                let message = AnyValue::decode(text.clone());
                Some(message.unwrap_or_else(|_| any_json::parse(text)))
            }
        }
    }

    /// What comparisons take of the value, if there is one.
    pub(crate) fn comparable(self, text: &Bytes) -> Option<Comparable> {
        match self {
            Self::Rest => Some(Comparable::Nothing),
            Self::Json | Self::Message => self.parse(text).map(Comparable::of),
        }
    }
}

/// What comparisons take of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Comparable {
    /// A scalar.
    Scalar(Value),
    /// Scalars of one type.
    List(Vec<Value>),
    /// It is of a type that no comparison takes.
    Nothing,
}

impl Comparable {
    pub(crate) fn of(value: AnyValue) -> Self {
        match value.value {
            Some(Value::Array(array)) => {
                let values = array.values.into_iter().map(|value| value.value);
                values.collect::<Option<Vec<Value>>>().map_or(Self::Nothing, Self::list)
            }
            Some(value) if is_scalar(&value) => Self::Scalar(value),
            _ => Self::Nothing,
        }
    }

    /// Of the values in a list.
    pub(crate) fn list(values: Vec<Value>) -> Self {
        if are_of_one_type(&values) { Self::List(values) } else { Self::Nothing }
    }

    /// The scalars in it.
    pub(crate) fn scalars(&self) -> &[Value] {
        match self {
            Self::Scalar(value) => std::slice::from_ref(value),
            Self::List(values) => values,
            Self::Nothing => &[],
        }
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Int(_) | Value::Double(_) | Value::Bool(_))
}

fn are_of_one_type(values: &[Value]) -> bool {
    let Some(first) = values.first() else { return true };
    let kind = std::mem::discriminant(first);
    is_scalar(first) && values.iter().all(|value| std::mem::discriminant(value) == kind)
}

#[cfg(test)]
#[path = "texts_tests.rs"]
mod tests;
