//! Errors of the store as those that the engine knows.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use object_store::Error;

/// Why a store cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// From the client.
    #[error("{0}")]
    Client(#[from] Error),
    /// A file of certificates, keys or credentials.
    #[error("{0}")]
    File(String),
    /// Transport security.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client.
    #[error("HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// A setting that does not fit.
    #[error("{0}")]
    Setting(String),
}

/// What stores call a bucket that is not there: not to be taken for an object that is gone.
const NO_BUCKET: [&str; 3] =
    ["NoSuchBucket", "ContainerNotFound", "specified bucket does not exist"];

/// As an error of I/O: `NotFound` for an object that is not there.
pub(crate) fn io_error(action: &str, error: Error) -> io::Error {
    let text = text_of(&error);
    let no_bucket = NO_BUCKET.iter().any(|what| text.contains(what));
    let kind = match error {
        // Whoever configured it must mend that.
        _ if no_bucket => ErrorKind::InvalidInput,
        Error::NotFound { .. } => ErrorKind::NotFound,
        // A write that depends on what is there, and something else is.
        Error::AlreadyExists { .. } | Error::Precondition { .. } => ErrorKind::AlreadyExists,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            ErrorKind::PermissionDenied
        }
        Error::InvalidPath { .. } => ErrorKind::InvalidInput,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, format!("{action}: {text}"))
}

/// The error with its causes, as far as it does not say them itself, on one line and not too long.
pub(crate) fn text_of(error: &Error) -> String {
    const CHARS_MAX: usize = 500;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(CHARS_MAX).collect()
}

/// It took too long.
pub(crate) fn timed_out(action: &str) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, format!("{action}: the object store takes too long"))
}
