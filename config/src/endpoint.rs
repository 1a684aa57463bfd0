//! `host:port`, the address of a listener.
//!
//! Names are resolved by whoever binds: this crate does no I/O.

use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Where a listener binds: a name or an address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address without brackets; empty is every address.
    pub host: String,
    /// Port; 0 lets the kernel choose.
    pub port: u16,
}

impl Endpoint {
    /// An endpoint of these parts.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    /// Reads `host:port`, `:port` or `[v6]:port`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not host:port");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if bare.is_none() && host.contains([':', '[', ']']) {
            return Err(format!("{}; write an IPv6 address as [addr]:port", wrong()));
        }
        Ok(Self::new(bare.unwrap_or(host), port))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
