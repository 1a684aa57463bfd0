//! Answers of metrics queries (contract http-api.md §6.2).

use super::search::put_metrics;
use super::trace::put_key_value;
use crate::json::{Object, put_array, put_f64};
use crate::tempopb::{
    Exemplar, InstantSeries, QueryInstantResponse, QueryRangeResponse, Sample, SearchMetrics,
    TimeSeries,
};

pub(super) fn put_range(out: &mut Vec<u8>, answer: &QueryRangeResponse) {
    let mut object = Object::begin(out);
    // Clients expect the list even if it is empty.
    put_array(object.key("series"), &answer.series, put_time_series);
    put_rest(object, answer.metrics.as_ref(), answer.status, &answer.message);
}

pub(super) fn put_instant(out: &mut Vec<u8>, answer: &QueryInstantResponse) {
    let mut object = Object::begin(out);
    object.list_unless_empty("series", &answer.series, put_instant_series);
    put_rest(object, answer.metrics.as_ref(), answer.status, &answer.message);
}

fn put_rest(mut object: Object<'_>, metrics: Option<&SearchMetrics>, status: i32, message: &str) {
    object.message_if_set("metrics", metrics, put_metrics);
    object.enum_unless_zero("status", status, &super::PARTIAL_STATUS);
    object.string_unless_empty("message", message.as_bytes());
    object.end();
}

fn put_time_series(out: &mut Vec<u8>, series: &TimeSeries) {
    let mut object = Object::begin(out);
    object.list_unless_empty("labels", &series.labels, put_key_value);
    object.list_unless_empty("samples", &series.samples, put_sample);
    object.list_unless_empty("exemplars", &series.exemplars, put_exemplar);
    object.end();
}

fn put_sample(out: &mut Vec<u8>, sample: &Sample) {
    let mut object = Object::begin(out);
    object.i64_unless_zero("timestampMs", sample.timestamp_ms);
    put_value(&mut object, sample.value);
    object.end();
}

fn put_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    let mut object = Object::begin(out);
    object.list_unless_empty("labels", &exemplar.labels, put_key_value);
    put_value(&mut object, exemplar.value);
    object.i64_unless_zero("timestampMs", exemplar.timestamp_ms);
    object.end();
}

fn put_instant_series(out: &mut Vec<u8>, series: &InstantSeries) {
    let mut object = Object::begin(out);
    object.list_unless_empty("labels", &series.labels, put_key_value);
    put_value(&mut object, series.value);
    object.end();
}

fn put_value(object: &mut Object<'_>, value: f64) {
    if value != 0.0 {
        put_f64(object.key("value"), value);
    }
}
