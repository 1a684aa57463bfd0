//! Cursors over the levels of one row: one per column, advanced together by [`super::assemble`].
//!
//! From: [`super::stream`]. Every step checks the repetition level that the tree demands, so
//! columns that contradict each other are found out and never shift values.

use std::ops::Range;

use super::columns::Column;
use super::stream::{ColumnStream, RowSlice};
use super::values::Values;

/// Columns of a row that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadRow(pub(crate) String);

struct Cursor<'a> {
    slice: RowSlice<'a>,
    name: &'a str,
    max_def: u8,
    at: usize,
    value: usize,
}

/// One cursor per column that was fetched, by leaf number.
pub(crate) struct RowCursors<'a> {
    cursors: Vec<Option<Cursor<'a>>>,
}

/// A value's place.
#[derive(Clone, Copy)]
pub(crate) struct ValueAt<'a> {
    values: &'a Values,
    at: usize,
}

impl<'a> ValueAt<'a> {
    pub(crate) fn bytes(self) -> bytes::Bytes {
        self.values.bytes(self.at)
    }

    pub(crate) fn int(self) -> i64 {
        self.values.int(self.at)
    }

    pub(crate) fn float(self) -> f64 {
        self.values.float(self.at)
    }

    pub(crate) fn bool(self) -> bool {
        self.values.bool(self.at)
    }
}

/// Places of an item's values in a `repeated` column.
#[derive(Clone)]
pub(crate) struct ValuesAt<'a> {
    values: &'a Values,
    range: Range<usize>,
}

impl<'a> ValuesAt<'a> {
    pub(crate) fn len(&self) -> usize {
        self.range.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = ValueAt<'a>> + use<'a> {
        let values = self.values;
        self.range.clone().map(move |at| ValueAt { values, at })
    }
}

impl<'a> RowCursors<'a> {
    /// Cursors at the beginning of `row`, to which all streams were moved.
    pub(crate) fn new(
        leaves: usize,
        streams: impl Iterator<Item = (Column, &'a ColumnStream)>,
        row: u64,
    ) -> Result<Self, BadRow> {
        let mut cursors: Vec<Option<Cursor<'a>>> = Vec::new();
        cursors.resize_with(leaves, || None);
        for (column, stream) in streams {
            let slice = stream.row(row).ok_or_else(|| bad(stream.name(), "row is missing"))?;
            cursors[column] = Some(Cursor {
                slice,
                name: stream.name(),
                max_def: stream.max_def(),
                at: 0,
                value: slice.first_value,
            });
        }
        Ok(Self { cursors })
    }

    fn cursor(&mut self, column: Column) -> Result<&mut Cursor<'a>, BadRow> {
        match self.cursors.get_mut(column) {
            Some(Some(cursor)) => Ok(cursor),
            _ => Err(bad("", "column was not read")),
        }
    }

    /// The value of a required column of the present item.
    pub(crate) fn required(&mut self, column: Column, rep: u8) -> Result<ValueAt<'a>, BadRow> {
        let cursor = self.cursor(column)?;
        let def = cursor.entry(rep)?;
        if def != cursor.max_def {
            return Err(bad(cursor.name, "required value is missing"));
        }
        Ok(cursor.next_value())
    }

    /// The value of an optional column of the present item.
    pub(crate) fn optional(
        &mut self,
        column: Column,
        rep: u8,
    ) -> Result<Option<ValueAt<'a>>, BadRow> {
        let cursor = self.cursor(column)?;
        let def = cursor.entry(rep)?;
        match def {
            def if def == cursor.max_def => Ok(Some(cursor.next_value())),
            def if def + 1 == cursor.max_def => Ok(None),
            _ => Err(bad(cursor.name, "value of an absent item")),
        }
    }

    /// The values of a `repeated` column of the present item; `level` is that of the elements.
    pub(crate) fn repeated(
        &mut self,
        column: Column,
        rep: u8,
        level: u8,
    ) -> Result<ValuesAt<'a>, BadRow> {
        let cursor = self.cursor(column)?;
        let start = cursor.value;
        let values = cursor.slice.values;
        let def = cursor.entry(rep)?;
        if def == cursor.max_def {
            cursor.value += 1;
            while cursor.peek_rep() == Some(level) {
                if cursor.entry(level)? != cursor.max_def {
                    return Err(bad(cursor.name, "element without a value"));
                }
                cursor.value += 1;
            }
        } else if def + 1 != cursor.max_def {
            return Err(bad(cursor.name, "value of an absent item"));
        }
        Ok(ValuesAt { values, range: start..cursor.value })
    }

    /// Whether the present item has any items in the group of `column` at `level`.
    pub(crate) fn has_items(&mut self, column: Column, level: u8) -> Result<bool, BadRow> {
        let cursor = self.cursor(column)?;
        match cursor.slice.def.get(cursor.at) {
            Some(def) => Ok(*def >= level),
            None => Err(bad(cursor.name, "row is cut short")),
        }
    }

    /// Whether another item of the group of `column` at `level` follows.
    pub(crate) fn has_more(&mut self, column: Column, level: u8) -> Result<bool, BadRow> {
        Ok(self.cursor(column)?.peek_rep() == Some(level))
    }

    /// Steps over an empty group at `level`: each of its columns says so once.
    pub(crate) fn skip_empty(
        &mut self,
        columns: &[Column],
        rep: u8,
        level: u8,
    ) -> Result<(), BadRow> {
        for column in columns {
            let cursor = self.cursor(*column)?;
            if cursor.entry(rep)? + 1 != level {
                return Err(bad(cursor.name, "value of an absent item"));
            }
        }
        Ok(())
    }

    /// All columns must have been used up.
    pub(crate) fn finish(&self) -> Result<(), BadRow> {
        for cursor in self.cursors.iter().flatten() {
            if cursor.at != cursor.slice.rep.len() {
                return Err(bad(cursor.name, "more values than the row has items"));
            }
        }
        Ok(())
    }
}

impl<'a> Cursor<'a> {
    fn peek_rep(&self) -> Option<u8> {
        self.slice.rep.get(self.at).copied()
    }

    /// Consumes an entry, which must have repetition level `rep`; returns its definition level.
    fn entry(&mut self, rep: u8) -> Result<u8, BadRow> {
        match (self.slice.rep.get(self.at), self.slice.def.get(self.at)) {
            (Some(found), Some(def)) if *found == rep => {
                self.at += 1;
                Ok(*def)
            }
            (Some(_), Some(_)) => Err(bad(self.name, "levels contradict the other columns")),
            _ => Err(bad(self.name, "row is cut short")),
        }
    }

    fn next_value(&mut self) -> ValueAt<'a> {
        let at = self.value;
        self.value += 1;
        ValueAt { values: self.slice.values, at }
    }
}

fn bad(column: &str, what: &str) -> BadRow {
    BadRow(format!("column {column}: {what}"))
}
