//! The one table from what went wrong to what a client is told: gRPC code and HTTP status
//! (contract receivers.md §3.1, http-api.md §1.2).
//!
//! From: the engine's errors and this crate's own checks. To: `grpc::reply`, `otlp_http` and
//! `api`, which write them in their protocol's form.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use prost::Message;
use stringendo_engine::{IngestError, QueryError};
use stringendo_proto::rpc;
use stringendo_proto::walk::WalkError;

/// gRPC status codes that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Code {
    /// Success.
    Ok = 0,
    /// The client has gone.
    Cancelled = 1,
    /// Nothing of the others.
    Unknown = 2,
    /// The client's fault, for good.
    InvalidArgument = 3,
    /// Too slow.
    DeadlineExceeded = 4,
    /// There is no such thing.
    NotFound = 5,
    /// Too large, or no room now.
    ResourceExhausted = 8,
    /// No such service, method or encoding.
    Unimplemented = 12,
    /// Not to be understood.
    Internal = 13,
    /// Try again later or elsewhere.
    Unavailable = 14,
    /// No tenant.
    Unauthenticated = 16,
}

impl Code {
    /// The code of a query that HTTP answers with this status (contract http-api.md §1.1, §1.2).
    pub fn of_query(http: StatusCode) -> Self {
        match http.as_u16() {
            400 => Self::InvalidArgument,
            401 => Self::Unauthenticated,
            404 => Self::NotFound,
            429 => Self::ResourceExhausted,
            499 => Self::Cancelled,
            // Not served yet.
            501 => Self::Unimplemented,
            500..=599 => Self::Internal,
            _ => Self::Unknown,
        }
    }
}

/// A request that is not served.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Label of the counter of refused requests.
    pub reason: &'static str,
    /// gRPC code.
    pub code: Code,
    /// HTTP status of receivers.
    pub http: StatusCode,
    /// For people.
    pub message: Cow<'static, str>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// Spans that were refused with it, as far as known.
    pub spans: u32,
}

impl Refusal {
    /// A refusal of the request as such.
    pub fn new(
        reason: &'static str,
        code: Code,
        http: StatusCode,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { reason, code, http, message: message.into(), retry_after: None, spans: 0 }
    }

    /// Bytes that cannot be what they should be: framing, compression, JSON.
    pub fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("malformed", Code::Internal, StatusCode::BAD_REQUEST, message)
    }

    /// An encoding that is not served.
    pub fn encoding(name: &str) -> Self {
        let message = format!("unsupported encoding: {name:?}");
        Self::new("unsupported_encoding", Code::Unimplemented, StatusCode::BAD_REQUEST, message)
    }

    /// More bytes than a request may have.
    pub fn too_large(bytes: usize, bytes_max: usize) -> Self {
        let message = format!("received message larger than max ({bytes} vs. {bytes_max})");
        let (code, status) = (Code::ResourceExhausted, StatusCode::BAD_REQUEST);
        Self::new("too_large", code, status, message)
    }

    /// The body did not come in time.
    pub fn slow() -> Self {
        let message = "the request body did not arrive in time";
        let (code, status) = (Code::DeadlineExceeded, StatusCode::SERVICE_UNAVAILABLE);
        Self::new("slow_body", code, status, message)
    }

    /// The client broke off; nobody reads the answer.
    pub fn aborted() -> Self {
        let message = "the request was broken off";
        Self::new("aborted", Code::Internal, StatusCode::BAD_REQUEST, message)
    }

    /// Whether the answer is about the client's tenant.
    pub fn no_tenant() -> Self {
        let (code, status) = (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE);
        Self::new("no_tenant", code, status, "no org id")
    }

    /// `google.rpc.Status` of this refusal, with the retry hint if there is one.
    pub fn to_status(&self) -> rpc::Status {
        let details = self.retry_after.map(retry_info).into_iter().collect();
        rpc::Status { code: self.code as i32, message: self.message.to_string(), details }
    }
}

/// `google.rpc.RetryInfo` as a detail.
fn retry_info(after: Duration) -> rpc::Any {
    let retry_delay = Some(rpc::Duration {
        seconds: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        nanos: after.subsec_nanos().cast_signed(),
    });
    rpc::Any {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
        value: rpc::RetryInfo { retry_delay }.encode_to_vec(),
    }
}

impl From<IngestError> for Refusal {
    fn from(error: IngestError) -> Self {
        let message = error.to_string();
        match error {
            IngestError::Invalid(invalid) => Self::from_walk(&invalid, message),
            IngestError::Overloaded { retry_after, .. } => {
                let (code, status) = (Code::ResourceExhausted, StatusCode::TOO_MANY_REQUESTS);
                Self { retry_after, ..Self::new("rate_limited", code, status, message) }
            }
            IngestError::RateLimited { retry_after, .. } => {
                let (code, status) = (Code::ResourceExhausted, StatusCode::TOO_MANY_REQUESTS);
                Self { retry_after, ..Self::new("tenant_rate_limited", code, status, message) }
            }
            IngestError::TooLarge { .. } => {
                Self::new("too_large", Code::InvalidArgument, StatusCode::BAD_REQUEST, message)
            }
            IngestError::Unavailable(_) => {
                let (code, status) = (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE);
                Self::new("unavailable", code, status, message)
            }
        }
    }
}

impl Refusal {
    fn from_walk(error: &WalkError, message: String) -> Self {
        let (reason, code, spans) = match error {
            WalkError::Malformed { .. } => ("malformed", Code::Internal, 0),
            WalkError::TraceId { spans, .. } => ("invalid_trace_id", Code::InvalidArgument, *spans),
            WalkError::SpanId { spans, .. } => ("invalid_span_id", Code::InvalidArgument, *spans),
        };
        Self { spans, ..Self::new(reason, code, StatusCode::BAD_REQUEST, message) }
    }
}

/// HTTP status of a query that has no answer (contract http-api.md §1.2).
pub fn of_query(error: &QueryError) -> StatusCode {
    match error {
        QueryError::Storage(_) | QueryError::Evaluation(_) => StatusCode::INTERNAL_SERVER_ERROR,
        QueryError::TraceTooLarge { .. } | QueryError::NeedsTooMuch { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        QueryError::Overloaded => StatusCode::TOO_MANY_REQUESTS,
        QueryError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
