//! From accumulators to series.

use std::collections::HashMap;

use super::accumulate::{Accumulator, NO_ROW};
use super::buckets::{self, BUCKETS};
use super::compile::{MetricsPlan, Node};
use super::exemplar::{Exemplar, Exemplars, Kept};
use super::groups;
use super::label::{Label, LabelValue};
use super::leg::{Leg, Measure, Read, Unit};
use super::math::{Operand, combine};
use super::second;
use super::series::{self, Series};
use crate::ast::OverTime;

/// Series of a leg, and which of them a group's (and bucket's) spans went into.
#[derive(Default)]
struct Made {
    series: Vec<Series>,
    /// By group, and by bucket or quantile.
    places: HashMap<(u32, u32), usize>,
}

impl MetricsPlan {
    /// The series of the answer, in its order. `accumulators` are those of [`MetricsPlan::legs`],
    /// in the same order.
    pub fn finish(&self, accumulators: Vec<Accumulator>) -> Vec<Series> {
        let mut accumulators = accumulators.into_iter();
        let mut series = match evaluate(&self.body, &mut accumulators) {
            Operand::Series(series, _) => series,
            // Validation refuses arithmetic without any series.
            Operand::Constant(_) => Vec::new(),
        };
        series::sort(&mut series);
        let mut series = second::apply(&self.second, series);
        series.retain(Series::has_values);
        series
    }
}

/// Legs have the numbers in which they come.
fn evaluate(node: &Node, accumulators: &mut impl Iterator<Item = Accumulator>) -> Operand {
    match node {
        Node::Constant(value) => Operand::Constant(*value),
        Node::Leg { second } => {
            let Some(accumulator) = accumulators.next() else {
                return Operand::Series(Vec::new(), false);
            };
            let grouped = !accumulator.leg.by.is_empty();
            let mut series = accumulator.finish();
            series::sort(&mut series);
            Operand::Series(second::apply(second, series), grouped)
        }
        Node::Binary { op, left, right } => {
            let left = evaluate(left, accumulators);
            combine(*op, left, evaluate(right, accumulators))
        }
    }
}

impl Accumulator {
    fn finish(mut self) -> Vec<Series> {
        let leg = std::sync::Arc::clone(&self.leg);
        let exemplars = std::mem::replace(&mut self.exemplars, Exemplars::new(0, &self.axis));
        let mut made = match &leg.measure {
            Measure::Compare(plan) => return self.comparison.finish(plan, &self.axis),
            Measure::Quantile(field, quantiles) => self.quantiles(field, quantiles),
            Measure::OverTime(OverTime::Histogram, field) => self.histograms(field),
            _ => self.rows(),
        };
        for kept in exemplars.finish() {
            self.attach(kept, &mut made);
        }
        made.series
    }

    fn rows(&self) -> Made {
        let mut made = Made::default();
        let keys = self.groups.keys();
        for (group, key) in keys.iter().enumerate() {
            let values = self.row_values(group as u32);
            made.places.insert((group as u32, 0), made.series.len());
            made.series.push(Series::new(self.labels(key), values));
        }
        let counts = matches!(self.leg.measure, Measure::Count { .. });
        if keys.is_empty() && counts && self.leg.by.is_empty() {
            let zeros = vec![0.0; self.axis.intervals()];
            made.series.push(Series::new(self.labels(&[]), zeros));
        }
        made
    }

    /// The values of a row, as they are shown.
    fn row_values(&self, row: u32) -> Vec<f64> {
        let first = row as usize * self.axis.intervals();
        let range = first..first + self.axis.intervals();
        let values = &self.cells.values[range.clone()];
        match &self.leg.measure {
            Measure::Count { per_second: true } => {
                let seconds = self.axis.step_seconds();
                values.iter().map(|count| count / seconds).collect()
            }
            Measure::OverTime(OverTime::Avg, _) => {
                let weights = &self.cells.weights[range];
                // Nothing divided by nothing is NaN, which means no value.
                values.iter().zip(weights).map(|(sum, weight)| sum / weight).collect()
            }
            _ => values.to_vec(),
        }
    }

    fn histograms(&self, field: &Read) -> Made {
        let mut made = Made::default();
        for (group, key) in self.groups.keys().into_iter().enumerate() {
            for bucket in 0..BUCKETS {
                let row = self.cells.bucket_rows[group][bucket];
                if row == NO_ROW {
                    continue;
                }
                let bound = buckets::bound(bucket) * field.unit.bucket_scale();
                let mut labels = self.labels(key);
                labels.push(Label::new("__bucket", LabelValue::Float(bound)));
                made.places.insert((group as u32, bucket as u32), made.series.len());
                made.series.push(Series::new(labels, self.row_values(row)));
            }
        }
        made
    }

    fn quantiles(&self, field: &Read, quantiles: &[f64]) -> Made {
        let mut made = Made::default();
        let scale = field.unit.bucket_scale();
        for (group, key) in self.groups.keys().into_iter().enumerate() {
            for (number, quantile) in quantiles.iter().enumerate() {
                let at =
                    |interval| buckets::quantile(&self.counts(group, interval), *quantile, scale);
                let mut labels = self.labels(key);
                labels.push(Label::new("p", LabelValue::Float(*quantile)));
                made.places.insert((group as u32, number as u32), made.series.len());
                let values = (0..self.axis.intervals()).map(at).collect();
                made.series.push(Series::new(labels, values));
            }
        }
        made
    }

    /// Counts by bucket in an interval.
    fn counts(&self, group: usize, interval: usize) -> [f64; BUCKETS] {
        self.cells.bucket_rows[group].map(|row| match row {
            NO_ROW => 0.0,
            row => self.cells.values[row as usize * self.axis.intervals() + interval],
        })
    }

    /// Labels of a group; absent values have none.
    fn labels(&self, key: &[u8]) -> Vec<Label> {
        if self.leg.by.is_empty() {
            return self.leg.name_label().into_iter().collect();
        }
        let mut rest = key;
        let mut labels = Vec::new();
        for read in &self.leg.by {
            let Some((value, behind)) = groups::take(rest) else { break };
            rest = behind;
            labels.extend(value.map(|value| Label::new(read.text.clone(), value)));
        }
        labels
    }

    fn attach(&self, kept: Kept, made: &mut Made) {
        let Kept { candidate, labels, .. } = kept;
        let place = match &self.leg.measure {
            Measure::Quantile(field, quantiles) => {
                self.nearest(candidate.group, candidate.value, field, quantiles)
            }
            _ => u32::from(candidate.bucket),
        };
        let Some(at) = made.places.get(&(candidate.group, place)) else { return };
        let series = &mut made.series[*at];
        let is_placeholder = is_placeholder(&self.leg);
        let value =
            if is_placeholder { series.values[candidate.interval] } else { candidate.value };
        let unix_nanos = candidate.start_unix_nanos;
        series.exemplars.push(Exemplar { labels, value, unix_nanos, is_placeholder });
    }

    /// The number of the quantile over all intervals that is nearest to a value.
    fn nearest(&self, group: u32, value: f64, field: &Read, quantiles: &[f64]) -> u32 {
        let mut counts = [0.0; BUCKETS];
        for interval in 0..self.axis.intervals() {
            let here = self.counts(group as usize, interval);
            counts.iter_mut().zip(here).for_each(|(sum, count)| *sum += count);
        }
        // Nanoseconds that are not the span's duration are shown as such.
        let value = match field.unit {
            Unit::Nanoseconds => value / 1e9,
            _ => value,
        };
        let distance = |quantile: f64| {
            (buckets::quantile(&counts, quantile, field.unit.bucket_scale()) - value).abs()
        };
        let nearest = quantiles.iter().enumerate().min_by(|a, b| {
            distance(*a.1).partial_cmp(&distance(*b.1)).unwrap_or(std::cmp::Ordering::Equal)
        });
        nearest.map_or(0, |(number, _)| number as u32)
    }
}

/// Whether nothing is measured of single spans.
fn is_placeholder(leg: &Leg) -> bool {
    matches!(
        leg.measure,
        Measure::Count { .. } | Measure::OverTime(OverTime::Histogram, _) | Measure::Compare(_)
    )
}
