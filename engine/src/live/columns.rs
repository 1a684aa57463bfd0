//! The spans of one live trace with a plan's fields as columns: the values that their block will
//! give them.

use std::collections::HashSet;

use bytes::Bytes;
use stringendo_block::meta::{DedicatedScope, DedicatedType};
use stringendo_block::nested_set::{NestedSets, Node, Place};
use stringendo_block::stored_form::OwnColumn;
use stringendo_block::{SpanPart, StoredForm};
use stringendo_proto::TraceId;
use stringendo_traceql::{
    AttributeScope, Field, Intrinsic, SearchPlan, SpanColumns, SpanList, Value, ValueRef,
};

use super::facts::{self, TraceFacts};
use super::items::{self, ListColumns};
use super::scopes::SentScopes;
use super::span::{self, RESOURCE_ATTRIBUTES, SCOPE_ATTRIBUTES, SPAN_ATTRIBUTES, SpanView};
use super::value::{Cell, any_value};

/// The spans of a trace, read from the image, each (span id, kind) once.
pub fn spans<'a>(parts: impl Iterator<Item = (&'a [Bytes], SpanPart)>) -> Vec<SpanView<'a>> {
    let (mut seen, mut scopes) = (HashSet::new(), SentScopes::default());
    let views = parts.filter_map(|(chunks, part)| {
        let chunk: &'a [u8] = chunks.get(part.chunk as usize)?;
        let resource = part.resource.of(chunk);
        let scope = scopes.stand_in(resource, part.scope.of(chunk));
        span::view(resource, scope, part.span.of(chunk)).ok()
    });
    views.filter(|view| seen.insert((view.span_id, view.kind))).collect()
}

/// A plan's fields, and what of them has columns of its own in blocks.
pub struct LiveFields<'p> {
    fields: Vec<FieldSource<'p>>,
}

/// A field, and the types of the columns of its own that an attribute has, by the scopes that it
/// may be looked for in.
pub struct FieldSource<'p> {
    /// The field.
    pub field: &'p Field,
    span: Option<OwnColumn>,
    resource: Option<OwnColumn>,
    /// In events.
    pub event: Option<OwnColumn>,
}

impl<'p> LiveFields<'p> {
    /// The fields of `plan`, for data that will be stored in this form.
    pub fn of(plan: &'p SearchPlan, form: &StoredForm) -> Self {
        Self::of_fields(plan.fields(), form)
    }

    /// These fields, for data that will be stored in this form.
    pub fn of_fields(fields: &'p [Field], form: &StoredForm) -> Self {
        let source = |field: &'p Field| {
            let own = |scope| match field {
                Field::Attribute { name, .. } => form.column_of(scope, name.as_bytes()),
                Field::Intrinsic(_) => None,
            };
            FieldSource {
                field,
                span: own(DedicatedScope::Span),
                resource: own(DedicatedScope::Resource),
                event: own(DedicatedScope::Event),
            }
        };
        Self { fields: fields.iter().map(source).collect() }
    }

    /// Memory that the columns of these spans take, in bytes.
    pub fn memory_bytes(&self, spans: &[SpanView<'_>]) -> u64 {
        // An id as text lies beside its cell.
        const CELL_BYTES: usize = size_of::<Cell<'_>>() + 32;
        let cells = spans.len() * self.fields.len() + items::cells(spans, &self.fields);
        (cells * CELL_BYTES) as u64
    }
}

/// A trace as a query sees it.
pub struct LiveColumns<'a> {
    cells: Vec<Cell<'a>>,
    fields: usize,
    spans: usize,
    events: ListColumns<'a>,
    links: ListColumns<'a>,
}

impl SpanColumns for LiveColumns<'_> {
    fn len(&self) -> usize {
        self.spans
    }

    fn value(&self, span: usize, field: usize) -> ValueRef<'_> {
        self.cells[span * self.fields + field].get()
    }

    fn items(&self, span: usize, list: SpanList) -> usize {
        match list {
            SpanList::Events => self.events.items(span),
            SpanList::Links => self.links.items(span),
        }
    }

    fn item_value(&self, span: usize, item: usize, field: usize) -> ValueRef<'_> {
        // A field is read from one of the two.
        match self.events.value(span, item, field) {
            ValueRef::Missing => self.links.value(span, item, field),
            value => value,
        }
    }
}

impl<'a> LiveColumns<'a> {
    /// Reads the plan's fields of all spans.
    pub fn read(trace_id: &TraceId, spans: &[SpanView<'a>], fields: &LiveFields<'_>) -> Self {
        let fields = &fields.fields;
        let whole = WholeTrace::of(trace_id, spans, fields);
        let mut cells = Vec::with_capacity(spans.len() * fields.len());
        for (number, span) in spans.iter().enumerate() {
            cells.extend(fields.iter().map(|source| whole.cell(number, span, source)));
        }
        Self {
            cells,
            fields: fields.len(),
            spans: spans.len(),
            events: ListColumns::read(SpanList::Events, spans, fields),
            links: ListColumns::read(SpanList::Links, spans, fields),
        }
    }
}

/// What fields may need beyond their own span; computed only if one does.
struct WholeTrace<'a> {
    trace_id: TraceId,
    facts: TraceFacts<'a>,
    places: Vec<Place>,
    has_root: bool,
}

impl<'a> WholeTrace<'a> {
    fn of(trace_id: &TraceId, spans: &[SpanView<'a>], fields: &[FieldSource<'_>]) -> Self {
        let any = |wanted: &[Intrinsic]| {
            let is_wanted = |field| matches!(field, &Field::Intrinsic(i) if wanted.contains(&i));
            fields.iter().any(|source| is_wanted(source.field))
        };
        let facts = if any(&[Intrinsic::TraceDuration, Intrinsic::RootName, Intrinsic::RootService])
        {
            facts::of(trace_id, spans)
        } else {
            TraceFacts::default()
        };
        let tree = [
            Intrinsic::ChildCount,
            Intrinsic::NestedSetLeft,
            Intrinsic::NestedSetRight,
            Intrinsic::NestedSetParent,
        ];
        let places = if any(&tree) { places(spans) } else { Vec::new() };
        let has_root = spans.iter().any(SpanView::is_root);
        Self { trace_id: *trace_id, facts, places, has_root }
    }

    fn cell(&self, number: usize, span: &SpanView<'a>, source: &FieldSource<'_>) -> Cell<'a> {
        match source.field {
            Field::Intrinsic(intrinsic) => self.intrinsic(number, span, *intrinsic),
            Field::Attribute { scope, name } => attribute(span, *scope, name.as_bytes(), source),
        }
    }

    fn intrinsic(&self, number: usize, span: &SpanView<'a>, intrinsic: Intrinsic) -> Cell<'a> {
        let place = self.places.get(number).copied().unwrap_or_default();
        let text = |text: String| Cell::Owned(Value::Str(text.into_bytes().into()));
        let int = |number: i32| Cell::Ref(ValueRef::Int(i64::from(number)));
        let scope_field = |number| field_bytes(span.scope, number);
        match intrinsic {
            Intrinsic::Name => Cell::Ref(ValueRef::Str(span.name)),
            Intrinsic::Duration => Cell::Ref(ValueRef::Duration(span.duration_nanos())),
            Intrinsic::Status => Cell::Ref(ValueRef::Status(span.status)),
            Intrinsic::StatusMessage => Cell::Ref(ValueRef::Str(span.status_message)),
            Intrinsic::Kind => Cell::Ref(ValueRef::Kind(span.kind)),
            Intrinsic::SpanId => text(span.span_id.to_string()),
            Intrinsic::ParentId => text(span.parent_id.to_string()),
            Intrinsic::TraceId => text(self.trace_id.to_string()),
            Intrinsic::ChildCount if self.has_root => int(place.children),
            Intrinsic::NestedSetLeft => int(place.left),
            Intrinsic::NestedSetRight => int(place.right),
            Intrinsic::NestedSetParent => int(place.parent),
            Intrinsic::TraceDuration => Cell::Ref(ValueRef::Duration(
                self.facts.end_unix_nanos.saturating_sub(self.facts.start_unix_nanos),
            )),
            Intrinsic::RootName => Cell::Ref(ValueRef::Str(self.facts.root_name)),
            Intrinsic::RootService => Cell::Ref(ValueRef::Str(self.facts.root_service)),
            Intrinsic::InstrumentationName => Cell::Ref(ValueRef::Str(scope_field(1))),
            Intrinsic::InstrumentationVersion => Cell::Ref(ValueRef::Str(scope_field(2))),
            // Of events and links, and what a trace without a root does not have.
            _ => Cell::Ref(ValueRef::Missing),
        }
    }
}

fn places(spans: &[SpanView<'_>]) -> Vec<Place> {
    let number = |id: [u8; 8]| u64::from_be_bytes(id);
    let node = |span: &SpanView<'_>| Node {
        id: number(span.span_id.0),
        parent: (!span.is_root()).then(|| number(span.parent_id.0)),
        kind: span.kind,
    };
    let nodes: Vec<Node> = spans.iter().map(node).collect();
    NestedSets::default().place(&nodes).to_vec()
}

fn field_bytes(body: &[u8], number: u32) -> &[u8] {
    span::messages(body, number).last().unwrap_or(&[])
}

fn attribute<'a>(
    span: &SpanView<'a>,
    scope: AttributeScope,
    name: &[u8],
    own: &FieldSource<'_>,
) -> Cell<'a> {
    let of_span = || last(span.body, SPAN_ATTRIBUTES, name, own.span);
    match scope {
        AttributeScope::Span => of_span(),
        AttributeScope::Resource => resource_attribute(span, name, own),
        AttributeScope::Instrumentation => last(span.scope, SCOPE_ATTRIBUTES, name, None),
        AttributeScope::Unscoped => {
            let found = of_span();
            // What only the resource's pseudo-value could give is not found unscoped.
            if found.is_missing() {
                last(span.resource, RESOURCE_ATTRIBUTES, name, own.resource)
            } else {
                found
            }
        }
        AttributeScope::Event | AttributeScope::Link => Cell::Ref(ValueRef::Missing),
    }
}

/// `resource.service.name` always exists, empty where the resource lacks it (traceql.md §5.2).
fn resource_attribute<'a>(span: &SpanView<'a>, name: &[u8], own: &FieldSource<'_>) -> Cell<'a> {
    let found = last(span.resource, RESOURCE_ATTRIBUTES, name, own.resource);
    if found.is_missing() && name == b"service.name" {
        return Cell::Ref(ValueRef::Str(&[]));
    }
    found
}

/// The last value of the key; one that has a column of its own comes after all that have not.
pub fn last<'a>(body: &'a [u8], number: u32, name: &[u8], own: Option<OwnColumn>) -> Cell<'a> {
    let (mut generic, mut column) = (Cell::MISSING, Cell::MISSING);
    for (_, value) in span::attributes(body, number).filter(|(key, _)| *key == name) {
        let value = any_value(value);
        match own.and_then(|column| in_column(&value, column)) {
            Some(stored) => column = stored,
            None => generic = value,
        }
    }
    if column.is_missing() { generic } else { column }
}

/// What a column gives back of a value, if the value goes there (contract blocks.md §11): an array
/// of one element is that element, and an empty one is gone.
fn in_column<'a>(value: &Cell<'a>, column: OwnColumn) -> Option<Cell<'a>> {
    let fits = |value: ValueRef<'_>| match column.kind {
        DedicatedType::String => matches!(value, ValueRef::Str(_)),
        DedicatedType::Int => matches!(value, ValueRef::Int(_)),
    };
    match value.get() {
        ValueRef::Missing => Some(Cell::MISSING),
        ValueRef::Array(_) if !column.takes_lists => None,
        ValueRef::Array(array) if !array.iter().all(fits) => None,
        ValueRef::Array(array) if array.len() == 1 => Some(Cell::Owned(array.get(0).into())),
        ValueRef::Array(_) => Some(value.clone()),
        scalar => fits(scalar).then(|| value.clone()),
    }
}
