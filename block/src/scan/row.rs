//! The columns of a scan, row after row.
//!
//! From: [`crate::read::stream`]. To: [`super::spans`] and [`super::attributes`].

use bytes::Bytes;
use stringendo_proto::TraceId;

use crate::read::ReadError;
use crate::read::columns::{Column, Columns, level};
use crate::read::stream::{ColumnStream, DecodeBudget, RowSlice};

/// Most entries of one column in one trace: 4 million are 250,000 spans of 16 attributes.
const ROW_ENTRIES_MAX: usize = 4 << 20;

/// Streams by leaf number.
#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: Vec<Option<ColumnStream>>,
    budget: DecodeBudget,
    /// Of the budget, what the batch at hand holds.
    batch_bytes: usize,
}

impl Streams {
    pub(super) fn insert(&mut self, column: Column, stream: ColumnStream) {
        if self.streams.len() <= column {
            self.streams.resize_with(column + 1, || None);
        }
        self.streams[column] = Some(stream);
    }

    /// Limits what may be held decoded; to be called first.
    pub(super) fn limit(&mut self, decoded_bytes_max: u64) {
        self.budget = DecodeBudget::within(decoded_bytes_max);
    }

    /// Bytes that were held at most.
    pub(super) fn peak_bytes(&self) -> u64 {
        self.budget.peak_bytes()
    }

    /// Counts `bytes` more for the batch at hand.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), ReadError> {
        self.budget.take(bytes)?;
        self.batch_bytes += bytes;
        Ok(())
    }

    /// The batch was given away.
    pub(super) fn let_go(&mut self) {
        self.budget.give_back(std::mem::take(&mut self.batch_bytes));
    }

    pub(super) fn read_bytes(&self) -> u64 {
        self.budget.read_bytes
    }

    /// Decodes the page with `row`, for [`Streams::get`].
    pub(super) fn seek(&mut self, column: Column, row: u64) -> Result<(), ReadError> {
        match self.streams.get_mut(column) {
            Some(Some(stream)) => stream.seek(row, &mut self.budget),
            _ => Err(missing(row)),
        }
    }

    /// The row that was sought last in this column.
    pub(super) fn get(&self, column: Column, row: u64) -> Result<RowSlice<'_>, ReadError> {
        let stream = self.streams.get(column).and_then(Option::as_ref);
        let stream = stream.ok_or_else(|| missing(row))?;
        let slice = stream.row(row).ok_or_else(|| missing(row))?;
        if slice.rep.len() > ROW_ENTRIES_MAX {
            let name = stream.name();
            return Err(ReadError::Damaged(format!("row {row}: column {name} is too long")));
        }
        Ok(slice)
    }

    pub(super) fn seek_get(&mut self, column: Column, row: u64) -> Result<RowSlice<'_>, ReadError> {
        self.seek(column, row)?;
        self.get(column, row)
    }

    /// The error of columns whose levels contradict each other.
    pub(super) fn contradiction(&self, column: Column, row: u64) -> ReadError {
        let stream = self.streams.get(column).and_then(Option::as_ref);
        let name = stream.map_or("", ColumnStream::name);
        ReadError::Damaged(format!("row {row}: column {name} contradicts the other columns"))
    }

    /// The value of a column that has one per trace.
    pub(super) fn trace_int(&mut self, column: Column, row: u64) -> Result<i64, ReadError> {
        let slice = self.seek_get(column, row)?;
        Ok(slice.values.int(slice.first_value))
    }

    /// The value of a column that has one per trace.
    pub(super) fn trace_bytes(&mut self, column: Column, row: u64) -> Result<Bytes, ReadError> {
        let slice = self.seek_get(column, row)?;
        Ok(slice.values.bytes(slice.first_value))
    }
}

fn missing(row: u64) -> ReadError {
    ReadError::Damaged(format!("row {row} is missing from a column"))
}

pub(super) fn trace_id(
    streams: &mut Streams,
    column: Column,
    row: u64,
) -> Result<TraceId, ReadError> {
    let slice = streams.seek_get(column, row)?;
    let id = slice.values.byte_slice(slice.first_value).try_into().map(TraceId);
    id.map_err(|_| ReadError::Damaged(format!("row {row}: trace id is not of 16 bytes")))
}

/// Spans and errors by service.
pub(super) fn service_stats(
    streams: &mut Streams,
    columns: &Columns,
    row: u64,
) -> Result<Vec<(Bytes, u32, u32)>, ReadError> {
    for column in [columns.stats_service, columns.stats_spans, columns.stats_errors] {
        streams.seek(column, row)?;
    }
    let services = streams.get(columns.stats_service, row)?;
    let spans = streams.get(columns.stats_spans, row)?;
    let errors = streams.get(columns.stats_errors, row)?;
    if spans.def != services.def || errors.def != services.def {
        return Err(streams.contradiction(columns.stats_service, row));
    }
    let present = services.def.iter().filter(|def| **def == level::STATS).count();
    let stats = |at: usize| {
        (
            services.values.bytes(services.first_value + at),
            spans.values.int(spans.first_value + at) as u32,
            errors.values.int(errors.first_value + at) as u32,
        )
    };
    Ok((0..present).map(stats).collect())
}
