//! Which tag is asked for, and which tags there always are (contract `traceql.md` §12.4, §12.5).

use crate::ast::{Body, Expr, FieldRef, Kind, Pipeline, Query, Spanset, Stage, Status};
use crate::field::{AttributeScope, Field, Intrinsic};
use crate::parser;

/// Scopes of attributes, as names are grouped.
pub const ATTRIBUTE_SCOPES: [AttributeScope; 5] = [
    AttributeScope::Span,
    AttributeScope::Resource,
    AttributeScope::Event,
    AttributeScope::Link,
    AttributeScope::Instrumentation,
];

/// The intrinsics that are offered, whatever is stored.
pub const INTRINSIC_TAGS: [&str; 25] = [
    "duration",
    "event:name",
    "event:timeSinceStart",
    "instrumentation:name",
    "instrumentation:version",
    "kind",
    "link:spanID",
    "link:traceID",
    "name",
    "rootName",
    "rootServiceName",
    "span:duration",
    "span:id",
    "span:kind",
    "span:name",
    "span:parentID",
    "span:status",
    "span:statusMessage",
    "status",
    "statusMessage",
    "trace:duration",
    "trace:id",
    "trace:rootName",
    "trace:rootService",
    "traceDuration",
];

/// A text that names no tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("please provide a valid tagName: failed to parse identifier {tag}: {reason}")]
pub struct TagError {
    tag: String,
    reason: String,
}

/// Where the values of a tag come from.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueSource {
    /// They are known beforehand.
    Keywords(Vec<&'static str>),
    /// Of what spans hold in any of these fields.
    Stored(Vec<Field>),
    /// None are offered: durations, ids, parents.
    Nothing,
}

/// Reads the name of a tag: a field as queries write it.
///
/// # Errors
/// It is none; the text is for the client.
pub fn parse_tag(text: &str) -> Result<(Option<Field>, ValueSource), TagError> {
    let fail = |reason: String| TagError { tag: text.to_owned(), reason };
    let query = parser::parse(&format!("{{{text}}}")).map_err(|error| fail(error.to_string()))?;
    let field = single_field(query).ok_or_else(|| fail("not an attribute".to_owned()))?;
    Ok(match field {
        FieldRef::Plain(field) => {
            let values = values_of(&field);
            (Some(field), values)
        }
        FieldRef::Parent | FieldRef::ParentAttribute { .. } => (None, ValueSource::Nothing),
    })
}

fn single_field(query: Query) -> Option<FieldRef> {
    let Query { body: Body::Pipeline(Pipeline { mut stages }), hints } = query else { return None };
    match (stages.pop(), stages.is_empty() && hints.is_empty()) {
        (Some(Stage::Spanset(Spanset::Filter(Expr::Field(field)))), true) => Some(field),
        _ => None,
    }
}

fn values_of(field: &Field) -> ValueSource {
    use Intrinsic as I;
    match field {
        Field::Intrinsic(I::Status) => ValueSource::Keywords(
            [Status::Ok, Status::Error, Status::Unset].map(Status::word).into(),
        ),
        Field::Intrinsic(I::Kind) => ValueSource::Keywords(kinds()),
        Field::Intrinsic(
            I::Duration
            | I::TraceDuration
            | I::TraceId
            | I::SpanId
            | I::ParentId
            | I::LinkTraceId
            | I::LinkSpanId,
        ) => ValueSource::Nothing,
        Field::Attribute { scope: AttributeScope::Unscoped, name } => {
            let of = |scope| Field::attribute(scope, name.clone());
            ValueSource::Stored(vec![of(AttributeScope::Span), of(AttributeScope::Resource)])
        }
        other => ValueSource::Stored(vec![other.clone()]),
    }
}

fn kinds() -> Vec<&'static str> {
    use Kind as K;
    let all = [K::Client, K::Server, K::Producer, K::Consumer, K::Internal, K::Unspecified];
    all.map(Kind::word).into()
}
