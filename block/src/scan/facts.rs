//! What answers show of a trace beside what was asked about it.
//!
//! From: [`super::row`], for traces of the last batch alone: most traces of a scan are not shown.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

use super::row::Streams;
use super::spans::span_id;
use super::{RowGroupScan, ScannedTrace};
use crate::read::ReadError;
use crate::read::columns::{Column, Columns, StatsColumns, level};

/// What answers show of a trace.
#[derive(Clone, Debug)]
pub struct TraceFacts {
    /// Name of the root span, or empty.
    pub root_name: Bytes,
    /// Service of the root span, or empty.
    pub root_service: Bytes,
    /// Spans and errors by service.
    pub service_stats: Vec<(Bytes, u32, u32)>,
    /// Per span its id.
    pub span_ids: Vec<[u8; 8]>,
    /// Per span its start, nanoseconds since the Unix epoch.
    pub span_start_unix_nanos: Vec<u64>,
    /// Per span its duration in nanoseconds.
    pub span_duration_nanos: Vec<u64>,
}

/// Memory of a span's facts, and of the batch's share in it.
const SPAN_BYTES: usize = 32;

/// OTLP's status code of an error.
const STATUS_ERROR: i64 = 2;

/// The columns that are read.
pub(super) fn columns(columns: &Columns) -> Vec<Column> {
    let span = &columns.span;
    let mut read = vec![columns.root_name, columns.root_service];
    read.extend([span.span_id, span.start, span.duration]);
    match columns.stats {
        Some(stats) => read.extend(stats.all()),
        None => read.extend([columns.resource.service_name, span.status_code]),
    }
    read
}

impl RowGroupScan {
    /// What answers show of a trace of the last batch, if the request says that they will
    /// ([`ScanRequest::facts`](super::ScanRequest::facts)). Traces must be asked for in order.
    ///
    /// # Errors
    /// Damaged columns. With [`ReadError::NeedsMemory`] the scan is over, and another one may go on
    /// from [`RowGroupScan::next_row`], which is then this trace.
    pub fn facts(&mut self, trace: &ScannedTrace) -> Result<TraceFacts, ReadError> {
        let (row, spans) = (trace.row, trace.spans.len());
        let facts = self.streams.hold(spans * SPAN_BYTES).and_then(|()| {
            // The batch may have gone on to later pages of the same columns.
            self.facts.with_budget_of(&mut self.streams, |streams| {
                read(streams, &self.columns, row, spans)
            })
        });
        if facts.is_err() {
            self.next_row = row;
        }
        facts
    }
}

fn read(
    streams: &mut Streams,
    columns: &Columns,
    row: u64,
    spans: usize,
) -> Result<TraceFacts, ReadError> {
    let (rows, span) = (row..row + 1, &columns.span);
    let ids = streams.seek_get(span.span_id, &rows)?;
    let of_values = ids.value_range();
    let span_ids: Vec<_> = of_values.map(|at| span_id(ids.values.byte_slice(at))).collect();
    let mut ints = |column| {
        let slice = streams.seek_get(column, &rows)?;
        let values = slice.value_range().map(|at| slice.values.int(at) as u64);
        Ok::<Vec<u64>, ReadError>(values.collect())
    };
    let (starts, durations) = (ints(span.start)?, ints(span.duration)?);
    for (column, found) in [
        (span.span_id, span_ids.len()),
        (span.start, starts.len()),
        (span.duration, durations.len()),
    ] {
        if found != spans {
            return Err(streams.contradiction(column, &rows));
        }
    }
    Ok(TraceFacts {
        root_name: trace_bytes(streams, columns.root_name, &rows)?,
        root_service: trace_bytes(streams, columns.root_service, &rows)?,
        service_stats: match columns.stats {
            Some(stats) => service_stats(streams, stats, &rows)?,
            None => counted_stats(streams, columns, &rows)?,
        },
        span_ids,
        span_start_unix_nanos: starts,
        span_duration_nanos: durations,
    })
}

/// The value of a column that has one per trace.
fn trace_bytes(
    streams: &mut Streams,
    column: Column,
    rows: &Range<u64>,
) -> Result<Bytes, ReadError> {
    let slice = streams.seek_get(column, rows)?;
    Ok(slice.values.bytes(slice.first_value))
}

/// Spans and errors by service.
fn service_stats(
    streams: &mut Streams,
    columns: StatsColumns,
    rows: &Range<u64>,
) -> Result<Vec<(Bytes, u32, u32)>, ReadError> {
    for column in columns.all() {
        streams.seek(column, rows.start)?;
    }
    let services = streams.get(columns.service, rows)?;
    let spans = streams.get(columns.spans, rows)?;
    let errors = streams.get(columns.errors, rows)?;
    if spans.def != services.def || errors.def != services.def {
        return Err(streams.contradiction(columns.service, rows));
    }
    let present = services.def.iter().filter(|def| **def == level::STATS).count();
    let stats = |at: usize| {
        (
            services.values.bytes(services.first_value + at),
            spans.values.int(spans.first_value + at) as u32,
            errors.values.int(errors.first_value + at) as u32,
        )
    };
    let mut all: Vec<_> = (0..present).map(stats).collect();
    // Maps have no order.
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}

/// The same where the block has no statistics: counted.
fn counted_stats(
    streams: &mut Streams,
    columns: &Columns,
    rows: &Range<u64>,
) -> Result<Vec<(Bytes, u32, u32)>, ReadError> {
    let (service_name, status) = (columns.resource.service_name, columns.span.status_code);
    streams.seek(service_name, rows.start)?;
    streams.seek(status, rows.start)?;
    let services = streams.get(service_name, rows)?;
    let statuses = streams.get(status, rows)?;
    let (mut resource, mut service, mut value) = (0, services.first_value, statuses.first_value);
    let mut stats: BTreeMap<Bytes, (u32, u32)> = BTreeMap::new();
    for (rep, def) in statuses.rep.iter().zip(statuses.def) {
        if *rep <= level::RESOURCE {
            let before = resource;
            resource += 1;
            service += usize::from(before > 0 && services.def[before - 1] == level::RESOURCE);
            if services.def.len() < resource {
                return Err(streams.contradiction(service_name, rows));
            }
        }
        if *def == level::SPAN {
            let (spans, errors) = stats.entry(services.values.bytes(service)).or_default();
            *spans += 1;
            *errors += u32::from(statuses.values.int(value) == STATUS_ERROR);
            value += 1;
        }
    }
    Ok(stats.into_iter().map(|(service, (spans, errors))| (service, spans, errors)).collect())
}
