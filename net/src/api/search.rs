//! `/api/search` (contract http-api.md §4): from parameters to [`Node::search`].
//!
//! [`Node::search`]: stringendo_engine::Node::search

use prost::Message;
use stringendo_engine::query::memory::Held;
use stringendo_proto::render_json;

use super::failure::Failure;
use super::format::Format;
use super::{Api, Call, search_params};
use crate::http1::Answer;

impl Api {
    /// Answers a search.
    pub(super) async fn search(&self, call: &Call) -> Result<Answer, Failure> {
        let tenant = self.query_tenant(&call.headers)?;
        let now = self.node.clock().unix_nanos();
        let request = search_params::request(&call.params, &self.settings.search, now)?;
        let outcome = self.node.search(&tenant, request).await;
        let metrics = outcome.as_ref().ok().and_then(|answer| answer.value.metrics);
        let bytes = metrics.map_or(0, |metrics| metrics.inspected_bytes);
        self.node.count_query(&tenant, "search", outcome.is_ok(), bytes);
        // Kept until the answer is written.
        let Held { value: response, kept: _kept } = outcome?;
        let format = Format::of(&call.headers);
        self.written(format, response.encoded_len(), || match format {
            Format::Protobuf => response.encode_to_vec(),
            Format::Json => render_json::search(&response),
        })
    }
}
