//! Trace ids and span ids.

use std::fmt;

/// A 128-bit trace id, big-endian, as on the wire.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// A 64-bit span id, big-endian, as on the wire. Zero means "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

/// Why a trace id in a URL or query was refused (contract http-api.md §3.1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseTraceIdError {
    /// A character that is no hex digit; the position counts from 1.
    #[error(
        "trace IDs can only contain hex characters: \
         invalid character '{character}' at position {position}"
    )]
    NotHex {
        /// The offending character.
        character: char,
        /// Its 1-based position.
        position: usize,
    },
    /// More than 32 digits.
    #[error("trace IDs can't be larger than 128 bits")]
    TooLong,
}

impl TraceId {
    /// Whether all 128 bits are zero, which no valid trace has.
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 16]
    }

    /// Parses 1 to 32 hex digits, either case, padding with zeros on the left.
    ///
    /// # Errors
    /// A character that is no hex digit, or more than 32 digits.
    pub fn parse_hex(text: &str) -> Result<Self, ParseTraceIdError> {
        let mut value: u128 = 0;
        for (at, character) in text.chars().enumerate() {
            let digit = character
                .to_digit(16)
                .ok_or(ParseTraceIdError::NotHex { character, position: at + 1 })?;
            if at >= 32 {
                return Err(ParseTraceIdError::TooLong);
            }
            value = value << 4 | u128::from(digit);
        }
        Ok(Self(value.to_be_bytes()))
    }

    /// Lower-case hex without leading zeros, as search answers and `TraceIDText` show it
    /// (contract blocks.md §10). All zero is `0`.
    pub fn to_hex_trimmed(&self) -> String {
        format!("{:x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

#[cfg(test)]
#[path = "id_tests.rs"]
mod tests;
