//! OTLP trace messages (opentelemetry-proto 1.x, `trace/v1`, `common/v1`, `resource/v1`,
//! `collector/trace/v1`), for everything that is not on the hot path.
//!
//! Every string field is declared as bytes: it is the same on the wire, and Tempo stores and
//! returns strings that are not valid UTF-8 (contract blocks.md §10), which a Rust `String` cannot.
//! Decoding from [`bytes::Bytes`] shares the input's memory.

use bytes::Bytes;
use prost::Message;

/// `ExportTraceServiceRequest`, wire-identical to `TracesData` and to Tempo's `Trace`.
#[derive(Clone, PartialEq, Message)]
pub struct TracesData {
    /// One entry per resource.
    #[prost(message, repeated, tag = "1")]
    pub resource_spans: Vec<ResourceSpans>,
}

/// The spans of one resource.
#[derive(Clone, PartialEq, Message)]
pub struct ResourceSpans {
    /// The resource; absent means a resource without attributes.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// One entry per instrumentation scope.
    #[prost(message, repeated, tag = "2")]
    pub scope_spans: Vec<ScopeSpans>,
    /// Schema of the resource; not stored in blocks.
    #[prost(bytes = "bytes", tag = "3")]
    pub schema_url: Bytes,
}

/// `resource/v1.Resource`.
#[derive(Clone, PartialEq, Message)]
pub struct Resource {
    /// Attributes in the order sent; keys may repeat.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
    /// How many attributes the client dropped.
    #[prost(uint32, tag = "2")]
    pub dropped_attributes_count: u32,
}

/// The spans of one instrumentation scope.
#[derive(Clone, PartialEq, Message)]
pub struct ScopeSpans {
    /// The scope; absent means all fields empty.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<InstrumentationScope>,
    /// The spans.
    #[prost(message, repeated, tag = "2")]
    pub spans: Vec<Span>,
    /// Schema of the scope; not stored in blocks.
    #[prost(bytes = "bytes", tag = "3")]
    pub schema_url: Bytes,
}

/// `common/v1.InstrumentationScope`.
#[derive(Clone, PartialEq, Message)]
pub struct InstrumentationScope {
    /// Name of the library.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// Version of the library.
    #[prost(bytes = "bytes", tag = "2")]
    pub version: Bytes,
    /// Attributes in the order sent.
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
    /// How many attributes the client dropped.
    #[prost(uint32, tag = "4")]
    pub dropped_attributes_count: u32,
}

/// `trace/v1.Span`.
#[derive(Clone, PartialEq, Message)]
pub struct Span {
    /// 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub trace_id: Bytes,
    /// 8 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub span_id: Bytes,
    /// W3C trace state.
    #[prost(bytes = "bytes", tag = "3")]
    pub trace_state: Bytes,
    /// 8 bytes, or empty for a root.
    #[prost(bytes = "bytes", tag = "4")]
    pub parent_span_id: Bytes,
    /// W3C flags; not stored in blocks.
    #[prost(fixed32, tag = "16")]
    pub flags: u32,
    /// Operation name.
    #[prost(bytes = "bytes", tag = "5")]
    pub name: Bytes,
    /// `SpanKind`: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    #[prost(int32, tag = "6")]
    pub kind: i32,
    /// Start, nanoseconds since the Unix epoch.
    #[prost(fixed64, tag = "7")]
    pub start_time_unix_nano: u64,
    /// End, nanoseconds since the Unix epoch.
    #[prost(fixed64, tag = "8")]
    pub end_time_unix_nano: u64,
    /// Attributes in the order sent; keys may repeat.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// How many attributes the client dropped.
    #[prost(uint32, tag = "10")]
    pub dropped_attributes_count: u32,
    /// Timed events.
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<Event>,
    /// How many events the client dropped.
    #[prost(uint32, tag = "12")]
    pub dropped_events_count: u32,
    /// Links to other spans.
    #[prost(message, repeated, tag = "13")]
    pub links: Vec<Link>,
    /// How many links the client dropped.
    #[prost(uint32, tag = "14")]
    pub dropped_links_count: u32,
    /// Status; absent means unset.
    #[prost(message, optional, tag = "15")]
    pub status: Option<Status>,
}

/// `Span.Event`.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// When, nanoseconds since the Unix epoch.
    #[prost(fixed64, tag = "1")]
    pub time_unix_nano: u64,
    /// Name.
    #[prost(bytes = "bytes", tag = "2")]
    pub name: Bytes,
    /// Attributes in the order sent.
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
    /// How many attributes the client dropped.
    #[prost(uint32, tag = "4")]
    pub dropped_attributes_count: u32,
}

/// `Span.Link`.
#[derive(Clone, PartialEq, Message)]
pub struct Link {
    /// 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub trace_id: Bytes,
    /// 8 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub span_id: Bytes,
    /// W3C trace state.
    #[prost(bytes = "bytes", tag = "3")]
    pub trace_state: Bytes,
    /// Attributes in the order sent.
    #[prost(message, repeated, tag = "4")]
    pub attributes: Vec<KeyValue>,
    /// How many attributes the client dropped.
    #[prost(uint32, tag = "5")]
    pub dropped_attributes_count: u32,
    /// W3C flags; not stored in blocks.
    #[prost(fixed32, tag = "6")]
    pub flags: u32,
}

/// `Status`.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    /// Free text.
    #[prost(bytes = "bytes", tag = "2")]
    pub message: Bytes,
    /// 0 unset, 1 ok, 2 error.
    #[prost(int32, tag = "3")]
    pub code: i32,
}

/// `common/v1.KeyValue`.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    /// Attribute name; may be empty.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Attribute value; absent is a value without a type.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// `common/v1.AnyValue`.
#[derive(Clone, PartialEq, Message)]
pub struct AnyValue {
    /// Which type, if any.
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub value: Option<Value>,
}

/// The types of an [`AnyValue`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Value {
    /// Text, not always valid UTF-8.
    #[prost(bytes = "bytes", tag = "1")]
    String(Bytes),
    /// Truth value.
    #[prost(bool, tag = "2")]
    Bool(bool),
    /// 64-bit signed integer.
    #[prost(int64, tag = "3")]
    Int(i64),
    /// Double, NaN and infinities included.
    #[prost(double, tag = "4")]
    Double(f64),
    /// List of values.
    #[prost(message, tag = "5")]
    Array(ArrayValue),
    /// Map of values.
    #[prost(message, tag = "6")]
    Kvlist(KeyValueList),
    /// Opaque bytes.
    #[prost(bytes = "bytes", tag = "7")]
    Bytes(Bytes),
}

/// `common/v1.ArrayValue`.
#[derive(Clone, PartialEq, Message)]
pub struct ArrayValue {
    /// Elements, of any types.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<AnyValue>,
}

/// `common/v1.KeyValueList`.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValueList {
    /// Entries, in order.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<KeyValue>,
}

/// `ExportTraceServiceResponse`; always without a set partial success (contract receivers.md §3.1).
#[derive(Clone, PartialEq, Message)]
pub struct ExportTraceServiceResponse {
    /// What was not accepted.
    #[prost(message, optional, tag = "1")]
    pub partial_success: Option<ExportTracePartialSuccess>,
}

/// `ExportTracePartialSuccess`.
#[derive(Clone, PartialEq, Message)]
pub struct ExportTracePartialSuccess {
    /// Number of spans refused.
    #[prost(int64, tag = "1")]
    pub rejected_spans: i64,
    /// Why.
    #[prost(string, tag = "2")]
    pub error_message: String,
}
