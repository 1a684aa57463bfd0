//! The spans of one trace, appended to a batch.
//!
//! From: [`super::row`]. To: [`super::ScanBatch`].

use super::items::{self, ItemNesting};
use super::plan::{Plan, Source};
use super::row::Streams;
use super::{AttributeScope, ColumnValue, ItemList, ScanBatch};
use crate::read::ReadError;
use crate::read::columns::{Column, Columns, level};

/// Memory that the columns of one trace may take.
const TRACE_COLUMNS_BYTES_MAX: usize = 512 << 20;

/// A value in a batch, and once more what the caller makes of it.
const VALUE_BYTES: usize = 2 * size_of::<ColumnValue>();

/// How the spans of a trace are nested.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    /// Per span the number of its resource, scope and span entry. (An empty resource or scope has
    /// an entry, too.)
    places: Vec<Place>,
    pub(super) resources: usize,
    pub(super) scopes: usize,
    pub(super) span_entries: usize,
    events: ItemNesting,
    links: ItemNesting,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    resource: u32,
    scope: u32,
    span_entry: u32,
}

impl Nesting {
    fn new(rep: &[u8], def: &[u8]) -> Self {
        let mut nesting = Self { span_entries: rep.len(), ..Self::default() };
        for (entry, (rep, def)) in rep.iter().zip(def).enumerate() {
            nesting.resources += usize::from(*rep <= level::RESOURCE);
            nesting.scopes += usize::from(*rep <= level::SCOPE);
            if *def == level::SPAN {
                nesting.places.push(Place {
                    // The first entry of a row has repetition level 0.
                    resource: nesting.resources as u32 - 1,
                    scope: nesting.scopes as u32 - 1,
                    span_entry: entry as u32,
                });
            }
        }
        nesting
    }

    /// How many spans there are.
    pub(super) fn spans(&self) -> usize {
        self.places.len()
    }

    fn items(&self, list: ItemList) -> &ItemNesting {
        match list {
            ItemList::Events => &self.events,
            ItemList::Links => &self.links,
        }
    }

    fn read_items(
        &mut self,
        list: ItemList,
        columns: &Columns,
        streams: &mut Streams,
        row: u64,
    ) -> Result<(), ReadError> {
        let items = ItemNesting::read(list, columns, streams, row, self)?;
        match list {
            ItemList::Events => self.events = items,
            ItemList::Links => self.links = items,
        }
        Ok(())
    }

    /// How many entries the owners of an attribute scope have.
    pub(super) fn owners(&self, scope: AttributeScope) -> usize {
        match scope {
            AttributeScope::Resource => self.resources,
            AttributeScope::Scope => self.scopes,
            AttributeScope::Span => self.span_entries,
            AttributeScope::Event => self.events.count,
            AttributeScope::Link => self.links.count,
        }
    }

    /// Per value of a column (span, event or link) the number of its owner.
    fn owners_of_values(&self, scope: AttributeScope) -> Box<dyn Iterator<Item = usize> + '_> {
        let places = self.places.iter();
        match scope {
            AttributeScope::Resource => Box::new(places.map(|place| place.resource as usize)),
            AttributeScope::Scope => Box::new(places.map(|place| place.scope as usize)),
            AttributeScope::Span => Box::new(places.map(|place| place.span_entry as usize)),
            AttributeScope::Event => Box::new(self.events.entries()),
            AttributeScope::Link => Box::new(self.links.entries()),
        }
    }

    /// Values that the columns of a plan hold of this trace, those of owners included.
    fn values(&self, plan: &Plan) -> usize {
        let entries = self.span_entries.max(self.events.count).max(self.links.count);
        entries.saturating_mul(plan.sources.len() + 2)
    }
}

/// Appends the spans of the trace in `row`.
pub(super) fn append(
    plan: &mut Plan,
    columns: &Columns,
    streams: &mut Streams,
    row: u64,
    batch: &mut ScanBatch,
) -> Result<(), ReadError> {
    let ids = streams.seek_get(columns.span.span_id, row)?;
    let mut nesting = Nesting::new(ids.rep, ids.def);
    for list in &plan.lists {
        nesting.read_items(*list, columns, streams, row)?;
    }
    let spans = nesting.spans();
    let values = nesting.values(plan);
    if values.saturating_mul(size_of::<ColumnValue>()) > TRACE_COLUMNS_BYTES_MAX {
        return Err(ReadError::Damaged(format!("row {row}: {spans} spans are too many to scan")));
    }
    streams.hold(values * VALUE_BYTES)?;
    let ids = streams.get(columns.span.span_id, row)?;
    let id = |at: usize| span_id(ids.values.byte_slice(ids.first_value + at));
    batch.span_ids.extend((0..spans).map(id));
    let ints = &mut batch.span_start_unix_nanos;
    span_ints(streams, columns, columns.span.start, row, |start| ints.push(start as u64))?;
    let ints = &mut batch.span_duration_nanos;
    span_ints(streams, columns, columns.span.duration, row, |span| ints.push(span as u64))?;
    for group in &mut plan.groups {
        group.read(streams, row, nesting.owners(group.scope))?;
    }
    for list in &plan.lists {
        batch.append_items(*list, &nesting.items(*list).ends);
    }
    for (source, column) in plan.sources.iter().zip(&mut batch.columns) {
        field(*source, plan, columns, streams, row, &nesting, column)?;
    }
    Ok(())
}

fn field(
    source: Source,
    plan: &Plan,
    columns: &Columns,
    streams: &mut Streams,
    row: u64,
    nesting: &Nesting,
    out: &mut Vec<ColumnValue>,
) -> Result<(), ReadError> {
    let spans = nesting.spans();
    match source {
        Source::TraceInt(column) => {
            let value = ColumnValue::Int(streams.trace_int(column, row)?);
            out.extend(std::iter::repeat_n(value, spans));
        }
        Source::TraceBytes(column) => {
            let value = ColumnValue::Bytes(streams.trace_bytes(column, row)?);
            out.extend(std::iter::repeat_n(value, spans));
        }
        Source::ScopeBytes(column) => scope_bytes(column, streams, row, nesting, out)?,
        Source::SpanInt(column) => {
            span_ints(streams, columns, column, row, |int| out.push(ColumnValue::Int(int)))?;
        }
        Source::SpanBytes(column) => span_bytes(column, columns, streams, row, out)?,
        Source::ItemInt(list, column) => {
            items::values(list, column, columns, streams, row, |slice, at| {
                out.push(ColumnValue::Int(slice.values.int(at)));
            })?;
        }
        Source::ItemBytes(list, column) => {
            items::values(list, column, columns, streams, row, |slice, at| {
                out.push(ColumnValue::Bytes(slice.values.bytes(at)));
            })?;
        }
        Source::Attribute { group, key } => {
            let group = &plan.groups[group];
            let owners = nesting.owners_of_values(group.scope);
            out.extend(owners.map(|owner| group.value(owner, key).clone()));
        }
    }
    Ok(())
}

/// Span ids have 8 bytes; others are padded on the left or cut.
fn span_id(stored: &[u8]) -> [u8; 8] {
    let mut id = [0; 8];
    let kept = &stored[stored.len().saturating_sub(8)..];
    id[8 - kept.len()..].copy_from_slice(kept);
    id
}

/// Checks that a column of spans has the same levels as the span ids, so that values fit one to
/// one; gives its values to `each`.
fn span_ints(
    streams: &mut Streams,
    columns: &Columns,
    column: Column,
    row: u64,
    mut each: impl FnMut(i64),
) -> Result<(), ReadError> {
    streams.seek(column, row)?;
    let ids = streams.get(columns.span.span_id, row)?;
    let slice = streams.get(column, row)?;
    if slice.rep != ids.rep || slice.def != ids.def {
        return Err(streams.contradiction(column, row));
    }
    let present = slice.def.iter().filter(|def| **def == level::SPAN).count();
    let values = slice.first_value..slice.first_value + present;
    values.for_each(|at| each(slice.values.int(at)));
    Ok(())
}

fn span_bytes(
    column: Column,
    columns: &Columns,
    streams: &mut Streams,
    row: u64,
    out: &mut Vec<ColumnValue>,
) -> Result<(), ReadError> {
    streams.seek(column, row)?;
    let ids = streams.get(columns.span.span_id, row)?;
    let slice = streams.get(column, row)?;
    if slice.rep != ids.rep || slice.def != ids.def {
        return Err(streams.contradiction(column, row));
    }
    let present = slice.def.iter().filter(|def| **def == level::SPAN).count();
    let values = slice.first_value..slice.first_value + present;
    out.extend(values.map(|at| ColumnValue::Bytes(slice.values.bytes(at))));
    Ok(())
}

fn scope_bytes(
    column: Column,
    streams: &mut Streams,
    row: u64,
    nesting: &Nesting,
    out: &mut Vec<ColumnValue>,
) -> Result<(), ReadError> {
    let slice = streams.seek_get(column, row)?;
    if slice.rep.len() != nesting.scopes {
        return Err(streams.contradiction(column, row));
    }
    let mut at = slice.first_value;
    let values: Vec<ColumnValue> = slice
        .def
        .iter()
        .map(|def| match *def == level::SCOPE {
            true => {
                at += 1;
                ColumnValue::Bytes(slice.values.bytes(at - 1))
            }
            false => ColumnValue::Missing,
        })
        .collect();
    out.extend(nesting.owners_of_values(AttributeScope::Scope).map(|scope| values[scope].clone()));
    Ok(())
}
