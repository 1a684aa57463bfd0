//! The columns of a scanned block as a plan's fields.

use std::ops::Range;

use stringendo_block::scan::{
    AttributeScope as BlockScope, ItemList, ScanArray, ScanBatch, ScanField, ScanNeed, ScanRequest,
    ScanValue, ScannedTrace, Wanted,
};
use stringendo_proto::SpanId;
use stringendo_traceql::{
    ArrayRef, AttributeScope, Field, FilterMasks, Intrinsic, Judged, Predicate, SpanColumns,
    SpanList, Value, ValueRef,
};

use super::{SearchRequest, block_needs};
use crate::live::value::Cell;

/// Which scanned columns make up a plan's field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
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
    fields: Vec<FieldSource>,
    request: ScanRequest,
}

#[derive(Clone, Debug)]
struct FieldSource {
    field: Field,
    source: Source,
    form: Form,
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
            map.fields.push(FieldSource { field: field.clone(), source, form: Form::of(field) });
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

    /// Says that the start of every span is read, too.
    #[must_use]
    pub fn with_span_starts(mut self) -> Self {
        self.request.span_starts = true;
        self
    }

    /// Says that what answers show of traces is asked for
    /// ([`RowGroupScan::facts`](stringendo_block::scan::RowGroupScan::facts)).
    #[must_use]
    pub fn with_facts(mut self) -> Self {
        self.request.facts = true;
        self
    }

    fn need(&self, need: &[Predicate]) -> ScanNeed {
        let test = |predicate: &Predicate| {
            let FieldSource { field, source, .. } = &self.fields[predicate.field()];
            block_needs::test(predicate, field, source.columns())
        };
        need.iter().map(test).collect()
    }

    /// Where the values of a plan's field are, and what becomes of them.
    pub(super) fn source_of(&self, field: usize) -> (Source, Form) {
        (self.fields[field].source, self.fields[field].form)
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

/// How what a block holds becomes a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    AsItIs,
    Status,
    Kind,
    Duration,
    /// An id, which has to be written out.
    Digits,
    /// `resource.service.name` always exists (traceql.md §5.2).
    ServiceName,
    /// A block stores a missing service name as an empty one.
    UnscopedServiceName,
}

impl Form {
    fn of(field: &Field) -> Self {
        use Intrinsic as I;
        match field {
            Field::Intrinsic(I::Status) => Self::Status,
            Field::Intrinsic(I::Kind) => Self::Kind,
            Field::Intrinsic(I::Duration | I::TraceDuration | I::EventTimeSinceStart) => {
                Self::Duration
            }
            Field::Intrinsic(
                I::SpanId | I::ParentId | I::LinkSpanId | I::LinkTraceId | I::TraceId,
            ) => Self::Digits,
            field if field.is_service_name() => Self::ServiceName,
            Field::Attribute { scope: AttributeScope::Unscoped, name }
                if name == "service.name" =>
            {
                Self::UnscopedServiceName
            }
            _ => Self::AsItIs,
        }
    }

    #[inline]
    fn number(self, number: i64) -> ValueRef<'static> {
        match self {
            Self::Status => ValueRef::Status(number as i32),
            Self::Kind => ValueRef::Kind(number as i32),
            Self::Duration => ValueRef::Duration(number as u64),
            _ => ValueRef::Int(number),
        }
    }

    #[inline]
    pub(super) fn lend(self, value: ScanValue<'_>) -> ValueRef<'_> {
        match value {
            ScanValue::Bytes(bytes) => ValueRef::Str(bytes),
            ScanValue::Int(number) => self.number(number),
            ScanValue::Missing if self == Self::ServiceName => ValueRef::Str(&[]),
            ScanValue::Missing => ValueRef::Missing,
            ScanValue::Float(number) => ValueRef::Float(number),
            ScanValue::Bool(truth) => ValueRef::Bool(truth),
            ScanValue::Array(array) => ValueRef::Array(array_of(array)),
            ScanValue::Unsupported => ValueRef::Unsupported,
        }
    }
}

impl Form {
    /// The same for a resource's attribute that stands for an unscoped one.
    pub(super) fn lend_of_resource(self, value: ScanValue<'_>) -> ValueRef<'_> {
        match value {
            ScanValue::Bytes([]) if self == Self::UnscopedServiceName => ValueRef::Missing,
            value => self.lend(value),
        }
    }
}

fn array_of(array: &ScanArray) -> ArrayRef<'_> {
    match array {
        ScanArray::Bytes { bytes, ends } => ArrayRef::Str { bytes, ends },
        ScanArray::Int(all) => ArrayRef::Int(all),
        ScanArray::Float(all) => ArrayRef::Float(all),
        ScanArray::Bool(all) => ArrayRef::Bool(all),
    }
}

/// One scanned trace as a query sees it: values are lent from the batch where they are asked for.
pub struct BlockColumns<'a> {
    map: &'a FieldMap,
    batch: &'a ScanBatch,
    spans: Range<usize>,
    masks: Option<&'a FilterMasks>,
    /// Whether the trace has a root, if that matters.
    is_rooted: bool,
    /// Ids of the trace.
    written: Vec<Written<'a>>,
}

/// Ids of a field, written out.
struct Written<'a> {
    field: usize,
    /// Position in the batch of the first.
    first: usize,
    cells: Vec<Cell<'a>>,
}

impl SpanColumns for BlockColumns<'_> {
    fn len(&self) -> usize {
        self.spans.len()
    }

    #[inline]
    fn value(&self, span: usize, field: usize) -> ValueRef<'_> {
        let at = self.spans.start + span;
        let FieldSource { source, form, .. } = self.map.fields[field];
        match source {
            Source::One(column) => self.lend(field, form, column, at),
            Source::Either(first, second) => match self.batch.value(first, at) {
                ScanValue::Missing => form.lend_of_resource(self.batch.value(second, at)),
                value => form.lend(value),
            },
            // Without a root the stored number means nothing (contract blocks.md §12).
            Source::Children(..) if !self.is_rooted => ValueRef::Missing,
            Source::Children(column, _) => form.lend(self.batch.value(column, at)),
            Source::Items(..) => ValueRef::Missing,
        }
    }

    fn judged(&self) -> Option<Judged<'_>> {
        self.masks.map(|masks| Judged { masks, first_span: self.spans.start })
    }

    fn items(&self, span: usize, list: SpanList) -> usize {
        let list = match list {
            SpanList::Events => ItemList::Events,
            SpanList::Links => ItemList::Links,
        };
        self.batch.items(list, self.spans.start + span).len()
    }

    fn item_value(&self, span: usize, item: usize, field: usize) -> ValueRef<'_> {
        let FieldSource { source, form, .. } = self.map.fields[field];
        let Source::Items(list, column) = source else { return ValueRef::Missing };
        let at = self.batch.items(list, self.spans.start + span).start + item;
        self.lend(field, form, column, at)
    }
}

impl<'a> BlockColumns<'a> {
    /// The columns of `trace`.
    pub fn of(map: &'a FieldMap, batch: &'a ScanBatch, trace: &ScannedTrace) -> Self {
        Self::of_spans(map, batch, trace.spans.clone())
    }

    fn of_spans(map: &'a FieldMap, batch: &'a ScanBatch, spans: Range<usize>) -> Self {
        let (is_rooted, written_out) = (true, Vec::new());
        let mut columns = Self { map, batch, spans, masks: None, is_rooted, written: written_out };
        for (number, field) in map.fields.iter().enumerate() {
            match field.source {
                Source::Children(_, parent) => columns.is_rooted = columns.has_root(parent),
                Source::One(column) | Source::Items(_, column) if field.form == Form::Digits => {
                    let places = columns.places(field.source);
                    let cell = |at| written(&field.field, batch.value(column, at));
                    let (first, cells) = (places.start, places.map(cell).collect());
                    columns.written.push(Written { field: number, first, cells });
                }
                _ => {}
            }
        }
        columns
    }

    /// The columns of all spans of a batch, as if they were of one trace; `None` if some field
    /// depends on the trace that a span is of.
    pub fn of_all(map: &'a FieldMap, batch: &'a ScanBatch) -> Option<Self> {
        let is_of_trace = |field: &FieldSource| matches!(field.source, Source::Children(..));
        if map.fields.iter().any(is_of_trace) {
            return None;
        }
        Some(Self::of_spans(map, batch, 0..batch.spans))
    }

    /// The columns of `trace`, where the plan's filters have judged the batch.
    pub fn judged(
        map: &'a FieldMap,
        batch: &'a ScanBatch,
        trace: &ScannedTrace,
        masks: &'a FilterMasks,
    ) -> Self {
        Self { masks: Some(masks), ..Self::of(map, batch, trace) }
    }

    /// Where the trace's values of a source are.
    fn places(&self, source: Source) -> Range<usize> {
        match source {
            Source::Items(list, _) if !self.spans.is_empty() => {
                let item = |span| self.batch.items(list, span);
                item(self.spans.start).start..item(self.spans.end - 1).end
            }
            Source::Items(..) => 0..0,
            _ => self.spans.clone(),
        }
    }

    fn has_root(&self, parent: usize) -> bool {
        self.spans.clone().any(|span| self.batch.value(parent, span) == ScanValue::Int(-1))
    }

    #[inline]
    fn lend(&self, field: usize, form: Form, column: usize, at: usize) -> ValueRef<'_> {
        if form != Form::Digits {
            return form.lend(self.batch.value(column, at));
        }
        let written = self.written.iter().find(|written| written.field == field);
        written.map_or(ValueRef::Missing, |written| written.cells[at - written.first].get())
    }
}

fn written<'a>(field: &Field, value: ScanValue<'a>) -> Cell<'a> {
    match value {
        ScanValue::Bytes(bytes) => text(field, bytes),
        value => Cell::Ref(Form::Digits.lend(value)),
    }
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
    Form::of(field).number(number)
}
