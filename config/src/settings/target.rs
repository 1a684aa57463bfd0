use serde::Serialize;

/// What a process does (config.md §1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Target {
    /// Everything (`all`, and the synonyms `scalable-single-binary`, `all-3.0`).
    #[default]
    #[serde(rename = "all")]
    All,
    /// It keeps the blocks that other processes write: merges them, and deletes old ones
    /// (`backend-worker`, and the synonyms `backend-scheduler`, since plans are made where blocks
    /// are merged, and `compactor`).
    #[serde(rename = "backend-worker")]
    BackendWorker,
}

impl Target {
    /// As in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::BackendWorker => "backend-worker",
        }
    }
}
