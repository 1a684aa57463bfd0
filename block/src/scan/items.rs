//! Events and links of the spans of a run of traces.
//!
//! From: [`super::row`]. To: [`super::spans`], which appends them to the batch. A span without
//! events has an entry in the columns of events, too, which holds none.

use std::ops::Range;

use super::ItemList;
use super::row::Streams;
use super::spans::Nesting;
use crate::read::ReadError;
use crate::read::columns::{Column, Columns, level};
use crate::read::stream::RowSlice;

/// Repetition level of an item: events and links are at the same.
const ITEM: u8 = level::EVENT;

impl ItemList {
    /// The column whose levels say how many items each span has. `None` if the block has no such
    /// list, or has it in messages.
    pub(super) fn head(self, columns: &Columns) -> Option<Column> {
        match self {
            ItemList::Events => Some(columns.event.name),
            ItemList::Links => columns.link.as_ref().map(|link| link.span_id),
        }
    }
}

/// How the items of one list belong to the spans of a run.
#[derive(Debug, Default)]
pub(super) struct ItemNesting {
    /// Per item the number of its entry.
    entries: Vec<u32>,
    /// Per span how many items it and the spans before it have.
    pub(super) ends: Vec<u32>,
    /// How many entries there are.
    pub(super) count: usize,
}

impl ItemNesting {
    /// Of the traces in `rows`, whose spans are nested as `spans` says.
    pub(super) fn read(
        list: ItemList,
        columns: &Columns,
        streams: &mut Streams,
        rows: &Range<u64>,
        spans: &Nesting,
    ) -> Result<Self, ReadError> {
        let Some(head) = list.head(columns) else {
            return Ok(Self { ends: vec![0; spans.spans()], ..Self::default() });
        };
        let slice = streams.seek_get(head, rows)?;
        Self::of(&slice, spans).ok_or_else(|| streams.contradiction(head, rows))
    }

    /// `None` if the levels are not those of as many spans.
    fn of(slice: &RowSlice<'_>, spans: &Nesting) -> Option<Self> {
        let mut items = Self { count: slice.rep.len(), ..Self::default() };
        let mut span_entries = 0;
        for (entry, (rep, def)) in slice.rep.iter().zip(slice.def).enumerate() {
            let begins = *rep <= level::SPAN;
            span_entries += usize::from(begins);
            if begins && *def >= level::SPAN {
                items.ends.push(items.entries.len() as u32);
            }
            if *def == ITEM {
                items.entries.push(entry as u32);
                *items.ends.last_mut()? += 1;
            }
        }
        (span_entries == spans.span_entries && items.ends.len() == spans.spans()).then_some(items)
    }

    /// Of items that are in no column: `ends` says per span how many it and those before it have.
    pub(super) fn of_ends(ends: Vec<u32>) -> Self {
        let count = ends.last().map_or(0, |last| *last as usize);
        Self { entries: Vec::new(), ends, count }
    }

    /// How many items there are.
    pub(super) fn items(&self) -> usize {
        self.entries.len()
    }

    /// Per item the number of its entry.
    pub(super) fn entries(&self) -> impl Iterator<Item = usize> + '_ {
        self.entries.iter().map(|entry| *entry as usize)
    }
}

/// The values of a column that has one per item.
pub(super) fn values<'s>(
    list: ItemList,
    column: Column,
    columns: &Columns,
    streams: &'s mut Streams,
    rows: &Range<u64>,
) -> Result<RowSlice<'s>, ReadError> {
    streams.seek(column, rows.start)?;
    let head = streams.get(list.head(columns).unwrap_or(column), rows)?;
    let slice = streams.get(column, rows)?;
    match slice.has_levels_of(&head) {
        true => Ok(slice),
        false => Err(streams.contradiction(column, rows)),
    }
}
