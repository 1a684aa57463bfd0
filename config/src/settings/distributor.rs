//! `distributor`: receivers and what is done to spans on the way in (config.md §4, receivers.md
//! §1).

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::time::Duration;

use crate::duration::as_text;
use crate::endpoint::Endpoint;

/// Receivers and what is done to spans on the way in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Distributor {
    /// Listeners for spans.
    pub receivers: Receivers,
    /// Whether and how received spans are logged.
    pub log_received_spans: SpanLog,
    /// Whether and how refused spans are logged.
    pub log_discarded_spans: SpanLog,
    /// Retry hint that goes with RESOURCE_EXHAUSTED/429; zero sends none.
    #[serde(serialize_with = "as_text")]
    pub retry_after_on_resource_exhausted: Duration,
    /// Time that a request takes at least, whatever it needs.
    #[serde(serialize_with = "as_text")]
    pub artificial_delay: Duration,
    /// Longer attribute keys and string values are cut to so many bytes; 0 is off.
    pub max_attribute_bytes: u64,
}

impl Default for Distributor {
    fn default() -> Self {
        Self {
            receivers: Receivers::default(),
            log_received_spans: SpanLog::default(),
            log_discarded_spans: SpanLog::default(),
            retry_after_on_resource_exhausted: Duration::from_secs(5),
            artificial_delay: Duration::ZERO,
            max_attribute_bytes: 2048,
        }
    }
}

/// Listeners for spans. Several of one kind come from instance suffixes (`otlp/internal`).
#[derive(Clone, Debug, PartialEq)]
pub struct Receivers {
    /// OTLP over gRPC.
    pub otlp_grpc: Vec<OtlpGrpc>,
    /// OTLP over HTTP.
    pub otlp_http: Vec<OtlpHttp>,
}

impl Default for Receivers {
    /// What an empty `receivers` map means, of what is served: OTLP gRPC on localhost.
    fn default() -> Self {
        Self { otlp_grpc: vec![OtlpGrpc::named("otlp")], otlp_http: Vec::new() }
    }
}

impl Serialize for Receivers {
    /// Writes the collector's form, as the file has it: `name: {protocols: {grpc: …, http: …}}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = Map::new();
        for listener in &self.otlp_grpc {
            protocol(&mut map, &listener.name, "grpc", listener.to_value());
        }
        for listener in &self.otlp_http {
            protocol(&mut map, &listener.name, "http", listener.to_value());
        }
        map.serialize(serializer)
    }
}

fn protocol(receivers: &mut Map<String, Value>, name: &str, protocol: &str, value: Value) {
    let receiver = receivers.entry(name).or_insert_with(|| json!({"protocols": {}}));
    receiver["protocols"][protocol] = value;
}

/// One OTLP gRPC listener.
#[derive(Clone, Debug, PartialEq)]
pub struct OtlpGrpc {
    /// Key in the `receivers` map: `otlp`, or `otlp/` and an instance name.
    pub name: String,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Largest message taken after decompression, bytes.
    pub max_recv_msg_size_bytes: u64,
    /// Streams at once on one connection; 0 is no limit of the user's.
    pub max_concurrent_streams: u32,
    /// Bytes read from a connection at once.
    pub read_buffer_size: u64,
}

impl OtlpGrpc {
    /// A listener of this name with the defaults of receivers.md §1.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            endpoint: Endpoint::new("localhost", 4317),
            max_recv_msg_size_bytes: 4 << 20,
            max_concurrent_streams: 0,
            read_buffer_size: 524_288,
        }
    }

    fn to_value(&self) -> Value {
        json!({
            "endpoint": self.endpoint.to_string(),
            // Whole mebibytes, as it came in.
            "max_recv_msg_size_mib": self.max_recv_msg_size_bytes >> 20,
            "max_concurrent_streams": self.max_concurrent_streams,
            "read_buffer_size": self.read_buffer_size,
        })
    }
}

/// One OTLP HTTP listener.
#[derive(Clone, Debug, PartialEq)]
pub struct OtlpHttp {
    /// Key in the `receivers` map: `otlp`, or `otlp/` and an instance name.
    pub name: String,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Largest body taken after decompression, bytes.
    pub max_request_body_size: u64,
    /// Path that takes traces.
    pub traces_url_path: String,
    /// Cross-origin rules; no allowed origin means no CORS answers.
    pub cors: Cors,
}

impl OtlpHttp {
    /// A listener of this name with the defaults of receivers.md §1.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            endpoint: Endpoint::new("localhost", 4318),
            max_request_body_size: 20 << 20,
            traces_url_path: "/v1/traces".to_owned(),
            cors: Cors::default(),
        }
    }

    fn to_value(&self) -> Value {
        json!({
            "endpoint": self.endpoint.to_string(),
            "max_request_body_size": self.max_request_body_size,
            "traces_url_path": self.traces_url_path,
            "cors": self.cors,
        })
    }
}

/// Cross-origin rules of an HTTP receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cors {
    /// Origins that may post; `*` stands for any run of characters. Empty: CORS is off.
    pub allowed_origins: Vec<String>,
    /// Request headers that may be sent besides the safe ones.
    pub allowed_headers: Vec<String>,
    /// How long a browser may keep a preflight's answer, seconds; 0 leaves it to the browser.
    pub max_age: u64,
}

/// Whether and how spans are logged (receivers.md §9).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpanLog {
    /// One line per span.
    pub enabled: bool,
    /// With name, duration, kind, status and attributes, not ids alone.
    pub include_all_attributes: bool,
    /// Only spans whose status is an error.
    pub filter_by_status_error: bool,
    /// Fraction of spans that is logged, 0 to 1 (not a Tempo key).
    pub log_sampling_fraction: f64,
}

impl Default for SpanLog {
    fn default() -> Self {
        Self {
            enabled: false,
            include_all_attributes: false,
            filter_by_status_error: false,
            log_sampling_fraction: 1.0,
        }
    }
}
