//! A trace by id in the data of several tenants (contract http-api.md §1.1): their pieces are one
//! trace.

use futures_util::future::try_join_all;
use stringendo_block::combine::{combine, split_shared_ids};

use super::TraceRequest;
use super::memory::{Held, Kept};
use super::trace::{TraceAnswer, TraceCost};
use crate::error::QueryError;
use crate::node::Node;
use crate::tenant::TenantId;

impl Node {
    /// Looks up a trace in the data of all of `tenants`.
    ///
    /// # Errors
    /// As [`Node::trace`].
    pub async fn trace_of_all(
        &self,
        tenants: &[TenantId],
        request: &TraceRequest,
    ) -> Result<Held<TraceAnswer>, QueryError> {
        if let [tenant] = tenants {
            return self.trace(tenant, request).await;
        }
        let each = tenants.iter().map(|tenant| self.trace(tenant, request));
        let (mut traces, mut cost, mut kept) = (Vec::new(), TraceCost::default(), Kept::default());
        for answer in try_join_all(each).await? {
            kept.merge(answer.kept);
            cost.add(answer.value.cost);
            traces.extend(answer.value.trace);
        }
        let trace = (!traces.is_empty()).then(|| {
            let mut trace = combine(traces);
            split_shared_ids(&mut trace);
            trace
        });
        Ok(Held { value: TraceAnswer { trace, cost }, kept })
    }
}
