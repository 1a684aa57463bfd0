//! Metrics queries: functions over the spans of a pipeline, and arithmetic between them (§11).

use super::{ArithmeticOp, ComparisonOp, Expr, FieldRef, Pipeline, Static};

/// A pipeline with a metrics function behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// Which spans count.
    pub pipeline: Pipeline,
    /// What is made of them.
    pub first: FirstStage,
    /// What is done to the series, in order.
    pub second: Vec<SecondStage>,
}

/// The function that makes series of spans.
#[derive(Clone, Debug, PartialEq)]
pub enum FirstStage {
    /// `rate()`, `max_over_time(.x)`
    Function {
        /// Which one.
        function: MetricsFunction,
        /// `by(.a, .b)`; empty without.
        by: Vec<FieldRef>,
    },
    /// `compare({ … }, 10, 1, 2)`
    Compare(Compare),
}

/// Metrics functions.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricsFunction {
    /// `rate()`
    Rate,
    /// `count_over_time()`
    CountOverTime,
    /// `min_over_time(f)` and its kin.
    OverTime(OverTime, FieldRef),
    /// `quantile_over_time(f, q, …)`
    QuantileOverTime(FieldRef, Vec<f64>),
}

/// Metrics functions of one field and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverTime {
    /// `min_over_time`
    Min,
    /// `max_over_time`
    Max,
    /// `sum_over_time`
    Sum,
    /// `avg_over_time`
    Avg,
    /// `histogram_over_time`
    Histogram,
}

/// `compare(filter[, top[, start, end]])`
#[derive(Clone, Debug, PartialEq)]
pub struct Compare {
    /// What belongs to the selection.
    pub filter: Expr,
    /// How many values per field; 10 where the text says nothing.
    pub top: Option<i64>,
    /// Start and end of the selection in unix nanoseconds.
    pub range: Option<(i64, i64)>,
}

/// What is done to series.
#[derive(Clone, Debug, PartialEq)]
pub enum SecondStage {
    /// `topk(n)`
    TopK(i64),
    /// `bottomk(n)`
    BottomK(i64),
    /// `> 5`
    Threshold {
        /// The comparison.
        op: ComparisonOp,
        /// A number, or a duration that means seconds.
        value: Static,
    },
}

/// Arithmetic between metrics.
#[derive(Clone, Debug, PartialEq)]
pub enum Math {
    /// `({ … } | rate())`
    Metrics(Box<Metrics>),
    /// A number.
    Static(Static),
    /// `(…) / (…)`
    Binary {
        /// `+ - * /` only.
        op: ArithmeticOp,
        /// Left operand.
        left: Box<Math>,
        /// Right operand.
        right: Box<Math>,
    },
}
