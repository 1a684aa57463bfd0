//! `StreamingQuerier/Search`: traces as they are found, then the whole answer.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use prost::Message;
use stringendo_engine::query::memory::Held;
use stringendo_proto::tempopb::request::SearchRequest;
use stringendo_proto::tempopb::{SearchResponse, TraceSearchMetadata};

use super::{Call, QueryService, decoded, split, watched};
use crate::api::params::Params;
use crate::api::search::Searches;
use crate::limits::STREAM_INTERVAL;
use crate::status::Refusal;

impl QueryService {
    /// Streams a search.
    pub(super) async fn search(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let params = params(decoded(call)?);
        let search = self.api.begin_search(&params, call.headers)?;
        let mut shown = Shown::default();
        let run = async { Ok(self.api.query(self.api.run_search(&search)).await?) };
        let show = async || self.show_new(call, &search, &mut shown).await;
        // Kept until the client has everything.
        let Held { value: answer, kept: _kept } = watched(run, STREAM_INTERVAL, show).await?;
        self.send_search(call, answer).await
    }

    /// Sends what is new or has changed since the last time.
    async fn show_new(
        &self,
        call: &Call<'_>,
        search: &Searches,
        shown: &mut Shown,
    ) -> Result<(), Refusal> {
        let mut memory = self.api.node().shard().answer_memory();
        // What cannot be shown now comes with the answer.
        let Ok(mut so_far) = search.so_far(&mut memory) else { return Ok(()) };
        so_far.traces.retain(|trace| shown.is_new(trace));
        self.send_search(call, so_far).await
    }

    async fn send_search(&self, call: &Call<'_>, answer: SearchResponse) -> Result<(), Refusal> {
        for packet in split::search(answer, self.settings.packet_bytes_max) {
            self.send(call, &packet).await?;
        }
        Ok(())
    }
}

/// Which traces were shown, and a hash of what of each.
#[derive(Default)]
struct Shown(HashMap<String, u64>);

impl Shown {
    /// Whether this was not shown like this yet; from now on it was.
    fn is_new(&mut self, trace: &TraceSearchMetadata) -> bool {
        let mut hasher = DefaultHasher::new();
        trace.encode_to_vec().hash(&mut hasher);
        let hash = hasher.finish();
        self.0.insert(trace.trace_id.clone(), hash) != Some(hash)
    }
}

/// The parameters of `/api/search` that mean the same.
fn params(request: SearchRequest) -> Params {
    let mut params = Params::default();
    params.set("q", request.query);
    params.set("tags", logfmt(request.tags.iter()));
    params.set_number("limit", request.limit);
    params.set_number("spss", request.spans_per_span_set);
    params.set_number("start", request.start);
    params.set_number("end", request.end);
    for (name, ms) in
        [("minDuration", request.min_duration_ms), ("maxDuration", request.max_duration_ms)]
    {
        if ms > 0 {
            params.set(name, format!("{ms}ms"));
        }
    }
    params
}

/// Tags as the `tags` parameter has them.
fn logfmt<'a>(tags: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let pairs = tags.map(|(key, value)| {
        format!("{key}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
    });
    pairs.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
