//! One function over one pipeline: which spans, and what is measured of them.

use super::compare::ComparePlan;
use super::label::{Label, LabelValue, NAME};
use crate::ast::OverTime;
use crate::field::{Field, Intrinsic};
use crate::plan::SearchPlan;
use crate::source::{SpanColumns, SpanList};
use crate::value::ValueRef;

/// A function over the spans of a pipeline. It is immutable; shards share one.
#[derive(Debug)]
pub struct Leg {
    pub(super) search: SearchPlan,
    pub(super) measure: Measure,
    /// Labels that tell series apart.
    pub(super) by: Vec<Read>,
    /// Fields that exemplars show.
    pub(super) shown: Vec<Read>,
    pub(super) judges_whole_traces: bool,
}

/// What is measured.
#[derive(Debug)]
pub(super) enum Measure {
    /// `rate`, `count_over_time`
    Count { per_second: bool },
    /// `min_over_time` and its kin.
    OverTime(OverTime, Read),
    /// `quantile_over_time`
    Quantile(Read, Vec<f64>),
    /// `compare`
    Compare(Box<ComparePlan>),
}

/// A field that is read, and what it is called.
#[derive(Debug)]
pub(super) struct Read {
    /// Canonical text.
    pub text: String,
    /// Its number in the plan; nothing for `parent.x`, which no span has.
    pub field: Option<usize>,
    pub list: Option<SpanList>,
    pub unit: Unit,
}

/// How a number is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// As it is; nanoseconds for durations other than the span's own.
    Plain,
    /// The span's duration: nanoseconds that are shown as seconds.
    Seconds,
    /// Nanoseconds that only histograms show as seconds.
    Nanoseconds,
}

impl Unit {
    pub fn of(field: &Field) -> Self {
        match field {
            Field::Intrinsic(Intrinsic::Duration) => Self::Seconds,
            Field::Intrinsic(Intrinsic::TraceDuration | Intrinsic::EventTimeSinceStart) => {
                Self::Nanoseconds
            }
            _ => Self::Plain,
        }
    }

    /// What bounds of buckets are multiplied with.
    pub fn bucket_scale(self) -> f64 {
        if self == Self::Plain { 1.0 } else { 1e-9 }
    }
}

impl Read {
    /// The value of a span; of events and links, the first that there is.
    #[inline]
    pub fn value<'a, C: SpanColumns>(&self, columns: &'a C, span: usize) -> ValueRef<'a> {
        let Some(field) = self.field else { return ValueRef::Missing };
        let Some(list) = self.list else { return columns.value(span, field).single() };
        let items = 0..columns.items(span, list);
        let mut values = items.map(|item| columns.item_value(span, item, field).single());
        values.find(|value| *value != ValueRef::Missing).unwrap_or(ValueRef::Missing)
    }

    /// The number that functions over time take.
    #[inline]
    pub fn number<C: SpanColumns>(&self, columns: &C, span: usize) -> Option<f64> {
        match self.value(columns, span) {
            ValueRef::Int(value) => Some(value as f64),
            ValueRef::Float(value) => Some(value).filter(|value| !value.is_nan()),
            ValueRef::Duration(nanos) if self.unit == Unit::Seconds => Some(nanos as f64 / 1e9),
            ValueRef::Duration(nanos) => Some(nanos as f64),
            _ => None,
        }
    }

    /// The number that buckets take: integers and nanoseconds.
    #[inline]
    pub fn whole_number<C: SpanColumns>(&self, columns: &C, span: usize) -> Option<u64> {
        match self.value(columns, span) {
            ValueRef::Int(value) => u64::try_from(value).ok(),
            ValueRef::Duration(nanos) => Some(nanos),
            _ => None,
        }
    }
}

impl Leg {
    /// Which spans are meant, and which columns a source prepares.
    pub fn search(&self) -> &SearchPlan {
        &self.search
    }

    /// Whether the spans of a trace cannot be judged piece by piece: structure, aggregates, and
    /// what is known of whole traces only.
    pub fn judges_whole_traces(&self) -> bool {
        self.judges_whole_traces
    }

    /// Whether every attribute of the spans is looked at; sources then give columns for them behind
    /// those of the plan ([`TraceSpans::attributes`](super::TraceSpans::attributes)).
    pub fn compares_attributes(&self) -> bool {
        matches!(self.measure, Measure::Compare(_))
    }

    /// The keys of the labels that tell series apart, in order. A series lacks those of which its
    /// spans have no value.
    pub fn label_keys(&self) -> impl Iterator<Item = &str> {
        self.by.iter().map(|read| read.text.as_str())
    }

    /// The fields of those labels by number in the plan; `None` for what no span has.
    pub fn label_fields(&self) -> impl ExactSizeIterator<Item = Option<usize>> {
        self.by.iter().map(|read| read.field)
    }

    /// The label that stands for no labels.
    pub(super) fn name_label(&self) -> Option<Label> {
        let name = match &self.measure {
            Measure::Count { per_second: true } => "rate",
            Measure::Count { per_second: false } => "count_over_time",
            Measure::OverTime(OverTime::Histogram, _) => return None,
            Measure::OverTime(OverTime::Min, _) => "min_over_time",
            Measure::OverTime(OverTime::Max, _) => "max_over_time",
            Measure::OverTime(OverTime::Sum, _) => "sum_over_time",
            Measure::OverTime(OverTime::Avg, _) => "avg_over_time",
            Measure::Quantile(..) | Measure::Compare(_) => return None,
        };
        Some(Label::new(NAME, LabelValue::text(name)))
    }

    /// Whether values are counted by bucket.
    pub(super) fn counts_buckets(&self) -> bool {
        matches!(self.measure, Measure::OverTime(OverTime::Histogram, _) | Measure::Quantile(..))
    }
}
