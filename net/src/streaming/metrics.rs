//! `StreamingQuerier/MetricsQueryRange` and `MetricsQueryInstant`: samples as they become complete,
//! the newest first, and how far the query is, then the whole answer. The one sample of a series of
//! an instant query is complete at the end only.

use stringendo_engine::query::memory::Held;
use stringendo_proto::tempopb::request::{QueryInstantRequest, QueryRangeRequest};
use stringendo_proto::tempopb::{QueryInstantResponse, QueryRangeResponse};

use super::{Call, QueryService, decoded, split, watched};
use crate::api::params::Params;
use crate::limits::STREAM_INTERVAL;
use crate::status::Refusal;

impl QueryService {
    /// Streams a range query.
    pub(super) async fn metrics_range(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let query = self.api.begin_range(&range_params(decoded(call)?), call.headers)?.watched();
        let run = async { Ok(self.api.query(self.api.run_range(&query)).await?) };
        let show = async || {
            let mut memory = self.api.node().shard().answer_memory();
            let so_far = query.range_so_far(&mut memory);
            // What cannot be shown now comes later.
            let only_cost = |_| QueryRangeResponse {
                metrics: Some(query.so_far()),
                ..QueryRangeResponse::default()
            };
            self.send_range(call, so_far.unwrap_or_else(only_cost)).await
        };
        // Kept until the client has everything.
        let Held { value: answer, kept: _kept } = watched(run, STREAM_INTERVAL, show).await?;
        self.send_range(call, answer).await
    }

    async fn send_range(&self, call: &Call<'_>, answer: QueryRangeResponse) -> Result<(), Refusal> {
        for packet in split::range(answer, self.settings.packet_bytes_max) {
            self.send(call, &packet).await?;
        }
        Ok(())
    }

    /// Streams an instant query.
    pub(super) async fn metrics_instant(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let query = self.api.begin_instant(&instant_params(decoded(call)?), call.headers)?;
        let run = async { Ok(self.api.query(self.api.run_instant(&query)).await?) };
        let show = async || {
            let metrics = Some(query.so_far());
            let so_far = QueryInstantResponse { metrics, ..QueryInstantResponse::default() };
            self.send(call, &so_far).await
        };
        let Held { value: answer, kept: _kept } = watched(run, STREAM_INTERVAL, show).await?;
        for packet in split::instant(answer, self.settings.packet_bytes_max) {
            self.send(call, &packet).await?;
        }
        Ok(())
    }
}

/// The parameters of `/api/metrics/query_range` that mean the same.
fn range_params(request: QueryRangeRequest) -> Params {
    let mut params = range_of(request.query, request.start, request.end);
    if request.step > 0 {
        params.set("step", format!("{}ns", request.step));
    }
    params.set_number("exemplars", request.exemplars);
    params.set_number("maxSeries", request.max_series);
    params
}

/// The parameters of `/api/metrics/query` that mean the same.
fn instant_params(request: QueryInstantRequest) -> Params {
    range_of(request.query, request.start, request.end)
}

/// Times are nanoseconds, with 19 digits; there they may have as few as 11.
fn range_of(query: String, start: u64, end: u64) -> Params {
    let mut params = Params::default();
    params.set("q", query);
    params.set_number("start", start);
    params.set_number("end", end);
    params
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
