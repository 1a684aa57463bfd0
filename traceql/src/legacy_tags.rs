//! The logfmt `tags=` parameter of search, from before TraceQL (contract `http-api.md` §4.2).

use std::time::Duration;

use crate::plan::SearchPlan;

/// What is wrong with a `tags=` parameter or the durations beside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagsError {
    /// The text is not logfmt; the position counts bytes from 1.
    #[error("logfmt syntax error at pos {position} on line 1: {message}")]
    Syntax {
        /// Where.
        position: usize,
        /// What.
        message: String,
    },
    /// A key is there twice.
    #[error("tag {key:?} has been set more than once (at pos {position})")]
    Duplicate {
        /// Which key.
        key: String,
        /// Where it is the second time, in bytes from 1.
        position: usize,
    },
    /// The duration bounds exclude everything.
    #[error("invalid maxDuration: must be greater than minDuration")]
    Durations,
}

/// Plans a search for traces that hold every tag on some span and last between the bounds, both
/// inclusive. An empty text asks for all traces. Results carry no spans and echo no fields.
///
/// # Errors
/// See [`TagsError`]; all are the client's fault (HTTP 400).
pub fn compile_tags(
    tags: &str,
    min_duration: Option<Duration>,
    max_duration: Option<Duration>,
) -> Result<SearchPlan, TagsError> {
    todo!("{tags} {min_duration:?} {max_duration:?}")
}

/// The same for tags that are already apart, such as the unknown parameters of an old Grafana.
///
/// # Errors
/// See [`TagsError`]; positions count pairs from 1.
pub fn compile_tag_pairs<'a>(
    tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    min_duration: Option<Duration>,
    max_duration: Option<Duration>,
) -> Result<SearchPlan, TagsError> {
    let _: Vec<(&str, &str)> = tags.into_iter().collect();
    todo!("{min_duration:?} {max_duration:?}")
}
