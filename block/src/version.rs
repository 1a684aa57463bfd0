//! Versions of Tempo's block format.
//!
//! What differs between them is data ([`crate::schema`]); everything else asks that. This module
//! does not know columns.

use serde::{Deserialize, Serialize};

/// A version that this crate reads.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Version {
    /// `vParquet3`: read only.
    #[serde(rename = "vParquet3")]
    V3,
    /// `vParquet4`.
    #[serde(rename = "vParquet4")]
    V4,
    /// `vParquet5`, what Tempo writes by default.
    #[default]
    #[serde(rename = "vParquet5")]
    V5,
}

impl Version {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::V3, Self::V4, Self::V5];

    /// The version of this name, as in `meta.json`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.name() == name)
    }

    /// Its name, as in `meta.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V3 => "vParquet3",
            Self::V4 => "vParquet4",
            Self::V5 => "vParquet5",
        }
    }

    /// Whether this crate writes it.
    pub const fn is_written(self) -> bool {
        !matches!(self, Self::V3)
    }
}
