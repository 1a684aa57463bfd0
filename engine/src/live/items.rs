//! Events and links of a live trace's spans, as far as a plan reads them.
//!
//! From: the wire bytes of spans. To: [`super::columns::LiveColumns`], which hands them to the
//! evaluation.

use stringendo_block::stored_form::OwnColumn;
use stringendo_proto::wire::{Fields, Value as Wire};
use stringendo_traceql::{Field, Intrinsic, SpanList, Value, ValueRef};

use super::columns::{FieldSource, last};
use super::span::{self, EVENT_ATTRIBUTES, LINK_ATTRIBUTES, SPAN_EVENTS, SPAN_LINKS, SpanView};
use super::value::Cell;

/// The items of one list of all spans of a trace, with the plan's fields of this list as columns.
#[derive(Default)]
pub struct ListColumns<'a> {
    /// The plan's fields of this list, by their numbers in the plan.
    fields: Vec<usize>,
    /// Where the items of each span end; empty where the plan reads nothing of this list.
    ends: Vec<u32>,
    /// Item by item.
    cells: Vec<Cell<'a>>,
}

/// Items of these spans that the plan's fields are read from, times the fields: cells to hold.
pub fn cells(spans: &[SpanView<'_>], fields: &[FieldSource<'_>]) -> usize {
    let of_list = |list| {
        let read = fields.iter().filter(|source| source.field.list() == Some(list)).count();
        if read == 0 {
            0
        } else {
            read * spans.iter().map(|span| bodies(span, list).count()).sum::<usize>()
        }
    };
    of_list(SpanList::Events) + of_list(SpanList::Links)
}

fn bodies<'a>(span: &SpanView<'a>, list: SpanList) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let number = match list {
        SpanList::Events => SPAN_EVENTS,
        SpanList::Links => SPAN_LINKS,
    };
    span::messages(span.body, number)
}

impl<'a> ListColumns<'a> {
    /// Reads the fields of `list`.
    pub fn read(list: SpanList, spans: &[SpanView<'a>], fields: &[FieldSource<'_>]) -> Self {
        let of_list = |(_, source): &(usize, &FieldSource<'_>)| source.field.list() == Some(list);
        let read: Vec<_> = fields.iter().enumerate().filter(of_list).collect();
        let mut columns = Self::default();
        if read.is_empty() {
            return columns;
        }
        for span in spans {
            for body in bodies(span, list) {
                let cells = read.iter().map(|(_, source)| cell(span, body, source));
                columns.cells.extend(cells);
            }
            columns.ends.push((columns.cells.len() / read.len()) as u32);
        }
        columns.fields = read.iter().map(|(number, _)| *number).collect();
        columns
    }

    /// Number of items of a span.
    pub fn items(&self, span: usize) -> usize {
        let end = self.ends.get(span).copied().unwrap_or_default();
        (end - self.start(span)) as usize
    }

    fn start(&self, span: usize) -> u32 {
        let before = span.checked_sub(1).and_then(|before| self.ends.get(before));
        before.copied().unwrap_or_default()
    }

    /// A field of one of them.
    pub fn value(&self, span: usize, item: usize, field: usize) -> ValueRef<'_> {
        let column = self.fields.iter().position(|number| *number == field);
        let cell = column.and_then(|column| {
            let item = self.start(span) as usize + item;
            self.cells.get(item * self.fields.len() + column)
        });
        cell.map_or(ValueRef::Missing, Cell::get)
    }
}

fn cell<'a>(span: &SpanView<'_>, item: &'a [u8], source: &FieldSource<'_>) -> Cell<'a> {
    match source.field {
        Field::Intrinsic(intrinsic) => intrinsic_cell(span, item, *intrinsic),
        Field::Attribute { name, .. } => {
            attribute(item, source.field.list(), name.as_bytes(), source.event)
        }
    }
}

fn intrinsic_cell<'a>(span: &SpanView<'_>, item: &'a [u8], intrinsic: Intrinsic) -> Cell<'a> {
    let text = |text: String| Cell::Owned(Value::Str(text.into_bytes().into()));
    match intrinsic {
        Intrinsic::EventName => Cell::Ref(ValueRef::Str(bytes_field(item, 2))),
        Intrinsic::EventTimeSinceStart => {
            let since = event_time(item).wrapping_sub(span.start_unix_nanos);
            Cell::Ref(ValueRef::Duration(since))
        }
        Intrinsic::LinkTraceId => text(trace_id_text(bytes_field(item, 1))),
        Intrinsic::LinkSpanId => text(span_id_text(bytes_field(item, 2))),
        _ => Cell::MISSING,
    }
}

fn attribute<'a>(
    item: &'a [u8],
    list: Option<SpanList>,
    name: &[u8],
    own: Option<OwnColumn>,
) -> Cell<'a> {
    match list {
        Some(SpanList::Events) => last(item, EVENT_ATTRIBUTES, name, own),
        Some(SpanList::Links) => last(item, LINK_ATTRIBUTES, name, None),
        None => Cell::MISSING,
    }
}

fn bytes_field(item: &[u8], number: u32) -> &[u8] {
    span::messages(item, number).last().unwrap_or(&[])
}

fn event_time(event: &[u8]) -> u64 {
    let times = Fields::new(event).filter_map(|field| match field {
        Ok((1, Wire::Fixed64(nanos))) => Some(nanos),
        _ => None,
    });
    times.last().unwrap_or_default()
}

/// The id of a linked trace as queries see it: hex without leading zeros (traceql.md §5.1).
pub fn trace_id_text(id: &[u8]) -> String {
    hex(id).trim_start_matches('0').to_owned()
}

/// The id of a linked span as queries see it: hex of 16 digits (traceql.md §5.1).
pub fn span_id_text(id: &[u8]) -> String {
    format!("{:0>16}", hex(id))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // A string takes everything.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
