//! Which rows are worth reading: the needs, asked of the data pages of the columns that they look
//! at, page by page, without making values of rows.
//!
//! From: [`super::lookup`]. To: [`super::RowGroupScan`], which reads the candidates alone.
//!
//! A need is asked per row: a row is a candidate if each of the need's tests passes for some span,
//! not necessarily the same one. Where most rows pass, those of further pages are taken unasked.
//! What this leaves in vain, evaluation throws out.

use std::ops::Range;
use std::sync::Arc;

use super::lookup::Lookup;
use super::needs::Wanted;
use super::page_keys::KeyPages;
use super::pages::{PageSift, SiftCounts};
use super::probe::{NeedProbes, Probe, probes};
use super::rows::RowSet;
use super::{AttributeScope, BlockReader, Fetched, KnownDictionaries, ReadError, ScanRequest};
use crate::read::columns::Column;
use crate::read::join_ranges;
use crate::read::page::ColumnKind;
use crate::read::stream::{DecodeBudget, Parts};

/// Rows that are worth reading.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// `None`: all.
    pub(super) rows: Option<RowSet>,
    /// Rows by need, where rows may be pieces.
    by_need: Vec<(usize, RowSet)>,
    /// Scopes of whose generic attributes none has a wanted key.
    pub(super) absent: Arc<[AttributeScope]>,
}

impl Candidates {
    /// All rows.
    pub fn all() -> Self {
        Self::default()
    }

    /// No row.
    pub fn none() -> Self {
        Self { rows: Some(RowSet::default()), ..Self::default() }
    }

    /// All rows of a row group, of whose columns `lookup` knows something.
    pub fn all_of(lookup: &Lookup) -> Self {
        Self { absent: Arc::clone(&lookup.absent), ..Self::default() }
    }

    /// Whether there is no candidate.
    pub fn is_empty(&self) -> bool {
        self.rows.as_ref().is_some_and(RowSet::is_empty)
    }

    /// How many there are; `None` if all rows are.
    pub fn count(&self) -> Option<u64> {
        self.rows.as_ref().map(RowSet::count)
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> u64 {
        let by_need = self.by_need.iter().map(|(_, rows)| rows.memory_bytes());
        let rows = self.rows.as_ref().map_or(0, RowSet::memory_bytes);
        (rows + by_need.sum::<usize>()) as u64
    }

    /// The first one from `row` on; there may be no such row if all are candidates.
    pub(super) fn next(&self, row: u64) -> Option<u64> {
        self.rows.as_ref().map_or(Some(row), |rows| rows.next(row))
    }

    /// Some of them.
    pub(super) fn only(&self, rows: RowSet) -> Self {
        Self { rows: Some(rows), ..self.clone() }
    }

    /// Which needs a row may satisfy; see [`super::ScannedTrace::needs_met`].
    pub(super) fn needs_met(&self, row: u64) -> u64 {
        if self.by_need.is_empty() {
            return u64::MAX;
        }
        let met = self.by_need.iter().filter(|(_, rows)| rows.contains(row));
        // What is beyond the mask is not known.
        met.fold(0, |mask, (need, _)| mask | u32::try_from(*need).map_or(0, bit))
    }
}

fn bit(need: u32) -> u64 {
    1_u64.checked_shl(need).unwrap_or(0)
}

/// The search for candidates, under way.
pub struct Sift<'a> {
    reader: &'a BlockReader,
    row_group: usize,
    request: &'a ScanRequest,
    fetched: &'a Fetched,
    needs: &'a [(usize, NeedProbes)],
    absent: Arc<[AttributeScope]>,
    budget: DecodeBudget,
    counts: SiftCounts,
    /// Whether the rows of the requested time are known.
    knows_time: bool,
    /// Rows of the requested time; `None`: all.
    in_time: Option<RowSet>,
    by_need: Vec<(usize, RowSet)>,
    /// Which need, test and probe is asked.
    at: (usize, usize, usize),
    /// Rows for which the tests of the present need passed that were asked already.
    passed: Option<RowSet>,
    /// Rows for which the present test passes.
    passing: RowSet,
    pages: Option<PageSift<'a>>,
}

impl BlockReader {
    /// Ranges to fetch before [`BlockReader::sift`]; none if there is nothing to sift.
    pub fn sift_ranges(
        &self,
        row_group: usize,
        request: &ScanRequest,
        lookup: &Lookup,
        known: &dyn KnownDictionaries,
    ) -> Vec<Range<u64>> {
        if lookup.wants_every_row() || lookup.excludes_all() {
            return Vec::new();
        }
        let probes = lookup.needs.iter().flatten().flat_map(|(_, tests)| tests).flatten();
        join_ranges(self.probe_ranges(row_group, request, probes, known))
    }

    /// Ranges that serve [`BlockReader::look_up`] and [`BlockReader::sift`] alike, for row groups
    /// that are so small that they are better fetched at once.
    pub fn lookup_and_sift_ranges(
        &self,
        row_group: usize,
        request: &ScanRequest,
        known: &dyn KnownDictionaries,
    ) -> Vec<Range<u64>> {
        let needs = probes(&self.columns, &request.fields, &request.needs);
        let probes = needs.iter().flatten().flatten().flatten();
        let mut ranges = self.probe_ranges(row_group, request, probes, known);
        ranges.extend(self.lookup_ranges(row_group, request, known));
        join_ranges(ranges)
    }

    fn probe_ranges<'p>(
        &self,
        row_group: usize,
        request: &ScanRequest,
        probes: impl Iterator<Item = &'p Probe>,
        known: &dyn KnownDictionaries,
    ) -> Vec<Range<u64>> {
        let mut ranges = Vec::new();
        for probe in probes {
            ranges.extend(self.data_range(row_group, probe.column));
            if let Some(keyed) = &probe.keyed {
                ranges.extend(self.ranges_of(row_group, keyed.key_column, None, known));
            }
        }
        if !self.is_within_time(row_group, request) {
            let times = [self.columns.start, self.columns.end];
            ranges.extend(times.iter().filter_map(|column| self.chunk_range(row_group, *column)));
        }
        ranges
    }

    /// Begins to look for candidates, with at most `decoded_bytes_max` decoded at a time.
    pub fn sift<'a>(
        &'a self,
        row_group: usize,
        request: &'a ScanRequest,
        lookup: &'a Lookup,
        fetched: &'a Fetched,
        decoded_bytes_max: u64,
    ) -> Sift<'a> {
        Sift {
            reader: self,
            row_group,
            request,
            fetched,
            needs: lookup.needs.as_deref().unwrap_or(&[]),
            absent: Arc::clone(&lookup.absent),
            budget: DecodeBudget::within(decoded_bytes_max),
            counts: SiftCounts::default(),
            knows_time: self.is_within_time(row_group, request),
            in_time: None,
            by_need: Vec::new(),
            at: (0, 0, 0),
            passed: None,
            passing: RowSet::default(),
            pages: None,
        }
    }

    /// The data pages of a chunk.
    fn data_range(&self, row_group: usize, column: Column) -> Option<Range<u64>> {
        let chunk = self.footer.row_groups.get(row_group)?.chunks.get(column)?;
        let start = chunk.dictionary.as_ref().map_or(chunk.range.start, |range| range.end);
        Some(start..chunk.range.end)
    }

    /// Whether bounds say that every row is of the requested time.
    pub(super) fn is_within_time(&self, row_group: usize, request: &ScanRequest) -> bool {
        let (start_max, end_min) = self.inner_time_bounds(row_group);
        start_max.is_some_and(|start| start <= request.end_unix_nanos)
            && end_min.is_some_and(|end| end >= request.start_unix_nanos)
    }
}

impl<'a> Sift<'a> {
    /// Looks at one page. Returns whether there is more to do.
    ///
    /// # Errors
    /// Damaged columns, or ranges missing from what was fetched. With [`ReadError::NeedsMemory`]
    /// another one, with more, has to begin again.
    pub fn step(&mut self) -> Result<bool, ReadError> {
        if self.needs.is_empty() {
            return Ok(false);
        }
        if !self.knows_time {
            self.in_time = Some(self.rows_in_time()?);
            self.knows_time = true;
            return Ok(true);
        }
        if self.pages.is_none() {
            let Some(probe) = self.next_probe() else { return Ok(false) };
            self.pages = Some(self.begin(probe)?);
        }
        let within = self.passed.as_ref().or(self.in_time.as_ref());
        let Some(pages) = &mut self.pages else { return Ok(true) };
        let (counts, budget) = (&mut self.counts, &mut self.budget);
        let is_over = !pages.next(within, &mut self.passing, budget, counts)?;
        let rest = pages.leaves_little_from().filter(|_| !is_over);
        if let Some(row) = rest {
            let rows = self.reader.rows(self.row_group)?;
            budget.take(self.passing.growth(rows))?;
            self.passing.insert_range(row..rows, within);
        }
        if is_over || rest.is_some() {
            self.end_probe();
        }
        Ok(true)
    }

    /// The candidates, once there is nothing more to do.
    pub fn candidates(self) -> Candidates {
        let (rows, by_need) = match self.request.needs.wanted {
            Wanted::AllNeeds => (self.by_need.into_iter().last().map(|(_, rows)| rows), Vec::new()),
            Wanted::AnyNeed => {
                let mut rows = RowSet::default();
                self.by_need.iter().for_each(|(_, of_need)| rows.add(of_need));
                (Some(rows), self.by_need)
            }
        };
        let (rows, absent) = (Some(rows.unwrap_or_default()), self.absent);
        Candidates { rows, by_need, absent }
    }

    /// Bytes of the file that were decoded, and pages that were decoded and stepped over.
    pub fn counts(&self) -> SiftCounts {
        SiftCounts { bytes: self.budget.read_bytes, ..self.counts }
    }

    fn next_probe(&self) -> Option<&'a Probe> {
        let (need, test, probe) = self.at;
        self.needs.get(need)?.1.get(test)?.get(probe)
    }

    fn begin(&mut self, probe: &'a Probe) -> Result<PageSift<'a>, ReadError> {
        let reader = self.reader;
        let (kind, parts) = self.data_pages(probe.column)?;
        let keys = match &probe.keyed {
            None => None,
            Some(keyed) => {
                let (kind, parts) = self.data_pages(keyed.key_column)?;
                let stream =
                    reader.stream_with(self.row_group, keyed.key_column, None, self.fetched)?;
                Some(KeyPages::new(keyed, kind, parts, stream))
            }
        };
        let name = Arc::clone(&reader.footer.leaves[probe.column].path);
        Ok(PageSift::new(name, kind, parts, probe, keys))
    }

    /// The data pages of a column, and what they decode to.
    fn data_pages(&self, column: Column) -> Result<(ColumnKind, Parts), ReadError> {
        let (reader, mut parts) = (self.reader, Parts::default());
        if let Some(range) = reader.data_range(self.row_group, column) {
            parts.push(Some(0), self.fetched.need(&range)?);
            parts.push_rows(reader.page_rows(self.row_group, column, &range));
        }
        Ok((reader.kind(self.row_group, column)?, parts))
    }

    fn end_probe(&mut self) {
        if let Some(pages) = self.pages.take() {
            pages.end(&mut self.budget);
        }
        let (need, test, probe) = self.at;
        let tests = &self.needs[need].1;
        if probe + 1 < tests[test].len() {
            self.at.2 += 1;
            return;
        }
        let passing = std::mem::take(&mut self.passing);
        if test + 1 < tests.len() && !passing.is_empty() {
            self.passed = Some(passing);
            self.at = (need, test + 1, 0);
            return;
        }
        self.end_need(need, passing);
    }

    fn end_need(&mut self, need: usize, rows: RowSet) {
        let wants_all = self.request.needs.wanted == Wanted::AllNeeds;
        let ends = wants_all && rows.is_empty();
        // Where all are wanted, the next need is asked for the rows that are left.
        self.passed = wants_all.then(|| rows.clone());
        self.by_need.push((self.needs[need].0, rows));
        self.at = (if ends { self.needs.len() } else { need + 1 }, 0, 0);
    }

    fn rows_in_time(&mut self) -> Result<RowSet, ReadError> {
        let (reader, mut rows) = (self.reader, RowSet::default());
        let columns = &reader.columns;
        let mut starts = reader.stream(self.row_group, columns.start, self.fetched)?;
        let mut ends = reader.stream(self.row_group, columns.end, self.fetched)?;
        for row in 0..reader.rows(self.row_group)? {
            let mut time = |stream: &mut crate::read::stream::ColumnStream| {
                stream.seek(row, &mut self.budget)?;
                let time = stream.row(row).map(|slice| slice.values.int(slice.first_value));
                Ok::<u64, ReadError>(time.unwrap_or_default() as u64)
            };
            if self.request.wants(time(&mut starts)?, time(&mut ends)?) {
                rows.insert(row);
            }
        }
        starts.release(&mut self.budget);
        ends.release(&mut self.budget);
        Ok(rows)
    }
}
