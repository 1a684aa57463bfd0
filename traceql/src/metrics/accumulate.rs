//! Counts, sums and extremes per series and interval.
//!
//! Every core has accumulators of its own, one per leg; they travel to the core that was asked, and
//! are merged there. Hot: [`Accumulator::observe`], once per trace, a few steps per span. Memory
//! grows with the number of series only, and is announced before it is taken.

use std::sync::Arc;

use super::axis::TimeAxis;
use super::buckets::{BUCKETS, bucket_of};
use super::compare::Comparison;
use super::exemplar::{Candidate, Exemplars, labels};
use super::groups::{Found, Groups};
use super::label::Label;
use super::leg::{Leg, Measure};
use super::series::Series;
use crate::ast::OverTime;
use crate::field::Field;
use crate::plan::SpanSet;
use crate::source::SpanColumns;

/// A trace, or a piece of one, to be accumulated.
#[derive(Clone, Copy, Debug)]
pub struct TraceSpans<'a, C> {
    /// Its spans, with the fields of [`Leg::search`] and behind them those of `attributes`.
    pub columns: &'a C,
    /// When each span starts, nanoseconds since the Unix epoch.
    pub start_unix_nanos: &'a [u64],
    /// Its id.
    pub trace_id: [u8; 16],
    /// Attributes of spans, resources and scopes that it may have; only looked at if
    /// [`Leg::compares_attributes`].
    pub attributes: &'a [Field],
    /// Whether it was observed before with other attributes, so that what is the same each time
    /// must not count again.
    pub again: bool,
}

/// What one leg has come to, as far as its spans were looked at.
#[derive(Clone, Debug)]
pub struct Accumulator {
    pub(super) leg: Arc<Leg>,
    pub(super) axis: TimeAxis,
    pub(super) groups: Groups,
    pub(super) cells: Cells,
    pub(super) exemplars: Exemplars,
    pub(super) comparison: Comparison,
}

/// Values in rows, one per series (and bucket), of one value per interval.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    pub values: Vec<f64>,
    /// For means only: how many values the sum in `values` has.
    pub weights: Vec<f64>,
    /// For buckets only: the row of each bucket of each series.
    pub bucket_rows: Vec<[u32; BUCKETS]>,
    rows: u32,
}

/// A bucket that holds nothing has no row.
pub(super) const NO_ROW: u32 = u32::MAX;

impl Accumulator {
    /// An empty one. At most `exemplars` spans are kept to be shown.
    pub fn new(leg: &Arc<Leg>, axis: TimeAxis, exemplars: usize) -> Self {
        Self {
            leg: Arc::clone(leg),
            axis,
            groups: Groups::default(),
            cells: Cells::default(),
            exemplars: Exemplars::new(exemplars, &axis),
            comparison: Comparison::default(),
        }
    }

    /// Takes in the spans that [`SearchPlan::spansets`](crate::SearchPlan::spansets) gave of a
    /// trace. `grow` is told of memory before it is taken; known series take none.
    ///
    /// # Errors
    /// Those of `grow`; what was taken in until then stays.
    pub fn observe<C: SpanColumns, E>(
        &mut self,
        trace: &TraceSpans<'_, C>,
        sets: &[SpanSet],
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let leg = Arc::clone(&self.leg);
        let spans = sets.iter().flat_map(|set| &set.spans).map(|span| *span as usize);
        if let Measure::Compare(plan) = &leg.measure {
            return self.comparison.observe(plan, &self.axis, trace, spans, grow);
        }
        let mut first: Option<Candidate> = None;
        for span in spans {
            let start = trace.start_unix_nanos[span];
            let Some(interval) = self.axis.interval_of(start) else { continue };
            let Some(seen) = self.take(&leg, trace.columns, span, interval, grow)? else {
                continue;
            };
            if first.as_ref().is_none_or(|first| start < first.start_unix_nanos) {
                first = Some(Candidate { span, start_unix_nanos: start, interval, ..seen });
            }
        }
        match first {
            Some(first) => {
                let (id, start) = (&trace.trace_id, first.start_unix_nanos);
                let keep = || (first, labels(&leg, id, trace.columns, first.span));
                self.exemplars.offer(id, start, grow, keep)
            }
            None => Ok(()),
        }
    }

    /// Takes in one span; `None` if it has nothing to measure.
    fn take<C: SpanColumns, E>(
        &mut self,
        leg: &Leg,
        columns: &C,
        span: usize,
        interval: usize,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<Option<Candidate>, E> {
        let mut seen = Candidate::default();
        match &leg.measure {
            Measure::Count { .. } => seen.value = 1.0,
            Measure::OverTime(OverTime::Histogram, field) | Measure::Quantile(field, _) => {
                let number = field.whole_number(columns, span);
                let Some(bucket) = number.and_then(bucket_of) else { return Ok(None) };
                seen.bucket = bucket as u8;
                seen.value = field.number(columns, span).unwrap_or(f64::NAN);
            }
            Measure::OverTime(_, field) => {
                let Some(number) = field.number(columns, span) else { return Ok(None) };
                seen.value = number;
            }
            Measure::Compare(_) => return Ok(None),
        }
        seen.group = self.group(leg, columns, span, grow)?;
        let row = self.row(leg, seen.group, seen.bucket, grow)?;
        let cell = row as usize * self.axis.intervals() + interval;
        let amount = if leg.counts_buckets() { 1.0 } else { seen.value };
        self.cells.add(&leg.measure, cell, amount);
        Ok(Some(seen))
    }

    pub(super) fn group<C: SpanColumns, E>(
        &mut self,
        leg: &Leg,
        columns: &C,
        span: usize,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<u32, E> {
        match self.groups.find(&leg.by, !leg.counts_buckets(), columns, span) {
            Found::Known(group) => Ok(group),
            Found::New(key_bytes) => {
                grow(Groups::entry_bytes(key_bytes) + self.cells.group_bytes(leg, &self.axis))?;
                self.cells.add_group(leg, &self.axis);
                Ok(self.groups.insert())
            }
        }
    }

    /// The row of a series; of buckets, that of the bucket, which is made if there is none.
    #[inline]
    pub(super) fn row<E>(
        &mut self,
        leg: &Leg,
        group: u32,
        bucket: u8,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<u32, E> {
        if !leg.counts_buckets() {
            return Ok(group);
        }
        let (group, bucket) = (group as usize, usize::from(bucket));
        let row = self.cells.bucket_rows[group][bucket];
        if row != NO_ROW {
            return Ok(row);
        }
        grow(self.cells.row_bytes(&leg.measure, &self.axis))?;
        let row = self.cells.add_row(&leg.measure, &self.axis);
        self.cells.bucket_rows[group][bucket] = row;
        Ok(row)
    }

    pub(super) fn merge_row(&mut self, other: &Cells, theirs: u32, own: u32) {
        let intervals = self.axis.intervals();
        let (theirs, own) = (theirs as usize * intervals, own as usize * intervals);
        for interval in 0..intervals {
            let value = other.values[theirs + interval];
            self.cells.add(&self.leg.measure, own + interval, value);
            if let Some(weight) = other.weights.get(theirs + interval) {
                // One was added with the value.
                self.cells.weights[own + interval] += weight - 1.0;
            }
        }
    }

    /// Bytes that the series will hold, at most.
    pub fn series_bytes(&self) -> u64 {
        let groups = self.groups.len() as u64;
        let (series, texts) = match &self.leg.measure {
            Measure::Compare(plan) => self.comparison.series_max(plan),
            Measure::Quantile(_, quantiles) => {
                let count = quantiles.len() as u64;
                (groups * count, self.groups.memory_bytes() * count)
            }
            _ if self.leg.counts_buckets() => {
                let keys = self.groups.keys().into_iter().zip(&self.cells.bucket_rows);
                let rows =
                    |rows: &[u32; BUCKETS]| rows.iter().filter(|row| **row != NO_ROW).count();
                let texts = keys.map(|(key, of_key)| (key.len() * rows(of_key)) as u64).sum();
                (u64::from(self.cells.rows), texts)
            }
            _ => (groups, self.groups.memory_bytes()),
        };
        // Two labels more than asked for: a bucket, a quantile, a name.
        let by = self.leg.by.iter().map(|read| read.text.len());
        let labels = by.chain([32; 2]).map(|key| (2 * size_of::<Label>() + key) as u64);
        let values = (size_of::<f64>() * self.axis.intervals() + size_of::<Series>()) as u64;
        (series + 1) * (values + labels.sum::<u64>()) + texts + self.exemplars.memory_bytes()
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> u64 {
        let cells = &self.cells;
        size_of_val(cells.values.as_slice()) as u64
            + size_of_val(cells.weights.as_slice()) as u64
            + size_of_val(cells.bucket_rows.as_slice()) as u64
            + self.groups.memory_bytes()
            + self.exemplars.memory_bytes()
            + self.comparison.memory_bytes()
    }
}

impl Cells {
    /// Memory of a new series.
    pub fn group_bytes(&self, leg: &Leg, axis: &TimeAxis) -> u64 {
        if leg.counts_buckets() {
            2 * size_of::<[u32; BUCKETS]>() as u64
        } else {
            self.row_bytes(&leg.measure, axis)
        }
    }

    /// Memory of a row; twice, because lists double when they grow.
    fn row_bytes(&self, measure: &Measure, axis: &TimeAxis) -> u64 {
        let lists = if has_weights(measure) { 2 } else { 1 };
        2 * lists * (size_of::<f64>() * axis.intervals()) as u64
    }

    pub fn add_group(&mut self, leg: &Leg, axis: &TimeAxis) {
        if leg.counts_buckets() {
            self.bucket_rows.push([NO_ROW; BUCKETS]);
        } else {
            self.add_row(&leg.measure, axis);
        }
    }

    fn add_row(&mut self, measure: &Measure, axis: &TimeAxis) -> u32 {
        let row = self.rows;
        self.rows += 1;
        let nothing = match measure {
            Measure::OverTime(OverTime::Min | OverTime::Max | OverTime::Sum, _) => f64::NAN,
            _ => 0.0,
        };
        let values = self.rows as usize * axis.intervals();
        self.values.resize(values, nothing);
        if has_weights(measure) {
            self.weights.resize(values, 0.0);
        }
        row
    }

    /// Adds a value, be it of one span or of another accumulator's spans.
    #[inline]
    pub(super) fn add(&mut self, measure: &Measure, cell: usize, value: f64) {
        let known = &mut self.values[cell];
        match measure {
            Measure::OverTime(OverTime::Min, _) => *known = known.min(value),
            Measure::OverTime(OverTime::Max, _) => *known = known.max(value),
            Measure::OverTime(OverTime::Sum, _) if known.is_nan() => *known = value,
            Measure::OverTime(OverTime::Sum, _) if value.is_nan() => {}
            Measure::OverTime(OverTime::Sum, _) => *known += value,
            Measure::OverTime(OverTime::Avg, _) => {
                *known += value;
                self.weights[cell] += 1.0;
            }
            _ => *known += value,
        }
    }
}

fn has_weights(measure: &Measure) -> bool {
    matches!(measure, Measure::OverTime(OverTime::Avg, _))
}
