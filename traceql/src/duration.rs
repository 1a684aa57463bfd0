//! Durations as Go and Prometheus write them, read and printed.
//!
//! Used for literals of the language, for canonical text, and by servers for parameters such as
//! `minDuration=100ms` and `since=1d`. All are signed 64-bit nanoseconds.

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not a duration at all, or out of range.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// An unknown unit.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// Reads a Go duration into nanoseconds: parts in any order, fractions allowed, units
/// `h m s ms us µs ns`, an optional sign; `0` needs no unit. `1h30m`, `1.5s`, `-2ms`.
///
/// # Errors
/// The text is no such duration or does not fit 64 bits.
pub fn parse_go(text: &str) -> Result<i64, DurationError> {
    todo!("{text}")
}

/// Reads a Prometheus duration into nanoseconds: descending whole-number parts from
/// `y w d h m s ms` with y = 365 d and w = 7 d; `0` needs no unit. `1w2d`, `15m`.
///
/// # Errors
/// The text is no such duration or does not fit 64 bits.
pub fn parse_prometheus(text: &str) -> Result<i64, DurationError> {
    todo!("{text}")
}

/// Prints nanoseconds as Go does: `1h30m0s`, `1.5s`, `100ms`, `5µs`, `0s`.
pub fn format_go(nanos: i64) -> String {
    todo!("{nanos}")
}
