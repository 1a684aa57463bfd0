//! Links of blocks that keep those of a span in one message (`vParquet3`).
//!
//! From: [`super::row`]. To: [`super::spans`], which appends them to the batch. Each message is
//! walked twice: to count its links, before memory is taken, and for the values of wanted fields.

use bytes::Bytes;
use stringendo_proto::wire::WireError;

use super::attributes::scalar_cell;
use super::batch::{Pool, ScanCell};
use crate::read::columns::Column;
use crate::read::links::{LinkView, bodies, comparable};
use crate::read::stream::RowSlice;
use crate::read::texts::Comparable;

/// Memory per byte of a message: an element of a list takes four bytes there, and here a value and
/// a cell.
pub(super) const MEMORY_PER_BYTE: usize = 16;

/// What is read of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LinkField {
    TraceId,
    SpanId,
    Attribute(Bytes),
}

/// Wanted fields of links.
#[derive(Debug)]
pub(super) struct LinkMessages {
    /// Where the messages are.
    pub(super) column: Column,
    fields: Vec<LinkField>,
    /// Of the present run, by field and link.
    values: Vec<Vec<ScanCell>>,
}

/// How many links spans have, and how large they are.
#[derive(Debug, Default)]
pub(super) struct LinkCounts {
    /// Per span how many links it and the spans before it have.
    pub(super) ends: Vec<u32>,
    /// Bytes of all messages.
    pub(super) bytes: usize,
}

impl LinkMessages {
    pub(super) fn of(column: Column) -> Self {
        Self { column, fields: Vec::new(), values: Vec::new() }
    }

    /// Number of a field.
    pub(super) fn add(&mut self, field: LinkField) -> usize {
        let known = self.fields.iter().position(|known| *known == field);
        known.unwrap_or_else(|| {
            self.fields.push(field);
            self.values.push(Vec::new());
            self.fields.len() - 1
        })
    }

    /// The values of a field at the links of the present run.
    pub(super) fn values(&self, field: usize) -> &[ScanCell] {
        &self.values[field]
    }

    /// Reads the values of all fields; `slice` has a message per span.
    pub(super) fn read(&mut self, slice: &RowSlice<'_>, pool: &mut Pool) -> Result<(), WireError> {
        let mut found = vec![Vec::new(); self.fields.len()];
        for at in slice.value_range() {
            let message = slice.values.bytes(at);
            for body in bodies(&message) {
                let link = LinkView::of(body?)?;
                for (field, found) in self.fields.iter().zip(&mut found) {
                    found.push(value(field, &link, &message)?);
                }
            }
        }
        let scalars = found.iter().flatten().flatten().flat_map(Comparable::scalars);
        let (texts, mut text) = (pool.texts_of(scalars), 0);
        for (found, values) in found.iter().zip(&mut self.values) {
            values.clear();
            values.extend(found.iter().map(|value| cell(value.as_ref(), texts, &mut text, pool)));
        }
        Ok(())
    }
}

/// Counts the links of every span; `slice` has a message per span.
pub(super) fn count(slice: &RowSlice<'_>) -> Result<LinkCounts, WireError> {
    let mut counts = LinkCounts::default();
    let mut links = 0;
    for at in slice.value_range() {
        let message = slice.values.byte_slice(at);
        counts.bytes += message.len();
        for body in bodies(message) {
            body?;
            links += 1;
        }
        counts.ends.push(links);
    }
    Ok(counts)
}

/// Of several values of one key the last one counts.
fn value(
    field: &LinkField,
    link: &LinkView<'_>,
    message: &Bytes,
) -> Result<Option<Comparable>, WireError> {
    let id = |id: &[u8]| {
        let text = stringendo_proto::otlp::Value::String(message.slice_ref(id));
        Ok(Some(Comparable::Scalar(text)))
    };
    match field {
        LinkField::TraceId => id(link.trace_id),
        LinkField::SpanId => id(link.span_id),
        LinkField::Attribute(key) => {
            let mut found = None;
            for attribute in link.attributes() {
                let (name, any) = attribute?;
                found = if name == key { Some(any) } else { found };
            }
            found.map(|any| comparable(any, message)).transpose()
        }
    }
}

fn cell(value: Option<&Comparable>, table: u32, text: &mut u32, pool: &mut Pool) -> ScanCell {
    match value {
        None => ScanCell::Missing,
        Some(Comparable::Nothing) => ScanCell::Unsupported,
        Some(Comparable::Scalar(value)) => scalar_cell(value, table, text),
        Some(Comparable::List(values)) => {
            let cells: Vec<_> = values.iter().map(|it| scalar_cell(it, table, text)).collect();
            pool.array(&cells)
        }
    }
}
