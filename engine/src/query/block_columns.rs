//! The columns of a scanned block as a plan's fields.

use stringendo_block::scan::{
    AttributeScope as BlockScope, ColumnValue, ItemList, ScanBatch, ScanField, ScanNeed,
    ScanRequest, ScannedTrace, Wanted,
};
use stringendo_proto::SpanId;
use stringendo_traceql::{
    AttributeScope, Field, Intrinsic, Predicate, SpanColumns, SpanList, Value, ValueRef,
};

use super::{SearchRequest, block_needs};
use crate::live::value::Cell;

/// Which scanned columns make up a plan's field.
#[derive(Clone, Copy, Debug)]
enum Source {
    One(usize),
    /// The first if the span has it, else the second.
    Either(usize, usize),
    /// Direct children, and the column that tells whether the trace has a root.
    Children(usize, usize),
    /// Events or links, a value for each.
    Items(ItemList, usize),
}

impl Source {
    /// The columns that the value may be in.
    fn columns(self) -> Vec<usize> {
        match self {
            Self::One(column) | Self::Children(column, _) | Self::Items(_, column) => vec![column],
            Self::Either(first, second) => vec![first, second],
        }
    }
}

/// A plan's fields, and the request for their columns.
pub struct FieldMap {
    fields: Vec<(Field, Source)>,
    request: ScanRequest,
}

impl FieldMap {
    /// The map for a search.
    pub fn of(search: &SearchRequest) -> Self {
        Self::of_fields(search.plan.fields(), search.start_unix_nanos, search.end_unix_nanos)
            .needing(search.plan.needs())
    }

    /// The map for these fields of traces in the given time.
    pub fn of_fields(fields: &[Field], start_unix_nanos: u64, end_unix_nanos: u64) -> Self {
        let mut map = Self {
            fields: Vec::new(),
            request: ScanRequest { start_unix_nanos, end_unix_nanos, ..ScanRequest::default() },
        };
        for field in fields {
            let source = map.source(field);
            map.fields.push((field.clone(), source));
        }
        map
    }

    /// Says what a trace must hold ([`SearchPlan::needs`](stringendo_traceql::SearchPlan::needs)):
    /// with [`super::block_sift`], pieces that cannot satisfy any of the needs are left out.
    #[must_use]
    pub fn needing(mut self, needs: &[Vec<Predicate>]) -> Self {
        self.request.needs.needs = needs.iter().map(|need| self.need(need)).collect();
        self
    }

    /// Says that every row of the scanned blocks is a whole trace, so that it must satisfy all
    /// needs, those that only a whole trace can tell included.
    #[must_use]
    pub fn of_whole_traces(mut self) -> Self {
        self.request.needs.wanted = Wanted::AllNeeds;
        self
    }

    fn need(&self, need: &[Predicate]) -> ScanNeed {
        let test = |predicate: &Predicate| {
            let (field, source) = &self.fields[predicate.field()];
            block_needs::test(predicate, field, source.columns())
        };
        need.iter().map(test).collect()
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
            Field::Intrinsic(intrinsic) => self.one(intrinsic_column(*intrinsic)),
            Field::Attribute { scope, name } => self.attribute(*scope, name),
        }
    }

    fn one(&mut self, field: ScanField) -> Source {
        let list = field.list();
        let column = self.column(field);
        list.map_or(Source::One(column), |list| Source::Items(list, column))
    }

    fn attribute(&mut self, scope: AttributeScope, name: &str) -> Source {
        let field = |scope| ScanField::Attribute { scope, key: name.to_owned() };
        match scope {
            AttributeScope::Span => self.one(field(BlockScope::Span)),
            AttributeScope::Resource => self.one(field(BlockScope::Resource)),
            AttributeScope::Instrumentation => self.one(field(BlockScope::Scope)),
            AttributeScope::Event => self.one(field(BlockScope::Event)),
            AttributeScope::Link => self.one(field(BlockScope::Link)),
            AttributeScope::Unscoped => Source::Either(
                self.column(field(BlockScope::Span)),
                self.column(field(BlockScope::Resource)),
            ),
        }
    }
}

fn intrinsic_column(intrinsic: Intrinsic) -> ScanField {
    match intrinsic {
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
        Intrinsic::EventName => ScanField::EventName,
        Intrinsic::EventTimeSinceStart => ScanField::EventTimeSinceStart,
        Intrinsic::LinkTraceId => ScanField::LinkTraceId,
        Intrinsic::LinkSpanId => ScanField::LinkSpanId,
    }
}

/// One scanned trace as a query sees it.
pub struct BlockColumns<'a> {
    batch: &'a ScanBatch,
    first_span: usize,
    spans: usize,
    fields: usize,
    /// By span and field; nothing for fields of events and links.
    cells: Vec<Cell<'a>>,
    /// Of the fields of events and links.
    items: Vec<ItemCells<'a>>,
}

/// The values of a field of events or links.
struct ItemCells<'a> {
    field: usize,
    list: ItemList,
    /// Position in the batch of the trace's first item.
    first: usize,
    cells: Vec<Cell<'a>>,
}

impl SpanColumns for BlockColumns<'_> {
    fn len(&self) -> usize {
        self.spans
    }

    fn value(&self, span: usize, field: usize) -> ValueRef<'_> {
        self.cells[span * self.fields + field].get()
    }

    fn items(&self, span: usize, list: SpanList) -> usize {
        let list = match list {
            SpanList::Events => ItemList::Events,
            SpanList::Links => ItemList::Links,
        };
        self.batch.items(list, self.first_span + span).len()
    }

    fn item_value(&self, span: usize, item: usize, field: usize) -> ValueRef<'_> {
        let Some(of_field) = self.items.iter().find(|cells| cells.field == field) else {
            return ValueRef::Missing;
        };
        let start = self.batch.items(of_field.list, self.first_span + span).start;
        of_field.cells[start - of_field.first + item].get()
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
        let items = map.fields.iter().enumerate().filter_map(|(number, (field, source))| {
            let Source::Items(list, column) = *source else { return None };
            Some(item_cells(batch, trace, (number, field), list, column))
        });
        let items = items.collect();
        let (spans, fields) = (trace.spans.len(), map.fields.len());
        Self { batch, first_span: trace.spans.start, spans, fields, cells, items }
    }
}

fn item_cells<'a>(
    batch: &'a ScanBatch,
    trace: &ScannedTrace,
    (number, field): (usize, &Field),
    list: ItemList,
    column: usize,
) -> ItemCells<'a> {
    let (first, end) = match trace.spans.is_empty() {
        true => (0, 0),
        false => {
            (batch.items(list, trace.spans.start).start, batch.items(list, trace.spans.end - 1).end)
        }
    };
    let values = &batch.columns[column][first..end];
    let cells = values.iter().map(|value| convert(field, value)).collect();
    ItemCells { field: number, list, first, cells }
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
        Source::Items(..) => Cell::MISSING,
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

/// Bytes of a column as a field's value.
pub fn text<'a>(field: &Field, bytes: &'a [u8]) -> Cell<'a> {
    let hex = |text: String| Cell::Owned(Value::Str(text.into_bytes().into()));
    let span_id = || SpanId(bytes.try_into().unwrap_or_default());
    let trace_id = || stringendo_proto::TraceId(bytes.try_into().unwrap_or_default());
    match field {
        Field::Intrinsic(Intrinsic::SpanId | Intrinsic::ParentId) => hex(span_id().to_string()),
        // The one has 16 digits, the other no leading zeros (traceql.md §5.1).
        Field::Intrinsic(Intrinsic::LinkSpanId) => hex(format!("{:0>16}", digits(bytes))),
        Field::Intrinsic(Intrinsic::LinkTraceId) => {
            hex(digits(bytes).trim_start_matches('0').to_owned())
        }
        Field::Intrinsic(Intrinsic::TraceId) => hex(trace_id().to_string()),
        _ => Cell::Ref(ValueRef::Str(bytes)),
    }
}

fn digits(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// An integer of a column as a field's value.
pub fn number_of(field: &Field, number: i64) -> ValueRef<'static> {
    match field {
        Field::Intrinsic(Intrinsic::Status) => ValueRef::Status(number as i32),
        Field::Intrinsic(Intrinsic::Kind) => ValueRef::Kind(number as i32),
        Field::Intrinsic(
            Intrinsic::Duration | Intrinsic::TraceDuration | Intrinsic::EventTimeSinceStart,
        ) => ValueRef::Duration(number as u64),
        _ => ValueRef::Int(number),
    }
}
