//! `/api/search` (contract http-api.md §4): from parameters to [`Node::search_with`], for one or
//! several tenants; over gRPC from here, too (`streaming`).
//!
//! [`Node::search_with`]: stringendo_engine::Node::search_with

use futures_util::future::try_join_all;
use http::HeaderMap;
use prost::Message;
use stringendo_engine::query::memory::{AnswerMemory, Held, Kept};
use stringendo_engine::query::progress::SearchProgress;
use stringendo_engine::{QueryError, SearchRequest, TenantId};
use stringendo_proto::render_json;
use stringendo_proto::tempopb::SearchResponse;

use super::counted::QueryCount;
use super::failure::Failure;
use super::format::Format;
use super::params::Params;
use super::{Api, Call, merge, search_params};
use crate::http1::Answer;

/// A search of the data of one or several tenants.
pub struct Searches {
    request: SearchRequest,
    /// What each has found so far.
    tenants: Vec<(TenantId, SearchProgress)>,
    pads_trace_ids: bool,
}

impl Searches {
    /// What was found so far. `memory` grows by what the copy may hold.
    ///
    /// # Errors
    /// There is no memory for a copy.
    pub fn so_far(&self, memory: &mut AnswerMemory) -> Result<SearchResponse, QueryError> {
        let each = self.tenants.iter().map(|(_, progress)| progress.so_far(&self.request, memory));
        Ok(self.shown(merge::searches(each.collect::<Result<_, _>>()?, self.request.limit)))
    }

    fn shown(&self, mut answer: SearchResponse) -> SearchResponse {
        if self.pads_trace_ids {
            for trace in &mut answer.traces {
                trace.trace_id = format!("{:0>32}", trace.trace_id);
            }
        }
        answer
    }
}

impl Api {
    /// Answers a search.
    pub(super) async fn search(&self, call: &Call) -> Result<Answer, Failure> {
        let search = self.begin_search(&call.params, &call.headers)?;
        // Kept until the answer is written.
        let Held { value: response, kept: _kept } = self.run_search(&search).await?;
        let format = Format::without_llm(&call.headers);
        self.written(format, response.encoded_len(), || match format {
            Format::Protobuf => response.encode_to_vec(),
            Format::Json | Format::Llm => render_json::search(&response),
        })
    }

    /// Reads what is to be searched for, and where.
    ///
    /// # Errors
    /// 400 or 401 with what is wrong.
    pub fn begin_search(&self, params: &Params, headers: &HeaderMap) -> Result<Searches, Failure> {
        let tenants = self.query_tenants(headers)?;
        let now = self.node.clock().unix_nanos();
        let request = search_params::request(params, &self.search_settings(&tenants), now)?;
        let pads_trace_ids = self.pads_trace_ids(&tenants);
        let tenants = tenants.into_iter().map(|tenant| (tenant, SearchProgress::default()));
        Ok(Searches { request, tenants: tenants.collect(), pads_trace_ids })
    }

    /// Searches.
    ///
    /// # Errors
    /// When part of the data could not be read, or there is no memory.
    pub async fn run_search(&self, search: &Searches) -> Result<Held<SearchResponse>, Failure> {
        let each = search.tenants.iter().map(async |(tenant, progress)| {
            let count = QueryCount::begin(&self.node, tenant, "search")?;
            let answer = self.node.search_with(tenant, &search.request, progress).await?;
            let metrics = answer.value.metrics.as_ref();
            count.completed(metrics.map_or(0, |metrics| metrics.inspected_bytes));
            Ok::<_, QueryError>(answer)
        });
        let (mut responses, mut kept) = (Vec::new(), Kept::default());
        for answer in try_join_all(each).await? {
            kept.merge(answer.kept);
            responses.push(answer.value);
        }
        let value = search.shown(merge::searches(responses, search.request.limit));
        Ok(Held { value, kept })
    }
}
