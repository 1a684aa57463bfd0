//! Fields of queries as fields whose values are read without looking at spans, and values of spans
//! as values of an answer.

use stringendo_block::tags::{DistinctValues, TagField, TagScope};
use stringendo_traceql::{AttributeScope, Field, Intrinsic, SpanColumns, ValueRef};

/// Where an attribute is; `None` for one that may be in several places.
pub(super) fn tag_scope(scope: AttributeScope) -> Option<TagScope> {
    match scope {
        AttributeScope::Unscoped => None,
        AttributeScope::Span => Some(TagScope::Span),
        AttributeScope::Resource => Some(TagScope::Resource),
        AttributeScope::Event => Some(TagScope::Event),
        AttributeScope::Link => Some(TagScope::Link),
        AttributeScope::Instrumentation => Some(TagScope::Instrumentation),
    }
}

/// The field, if its values do not depend on the trace around them.
pub(super) fn tag_field(field: &Field) -> Option<TagField> {
    match field {
        Field::Attribute { scope, name } => {
            tag_scope(*scope).map(|scope| TagField::Attribute { scope, key: name.clone() })
        }
        Field::Intrinsic(Intrinsic::Name) => Some(TagField::Name),
        Field::Intrinsic(Intrinsic::StatusMessage) => Some(TagField::StatusMessage),
        Field::Intrinsic(Intrinsic::RootName) => Some(TagField::RootName),
        Field::Intrinsic(Intrinsic::RootService) => Some(TagField::RootService),
        Field::Intrinsic(Intrinsic::InstrumentationName) => Some(TagField::ScopeName),
        Field::Intrinsic(Intrinsic::InstrumentationVersion) => Some(TagField::ScopeVersion),
        Field::Intrinsic(Intrinsic::EventName) => Some(TagField::EventName),
        Field::Intrinsic(_) => None,
    }
}

/// Adds the values of numbered fields at one span, those of its events and links included.
pub(super) fn add_span<C: SpanColumns>(
    columns: &C,
    span: u32,
    fields: &[(usize, &Field)],
    found: &mut DistinctValues,
) {
    let span = span as usize;
    for (number, field) in fields {
        match field.list() {
            None => add_value(columns.value(span, *number), found),
            Some(list) => {
                for item in 0..columns.items(span, list) {
                    add_value(columns.item_value(span, item, *number), found);
                }
            }
        }
    }
}

/// Adds a value; arrays give their elements. Statuses and kinds are no values: they are keywords.
pub(super) fn add_value(value: ValueRef<'_>, found: &mut DistinctValues) {
    match value {
        ValueRef::Str(text) => found.string(text),
        ValueRef::Int(value) => found.int(value),
        ValueRef::Float(value) => found.float(value),
        ValueRef::Bool(value) => found.bool(value),
        ValueRef::Duration(nanos) => found.duration(nanos),
        ValueRef::Array(array) => array.iter().for_each(|element| add_value(element, found)),
        ValueRef::Status(_) | ValueRef::Kind(_) | ValueRef::Missing | ValueRef::Unsupported => {}
    }
}
