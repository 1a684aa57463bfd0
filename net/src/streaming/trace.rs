//! `Querier/FindTraceByID`: the answer of `/api/v2/traces/{id}`.

use stringendo_engine::query::memory::Held;
use stringendo_proto::tempopb::request::TraceByIdRequest;

use super::{Call, QueryService, decoded};
use crate::api::params::Params;
use crate::api::trace;
use crate::status::Refusal;

impl QueryService {
    /// Looks up a trace.
    pub(super) async fn find_trace(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let request: TraceByIdRequest = decoded(call)?;
        let mut params = Params::default();
        params.set("mode", request.query_mode);
        params.set("blockStart", request.block_start);
        params.set("blockEnd", request.block_end);
        let asked = trace::request(&const_hex::encode(&request.trace_id), &params)?;
        let answer = self.api.query(self.api.trace_response(&asked, None, call.headers)).await?;
        // Kept until the client has it.
        let Held { value, kept: _kept } = answer;
        self.send(call, &value).await
    }
}
