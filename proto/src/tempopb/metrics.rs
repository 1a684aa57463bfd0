//! Answers of metrics queries (contract http-api.md §6.2, §12.2).

use prost::Message;

use super::{PartialStatus, SearchMetrics};
use crate::otlp::KeyValue;

/// `QueryRangeResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct QueryRangeResponse {
    /// Fewer labels first, then by labels.
    #[prost(message, repeated, tag = "1")]
    pub series: Vec<TimeSeries>,
    /// What answering cost.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<SearchMetrics>,
    /// Whether all series are there.
    #[prost(enumeration = "PartialStatus", tag = "3")]
    pub status: i32,
    /// Why not.
    #[prost(string, tag = "4")]
    pub message: String,
}

/// A series over time.
#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries {
    /// Typed, in the order of the query.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<KeyValue>,
    /// By time.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// Spans that went into it.
    #[prost(message, repeated, tag = "4")]
    pub exemplars: Vec<Exemplar>,
}

/// A value at a time.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Sample {
    /// The value.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// End of its interval, milliseconds since the Unix epoch.
    #[prost(int64, tag = "2")]
    pub timestamp_ms: i64,
}

/// A span that went into a series.
#[derive(Clone, PartialEq, Message)]
pub struct Exemplar {
    /// `trace:id`, and the fields that the query reads.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<KeyValue>,
    /// What was measured of the span.
    #[prost(double, tag = "2")]
    pub value: f64,
    /// Its start, milliseconds since the Unix epoch.
    #[prost(int64, tag = "3")]
    pub timestamp_ms: i64,
}

/// `QueryInstantResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct QueryInstantResponse {
    /// Fewer labels first, then by labels.
    #[prost(message, repeated, tag = "1")]
    pub series: Vec<InstantSeries>,
    /// What answering cost.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<SearchMetrics>,
    /// Whether all series are there.
    #[prost(enumeration = "PartialStatus", tag = "3")]
    pub status: i32,
    /// Why not.
    #[prost(string, tag = "4")]
    pub message: String,
}

/// A series of one value.
#[derive(Clone, PartialEq, Message)]
pub struct InstantSeries {
    /// Typed, in the order of the query.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<KeyValue>,
    /// The value.
    #[prost(double, tag = "2")]
    pub value: f64,
}
