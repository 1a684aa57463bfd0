//! `StreamingQuerier/SearchTags`, `SearchTagValues` and their second versions: names and values as
//! they are found, then the whole answer, which is that of `/api/search/tags` and its kin.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use stringendo_engine::query::memory::{AnswerMemory, Held};
use stringendo_engine::query::tags::answer::{NamesAnswer, ValuesAnswer};
use stringendo_proto::tempopb::request::{SearchTagValuesRequest, SearchTagsRequest};

use super::{Call, QueryService, decoded, split, watched};
use crate::api::params::Params;
use crate::api::tags::{NamesRun, ValuesRun, Version};
use crate::limits::STREAM_INTERVAL;
use crate::status::Refusal;

impl QueryService {
    /// Streams names of tags.
    pub(super) async fn tag_names(&self, version: Version, call: &Call<'_>) -> Result<(), Refusal> {
        let params = names_params(decoded(call)?);
        let run = self.api.begin_tag_names(version, &params, call.headers)?;
        let mut shown = Shown::new(self.answer_memory());
        let query = async { Ok(self.api.query(self.api.run_tag_names(&run)).await?) };
        let show = async || self.show_new_names(version, call, &run, &mut shown).await;
        // Kept until the client has everything.
        let Held { value: names, kept: _kept } = watched(query, STREAM_INTERVAL, show).await?;
        self.send_names(version, call, names).await
    }

    /// Streams values of a tag.
    pub(super) async fn tag_values(
        &self,
        version: Version,
        call: &Call<'_>,
    ) -> Result<(), Refusal> {
        let request: SearchTagValuesRequest = decoded(call)?;
        let (tag, params) = (request.tag_name.clone(), values_params(request));
        let run = self.api.begin_tag_values(version, &tag, &params, call.headers)?;
        let mut shown = Shown::new(self.answer_memory());
        let query = async { Ok(self.api.query(self.api.run_tag_values(&run)).await?) };
        let show = async || self.show_new_values(version, call, &run, &mut shown).await;
        let Held { value: values, kept: _kept } = watched(query, STREAM_INTERVAL, show).await?;
        self.send_values(version, call, values).await
    }

    async fn show_new_names(
        &self,
        version: Version,
        call: &Call<'_>,
        run: &NamesRun,
        shown: &mut Shown,
    ) -> Result<(), Refusal> {
        let mut memory = self.answer_memory();
        // What cannot be shown now comes with the answer.
        let Ok(Some(mut names)) = run.so_far(&mut memory) else { return Ok(()) };
        names.retain(|scope, name| shown.is_new(scope, name));
        self.send_names(version, call, names).await
    }

    async fn show_new_values(
        &self,
        version: Version,
        call: &Call<'_>,
        run: &ValuesRun,
        shown: &mut Shown,
    ) -> Result<(), Refusal> {
        let mut memory = self.answer_memory();
        let Ok(Some(mut values)) = run.so_far(&mut memory) else { return Ok(()) };
        values.retain(|kind, value| shown.is_new(kind, value));
        self.send_values(version, call, values).await
    }

    async fn send_names(
        &self,
        version: Version,
        call: &Call<'_>,
        names: NamesAnswer,
    ) -> Result<(), Refusal> {
        let bytes_max = self.settings.packet_bytes_max;
        match version {
            Version::V1 => {
                for packet in split::tag_names(names.into_v1(), bytes_max) {
                    self.send(call, &packet).await?;
                }
            }
            Version::V2 => {
                for packet in split::tag_names_v2(names.into_v2(), bytes_max) {
                    self.send(call, &packet).await?;
                }
            }
        }
        Ok(())
    }

    async fn send_values(
        &self,
        version: Version,
        call: &Call<'_>,
        values: ValuesAnswer,
    ) -> Result<(), Refusal> {
        let bytes_max = self.settings.packet_bytes_max;
        match version {
            Version::V1 => {
                for packet in split::tag_values(values.into_v1(), bytes_max) {
                    self.send(call, &packet).await?;
                }
            }
            Version::V2 => {
                for packet in split::tag_values_v2(values.into_v2(), bytes_max) {
                    self.send(call, &packet).await?;
                }
            }
        }
        Ok(())
    }

    fn answer_memory(&self) -> AnswerMemory {
        self.api.node().shard().answer_memory()
    }
}

/// Hashes of the texts that were shown.
struct Shown {
    hashes: HashSet<u64>,
    memory: AnswerMemory,
}

impl Shown {
    /// Memory of a hash in the set, which is between half and nearly full.
    const HASH_BYTES: u64 = 24;

    fn new(memory: AnswerMemory) -> Self {
        Self { hashes: HashSet::new(), memory }
    }

    /// Whether this was not shown yet; from now on it was. Without memory to note it, it counts as
    /// shown: it comes with the answer.
    fn is_new(&mut self, kind: &str, text: &[u8]) -> bool {
        let mut hasher = DefaultHasher::new();
        (kind, text).hash(&mut hasher);
        let hash = hasher.finish();
        !self.hashes.contains(&hash)
            && self.memory.grow(Self::HASH_BYTES).is_ok()
            && self.hashes.insert(hash)
    }
}

/// The parameters of `/api/search/tags` that mean the same.
fn names_params(request: SearchTagsRequest) -> Params {
    let mut params = range_of(request.query, request.start, request.end);
    params.set("scope", request.scope);
    params.set_number("limit", request.max_tags_per_scope);
    params.set_number("maxStaleValues", request.stale_values_threshold);
    params
}

/// The parameters of `/api/search/tag/{name}/values` that mean the same.
fn values_params(request: SearchTagValuesRequest) -> Params {
    let mut params = range_of(request.query, request.start, request.end);
    params.set_number("limit", request.max_tag_values);
    params.set_number("maxStaleValues", request.stale_value_threshold);
    params
}

fn range_of(query: String, start: u32, end: u32) -> Params {
    let mut params = Params::default();
    params.set("q", query);
    params.set_number("start", start);
    params.set_number("end", end);
    params
}

#[cfg(test)]
#[path = "tags_tests.rs"]
mod tests;
