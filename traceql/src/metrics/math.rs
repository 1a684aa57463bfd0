//! Arithmetic between finished series (contract §11.8).

use std::collections::HashMap;

use super::label::{Label, LabelValue, NAME};
use super::series::Series;
use crate::ast::ArithmeticOp;

/// An operand.
pub(super) enum Operand {
    /// A constant.
    Constant(f64),
    /// Series; whether they are told apart by labels that the query asked for.
    Series(Vec<Series>, bool),
}

/// `left op right`
pub(super) fn combine(op: ArithmeticOp, left: Operand, right: Operand) -> Operand {
    use Operand as O;
    match (left, right) {
        (O::Constant(left), O::Constant(right)) => O::Constant(calculate(op, left, right)),
        (O::Series(series, grouped), O::Constant(right)) => {
            O::Series(each(series, |left| calculate(op, left, right)), grouped)
        }
        (O::Constant(left), O::Series(series, grouped)) => {
            O::Series(each(series, |right| calculate(op, left, right)), grouped)
        }
        (O::Series(left, left_grouped), O::Series(right, right_grouped)) => {
            let is_single = |series: &[Series], grouped: bool| series.len() == 1 && !grouped;
            let pairs = if is_single(&left, left_grouped) {
                right.iter().map(|right| pair(op, &left[0], right, true)).collect()
            } else if is_single(&right, right_grouped) {
                left.iter().map(|left| pair(op, left, &right[0], false)).collect()
            } else {
                matched(op, &left, &right)
            };
            O::Series(pairs, left_grouped || right_grouped)
        }
    }
}

fn each(mut series: Vec<Series>, calculate: impl Fn(f64) -> f64) -> Vec<Series> {
    for series in &mut series {
        series.values.iter_mut().for_each(|value| *value = calculate(*value));
        // They show values of before.
        series.exemplars.clear();
    }
    series
}

/// Pairs of series whose labels are equal, their order included.
fn matched(op: ArithmeticOp, left: &[Series], right: &[Series]) -> Vec<Series> {
    let by_labels: HashMap<String, &Series> =
        right.iter().map(|series| (key(series), series)).collect();
    let pairs = left.iter().filter_map(|left| Some((left, *by_labels.get(&key(left))?)));
    pairs.map(|(left, right)| pair(op, left, right, false)).collect()
}

/// What makes labels equal; names of functions do not count.
fn key(series: &Series) -> String {
    format!("{:?}", unnamed(series).collect::<Vec<_>>())
}

fn unnamed(series: &Series) -> impl Iterator<Item = &Label> {
    series.labels.iter().filter(|label| label.key != NAME)
}

/// Combines two series; labels are those of the one that has some, or of `right`, or of `left`.
fn pair(op: ArithmeticOp, left: &Series, right: &Series, prefer_right: bool) -> Series {
    let (first, second) = if prefer_right { (right, left) } else { (left, right) };
    let has_labels = unnamed(first).next().is_some();
    let mut labels = Vec::new();
    if let (Some(left), Some(right)) = (left.name(), right.name()) {
        labels.push(Label::new(NAME, combined_name(op, left, right)));
    }
    labels.extend(unnamed(if has_labels { first } else { second }).cloned());
    let points = left.values.iter().zip(&right.values);
    Series::new(labels, points.map(|(left, right)| calculate(op, *left, *right)).collect())
}

fn combined_name(op: ArithmeticOp, left: &LabelValue, right: &LabelValue) -> LabelValue {
    let text = |name: &LabelValue| match name {
        LabelValue::Str(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{other:?}"),
    };
    LabelValue::text(&format!("({} {op} {})", text(left), text(right)))
}

/// NaN where one is missing, and for a division by 0.
fn calculate(op: ArithmeticOp, left: f64, right: f64) -> f64 {
    match op {
        ArithmeticOp::Add => left + right,
        ArithmeticOp::Subtract => left - right,
        ArithmeticOp::Multiply => left * right,
        ArithmeticOp::Divide if right == 0.0 => f64::NAN,
        ArithmeticOp::Divide => left / right,
        // The grammar has no others.
        ArithmeticOp::Modulo | ArithmeticOp::Power => f64::NAN,
    }
}
