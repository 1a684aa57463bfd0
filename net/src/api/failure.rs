//! A request of the API that has no answer: status and text (contract http-api.md §1.2).

use std::borrow::Cow;

use http::StatusCode;
use stringendo_engine::QueryError;

use crate::http1::{Answer, text};
use crate::status::{self, Code, Refusal};

/// Status and text.
#[derive(Debug, PartialEq)]
pub struct Failure {
    /// HTTP status.
    pub status: StatusCode,
    /// For people.
    pub message: Cow<'static, str>,
}

impl Failure {
    /// The client's fault.
    pub fn bad(message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    /// Part of Tempo's API, not of ours so far.
    pub fn not_served(name: &str) -> Self {
        let message = format!("{name} is not supported yet\n").into();
        Self { status: StatusCode::NOT_IMPLEMENTED, message }
    }

    /// Another process has to be asked.
    pub fn not_served_here(why: &str) -> Self {
        Self { status: StatusCode::NOT_IMPLEMENTED, message: format!("{why}\n").into() }
    }

    /// The process cannot answer now.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message: message.into() }
    }

    /// The query took too long.
    pub fn timed_out() -> Self {
        Self::unavailable("unable to process request in the configured timeout")
    }

    /// The answer that says it.
    pub fn into_answer(self) -> Answer {
        text(self.status, self.message.into_owned())
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        if matches!(error, QueryError::Storage(_)) {
            tracing::error!(%error, "query failed");
        }
        Self { status: status::of_query(&error), message: error.to_string().into() }
    }
}

/// A tenant that is missing or not allowed.
impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        if refusal == Refusal::no_tenant() {
            return Self { status: StatusCode::UNAUTHORIZED, message: "no org id\n".into() };
        }
        Self { status: refusal.http, message: refusal.message }
    }
}

/// The same over gRPC.
impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let message = failure.message.trim_end().to_owned();
        Refusal::new("query", Code::of_query(failure.status), failure.status, message)
    }
}
