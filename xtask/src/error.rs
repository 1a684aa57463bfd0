//! What can go wrong in a developer command.

use std::io;

/// Why a command failed; printed, then exit status 1.
#[derive(Debug, thiserror::Error)]
pub enum XtaskError {
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the path or program.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// Something was found wanting, or cannot be done here.
    #[error("{0}")]
    Failed(String),
}

/// Says what was tried.
pub trait What<T> {
    /// Turns a system's error into one that says what was tried.
    ///
    /// # Errors
    /// The same, told better.
    fn what(self, what: impl FnOnce() -> String) -> Result<T, XtaskError>;
}

impl<T> What<T> for io::Result<T> {
    fn what(self, what: impl FnOnce() -> String) -> Result<T, XtaskError> {
        self.map_err(|source| XtaskError::Io { what: what(), source })
    }
}

/// A failure without a system's error behind it.
pub fn failed<T>(why: impl Into<String>) -> Result<T, XtaskError> {
    Err(XtaskError::Failed(why.into()))
}
