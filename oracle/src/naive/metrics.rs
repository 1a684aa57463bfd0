//! Series of metrics queries (contract §11), from every span of every trace.

use std::collections::BTreeMap;

use stringendo_traceql::ast::*;
use stringendo_traceql::{EvalError, Field, Intrinsic};

use super::compare::compare_spans;
use super::expression::Items;
use super::pipeline::run;
use super::trace::TraceView;
use super::value::Value;
use crate::rows::Trace;

/// Intervals of equal length, open to the left and closed to the right (§11.2).
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// Left edge of the first one, nanoseconds since the Unix epoch.
    pub start: i64,
    /// Length of each in nanoseconds.
    pub step: i64,
    /// How many.
    pub intervals: i64,
}

/// Points by the number of their interval.
pub type Points = BTreeMap<i64, f64>;

/// A series: labels in order, values as [`Value::shown`]; points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Keys and values.
    pub labels: Vec<(String, String)>,
    /// What there is.
    pub points: Points,
}

impl Axis {
    /// That of a range query from `start` to `end`, nanoseconds since the Unix epoch.
    pub fn of_range(start: i64, end: i64, step: i64) -> Self {
        let first = start.div_euclid(step) * step - step;
        let last = -(-end).div_euclid(step) * step;
        Self { start: first, step, intervals: (last - first) / step }
    }

    /// What the samples of an interval carry.
    pub fn timestamp_ms(&self, interval: i64) -> i64 {
        (self.start + self.step * (interval + 1)) / 1_000_000
    }

    /// The interval of a moment.
    pub fn interval_of(&self, unix_nanos: u64) -> Option<i64> {
        let interval = (unix_nanos as i64 - self.start - 1).div_euclid(self.step);
        (0..self.intervals).contains(&interval).then_some(interval)
    }

    fn seconds(&self) -> f64 {
        self.step as f64 / 1e9
    }

    fn all(&self, value: f64) -> Points {
        (0..self.intervals).map(|interval| (interval, value)).collect()
    }
}

/// The series of an answer, sorted by labels; `None` if it is no metrics query.
///
/// # Errors
/// What only shows when a query runs.
pub fn metrics(
    traces: &[Trace],
    query: &Query,
    axis: &Axis,
) -> Result<Option<Vec<Series>>, EvalError> {
    let mut series = match &query.body {
        Body::Metrics(metrics) => of_metrics(traces, metrics, axis)?,
        Body::Math { expr, second } => {
            let Operand::Series(series, _) = of_math(traces, expr, axis)? else {
                return Ok(Some(Vec::new()));
            };
            stages(second, series)
        }
        _ => return Ok(None),
    };
    series.retain(|series| !series.points.is_empty());
    series.sort_by(|left, right| left.labels.cmp(&right.labels));
    Ok(Some(series))
}

fn of_metrics(traces: &[Trace], metrics: &Metrics, axis: &Axis) -> Result<Vec<Series>, EvalError> {
    let body = Body::Metrics(metrics.clone());
    let mut spans = Vec::new();
    let views: Vec<TraceView<'_>> = traces.iter().map(TraceView::of).collect();
    for view in &views {
        for span in run(view, &body)?.iter().flat_map(|set| &set.spans) {
            let start = view.rows.spans[*span].start_unix_nanos;
            let interval = axis.interval_of(start);
            spans.extend(interval.map(|interval| Counted { view, span: *span, interval }));
        }
    }
    let series = match &metrics.first {
        FirstStage::Compare(compare) => compare_spans(&spans, compare, axis),
        FirstStage::Function { function, by } => of_function(&spans, function, by, axis),
    };
    Ok(stages(&metrics.second, series))
}

/// A span that counts.
pub struct Counted<'v, 't> {
    /// Its trace.
    pub view: &'v TraceView<'t>,
    /// Its number.
    pub span: usize,
    /// The interval that it starts in.
    pub interval: i64,
}

impl Counted<'_, '_> {
    /// The value of a field.
    pub fn field(&self, field: &FieldRef) -> Value {
        match field {
            FieldRef::Plain(field) => self.view.field(self.span, Items::default(), field),
            FieldRef::Parent | FieldRef::ParentAttribute { .. } => Value::Nil,
        }
    }

    /// What functions over time take: seconds of durations, nanoseconds of other times.
    fn number(&self, field: &FieldRef) -> Option<f64> {
        match self.field(field) {
            Value::Int(value) => Some(value as f64),
            Value::Float(value) => Some(value),
            Value::Duration(nanos) if is_duration(field) => Some(nanos as f64 / 1e9),
            Value::Duration(nanos) => Some(nanos as f64),
            _ => None,
        }
    }

    /// The bound of the bucket, as it is shown.
    fn bucket(&self, field: &FieldRef) -> Option<u64> {
        let value = match self.field(field) {
            Value::Int(value) | Value::Duration(value) => value,
            _ => return None,
        };
        u64::try_from(value).ok().filter(|value| *value >= 2).map(u64::next_power_of_two)
    }
}

fn is_duration(field: &FieldRef) -> bool {
    *field == FieldRef::Plain(Field::Intrinsic(Intrinsic::Duration))
}

/// Buckets of times are shown in seconds.
fn scale(field: &FieldRef) -> f64 {
    let FieldRef::Plain(Field::Intrinsic(intrinsic)) = field else { return 1.0 };
    match intrinsic {
        Intrinsic::Duration | Intrinsic::TraceDuration | Intrinsic::EventTimeSinceStart => 1e-9,
        _ => 1.0,
    }
}

/// Labels of `by`, without those that are nil; if all are, the first says so where `names_nil`.
fn labels(span: &Counted<'_, '_>, by: &[FieldRef], names_nil: bool) -> Vec<(String, String)> {
    let of_field = |field: &FieldRef| {
        let value = match span.field(field) {
            Value::Nil | Value::Array(_) | Value::Opaque => return None,
            value => value,
        };
        Some((field.to_string(), value.shown()))
    };
    let labels: Vec<_> = by.iter().filter_map(of_field).collect();
    match by.first() {
        Some(first) if labels.is_empty() && names_nil => {
            vec![(first.to_string(), Value::Nil.shown())]
        }
        _ => labels,
    }
}

/// Spans by labels and interval.
type Groups<'s, 'v, 't> = BTreeMap<Vec<(String, String)>, BTreeMap<i64, Vec<&'s Counted<'v, 't>>>>;

fn of_function(
    spans: &[Counted<'_, '_>],
    function: &MetricsFunction,
    by: &[FieldRef],
    axis: &Axis,
) -> Vec<Series> {
    let name = match function {
        MetricsFunction::Rate => "rate",
        MetricsFunction::CountOverTime => "count_over_time",
        MetricsFunction::OverTime(OverTime::Min, _) => "min_over_time",
        MetricsFunction::OverTime(OverTime::Max, _) => "max_over_time",
        MetricsFunction::OverTime(OverTime::Sum, _) => "sum_over_time",
        MetricsFunction::OverTime(OverTime::Avg, _) => "avg_over_time",
        _ => "",
    };
    let name = (!name.is_empty() && by.is_empty())
        .then(|| ("__name__".to_owned(), format!("string {name}")));
    let counts = matches!(function, MetricsFunction::Rate | MetricsFunction::CountOverTime);
    let mut groups: Groups<'_, '_, '_> = BTreeMap::new();
    for span in spans {
        let has_value = match function {
            MetricsFunction::Rate | MetricsFunction::CountOverTime => true,
            MetricsFunction::OverTime(OverTime::Histogram, field)
            | MetricsFunction::QuantileOverTime(field, _) => span.bucket(field).is_some(),
            MetricsFunction::OverTime(_, field) => span.number(field).is_some(),
        };
        if has_value {
            let buckets = matches!(
                function,
                MetricsFunction::OverTime(OverTime::Histogram, _)
                    | MetricsFunction::QuantileOverTime(..)
            );
            let mut labels = labels(span, by, !buckets);
            labels.extend(name.clone());
            groups.entry(labels).or_default().entry(span.interval).or_default().push(span);
        }
    }
    if counts && by.is_empty() {
        groups.entry(name.into_iter().collect()).or_default();
    }
    let of_group = |(labels, spans)| of_group(labels, &spans, function, axis);
    groups.into_iter().flat_map(of_group).collect()
}

fn of_group(
    labels: Vec<(String, String)>,
    spans: &BTreeMap<i64, Vec<&Counted<'_, '_>>>,
    function: &MetricsFunction,
    axis: &Axis,
) -> Vec<Series> {
    let one = |mut points: Points, of_interval: &dyn Fn(&[&Counted<'_, '_>]) -> f64| {
        points.extend(spans.iter().map(|(interval, spans)| (*interval, of_interval(spans))));
        vec![Series { labels: labels.clone(), points }]
    };
    let numbers = |spans: &[&Counted<'_, '_>], field: &FieldRef| -> Vec<f64> {
        spans.iter().filter_map(|span| span.number(field)).collect()
    };
    match function {
        MetricsFunction::Rate => one(axis.all(0.0), &|spans| spans.len() as f64 / axis.seconds()),
        MetricsFunction::CountOverTime => one(axis.all(0.0), &|spans| spans.len() as f64),
        MetricsFunction::OverTime(OverTime::Histogram, field) => {
            histogram(&labels, spans, field, axis)
        }
        MetricsFunction::OverTime(function, field) => {
            one(Points::new(), &|spans| over_time(*function, &numbers(spans, field)))
        }
        MetricsFunction::QuantileOverTime(field, quantiles) => {
            let of_quantile =
                |quantile: &f64| {
                    let mut labels = labels.clone();
                    labels.push(("p".to_owned(), format!("double {quantile}")));
                    let mut points = axis.all(0.0);
                    points.extend(spans.iter().map(|(interval, spans)| {
                        (*interval, self::quantile(spans, field, *quantile))
                    }));
                    Series { labels, points }
                };
            quantiles.iter().map(of_quantile).collect()
        }
    }
}

fn over_time(function: OverTime, numbers: &[f64]) -> f64 {
    match function {
        OverTime::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        OverTime::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        OverTime::Sum => numbers.iter().sum(),
        OverTime::Avg => numbers.iter().sum::<f64>() / numbers.len() as f64,
        OverTime::Histogram => f64::NAN,
    }
}

fn histogram(
    labels: &[(String, String)],
    spans: &BTreeMap<i64, Vec<&Counted<'_, '_>>>,
    field: &FieldRef,
    axis: &Axis,
) -> Vec<Series> {
    let mut buckets: BTreeMap<u64, Points> = BTreeMap::new();
    for (interval, spans) in spans {
        for bucket in spans.iter().filter_map(|span| span.bucket(field)) {
            let points = buckets.entry(bucket).or_insert_with(|| axis.all(0.0));
            *points.entry(*interval).or_default() += 1.0;
        }
    }
    let series = |(bucket, points): (u64, Points)| {
        let bound = format!("double {}", bucket as f64 * scale(field));
        let bucket = [("__bucket".to_owned(), bound)];
        Series { labels: labels.iter().cloned().chain(bucket).collect(), points }
    };
    buckets.into_iter().map(series).collect()
}

/// §11.6
fn quantile(spans: &[&Counted<'_, '_>], field: &FieldRef, quantile: f64) -> f64 {
    let mut counts: BTreeMap<u64, f64> = BTreeMap::new();
    for bucket in spans.iter().filter_map(|span| span.bucket(field)) {
        *counts.entry(bucket).or_default() += 1.0;
    }
    let total: f64 = counts.values().sum();
    let wanted = (quantile * total).ceil().max(1.0);
    let (mut before, mut previous) = (0.0, None);
    for (bucket, count) in counts {
        let bound = bucket as f64 * scale(field);
        if before + count == wanted {
            return bound;
        }
        if before + count > wanted {
            let low = previous.map_or(bound.log2() - 1.0, f64::log2);
            let fraction = (wanted - before) / count;
            return 2.0_f64.powf(low + (bound.log2() - low) * fraction);
        }
        before += count;
        previous = Some(bound);
    }
    previous.unwrap_or(0.0)
}

/// §11.7
fn stages(stages: &[SecondStage], mut series: Vec<Series>) -> Vec<Series> {
    for stage in stages {
        match stage {
            SecondStage::TopK(limit) => keep(&mut series, *limit as usize, true),
            SecondStage::BottomK(limit) => keep(&mut series, *limit as usize, false),
            SecondStage::Threshold { op, value } => {
                let threshold = constant(value);
                for series in &mut series {
                    series.points.retain(|_, value| holds(*op, *value, threshold));
                }
            }
        }
        series.retain(|series| !series.points.is_empty());
    }
    series
}

fn constant(value: &Static) -> f64 {
    match value {
        Static::Int(value) => *value as f64,
        Static::Float(value) => *value,
        Static::Duration(nanos) => *nanos as f64 / 1e9,
        _ => f64::NAN,
    }
}

fn holds(op: ComparisonOp, left: f64, right: f64) -> bool {
    match op {
        ComparisonOp::Equal => left == right,
        ComparisonOp::NotEqual => left != right,
        ComparisonOp::Less => left < right,
        ComparisonOp::LessEqual => left <= right,
        ComparisonOp::Greater => left > right,
        ComparisonOp::GreaterEqual => left >= right,
    }
}

/// The text behind the type that [`Value::shown`] names.
fn text(shown: &str) -> &str {
    shown.split_once(' ').map_or(shown, |(_, text)| text)
}

fn keep(series: &mut [Series], limit: usize, greatest: bool) {
    if series.len() <= limit {
        return;
    }
    let values = |series: &Series| -> Vec<String> {
        series.labels.iter().map(|(_, value)| text(value).to_owned()).collect()
    };
    let intervals: Vec<i64> =
        series.iter().flat_map(|series| series.points.keys().copied()).collect();
    for interval in intervals {
        let mut points: Vec<(f64, Vec<String>, usize)> = series
            .iter()
            .enumerate()
            .filter_map(|(at, one)| Some((*one.points.get(&interval)?, values(one), at)))
            .collect();
        // Of equal texts, those of an earlier type.
        let labels = |point: &(f64, Vec<String>, usize)| &series[point.2].labels;
        points.sort_by(|a, b| {
            let by_text = b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1));
            by_text.then_with(|| labels(a).cmp(labels(b)))
        });
        if !greatest {
            points.reverse();
        }
        for (_, _, at) in points.into_iter().skip(limit) {
            series[at].points.remove(&interval);
        }
    }
}

/// A side of arithmetic; whether series were asked for by labels.
enum Operand {
    Constant(f64),
    Series(Vec<Series>, bool),
}

/// §11.8
fn of_math(traces: &[Trace], math: &Math, axis: &Axis) -> Result<Operand, EvalError> {
    Ok(match math {
        Math::Static(value) => Operand::Constant(constant(value)),
        Math::Metrics(metrics) => {
            let grouped =
                matches!(&metrics.first, FirstStage::Function { by, .. } if !by.is_empty());
            Operand::Series(of_metrics(traces, metrics, axis)?, grouped)
        }
        Math::Binary { op, left, right } => {
            combine(*op, of_math(traces, left, axis)?, of_math(traces, right, axis)?)
        }
    })
}

fn combine(op: ArithmeticOp, left: Operand, right: Operand) -> Operand {
    use Operand as O;
    let each = |series: Vec<Series>, calculate: &dyn Fn(f64) -> Option<f64>| {
        let points = |points: Points| {
            points.into_iter().filter_map(|(at, value)| Some((at, calculate(value)?))).collect()
        };
        series
            .into_iter()
            .map(|one| Series { labels: one.labels, points: points(one.points) })
            .collect::<Vec<_>>()
    };
    match (left, right) {
        (O::Constant(left), O::Constant(right)) => {
            O::Constant(calculate(op, left, right).unwrap_or(f64::NAN))
        }
        (O::Series(left, grouped), O::Constant(right)) => {
            O::Series(each(left, &|left| calculate(op, left, right)), grouped)
        }
        (O::Constant(left), O::Series(right, grouped)) => {
            O::Series(each(right, &|right| calculate(op, left, right)), grouped)
        }
        (O::Series(left, left_grouped), O::Series(right, right_grouped)) => {
            let mut pairs = Vec::new();
            for one in &left {
                for other in &right {
                    let is_single =
                        left.len() == 1 && !left_grouped || right.len() == 1 && !right_grouped;
                    if is_single || unnamed(one) == unnamed(other) {
                        pairs.push(pair(op, one, other));
                    }
                }
            }
            O::Series(pairs, left_grouped || right_grouped)
        }
    }
}

fn unnamed(series: &Series) -> Vec<(String, String)> {
    series.labels.iter().filter(|(key, _)| key != "__name__").cloned().collect()
}

fn pair(op: ArithmeticOp, left: &Series, right: &Series) -> Series {
    let name = |series: &Series| {
        let name = series.labels.iter().find(|(key, _)| key == "__name__");
        name.map(|(_, name)| text(name).to_owned())
    };
    let mut labels = Vec::new();
    if let (Some(left), Some(right)) = (name(left), name(right)) {
        labels.push(("__name__".to_owned(), format!("string ({left} {op} {right})")));
    }
    let own = unnamed(left);
    labels.extend(if own.is_empty() { unnamed(right) } else { own });
    let point =
        |(at, left): (&i64, &f64)| Some((*at, calculate(op, *left, *right.points.get(at)?)?));
    Series { labels, points: left.points.iter().filter_map(point).collect() }
}

fn calculate(op: ArithmeticOp, left: f64, right: f64) -> Option<f64> {
    match op {
        ArithmeticOp::Add => Some(left + right),
        ArithmeticOp::Subtract => Some(left - right),
        ArithmeticOp::Multiply => Some(left * right),
        ArithmeticOp::Divide => (right != 0.0).then(|| left / right),
        ArithmeticOp::Modulo | ArithmeticOp::Power => None,
    }
}
