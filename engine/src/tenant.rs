//! Whose data it is.

use std::fmt;
use std::sync::Arc;

use crate::limits::TENANT_BYTES_MAX;

/// A checked tenant id; cheap to clone and to send to another core.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

/// Why a tenant id was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    /// Empty or too long.
    #[error("tenant ID must have 1 to {TENANT_BYTES_MAX} bytes, received {0}")]
    Length(usize),
    /// A character that could mean something in a path or key.
    #[error("tenant ID '{0}' contains an unsupported character")]
    Character(String),
    /// `.` or `..`.
    #[error("tenant ID is '.' or '..'")]
    Dots,
}

impl TenantId {
    /// The tenant of a server without multitenancy.
    pub fn single() -> Self {
        Self(Arc::from("single-tenant"))
    }

    /// Checks an id (contract http-api.md §1.1): 1–150 bytes of letters, digits and `!-_.*'()`.
    ///
    /// # Errors
    /// When the id could not be a directory's name.
    pub fn parse(text: &str) -> Result<Self, TenantError> {
        if text.is_empty() || text.len() > TENANT_BYTES_MAX {
            return Err(TenantError::Length(text.len()));
        }
        if text == "." || text == ".." {
            return Err(TenantError::Dots);
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!-_.*'()".contains(&byte);
        if !text.bytes().all(allowed) {
            return Err(TenantError::Character(text.to_owned()));
        }
        Ok(Self(Arc::from(text)))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantId({})", self.0)
    }
}
