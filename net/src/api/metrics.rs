//! `/api/metrics/query_range` and `/api/metrics/query` (contract http-api.md §6): from parameters
//! to [`Node::metrics_range`] and [`Node::metrics_instant`], for one or several tenants. Always
//! answered in JSON; over gRPC from here, too (`streaming`).
//!
//! [`Node::metrics_range`]: stringendo_engine::Node::metrics_range
//! [`Node::metrics_instant`]: stringendo_engine::Node::metrics_instant

use http::HeaderMap;
use prost::Message;
use stringendo_engine::query::memory::{AnswerMemory, Held};
use stringendo_engine::query::metrics::{MetricsProgress, MetricsRequest};
use stringendo_engine::{QueryError, TenantId};
use stringendo_proto::render_json;
use stringendo_proto::tempopb::{QueryInstantResponse, QueryRangeResponse, SearchMetrics};

use super::counted::QueryCount;
use super::failure::Failure;
use super::format::Format;
use super::metrics_params::MetricsQuery;
use super::params::Params;
use super::{Api, Call};
use crate::http1::Answer;

/// A metrics query over the data of one or several tenants.
pub struct MetricsRun {
    request: MetricsRequest,
    tenants: Vec<TenantId>,
    progress: MetricsProgress,
}

impl MetricsRun {
    /// A query that has not begun.
    pub(super) fn new(request: MetricsRequest, tenants: Vec<TenantId>) -> Self {
        Self { request, tenants, progress: MetricsProgress::default() }
    }

    /// What it has cost so far, and how far it is.
    pub fn so_far(&self) -> SearchMetrics {
        self.progress.so_far()
    }

    /// Points of a range query that came to be known since the last call, in a run that
    /// [`MetricsRun::watched`] made. `memory` grows by what they take.
    ///
    /// # Errors
    /// There is no memory for them now.
    pub fn range_so_far(
        &self,
        memory: &mut AnswerMemory,
    ) -> Result<QueryRangeResponse, QueryError> {
        self.progress.range_so_far(&self.request, memory)
    }

    /// The same, to be watched while it runs.
    pub fn watched(self) -> Self {
        Self { progress: MetricsProgress::watched(), ..self }
    }
}

impl Api {
    /// Answers a range query.
    pub(super) async fn metrics_range(&self, call: &Call) -> Result<Answer, Failure> {
        let run = self.begin_range(&call.params, &call.headers)?;
        // Kept until the answer is written.
        let Held { value: response, kept: _kept } = self.run_range(&run).await?;
        let write = || render_json::query_range(&response);
        self.written(Format::Json, response.encoded_len(), write)
    }

    /// Answers an instant query.
    pub(super) async fn metrics_instant(&self, call: &Call) -> Result<Answer, Failure> {
        let run = self.begin_instant(&call.params, &call.headers)?;
        let Held { value: response, kept: _kept } = self.run_instant(&run).await?;
        let write = || render_json::query_instant(&response);
        self.written(Format::Json, response.encoded_len(), write)
    }

    /// Reads a range query.
    ///
    /// # Errors
    /// 400 or 401 with what is wrong.
    pub fn begin_range(&self, params: &Params, headers: &HeaderMap) -> Result<MetricsRun, Failure> {
        let tenants = self.query_tenants(headers)?;
        let (settings, now) = (self.metrics_settings(&tenants), self.node.clock().unix_nanos());
        let request = MetricsQuery::of_range(params)?.range(&settings, now)?;
        Ok(MetricsRun::new(request, tenants))
    }

    /// Reads an instant query.
    ///
    /// # Errors
    /// 400 or 401 with what is wrong.
    pub fn begin_instant(
        &self,
        params: &Params,
        headers: &HeaderMap,
    ) -> Result<MetricsRun, Failure> {
        let tenants = self.query_tenants(headers)?;
        let (settings, now) = (self.metrics_settings(&tenants), self.node.clock().unix_nanos());
        let request = MetricsQuery::of_instant(params)?.instant(&settings, now)?;
        Ok(MetricsRun::new(request, tenants))
    }

    /// Runs a range query.
    ///
    /// # Errors
    /// When part of the data could not be read, or there is no memory.
    pub async fn run_range(&self, run: &MetricsRun) -> Result<Held<QueryRangeResponse>, Failure> {
        let counts = self.count_metrics(run)?;
        let answer = self.node.metrics_range(&run.tenants, &run.request, &run.progress).await?;
        counts.into_iter().for_each(|count| count.completed(run.so_far().inspected_bytes));
        Ok(answer)
    }

    /// Runs an instant query.
    ///
    /// # Errors
    /// When part of the data could not be read, or there is no memory.
    pub async fn run_instant(
        &self,
        run: &MetricsRun,
    ) -> Result<Held<QueryInstantResponse>, Failure> {
        let counts = self.count_metrics(run)?;
        let answer = self.node.metrics_instant(&run.tenants, &run.request, &run.progress).await?;
        counts.into_iter().for_each(|count| count.completed(run.so_far().inspected_bytes));
        Ok(answer)
    }

    fn count_metrics<'a>(&'a self, run: &'a MetricsRun) -> Result<Vec<QueryCount<'a>>, QueryError> {
        let begin = |tenant| QueryCount::begin(&self.node, tenant, "metrics");
        run.tenants.iter().map(begin).collect()
    }
}
