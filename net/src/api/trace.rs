//! A trace by id (contract http-api.md §3).

use std::ops::Range;

use http::{HeaderMap, Response, StatusCode};
use prost::{Message, length_delimiter_len};
use stringendo_engine::query::memory::{Held, Kept};
use stringendo_engine::query::trace::{TraceAnswer, TraceCost};
use stringendo_engine::query::trace_filter::TraceFilter;
use stringendo_engine::{QueryError, TenantId, TraceRequest};
use stringendo_proto::otlp::TracesData;
use stringendo_proto::tempopb::{PartialStatus, TraceByIdMetrics, TraceByIdResponse};
use stringendo_proto::{TraceId, render_json};
use uuid::Uuid;

use super::counted::QueryCount;
use super::failure::Failure;
use super::format::Format;
use super::params::Params;
use super::{Api, Call, trace_filter};
use crate::http1::Answer;

impl Api {
    /// `/api/traces/{id}`: 404 without a body if there is no such trace.
    pub(super) async fn trace_v1(&self, id: &str, call: &Call) -> Result<Answer, Failure> {
        let asked = request(id, &call.params)?;
        let tenants = self.query_tenants(&call.headers)?;
        let Held { value: answer, kept: _kept } = self.find_trace(&asked, &tenants).await?;
        // This version has no way to say that something is missing.
        if let Some(message) = answer.cost.damaged.message() {
            return Err(QueryError::Storage(message).into());
        }
        let Some(trace) = answer.trace else {
            let mut answer = Response::new(Default::default());
            *answer.status_mut() = StatusCode::NOT_FOUND;
            return Ok(answer);
        };
        let (bytes, limit) = (trace.encoded_len(), self.trace_bytes_max(&tenants));
        if bytes as u64 > limit {
            return Err(QueryError::TraceTooLarge { limit }.into());
        }
        let format = Format::without_llm(&call.headers);
        self.written(format, bytes, || match format {
            Format::Protobuf => trace.encode_to_vec(),
            Format::Json | Format::Llm => render_json::trace_v1(&trace),
        })
    }

    /// `/api/v2/traces/{id}`: always an answer, with what is missing in it.
    pub(super) async fn trace_v2(&self, id: &str, call: &Call) -> Result<Answer, Failure> {
        let asked = request(id, &call.params)?;
        let filter = trace_filter::filter(&call.params, &self.settings.search)?;
        let Held { value: response, kept: _kept } =
            self.trace_response(&asked, filter.as_ref(), &call.headers).await?;
        let format = Format::of(&call.headers);
        self.written(format, response.encoded_len(), || match format {
            Format::Protobuf => response.encode_to_vec(),
            Format::Json => render_json::trace_v2(&response),
            Format::Llm => render_json::trace_v2_llm(&response),
        })
    }

    /// The answer of v2, which a trace that is too large has, too.
    ///
    /// # Errors
    /// Not a tenant, the query cannot be run, or a place cannot be read.
    pub async fn trace_response(
        &self,
        asked: &TraceRequest,
        filter: Option<&TraceFilter>,
        headers: &HeaderMap,
    ) -> Result<Held<TraceByIdResponse>, Failure> {
        let tenants = self.query_tenants(headers)?;
        let Held { value: mut answer, kept } = match self.find_trace(asked, &tenants).await {
            Ok(answer) => answer,
            Err(failure) if failure.status == StatusCode::UNPROCESSABLE_ENTITY => {
                let message = failure.message.into_owned();
                let nothing = partial(TracesData::default(), TraceCost::default(), message);
                return Ok(Held { value: nothing, kept: Kept::default() });
            }
            Err(failure) => return Err(failure),
        };
        let mut missing = Vec::new();
        if let (Some(filter), Some(trace)) = (filter, &mut answer.trace)
            && self.node.filter_trace(trace, &asked.trace_id, filter)?
        {
            missing.push(trace_filter::FILTERED.to_owned());
        }
        let value = v2_response(answer, self.trace_bytes_max(&tenants), missing);
        Ok(Held { value, kept })
    }

    async fn find_trace(
        &self,
        asked: &TraceRequest,
        tenants: &[TenantId],
    ) -> Result<Held<TraceAnswer>, Failure> {
        let begin = |tenant| QueryCount::begin(&self.node, tenant, "traces");
        let counts = tenants.iter().map(begin).collect::<Result<Vec<_>, _>>()?;
        let answer = self.node.trace_of_all(tenants, asked).await?;
        let share = answer.value.cost.inspected_bytes / counts.len() as u64;
        counts.into_iter().for_each(|count| count.completed(share));
        Ok(answer)
    }

    /// The tenants whose data is asked for: at least one.
    pub(super) fn query_tenants(&self, headers: &HeaderMap) -> Result<Vec<TenantId>, Failure> {
        if !self.settings.multi_tenant_queries {
            return Ok(vec![self.tenants.of(headers)?]);
        }
        Ok(self.tenants.of_reader(headers)?)
    }
}

/// Reads the id and the parameters that both versions have.
///
/// # Errors
/// 400 with what is wrong.
pub fn request(id: &str, params: &Params) -> Result<TraceRequest, Failure> {
    let trace_id = TraceId::parse_hex(id).map_err(|error| Failure::bad(error.to_string()))?;
    let time_hint_unix_nanos = time_hint(params)?;
    let (live, in_blocks) = match params.get("mode").unwrap_or("all") {
        "all" => (true, true),
        "ingesters" => (true, false),
        "blocks" => (false, true),
        // No other server is ever asked.
        "external" => (false, false),
        other => return Err(Failure::bad(format!("invalid value for mode: {other}"))),
    };
    let first = params.typed("blockStart")?.unwrap_or(Uuid::nil());
    let last = params.typed("blockEnd")?.unwrap_or(Uuid::max());
    let blocks = in_blocks.then_some((first, last));
    Ok(TraceRequest { trace_id, time_hint_unix_nanos, live, blocks })
}

/// `start` and `end` in whole seconds; either may be missing.
fn time_hint(params: &Params) -> Result<Option<Range<u64>>, Failure> {
    let (start, end) = (params.typed::<i64>("start")?, params.typed::<i64>("end")?);
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        return Err(Failure::bad(format!(
            "http parameter start must be before end. received start={start} end={end}"
        )));
    }
    if start.is_none() && end.is_none() {
        return Ok(None);
    }
    let nanos = |seconds: i64| u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000_000);
    Ok(Some(start.map_or(0, nanos)..end.map_or(u64::MAX, nanos)))
}

fn v2_response(answer: TraceAnswer, bytes_max: u64, mut missing: Vec<String>) -> TraceByIdResponse {
    let cost = answer.cost;
    let mut trace = answer.trace.unwrap_or_default();
    if cut_to(&mut trace, bytes_max) {
        missing.push(QueryError::TraceTooLarge { limit: bytes_max }.to_string());
    }
    if cost.gone_blocks > 0 {
        missing.push(format!("blocks that were deleted meanwhile: {}", cost.gone_blocks));
    }
    let mut damaged = cost.damaged;
    damaged.merge(&cost.unlisted);
    missing.extend(damaged.message());
    if !missing.is_empty() {
        return partial(trace, cost, missing.join("; "));
    }
    TraceByIdResponse {
        trace: Some(trace),
        metrics: Some(metrics(cost)),
        ..TraceByIdResponse::default()
    }
}

fn partial(trace: TracesData, cost: TraceCost, message: String) -> TraceByIdResponse {
    let status = PartialStatus::Partial as i32;
    TraceByIdResponse { trace: Some(trace), metrics: Some(metrics(cost)), status, message }
}

/// Drops resources from the end until the trace fits; whether any had to go.
fn cut_to(trace: &mut TracesData, bytes_max: u64) -> bool {
    let whole = trace.resource_spans.len();
    let mut bytes = trace.encoded_len();
    while bytes as u64 > bytes_max
        && let Some(last) = trace.resource_spans.pop()
    {
        let length = last.encoded_len();
        // Before it stand its tag and its length.
        bytes -= 1 + length_delimiter_len(length) + length;
    }
    trace.resource_spans.len() < whole
}

fn metrics(cost: TraceCost) -> TraceByIdMetrics {
    TraceByIdMetrics {
        inspected_bytes: cost.inspected_bytes,
        backend_reads: cost.backend_reads,
        backend_bytes: cost.backend_bytes,
    }
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
