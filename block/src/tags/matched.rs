//! The keys of the attributes that some spans of a row group have, with their resources, scopes,
//! events and links.
//!
//! From: a scan, which has found the spans. Rows are in order of their trace ids.

use std::ops::Range;

use stringendo_proto::TraceId;

use super::columns::ScopeColumns;
use super::names::{Says, Wanted};
use super::pairs::{SeenCodes, contradiction, row_of};
use super::{SERVICE_NAME, TagNamesFound, TagScope};
use crate::read::columns::level;
use crate::read::links;
use crate::read::stream::{ColumnStream, DecodeBudget};
use crate::read::values::Values;
use crate::read::{BlockReader, Fetched, ReadError, join_ranges};

/// Spans of one trace that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatchedSpans {
    /// The trace.
    pub trace_id: TraceId,
    /// Their numbers in the trace, ascending.
    pub spans: Vec<u32>,
}

/// Reads names of given spans.
pub struct TagNamesOfSpans {
    trace_ids: ColumnStream,
    span_ids: ColumnStream,
    parts: Vec<Part>,
    next_row: u64,
    rows: u64,
    budget: DecodeBudget,
}

/// One column that says something about names.
struct Part {
    scope: TagScope,
    stream: ColumnStream,
    says: Says,
    /// The definition level of a value.
    present: u8,
    owner_level: u8,
    seen: SeenCodes,
}

impl BlockReader {
    /// Ranges to fetch before [`BlockReader::tag_names_of_spans`].
    pub fn tag_names_of_spans_ranges(
        &self,
        row_group: usize,
        scopes: &[TagScope],
    ) -> Vec<Range<u64>> {
        let ids = [self.columns.trace_id, self.columns.span.span_id];
        let columns =
            ids.into_iter().chain(self.name_columns(scopes).into_iter().map(|it| it.column));
        join_ranges(columns.filter_map(|column| self.chunk_range(row_group, column)).collect())
    }

    /// Begins to read the names of some scopes at given spans of a row group.
    ///
    /// # Errors
    /// Ranges missing from `fetched`.
    pub fn tag_names_of_spans(
        &self,
        row_group: usize,
        scopes: &[TagScope],
        fetched: &Fetched,
        decoded_bytes_max: u64,
    ) -> Result<TagNamesOfSpans, ReadError> {
        let stream = |column| self.stream(row_group, column, fetched);
        let part = |Wanted { scope, column, says }| {
            let columns = ScopeColumns::of(&self.columns, scope);
            let stream = stream(column)?;
            let (present, owner_level) = (stream.max_def(), columns.owner_level);
            Ok(Part { scope, stream, says, present, owner_level, seen: SeenCodes::default() })
        };
        let parts = self.name_columns(scopes).into_iter().map(part);
        Ok(TagNamesOfSpans {
            trace_ids: stream(self.columns.trace_id)?,
            span_ids: stream(self.columns.span.span_id)?,
            parts: parts.collect::<Result<_, ReadError>>()?,
            next_row: 0,
            rows: self.rows(row_group)?,
            budget: DecodeBudget::within(decoded_bytes_max),
        })
    }
}

impl TagNamesOfSpans {
    /// Reads the names of one trace's spans; traces must come in order of their ids.
    ///
    /// # Errors
    /// Damaged columns. With [`ReadError::NeedsMemory`] the scan is over, and another one may add
    /// to the same names.
    pub fn read(
        &mut self,
        matched: &MatchedSpans,
        found: &mut TagNamesFound,
    ) -> Result<(), ReadError> {
        let Some(row) = self.row_of_trace(&matched.trace_id)? else { return Ok(()) };
        self.span_ids.seek(row, &mut self.budget)?;
        let ids = row_of(&self.span_ids, row)?;
        let owners = Owners::of(ids.rep, ids.def, &matched.spans);
        for part in &mut self.parts {
            part.stream.seek(row, &mut self.budget)?;
            part.read(row, &owners, found)?;
        }
        Ok(())
    }

    /// Bytes of the file that were decoded.
    pub fn read_bytes(&self) -> u64 {
        self.budget.read_bytes
    }

    fn row_of_trace(&mut self, id: &TraceId) -> Result<Option<u64>, ReadError> {
        while self.next_row < self.rows {
            let row = self.next_row;
            self.trace_ids.seek(row, &mut self.budget)?;
            let slice = row_of(&self.trace_ids, row)?;
            match slice.values.byte_slice(slice.first_value).cmp(&id.0[..]) {
                std::cmp::Ordering::Less => self.next_row += 1,
                std::cmp::Ordering::Equal => return Ok(Some(row)),
                std::cmp::Ordering::Greater => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// Which entries of resources, scopes and spans in a row count.
struct Owners {
    resources: Vec<bool>,
    scopes: Vec<bool>,
    spans: Vec<bool>,
}

impl Owners {
    /// From the levels of a column of spans, and the numbers of those that count.
    fn of(rep: &[u8], def: &[u8], matched: &[u32]) -> Self {
        let mut owners = Self { resources: Vec::new(), scopes: Vec::new(), spans: Vec::new() };
        let (mut number, mut matched) = (0_u32, matched.iter().peekable());
        for (rep, def) in rep.iter().zip(def) {
            if *rep <= level::RESOURCE {
                owners.resources.push(false);
            }
            if *rep <= level::SCOPE {
                owners.scopes.push(false);
            }
            let is_span = *def == level::SPAN;
            let counts = is_span && matched.next_if(|span| **span == number).is_some();
            number += u32::from(is_span);
            owners.spans.push(counts);
            if counts {
                // The first entry of a row begins a resource and a scope.
                owners.resources.last_mut().into_iter().for_each(|counts| *counts = true);
                owners.scopes.last_mut().into_iter().for_each(|counts| *counts = true);
            }
        }
        owners
    }

    fn at(&self, owner_level: u8) -> &[bool] {
        match owner_level {
            level::RESOURCE => &self.resources,
            level::SCOPE => &self.scopes,
            _ => &self.spans,
        }
    }
}

impl Part {
    fn read(
        &mut self,
        row: u64,
        owners: &Owners,
        found: &mut TagNamesFound,
    ) -> Result<(), ReadError> {
        let slice = row_of(&self.stream, row)?;
        let counts = owners.at(self.owner_level);
        let mut owner = 0_usize;
        let mut value = slice.first_value;
        for (rep, def) in slice.rep.iter().zip(slice.def) {
            owner += usize::from(*rep <= self.owner_level);
            let Some(counts) = counts.get(owner.wrapping_sub(1)) else {
                return Err(contradiction(&self.stream, row));
            };
            if *def < self.present {
                continue;
            }
            if *counts {
                let at = (slice.values, value);
                note(self.scope, &self.says, at, &mut self.seen, found)?;
            }
            value += 1;
        }
        if owner == counts.len() { Ok(()) } else { Err(contradiction(&self.stream, row)) }
    }
}

fn note(
    scope: TagScope,
    says: &Says,
    (values, at): (&Values, usize),
    seen: &mut SeenCodes,
    found: &mut TagNamesFound,
) -> Result<(), ReadError> {
    match (says, values) {
        (Says::ServiceName, _) => {
            if !values.byte_slice(at).is_empty() {
                found.insert(scope, SERVICE_NAME);
            }
        }
        (Says::Own(key), _) => {
            found.insert(scope, key);
        }
        (Says::Keys, Values::Codes { codes, dictionary }) => {
            if seen.is_first(dictionary, codes[at]) {
                found.insert(scope, dictionary.get(codes[at] as usize));
            }
        }
        (Says::Keys, other) => {
            found.insert(scope, other.byte_slice(at));
        }
        (Says::Links, _) => {
            let note = |key: &[u8], _: &[u8]| {
                found.insert(scope, key);
            };
            links::each_attribute(values.byte_slice(at), note).map_err(links::damaged)?;
        }
    }
    Ok(())
}
