//! Matching spans as answers show them (traceql.md §10.3).

use bytes::Bytes;
use stringendo_proto::otlp::{AnyValue, ArrayValue, KeyValue, Value as Otlp};
use stringendo_proto::tempopb::{Span, SpanSet};
use stringendo_traceql::ast::{Kind, Status};
use stringendo_traceql::duration::format_go;
use stringendo_traceql::{self as traceql, Field, Intrinsic, SearchPlan, SpanColumns, ValueRef};

use super::SearchRequest;
use super::collect::{set_memory_bytes, span_memory_bytes};
use super::memory::AnswerMemory;
use crate::error::QueryError;

/// A span's own facts for an answer.
pub struct SpanFacts {
    /// Id.
    pub span_id: [u8; 8],
    /// Start, nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// End − start.
    pub duration_nanos: u64,
}

/// The answer's form of the sets of spans of a trace (traceql.md §10.2), each set and each span
/// charged before the next one is made. None at all where the plan shows none.
///
/// # Errors
/// There is no memory.
pub fn sets(
    request: &SearchRequest,
    columns: &impl SpanColumns,
    found: &[traceql::SpanSet],
    facts: impl Fn(u32) -> SpanFacts,
    memory: &mut AnswerMemory,
) -> Result<Vec<SpanSet>, QueryError> {
    if !request.plan.returns_spans() {
        return Ok(Vec::new());
    }
    let set = |set: &traceql::SpanSet| {
        let mut made = SpanSet {
            spans: Vec::new(),
            matched: u32::try_from(set.spans.len()).unwrap_or(u32::MAX),
            attributes: set.attributes.iter().map(set_attribute).collect(),
        };
        memory.grow(set_memory_bytes(&made))?;
        for number in set.spans.iter().take(request.spans_shown()) {
            let span = span(&request.plan, columns, *number, &facts(*number));
            memory.grow(span_memory_bytes(&span))?;
            made.spans.push(span);
        }
        Ok(made)
    };
    found.iter().map(set).collect()
}

/// What a stage said of a set; what is absent shows as a word (traceql.md §7.2).
fn set_attribute((key, value): &(String, traceql::Value)) -> KeyValue {
    let value = any_value(value.as_ref())
        .unwrap_or_else(|| AnyValue { value: Some(Otlp::String(Bytes::from_static(b"nil"))) });
    KeyValue { key: Bytes::copy_from_slice(key.as_bytes()), value: Some(value) }
}

/// The answer's form of span number `span`.
fn span(plan: &SearchPlan, columns: &impl SpanColumns, span: u32, facts: &SpanFacts) -> Span {
    let attributes = plan.echoed().filter_map(|(field, key)| {
        let value = Some(any_value(plan.shown_value(columns, span, field))?);
        Some(KeyValue { key: Bytes::copy_from_slice(key.as_bytes()), value })
    });
    Span {
        span_id: format!("{:016x}", u64::from_be_bytes(facts.span_id)),
        name: name(plan, columns, span),
        start_time_unix_nano: facts.start_unix_nanos,
        duration_nanos: facts.duration_nanos,
        attributes: attributes.collect(),
    }
}

fn name(plan: &SearchPlan, columns: &impl SpanColumns, span: u32) -> String {
    let is_name = |field: &Field| *field == Field::Intrinsic(Intrinsic::Name);
    let field = plan.fields().iter().position(is_name).filter(|_| plan.echoes_name());
    match field.map(|field| columns.value(span as usize, field)) {
        Some(ValueRef::Str(name)) => String::from_utf8_lossy(name).into_owned(),
        _ => String::new(),
    }
}

/// A value in OTLP's types; `None` for what is missing or has no simple form.
fn any_value(value: ValueRef<'_>) -> Option<AnyValue> {
    let text = |text: &str| Otlp::String(Bytes::copy_from_slice(text.as_bytes()));
    let value = match value {
        ValueRef::Missing | ValueRef::Unsupported => return None,
        ValueRef::Int(number) => Otlp::Int(number),
        ValueRef::Float(number) => Otlp::Double(number),
        ValueRef::Bool(truth) => Otlp::Bool(truth),
        ValueRef::Str(bytes) => Otlp::String(Bytes::copy_from_slice(bytes)),
        ValueRef::Duration(nanos) => text(&format_go(i64::try_from(nanos).unwrap_or(i64::MAX))),
        ValueRef::Status(code) => text(Status::from_code(code).map_or("unset", Status::word)),
        ValueRef::Kind(code) => text(Kind::from_code(code).map_or("unspecified", Kind::word)),
        ValueRef::Array(array) => {
            Otlp::Array(ArrayValue { values: array.iter().filter_map(any_value).collect() })
        }
    };
    Some(AnyValue { value: Some(value) })
}
