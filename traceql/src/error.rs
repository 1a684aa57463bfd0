//! What can be wrong with a query, and how it is said (contract `traceql.md` §9).

use std::fmt;

use crate::limits::QUERY_BYTES_MAX;

/// A text that is no query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The text is longer than [`QUERY_BYTES_MAX`].
    TooLong,
    /// `parse error at line L, col C: …`
    Syntax {
        /// Where the offending token starts.
        at: Position,
        /// What is wrong.
        message: String,
    },
}

/// A place in a query, both numbers from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(
                f,
                "TraceQL expression exceeds the configured maximum size of {QUERY_BYTES_MAX} \
                 bytes, reduce the query expression size or contact your system administrator"
            ),
            Self::Syntax { at, message } => {
                write!(f, "parse error at line {}, col {}: {message}", at.line, at.column)
            }
        }
    }
}

impl std::error::Error for ParseError {}

/// A query that parses and cannot be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidateError {
    /// The query contradicts itself; the text is that of contract §9.2.
    #[error("{0}")]
    Invalid(String),
    /// The language has no meaning for it yet (contract §9.3).
    #[error("{0} not yet supported")]
    Unsupported(String),
}

/// A valid query that this server cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The named construct is not built yet.
    #[error("{0} is not supported yet")]
    Unsupported(String),
    /// Arithmetic between metrics where a search is asked, which is the server's fault to clients
    /// (contract §9.4).
    #[error("math expressions not supported")]
    MathInSearch,
}

/// What only shows when a query runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// An operand of a structural operator has several sets of spans for one trace (contract §6).
    #[error(
        "spanset operators are not supported for multiple spansets per trace. \
         consider using coalesce()"
    )]
    SeveralSpansets,
    /// `by(…)` makes more of one trace than there is room for: see
    /// [`SPANSETS_BYTES_MAX`](crate::limits::SPANSETS_BYTES_MAX).
    #[error("by() makes too many spansets of one trace")]
    TooManySpansets,
}

/// Whatever can be wrong with a search query. Its text goes behind `invalid TraceQL query: `;
/// [`QueryError::response_text`] does that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It does not parse.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It is not valid.
    #[error(transparent)]
    Validate(#[from] ValidateError),
    /// It cannot be answered.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl QueryError {
    /// Whether the client is told that the query is at fault (HTTP 400) rather than that the server
    /// cannot answer it (HTTP 500).
    pub fn is_of_client(&self) -> bool {
        !matches!(self, Self::Plan(PlanError::MathInSearch))
    }

    /// The body of the error that a search answers (contract §9.4).
    pub fn response_text(&self) -> String {
        match self {
            Self::Parse(ParseError::TooLong) | Self::Plan(PlanError::MathInSearch) => {
                self.to_string()
            }
            _ => format!("invalid TraceQL query: {self}"),
        }
    }
}
