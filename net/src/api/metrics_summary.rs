//! `/api/metrics/summary` of Tempo 2 (contract http-api.md §6.3): how many spans, how many errors,
//! and quantiles of durations, by the values of some fields, over the spans of kind `server`.
//!
//! Answered by two instant queries, whose series are put together by their labels. Tempo looks at
//! recent data alone; here all data in the range counts.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use prost::Message;
use stringendo_engine::query::memory::Held;
use stringendo_engine::query::metrics::MetricsRequest;
use stringendo_proto::otlp::{AnyValue, KeyValue, Value};
use stringendo_proto::render_json::summary::{QUANTILES, Summary, SummaryValue, metrics_summary};
use stringendo_proto::tempopb::InstantSeries;
use stringendo_traceql::ast::{Kind, Status};
use stringendo_traceql::duration::parse_go;
use stringendo_traceql::metrics::{MetricsPlan, RangeLimits, TimeAxis, compile_metrics};

use super::failure::Failure;
use super::format::Format;
use super::metrics::MetricsRun;
use super::params::Params;
use super::search_params::{ensure_length, search_plan};
use super::{Api, Call};
use crate::http1::Answer;
use crate::settings::MetricsSettings;

const SECOND: u64 = 1_000_000_000;
/// Range of a question that names none.
const DEFAULT_RANGE: u64 = 3600 * SECOND;
/// The field that tells which spans are errors.
const STATUS: &str = "status";

impl Api {
    /// Answers with summaries.
    pub(super) async fn metrics_summary(&self, call: &Call) -> Result<Answer, Failure> {
        let now = self.node.clock().unix_nanos();
        let tenants = self.query_tenants(&call.headers)?;
        let query = SummaryQuery::read(&call.params, &self.metrics_settings(&tenants), now)?;
        let counts = MetricsRun::new(query.request(&query.counts), tenants.clone());
        // Kept until the answer is written.
        let Held { value: counts, kept: _counts } = self.run_instant(&counts).await?;
        let quantiles = MetricsRun::new(query.request(&query.quantiles), tenants);
        let Held { value: quantiles, kept: _quantiles } = self.run_instant(&quantiles).await?;
        let bytes = counts.encoded_len() + quantiles.encoded_len();
        // Groups have the labels of series, and their bytes once more.
        let _memory = self.node.charge_answer(2 * bytes as u64)?;
        let summaries = query.summaries(counts.series, quantiles.series);
        self.written(Format::Json, bytes, || metrics_summary(&summaries))
    }
}

/// What is asked.
#[derive(Debug)]
struct SummaryQuery {
    /// Counts spans by the fields and, if it is none of them, by status behind them.
    counts: Arc<MetricsPlan>,
    quantiles: Arc<MetricsPlan>,
    axis: TimeAxis,
    /// Summaries at most; 0 = no limit.
    limit: usize,
    /// The fields.
    keys: Vec<String>,
}

/// Spans with the same values.
#[derive(Default)]
struct Group {
    labels: Vec<KeyValue>,
    spans: u64,
    errors: u64,
    durations_nanos: [u64; QUANTILES.len()],
}

impl SummaryQuery {
    /// Reads the parameters.
    fn read(params: &Params, settings: &MetricsSettings, now: u64) -> Result<Self, Failure> {
        let required = |name| {
            let missing = || Failure::bad(format!("{name} is required"));
            params.get(name).ok_or_else(missing)
        };
        let (query, fields) = (required("q")?, required("groupBy")?);
        search_plan(query, settings.query_bytes_max)?;
        let compile = |metric: &str| {
            // On a line of its own, since the query may end in a comment.
            let text = format!("{query}\n| {{ kind = server }} | {metric}");
            ensure_length(&text, settings.query_bytes_max)?;
            compile_metrics(&text).map_err(|error| Failure::bad(error.response_text(true)))
        };
        let quantiles: Vec<_> = QUANTILES.iter().map(|(_, number)| number.to_string()).collect();
        let quantiles = quantiles.join(", ");
        let quantiles =
            compile(&format!("quantile_over_time(duration, {quantiles}) by ({fields})"))?;
        let keys: Vec<String> =
            quantiles.legs().iter().flat_map(|leg| leg.label_keys().map(str::to_owned)).collect();
        let more = if keys.iter().any(|key| key == STATUS) { "" } else { ", status" };
        let counts = compile(&format!("count_over_time() by ({fields}{more})"))?;
        Ok(Self {
            counts: Arc::new(counts),
            quantiles: Arc::new(quantiles),
            axis: axis(params, settings, now)?,
            limit: params.typed::<u32>("limit")?.unwrap_or(0) as usize,
            keys,
        })
    }

    fn request(&self, plan: &Arc<MetricsPlan>) -> MetricsRequest {
        MetricsRequest { plan: Arc::clone(plan), axis: self.axis, exemplars: 0, series_max: 0 }
    }

    /// Most spans first.
    fn summaries(&self, counts: Vec<InstantSeries>, quantiles: Vec<InstantSeries>) -> Vec<Summary> {
        let (mut groups, mut places) = (Vec::<Group>::new(), HashMap::new());
        for InstantSeries { mut labels, value } in counts {
            let is_error = is_error(&labels);
            if !self.keys.iter().any(|key| key == STATUS) {
                labels.retain(|label| label.key != STATUS);
            }
            let place = *places.entry(encoded(&labels)).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Group { labels, ..Group::default() });
            }
            groups[place].spans += value as u64;
            groups[place].errors += if is_error { value as u64 } else { 0 };
        }
        for InstantSeries { mut labels, value } in quantiles {
            let Some(number) = labels.pop().and_then(|label| quantile_number(&label)) else {
                continue;
            };
            // Spans that came after the counts were taken may have brought new groups.
            if let Some(place) = places.get(&encoded(&labels)) {
                groups[*place].durations_nanos[number] = (value * SECOND as f64).round() as u64;
            }
        }
        groups.sort_by_key(|group| Reverse(group.spans));
        if self.limit > 0 {
            groups.truncate(self.limit);
        }
        groups.into_iter().map(|group| self.summary(group)).collect()
    }

    /// Series lack the labels without a value.
    fn summary(&self, group: Group) -> Summary {
        let mut labels = group.labels.into_iter().peekable();
        let value = |key: &String| {
            let value = labels.next_if(|label| label.key == key.as_bytes());
            (key.clone(), value.map_or(SummaryValue::Nil, |label| typed(key, label.value)))
        };
        let series = self.keys.iter().map(value).collect();
        let Group { spans, errors, durations_nanos, .. } = group;
        Summary { series, spans, errors, durations_nanos }
    }
}

/// The range as one interval, up to now: what is acknowledged is there.
fn axis(params: &Params, settings: &MetricsSettings, now: u64) -> Result<TimeAxis, Failure> {
    let (start, end) = match (params.typed::<u32>("start")?, params.typed::<u32>("end")?) {
        (None, None) => (now.saturating_sub(DEFAULT_RANGE), now),
        (Some(start), Some(end)) => (u64::from(start) * SECOND, u64::from(end) * SECOND),
        _ => return Err(Failure::bad("please provide values for both start and end times")),
    };
    let range_nanos_max = u64::try_from(settings.range_max.as_nanos()).unwrap_or(u64::MAX);
    let limits = RangeLimits { range_nanos_max, intervals_max: 0, end_unix_nanos_max: u64::MAX };
    TimeAxis::instant(start, end, &limits).map_err(|error| Failure::bad(error.to_string()))
}

/// Labels as a key of a map.
fn encoded(labels: &[KeyValue]) -> Vec<u8> {
    labels.iter().flat_map(Message::encode_length_delimited_to_vec).collect()
}

fn is_error(labels: &[KeyValue]) -> bool {
    let status = labels.iter().find(|label| label.key == STATUS);
    text(status.and_then(|label| label.value.as_ref())).is_some_and(|text| text == b"error")
}

fn text(value: Option<&AnyValue>) -> Option<&[u8]> {
    match value?.value.as_ref()? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Which of [`QUANTILES`] a label `p` names.
fn quantile_number(label: &KeyValue) -> Option<usize> {
    let Some(Value::Double(quantile)) = label.value.as_ref()?.value else { return None };
    QUANTILES.iter().position(|(_, known)| *known == quantile)
}

/// A label's value with the type that the field has in queries.
fn typed(key: &str, value: Option<AnyValue>) -> SummaryValue {
    let Some(value) = value.and_then(|value| value.value) else { return SummaryValue::Nil };
    let word = match value {
        Value::Int(number) => return SummaryValue::Int(number),
        Value::Double(number) => return SummaryValue::Float(number),
        Value::Bool(value) => return SummaryValue::Bool(value),
        Value::String(text) => text,
        _ => return SummaryValue::Nil,
    };
    typed_word(key, &word).unwrap_or_else(|| SummaryValue::Str(word.to_vec()))
}

/// Labels write statuses, kinds and durations as words.
fn typed_word(key: &str, word: &[u8]) -> Option<SummaryValue> {
    let word = std::str::from_utf8(word).ok()?;
    match key {
        STATUS => Some(SummaryValue::Status(match Status::from_word(word)? {
            Status::Error => 0,
            Status::Ok => 1,
            Status::Unset => 2,
        })),
        "kind" => Some(SummaryValue::Kind(Kind::from_word(word)? as u32)),
        "duration" | "traceDuration" | "event:timeSinceStart" => {
            u64::try_from(parse_go(word).ok()?).ok().map(SummaryValue::Duration)
        }
        _ => None,
    }
}
