//! What is done to finished series, in order of writing (contract §11.7).

use std::cmp::Ordering;

use super::label::order_by_values;
use super::series::Series;
use crate::ast::{ComparisonOp, SecondStage, Static};

/// Applies the stages. `series` are in the order of answers, before and after.
pub(super) fn apply(stages: &[SecondStage], mut series: Vec<Series>) -> Vec<Series> {
    for stage in stages {
        match stage {
            SecondStage::TopK(limit) => keep_best(&mut series, *limit, Best::Greatest),
            SecondStage::BottomK(limit) => keep_best(&mut series, *limit, Best::Least),
            SecondStage::Threshold { op, value } => {
                let threshold = seconds(value);
                series.iter_mut().for_each(|series| keep_where(series, *op, threshold));
            }
        }
        series.retain(Series::has_values);
    }
    series
}

/// A constant beside series: durations are seconds.
pub(super) fn seconds(value: &Static) -> f64 {
    match value {
        Static::Int(value) => *value as f64,
        Static::Float(value) => *value,
        Static::Duration(nanos) => *nanos as f64 / 1e9,
        _ => f64::NAN,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Best {
    Greatest,
    Least,
}

/// At each point in time, keeps the points of so many series.
fn keep_best(series: &mut [Series], limit: i64, best: Best) {
    let limit = usize::try_from(limit).unwrap_or(0);
    if series.len() <= limit {
        return;
    }
    let ranks = ranks(series);
    let intervals = series.first().map_or(0, |series| series.values.len());
    let mut points: Vec<(f64, u32, u32)> = Vec::with_capacity(series.len());
    for interval in 0..intervals {
        points.clear();
        points.extend(series.iter().enumerate().filter_map(|(at, series)| {
            let value = series.values[interval];
            (!value.is_nan()).then_some((value, ranks[at], at as u32))
        }));
        if points.len() <= limit {
            continue;
        }
        // Of equal values, the alphabetically first is greater.
        let by_greatness = |a: &(f64, u32, u32), b: &(f64, u32, u32)| {
            b.0.partial_cmp(&a.0).unwrap_or(Ordering::Equal).then(a.1.cmp(&b.1))
        };
        match best {
            Best::Greatest => points.select_nth_unstable_by(limit, by_greatness),
            Best::Least => points.select_nth_unstable_by(limit, |a, b| by_greatness(b, a)),
        };
        for (_, _, at) in &points[limit..] {
            series[*at as usize].values[interval] = f64::NAN;
        }
    }
}

/// The place of each series by its values.
fn ranks(series: &[Series]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..series.len()).collect();
    order.sort_by(|a, b| order_by_values(&series[*a].labels, &series[*b].labels));
    let mut ranks = vec![0; series.len()];
    for (rank, at) in order.into_iter().enumerate() {
        ranks[at] = rank as u32;
    }
    ranks
}

fn keep_where(series: &mut Series, op: ComparisonOp, threshold: f64) {
    for value in &mut series.values {
        if !holds(op, *value, threshold) {
            *value = f64::NAN;
        }
    }
    let passes = |value: f64| holds(op, value, threshold);
    series.exemplars.retain(|exemplar| !exemplar.is_placeholder && passes(exemplar.value));
}

fn holds(op: ComparisonOp, value: f64, threshold: f64) -> bool {
    let Some(order) = value.partial_cmp(&threshold) else { return false };
    match op {
        ComparisonOp::Equal => order.is_eq(),
        ComparisonOp::NotEqual => order.is_ne(),
        ComparisonOp::Less => order.is_lt(),
        ComparisonOp::LessEqual => order.is_le(),
        ComparisonOp::Greater => order.is_gt(),
        ComparisonOp::GreaterEqual => order.is_ge(),
    }
}
