//! Matching spans as answers show them (traceql.md §10.3).

use bytes::Bytes;
use stringendo_proto::otlp::{AnyValue, ArrayValue, KeyValue, Value as Otlp};
use stringendo_proto::tempopb::Span;
use stringendo_traceql::ast::{Kind, Status};
use stringendo_traceql::duration::format_go;
use stringendo_traceql::{Field, Intrinsic, SearchPlan, SpanColumns, ValueRef};

/// A span's own facts for an answer.
pub struct SpanFacts {
    /// Id.
    pub span_id: [u8; 8],
    /// Start, nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// End − start.
    pub duration_nanos: u64,
}

/// The answer's form of span number `span`.
pub fn span(plan: &SearchPlan, columns: &impl SpanColumns, span: u32, facts: &SpanFacts) -> Span {
    let value = |field| columns.value(span as usize, field);
    let attributes = plan.echoed().filter_map(|(field, key)| {
        let value = Some(any_value(value(field))?);
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
