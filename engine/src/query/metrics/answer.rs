//! Finished series as messages.

use bytes::Bytes;
use stringendo_proto::otlp::{AnyValue, KeyValue, Value};
use stringendo_proto::tempopb::{
    self, InstantSeries, PartialStatus, QueryInstantResponse, QueryRangeResponse, Sample,
    SearchMetrics, TimeSeries,
};
use stringendo_ring::yield_if_due;
use stringendo_traceql::metrics::{Exemplar, Label, LabelValue, Series};

use super::{MetricsProgress, MetricsRequest};
use crate::query::collect::SearchCost;

/// Memory of a message per byte of its series, at most: samples have 16 bytes for 8, labels have
/// some structures around them.
const MESSAGE_FACTOR: u64 = 3;

/// Memory of the messages that are made of these series.
pub fn range_bytes(series: &[Series]) -> u64 {
    MESSAGE_FACTOR * series.iter().map(Series::memory_bytes).sum::<u64>()
}

/// The answer to a range query; `progress` knows what is missing.
pub async fn range(
    request: &MetricsRequest,
    mut series: Vec<Series>,
    progress: &MetricsProgress,
) -> QueryRangeResponse {
    let (status, message) = partial(&mut series, request.series_max, progress.cost());
    let mut messages = Vec::with_capacity(series.len());
    for one in series {
        messages.push(time_series(request, one));
        yield_if_due().await;
    }
    let series = messages;
    QueryRangeResponse { series, metrics: Some(progress.so_far()), status, message }
}

/// A message of a stream before the answer of a range query: whether it is whole is not said yet.
pub fn range_so_far(
    request: &MetricsRequest,
    mut series: Vec<Series>,
    cost: SearchMetrics,
) -> QueryRangeResponse {
    if request.series_max > 0 {
        series.truncate(request.series_max);
    }
    let series = series.into_iter().map(|series| time_series(request, series)).collect();
    QueryRangeResponse { series, metrics: Some(cost), ..QueryRangeResponse::default() }
}

/// The answer to an instant query; `progress` knows what is missing.
pub async fn instant(
    request: &MetricsRequest,
    mut series: Vec<Series>,
    progress: &MetricsProgress,
) -> QueryInstantResponse {
    let (status, message) = partial(&mut series, request.series_max, progress.cost());
    let one = |series: Series| {
        let value = series.values.first().copied().filter(|value| !value.is_nan())?;
        Some(InstantSeries { labels: labels(series.labels), value })
    };
    let mut messages = Vec::with_capacity(series.len());
    for series in series {
        messages.extend(one(series));
        yield_if_due().await;
    }
    let series = messages;
    QueryInstantResponse { series, metrics: Some(progress.so_far()), status, message }
}

/// Cuts to the limit, and says so (contract traceql.md §11.11); says, too, what is missing.
fn partial(series: &mut Vec<Series>, series_max: usize, cost: SearchCost) -> (i32, String) {
    let mut reasons = Vec::new();
    if series_max > 0 && series.len() > series_max {
        series.truncate(series_max);
        reasons.push(format!(
            "Response exceeds maximum series limit of {series_max}, a partial response is \
             returned. Warning: the accuracy of each individual value is not guaranteed."
        ));
    }
    if cost.not_whole > 0 {
        let traces = cost.not_whole;
        reasons.push(format!("traces left out, for which there is no memory as a whole: {traces}"));
    }
    if cost.cut_parts > 0 {
        reasons.push("the query has read as many bytes as it may, and left out the rest".into());
    }
    if cost.gone_blocks > 0 {
        let blocks = cost.gone_blocks;
        reasons.push(format!("blocks that were deleted while they were read: {blocks}"));
    }
    reasons.extend(cost.damaged.message());
    match reasons.is_empty() {
        true => (PartialStatus::Complete as i32, String::new()),
        false => (PartialStatus::Partial as i32, reasons.join("; ")),
    }
}

fn time_series(request: &MetricsRequest, series: Series) -> TimeSeries {
    let samples = series.values.iter().enumerate().filter(|(_, value)| !value.is_nan());
    let sample = |(interval, value): (usize, &f64)| Sample {
        value: *value,
        timestamp_ms: request.axis.timestamp_ms(interval),
    };
    TimeSeries {
        labels: labels(series.labels),
        samples: samples.map(sample).collect(),
        exemplars: series.exemplars.into_iter().map(exemplar).collect(),
    }
}

fn exemplar(exemplar: Exemplar) -> tempopb::Exemplar {
    tempopb::Exemplar {
        labels: labels(exemplar.labels),
        value: exemplar.value,
        timestamp_ms: i64::try_from(exemplar.unix_nanos / 1_000_000).unwrap_or(i64::MAX),
    }
}

fn labels(labels: Vec<Label>) -> Vec<KeyValue> {
    labels.into_iter().map(label).collect()
}

fn label(label: Label) -> KeyValue {
    let value = match label.value {
        LabelValue::Str(text) => Value::String(Bytes::from(text)),
        LabelValue::Int(value) => Value::Int(value),
        LabelValue::Float(value) => Value::Double(value),
        LabelValue::Bool(value) => Value::Bool(value),
    };
    KeyValue { key: Bytes::from(label.key), value: Some(AnyValue { value: Some(value) }) }
}
