//! `/api/search` (contract http-api.md §4): from parameters to [`Node::search`].
//!
//! [`Node::search`]: stringendo_engine::Node::search

use prost::Message;
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
        let metrics = outcome.as_ref().ok().and_then(|response| response.metrics);
        let bytes = metrics.map_or(0, |metrics| metrics.inspected_bytes);
        self.node.count_query(&tenant, "search", outcome.is_ok(), bytes);
        let response = outcome?;
        Ok(match Format::of(&call.headers) {
            Format::Protobuf => Format::Protobuf.answer(response.encode_to_vec()),
            Format::Json => Format::Json.answer(render_json::search(&response)),
        })
    }
}
