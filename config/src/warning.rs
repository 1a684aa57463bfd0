//! What a user should know about a configuration that loads, and why one does not.

use std::fmt;

use crate::node::Place;

/// Something about the configuration that a user should know; `-config.verify` counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What sort of thing.
    pub kind: WarningKind,
    /// Where it stands; `None` for what follows from defaults.
    pub place: Option<Place>,
    /// What it is, in one line, with the key.
    pub text: String,
}

/// Sort of a [`Warning`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// No Tempo has this key; it is ignored.
    UnknownKey,
    /// The key is good, but the server does not do this yet.
    NotYetServed,
    /// The key works but has a better name or place.
    Deprecated,
    /// Values that are allowed and rarely meant (config.md §10).
    Risky,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Why a configuration does not load. The text is one line for stderr; exit status 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("failed parsing config: cannot read {path}: {reason}")]
    Unreadable {
        /// The file as given.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The file or a flag says something that cannot be.
    #[error("failed parsing config: {0}")]
    Invalid(String),
}

impl ConfigError {
    /// Something that cannot be, at a key.
    pub(crate) fn at(place: &Place, path: &str, why: &str) -> Self {
        Self::Invalid(format!("{place}: `{path}`: {why}"))
    }
}
