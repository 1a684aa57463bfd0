//! The columns of a scanned block as a plan's fields.

use stringendo_block::scan::{
    AttributeScope as BlockScope, ColumnValue, ScanBatch, ScanField, ScanRequest, ScannedTrace,
};
use stringendo_proto::SpanId;
use stringendo_traceql::{
    AttributeScope, Field, Intrinsic, SpanColumns, SpanList, Value, ValueRef,
};

use super::SearchRequest;
use crate::live::value::Cell;

/// Which scanned columns make up a plan's field.
#[derive(Clone, Copy, Debug)]
enum Source {
    One(usize),
    /// The first if the span has it, else the second.
    Either(usize, usize),
    /// Direct children, and the column that tells whether the trace has a root.
    Children(usize, usize),
    Never,
}

/// A plan's fields, and the request for their columns.
pub struct FieldMap {
    fields: Vec<(Field, Source)>,
    request: ScanRequest,
}

impl FieldMap {
    /// The map for a search.
    pub fn of(search: &SearchRequest) -> Self {
        let mut map = Self {
            fields: Vec::new(),
            request: ScanRequest {
                fields: Vec::new(),
                start_unix_nanos: search.start_unix_nanos,
                end_unix_nanos: search.end_unix_nanos,
            },
        };
        for field in search.plan.fields() {
            let source = map.source(field);
            map.fields.push((field.clone(), source));
        }
        map
    }

    /// What to scan.
    pub fn request(&self) -> &ScanRequest {
        &self.request
    }

    fn column(&mut self, field: ScanField) -> usize {
        let known = self.request.fields.iter().position(|known| *known == field);
        known.unwrap_or_else(|| {
            self.request.fields.push(field);
            self.request.fields.len() - 1
        })
    }

    fn source(&mut self, field: &Field) -> Source {
        match field {
            Field::Intrinsic(Intrinsic::ChildCount) => Source::Children(
                self.column(ScanField::ChildCount),
                self.column(ScanField::NestedSetParent),
            ),
            Field::Intrinsic(intrinsic) => match intrinsic_column(*intrinsic) {
                Some(column) => Source::One(self.column(column)),
                None => Source::Never,
            },
            Field::Attribute { scope, name } => self.attribute(*scope, name),
        }
    }

    fn attribute(&mut self, scope: AttributeScope, name: &str) -> Source {
        let mut column = |scope| self.column(ScanField::Attribute { scope, key: name.to_owned() });
        match scope {
            AttributeScope::Span => Source::One(column(BlockScope::Span)),
            AttributeScope::Resource => Source::One(column(BlockScope::Resource)),
            AttributeScope::Instrumentation => Source::One(column(BlockScope::Scope)),
            AttributeScope::Unscoped => {
                Source::Either(column(BlockScope::Span), column(BlockScope::Resource))
            }
            AttributeScope::Event | AttributeScope::Link => Source::Never,
        }
    }
}

fn intrinsic_column(intrinsic: Intrinsic) -> Option<ScanField> {
    Some(match intrinsic {
        Intrinsic::Name => ScanField::Name,
        Intrinsic::Duration => ScanField::Duration,
        Intrinsic::Status => ScanField::Status,
        Intrinsic::StatusMessage => ScanField::StatusMessage,
        Intrinsic::Kind => ScanField::Kind,
        Intrinsic::SpanId => ScanField::SpanId,
        Intrinsic::ParentId => ScanField::ParentId,
        Intrinsic::ChildCount => ScanField::ChildCount,
        Intrinsic::TraceDuration => ScanField::TraceDuration,
        Intrinsic::RootName => ScanField::RootName,
        Intrinsic::RootService => ScanField::RootService,
        Intrinsic::TraceId => ScanField::TraceId,
        Intrinsic::InstrumentationName => ScanField::ScopeName,
        Intrinsic::InstrumentationVersion => ScanField::ScopeVersion,
        Intrinsic::NestedSetLeft => ScanField::NestedSetLeft,
        Intrinsic::NestedSetRight => ScanField::NestedSetRight,
        Intrinsic::NestedSetParent => ScanField::NestedSetParent,
        // Plans do not ask for events and links yet.
        Intrinsic::EventName
        | Intrinsic::EventTimeSinceStart
        | Intrinsic::LinkTraceId
        | Intrinsic::LinkSpanId => return None,
    })
}

/// One scanned trace as a query sees it.
pub struct BlockColumns<'a> {
    cells: Vec<Cell<'a>>,
    fields: usize,
    spans: usize,
}

impl SpanColumns for BlockColumns<'_> {
    fn len(&self) -> usize {
        self.spans
    }

    fn value(&self, span: usize, field: usize) -> ValueRef<'_> {
        self.cells[span * self.fields + field].get()
    }

    // Plans do not ask for events and links yet.
    fn items(&self, _span: usize, _list: SpanList) -> usize {
        0
    }

    fn item_value(&self, _span: usize, _item: usize, _field: usize) -> ValueRef<'_> {
        ValueRef::Missing
    }
}

impl<'a> BlockColumns<'a> {
    /// The columns of `trace`.
    pub fn of(map: &FieldMap, batch: &'a ScanBatch, trace: &ScannedTrace) -> Self {
        let mut cells = Vec::with_capacity(trace.spans.len() * map.fields.len());
        for span in trace.spans.clone() {
            let fields = map.fields.iter();
            cells.extend(fields.map(|(field, source)| cell(batch, trace, span, field, *source)));
        }
        Self { cells, fields: map.fields.len(), spans: trace.spans.len() }
    }
}

fn cell<'a>(
    batch: &'a ScanBatch,
    trace: &ScannedTrace,
    span: usize,
    field: &Field,
    source: Source,
) -> Cell<'a> {
    let at = |column: usize| &batch.columns[column][span];
    match source {
        Source::Never => Cell::Ref(ValueRef::Missing),
        Source::One(column) => convert(field, at(column)),
        Source::Either(first, second) if *at(first) == ColumnValue::Missing => {
            unscoped_resource(field, at(second))
        }
        Source::Either(first, _) => convert(field, at(first)),
        Source::Children(column, parent) => {
            let is_root = |span: usize| batch.columns[parent][span] == ColumnValue::Int(-1);
            // Without a root the stored number means nothing (contract blocks.md §12).
            let rooted = trace.spans.clone().any(is_root);
            if rooted { convert(field, at(column)) } else { Cell::Ref(ValueRef::Missing) }
        }
    }
}

/// A block stores a missing service name as an empty one.
fn unscoped_resource<'a>(field: &Field, value: &'a ColumnValue) -> Cell<'a> {
    let service = matches!(field, Field::Attribute { name, .. } if name == "service.name");
    match value {
        ColumnValue::Bytes(text) if service && text.is_empty() => Cell::Ref(ValueRef::Missing),
        value => convert(field, value),
    }
}

fn convert<'a>(field: &Field, value: &'a ColumnValue) -> Cell<'a> {
    match value {
        ColumnValue::Bytes(bytes) => text(field, bytes),
        ColumnValue::Int(number) => Cell::Ref(number_of(field, *number)),
        ColumnValue::Missing => missing(field),
        ColumnValue::Float(number) => Cell::Ref(ValueRef::Float(*number)),
        ColumnValue::Bool(truth) => Cell::Ref(ValueRef::Bool(*truth)),
        ColumnValue::BytesArray(all) => Cell::Owned(Value::strings(all)),
        ColumnValue::IntArray(all) => Cell::Owned(Value::IntArray(all.as_slice().into())),
        ColumnValue::FloatArray(all) => Cell::Owned(Value::FloatArray(all.as_slice().into())),
        ColumnValue::BoolArray(all) => Cell::Owned(Value::BoolArray(all.as_slice().into())),
        ColumnValue::Unsupported => Cell::Ref(ValueRef::Unsupported),
    }
}

/// `resource.service.name` always exists (traceql.md §5.2).
fn missing<'a>(field: &Field) -> Cell<'a> {
    Cell::Ref(if field.is_service_name() { ValueRef::Str(&[]) } else { ValueRef::Missing })
}

fn text<'a>(field: &Field, bytes: &'a [u8]) -> Cell<'a> {
    let hex = |text: String| Cell::Owned(Value::Str(text.into_bytes().into()));
    let span_id = || SpanId(bytes.try_into().unwrap_or_default());
    let trace_id = || stringendo_proto::TraceId(bytes.try_into().unwrap_or_default());
    match field {
        Field::Intrinsic(Intrinsic::SpanId | Intrinsic::ParentId) => hex(span_id().to_string()),
        Field::Intrinsic(Intrinsic::TraceId) => hex(trace_id().to_string()),
        _ => Cell::Ref(ValueRef::Str(bytes)),
    }
}

fn number_of(field: &Field, number: i64) -> ValueRef<'static> {
    match field {
        Field::Intrinsic(Intrinsic::Status) => ValueRef::Status(number as i32),
        Field::Intrinsic(Intrinsic::Kind) => ValueRef::Kind(number as i32),
        Field::Intrinsic(Intrinsic::Duration | Intrinsic::TraceDuration) => {
            ValueRef::Duration(number as u64)
        }
        _ => ValueRef::Int(number),
    }
}
