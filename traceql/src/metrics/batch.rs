//! Spans of many traces taken in at once, series told apart by codes of values instead of their
//! bytes.
//!
//! From: a source that has the columns of many traces in one piece, whose filters were judged over
//! it ([`SearchPlan::matching`](crate::SearchPlan::matching)). To: [`super::accumulate`]. It comes
//! to what [`Accumulator::observe`] comes to trace by trace, in the same order.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::accumulate::Accumulator;
use super::axis::NO_INTERVAL;
use super::buckets::bucket_of;
use super::exemplar::{Candidate, labels};
use super::leg::{Leg, Measure, Read};
use crate::ast::OverTime;
use crate::plan::SpanMask;
use crate::source::SpanColumns;

/// Spans of some traces, one trace after the other.
#[derive(Clone, Copy, Debug)]
pub struct BatchSpans<'a, C> {
    /// All of them, with the fields of [`Leg::search`].
    pub columns: &'a C,
    /// Which are meant.
    pub matching: &'a SpanMask,
    /// When each span starts, nanoseconds since the Unix epoch.
    pub start_unix_nanos: &'a [u64],
    /// The values of [`Leg::label_fields`], one list for each; `None` if there are no codes.
    pub codes: Option<Codes<'a>>,
}

/// Per field a code for the value of each span. Spans of the same codes have the same values; a
/// code means the same as long as the same [`KnownGroups`] are used.
pub type Codes<'a> = &'a [Vec<u32>];

/// A value without a code.
pub const NO_CODE: u32 = u32::MAX;

/// No group is known for this code.
const NO_GROUP: u32 = u32::MAX;

/// Most sets of several codes that are remembered; then it begins anew.
const SETS_MAX: usize = 1 << 14;

/// Numbers of groups by the codes of their values, and what is used again from batch to batch.
#[derive(Debug, Default)]
pub struct KnownGroups {
    /// By code, or by number of a set of codes.
    groups: Vec<u32>,
    /// Sets of several codes: the number of all but the last, and the last.
    sets: HashMap<(u32, u32), u32, RandomState>,
    /// Per span of the batch.
    intervals: Vec<u32>,
    charged_bytes: u64,
}

impl KnownGroups {
    /// Codes have another meaning from now on.
    pub fn forget(&mut self) {
        self.groups.clear();
        self.sets.clear();
    }

    /// Bytes that were announced, and are held until it is dropped.
    pub fn charged_bytes(&self) -> u64 {
        self.charged_bytes
    }

    /// One number for the codes of a span.
    #[inline]
    fn code_of(&mut self, codes: Codes<'_>, span: usize) -> u32 {
        match codes {
            [] => 0,
            [single] => single[span],
            several => self.set_of(several, span),
        }
    }

    fn set_of(&mut self, codes: Codes<'_>, span: usize) -> u32 {
        if self.sets.len() > SETS_MAX {
            self.forget();
        }
        let mut set = codes[0][span];
        for codes in &codes[1..] {
            if set == NO_CODE || codes[span] == NO_CODE {
                return NO_CODE;
            }
            let number = self.sets.len() as u32;
            set = *self.sets.entry((set, codes[span])).or_insert(number);
        }
        set
    }

    #[inline]
    fn group_of(&self, code: u32) -> Option<u32> {
        self.groups.get(code as usize).copied().filter(|group| *group != NO_GROUP)
    }

    fn keep<E>(
        &mut self,
        code: u32,
        group: u32,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let needed = code as usize + 1;
        if needed > self.groups.len() {
            let bytes = (2 * needed * size_of::<u32>()) as u64;
            grow(bytes.saturating_sub(self.charged_bytes))?;
            self.charged_bytes = self.charged_bytes.max(bytes);
            self.groups.resize(needed, NO_GROUP);
        }
        self.groups[code as usize] = group;
        Ok(())
    }
}

/// What is measured of a span.
#[derive(Clone, Copy)]
struct Measured {
    bucket: u8,
    amount: f64,
}

impl Accumulator {
    /// Takes in the spans of a batch that match, whose traces are `traces`: ids and spans. Not for
    /// legs that judge whole traces or compare attributes. `grow` is told of memory before it is
    /// taken.
    ///
    /// # Errors
    /// Those of `grow`; what was taken in until then stays.
    pub fn observe_batch<C: SpanColumns, E>(
        &mut self,
        batch: &BatchSpans<'_, C>,
        traces: impl Iterator<Item = ([u8; 16], Range<usize>)>,
        known: &mut KnownGroups,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let leg = Arc::clone(&self.leg);
        let mut intervals = std::mem::take(&mut known.intervals);
        self.axis.intervals_of(batch.start_unix_nanos, &mut intervals);
        let mut taking = Taking { sum: self, leg: &leg, batch, intervals: &intervals, known };
        let outcome = match &leg.measure {
            Measure::Count { .. } => {
                taking.traces(traces, grow, |_| Some(Measured { bucket: 0, amount: 1.0 }))
            }
            Measure::OverTime(OverTime::Histogram, field) | Measure::Quantile(field, _) => taking
                .traces(traces, grow, |span| {
                    let bucket = bucket_of(field.whole_number(batch.columns, span)?)?;
                    Some(Measured { bucket: bucket as u8, amount: 1.0 })
                }),
            Measure::OverTime(_, field) => taking.traces(traces, grow, |span| {
                Some(Measured { bucket: 0, amount: field.number(batch.columns, span)? })
            }),
            Measure::Compare(_) => Ok(()),
        };
        known.intervals = intervals;
        outcome
    }
}

/// A batch that is being taken in.
struct Taking<'a, 'b, C> {
    sum: &'a mut Accumulator,
    leg: &'a Leg,
    batch: &'a BatchSpans<'b, C>,
    intervals: &'a [u32],
    known: &'a mut KnownGroups,
}

impl<C: SpanColumns> Taking<'_, '_, C> {
    fn traces<E>(
        &mut self,
        traces: impl Iterator<Item = ([u8; 16], Range<usize>)>,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
        measure: impl Fn(usize) -> Option<Measured>,
    ) -> Result<(), E> {
        let (matching, match_all) = (self.batch.matching, self.batch.matching.is_full());
        for (trace_id, spans) in traces {
            let first_span = spans.start;
            let first = match match_all {
                true => self.spans(spans, grow, &measure)?,
                false => self.spans(matching.ones(spans), grow, &measure)?,
            };
            if let Some(first) = first {
                self.offer(&trace_id, first, first_span, grow)?;
            }
        }
        Ok(())
    }

    /// Takes in these spans of a trace; gives the one of them that starts first, if any counts.
    #[inline]
    fn spans<E>(
        &mut self,
        spans: impl Iterator<Item = usize>,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
        measure: &impl Fn(usize) -> Option<Measured>,
    ) -> Result<Option<Candidate>, E> {
        let start_unix_nanos = self.batch.start_unix_nanos;
        let axis_intervals = self.sum.axis.intervals();
        let mut first: Option<Candidate> = None;
        for span in spans {
            let interval = self.intervals[span];
            if interval == NO_INTERVAL {
                continue;
            }
            let Some(Measured { bucket, amount }) = measure(span) else { continue };
            let group = self.group(span, grow)?;
            let row = self.sum.row(self.leg, group, bucket, grow)?;
            let interval = interval as usize;
            let cell = row as usize * axis_intervals + interval;
            self.sum.cells.add(&self.leg.measure, cell, amount);
            let start = start_unix_nanos[span];
            if first.as_ref().is_none_or(|first| start < first.start_unix_nanos) {
                let start_unix_nanos = start;
                let value = f64::NAN;
                first = Some(Candidate { span, start_unix_nanos, interval, group, bucket, value });
            }
        }
        Ok(first)
    }

    #[inline]
    fn group<E>(
        &mut self,
        span: usize,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<u32, E> {
        let Some(codes) = self.batch.codes else { return self.find_group(span, grow) };
        let code = self.known.code_of(codes, span);
        match self.known.group_of(code) {
            Some(group) => Ok(group),
            None => {
                let group = self.find_group(span, grow)?;
                if code != NO_CODE {
                    self.known.keep(code, group, grow)?;
                }
                Ok(group)
            }
        }
    }

    #[cold]
    fn find_group<E>(
        &mut self,
        span: usize,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<u32, E> {
        self.sum.group(self.leg, self.batch.columns, span, grow)
    }

    /// Offers a span to be shown; its number is among the trace's from here on.
    fn offer<E>(
        &mut self,
        trace_id: &[u8; 16],
        first: Candidate,
        first_span: usize,
        grow: &mut impl FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let (leg, columns, at) = (self.leg, self.batch.columns, first.span);
        let keep = || {
            let value = shown_value(&leg.measure, columns, at);
            let candidate = Candidate { span: at - first_span, value, ..first };
            (candidate, labels(leg, trace_id, columns, at))
        };
        self.sum.exemplars.offer(trace_id, first.start_unix_nanos, grow, keep)
    }
}

/// What was measured of a span, as exemplars show it.
fn shown_value<C: SpanColumns>(measure: &Measure, columns: &C, span: usize) -> f64 {
    let number = |field: &Read| field.number(columns, span).unwrap_or(f64::NAN);
    match measure {
        Measure::OverTime(_, field) | Measure::Quantile(field, _) => number(field),
        Measure::Count { .. } | Measure::Compare(_) => 1.0,
    }
}
