//! The spans of a run of traces, appended to a batch.
//!
//! From: [`super::row`]. To: [`super::ScanBatch`]. A run is some rows, one behind the other, that
//! are in one page of every column, so that each column is a few slices; rows within a run are told
//! apart by repetition level 0.

use std::ops::Range;

use super::attributes::AttrGroup;
use super::batch::{Cells, Pool, ScanBatch, ScanCell};
use super::items::{self, ItemNesting};
use super::links;
use super::plan::{Plan, Source, children_columns};
use super::row::Streams;
use super::{AttributeScope, ItemList};
use crate::nested_set::{NestedSets, Node};
use crate::read::ReadError;
use crate::read::columns::{Column, Columns, level};
use crate::read::levels::count;
use crate::read::links::damaged;
use crate::read::stream::RowSlice;

/// Memory that the columns of one run may take.
const RUN_COLUMNS_BYTES_MAX: usize = 512 << 20;

/// A value in a batch, and once more what the caller makes of it (ids are written out).
const VALUE_BYTES: usize = 3 * size_of::<ScanCell>();

/// How the spans of a run are nested.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    /// Per span the number of its resource, scope and span entry. (An empty resource or scope has
    /// an entry, too.)
    places: Vec<Place>,
    /// Per row how many spans it and those before it have.
    pub(super) row_ends: Vec<u32>,
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
        let (mut resources, mut scopes) = (0_u32, 0_u32);
        let places = rep.iter().enumerate().map(|(entry, rep)| {
            resources += u32::from(*rep <= level::RESOURCE);
            scopes += u32::from(*rep <= level::SCOPE);
            // The first entry of a row has repetition level 0.
            Place { resource: resources - 1, scope: scopes - 1, span_entry: entry as u32 }
        });
        nesting.places.extend(places);
        (nesting.resources, nesting.scopes) = (resources as usize, scopes as usize);
        let row_begins = memchr::memchr_iter(0, rep).skip(1).map(|entry| entry as u32);
        nesting.row_ends.extend(row_begins.chain([rep.len() as u32]));
        if count(def, level::SPAN) < def.len() {
            nesting.leave_out_empty(def);
        }
        nesting
    }

    /// Leaves out entries without a span.
    fn leave_out_empty(&mut self, def: &[u8]) {
        let (mut begin, mut spans) = (0, 0);
        for end in &mut self.row_ends {
            spans += count(&def[begin..*end as usize], level::SPAN);
            begin = *end as usize;
            *end = spans as u32;
        }
        self.places.retain(|place| def[place.span_entry as usize] == level::SPAN);
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

    /// How many entries the owners of an attribute scope have.
    fn owners(&self, scope: AttributeScope) -> usize {
        match scope {
            AttributeScope::Resource => self.resources,
            AttributeScope::Scope => self.scopes,
            AttributeScope::Span => self.span_entries,
            AttributeScope::Event => self.events.count,
            AttributeScope::Link => self.links.count,
        }
    }

    /// Appends to `out`, for each value of a column (span, event or link), what its owner has.
    fn spread(&self, scope: AttributeScope, of_owners: &[ScanCell], out: &mut Vec<ScanCell>) {
        let places = self.places.iter();
        match scope {
            AttributeScope::Resource => {
                out.extend(places.map(|place| of_owners[place.resource as usize]));
            }
            AttributeScope::Scope => out.extend(places.map(|p| of_owners[p.scope as usize])),
            AttributeScope::Span if self.places.len() == of_owners.len() => {
                out.extend_from_slice(of_owners);
            }
            AttributeScope::Span => out.extend(places.map(|p| of_owners[p.span_entry as usize])),
            AttributeScope::Event => out.extend(self.events.entries().map(|at| of_owners[at])),
            AttributeScope::Link => out.extend(self.links.entries().map(|at| of_owners[at])),
        }
    }

    /// Values that the columns of a plan hold of the run, those of owners included.
    fn values(&self, plan: &Plan) -> usize {
        let entries = self.span_entries.max(self.events.count).max(self.links.count);
        entries.saturating_mul(plan.sources.len() + 2)
    }
}

/// What is appended, and where.
pub(super) struct Run<'a> {
    pub(super) plan: &'a mut Plan,
    pub(super) columns: &'a Columns,
    pub(super) streams: &'a mut Streams,
    pub(super) pool: &'a mut Pool,
    pub(super) rows: Range<u64>,
}

impl Run<'_> {
    /// Appends the spans of the rows; gives per row how many spans it and those before it have.
    pub(super) fn append(&mut self, batch: &mut ScanBatch) -> Result<Vec<u32>, ReadError> {
        let Self { plan, columns, streams, rows, .. } = self;
        let head = streams.seek_get(plan.head, rows)?;
        let mut nesting = Nesting::new(head.rep, head.def);
        for list in &plan.lists {
            let items = ItemNesting::read(*list, columns, streams, rows, &nesting)?;
            match list {
                ItemList::Events => nesting.events = items,
                ItemList::Links => nesting.links = items,
            }
        }
        let message_bytes = self.count_link_messages(&mut nesting)?;
        let Self { plan, streams, rows, .. } = self;
        let (spans, values) = (nesting.spans(), nesting.values(plan));
        if values.saturating_mul(size_of::<ScanCell>()) > RUN_COLUMNS_BYTES_MAX {
            let row = rows.start;
            return Err(ReadError::Damaged(format!(
                "row {row}: {spans} spans are too many to scan"
            )));
        }
        streams.hold(values * VALUE_BYTES)?;
        streams.hold(message_bytes.saturating_mul(links::MEMORY_PER_BYTE))?;
        self.span_starts(batch)?;
        self.link_messages()?;
        let Self { plan, streams, pool, rows, .. } = self;
        for group in &mut plan.groups {
            group.read(streams, pool, rows, nesting.owners(group.scope))?;
        }
        for list in &plan.lists {
            batch.append_items(*list, &nesting.items(*list).ends);
        }
        for (number, column) in batch.columns.iter_mut().enumerate() {
            self.field(self.plan.sources[number], &nesting, column)?;
        }
        batch.spans += spans;
        Ok(nesting.row_ends)
    }

    /// Where links are in messages, counts them; gives the bytes of these.
    fn count_link_messages(&mut self, nesting: &mut Nesting) -> Result<usize, ReadError> {
        let Some(messages) = &self.plan.link_messages else { return Ok(0) };
        let counts = links::count(&self.of_spans(messages.column)?).map_err(damaged)?;
        nesting.links = ItemNesting::of_ends(counts.ends);
        Ok(counts.bytes)
    }

    fn link_messages(&mut self) -> Result<(), ReadError> {
        let Some(messages) = &mut self.plan.link_messages else { return Ok(()) };
        let slice = self.streams.get(messages.column, &self.rows)?;
        messages.read(&slice, self.pool).map_err(damaged)
    }

    fn span_starts(&mut self, batch: &mut ScanBatch) -> Result<(), ReadError> {
        if self.plan.span_starts {
            let column = self.columns.span.start;
            let slice = self.of_spans(column)?;
            let starts = slice.value_range().map(|at| slice.values.int(at) as u64);
            batch.span_start_unix_nanos.extend(starts);
        }
        Ok(())
    }

    fn field(
        &mut self,
        source: Source,
        nesting: &Nesting,
        out: &mut Vec<ScanCell>,
    ) -> Result<(), ReadError> {
        match source {
            Source::OfTrace(column) => self.of_traces(column, nesting, out),
            Source::OfScope(column) => self.of_scopes(column, nesting, out),
            Source::OfSpan(column) => {
                self.of_spans(column)?;
                let slice = self.streams.get(column, &self.rows)?;
                self.pool.cells(slice.values).append(slice.value_range(), out);
                Ok(())
            }
            Source::OfItem(list, column) => {
                let Self { columns, streams, pool, rows, .. } = self;
                let slice = items::values(list, column, columns, streams, rows)?;
                pool.cells(slice.values).append(slice.value_range(), out);
                Ok(())
            }
            Source::Attribute { group, key } => {
                let group: &AttrGroup = &self.plan.groups[group];
                nesting.spread(group.scope, group.values(key), out);
                Ok(())
            }
            Source::LinkMessage(field) => {
                let messages = self.plan.link_messages.as_ref();
                out.extend(messages.into_iter().flat_map(|messages| messages.values(field)));
                Ok(())
            }
            Source::EventTime(column) => self.event_times(column, nesting, out),
            Source::Children => self.children(nesting, out),
            Source::Nowhere(list) => {
                let items = list.map_or(nesting.spans(), |list| nesting.items(list).items());
                out.extend(std::iter::repeat_n(ScanCell::Missing, items));
                Ok(())
            }
        }
    }

    /// Event − span start, wrapping.
    fn event_times(
        &mut self,
        column: Column,
        nesting: &Nesting,
        out: &mut Vec<ScanCell>,
    ) -> Result<(), ReadError> {
        let starts = self.of_spans(self.columns.span.start)?;
        let starts = starts.value_range().map(|at| starts.values.int(at)).collect::<Vec<_>>();
        let Self { columns, streams, rows, .. } = self;
        let slice = items::values(ItemList::Events, column, columns, streams, rows)?;
        let mut times = slice.value_range();
        let mut before = 0;
        for (start, end) in starts.iter().zip(&nesting.events.ends) {
            let of_span = times.by_ref().take((end - before) as usize);
            out.extend(of_span.map(|at| ScanCell::Int(slice.values.int(at).wrapping_sub(*start))));
            before = *end;
        }
        Ok(())
    }

    /// Direct children of every span, by ids as the encoder counts them.
    fn children(&mut self, nesting: &Nesting, out: &mut Vec<ScanCell>) -> Result<(), ReadError> {
        let [ids, parents, kinds] = children_columns(self.columns);
        for column in [ids, parents, kinds] {
            self.of_spans(column)?;
        }
        let get = |column| self.streams.get(column, &self.rows);
        let (ids, parents, kinds) = (get(ids)?, get(parents)?, get(kinds)?);
        let number = |slice: &RowSlice<'_>, at: usize| {
            u64::from_be_bytes(span_id(slice.values.byte_slice(slice.first_value + at)))
        };
        let node = |at: usize| Node {
            id: number(&ids, at),
            parent: (!parents.values.byte_slice(parents.first_value + at).is_empty())
                .then(|| number(&parents, at)),
            kind: kinds.values.int(kinds.first_value + at) as i32,
        };
        let (mut nested, mut begin) = (NestedSets::default(), 0);
        for end in &nesting.row_ends {
            let nodes: Vec<Node> = (begin..*end as usize).map(node).collect();
            let places = nested.place(&nodes).iter();
            out.extend(places.map(|place| ScanCell::Int(i64::from(place.children))));
            begin = *end as usize;
        }
        Ok(())
    }

    /// One value per trace.
    fn of_traces(
        &mut self,
        column: Column,
        nesting: &Nesting,
        out: &mut Vec<ScanCell>,
    ) -> Result<(), ReadError> {
        let slice = self.streams.seek_get(column, &self.rows)?;
        if slice.present != nesting.row_ends.len() {
            return Err(self.streams.contradiction(column, &self.rows));
        }
        let cells = self.pool.cells(slice.values);
        let mut before = 0;
        for (at, end) in slice.value_range().zip(&nesting.row_ends) {
            out.extend(std::iter::repeat_n(cells.get(at), (end - before) as usize));
            before = *end;
        }
        Ok(())
    }

    /// One value per instrumentation scope.
    fn of_scopes(
        &mut self,
        column: Column,
        nesting: &Nesting,
        out: &mut Vec<ScanCell>,
    ) -> Result<(), ReadError> {
        let slice = self.streams.seek_get(column, &self.rows)?;
        if slice.rep.len() != nesting.scopes {
            return Err(self.streams.contradiction(column, &self.rows));
        }
        let cells = self.pool.cells(slice.values);
        let of_owners = cells_or_missing(&slice, level::SCOPE, &cells);
        nesting.spread(AttributeScope::Scope, &of_owners, out);
        Ok(())
    }

    /// A column that has one value per span. Checks that it has the same levels as the others, so
    /// that values fit one to one.
    fn of_spans(&mut self, column: Column) -> Result<RowSlice<'_>, ReadError> {
        self.streams.seek(column, self.rows.start)?;
        let head = self.streams.get(self.plan.head, &self.rows)?;
        let slice = self.streams.get(column, &self.rows)?;
        match slice.has_levels_of(&head) {
            true => Ok(slice),
            false => Err(self.streams.contradiction(column, &self.rows)),
        }
    }
}

/// A cell per entry of a column that has at most one value for each.
pub(super) fn cells_or_missing(
    slice: &RowSlice<'_>,
    present: u8,
    cells: &Cells<'_>,
) -> Vec<ScanCell> {
    let mut at = slice.first_value;
    let cell = |def: &u8| match *def == present {
        true => {
            at += 1;
            cells.get(at - 1)
        }
        false => ScanCell::Missing,
    };
    slice.def.iter().map(cell).collect()
}

/// Span ids have 8 bytes; others are padded on the left or cut.
pub(super) fn span_id(stored: &[u8]) -> [u8; 8] {
    let mut id = [0; 8];
    let kept = &stored[stored.len().saturating_sub(8)..];
    id[8 - kept.len()..].copy_from_slice(kept);
    id
}
