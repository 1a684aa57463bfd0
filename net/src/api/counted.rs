//! Counts queries, also those whose client goes away before they end, and lets no more of a tenant
//! begin than may be outstanding.

use stringendo_engine::node::Outstanding;
use stringendo_engine::{Node, QueryError, TenantId};

/// A query at work; counted as cancelled when it is dropped before it is completed.
pub struct QueryCount<'a> {
    node: &'a Node,
    tenant: &'a TenantId,
    op: &'static str,
    outcome: Option<u64>,
    _outstanding: Outstanding,
}

impl<'a> QueryCount<'a> {
    /// Of this tenant; `op` is `traces`, `search`, `metadata` or `metrics` (contract metrics.md).
    ///
    /// # Errors
    /// Too many queries of the tenant have not ended.
    pub fn begin(
        node: &'a Node,
        tenant: &'a TenantId,
        op: &'static str,
    ) -> Result<Self, QueryError> {
        let _outstanding = node.begin_query(tenant)?;
        Ok(Self { node, tenant, op, outcome: None, _outstanding })
    }

    /// It has its answer, for which it looked at so many bytes.
    pub fn completed(mut self, inspected_bytes: u64) {
        self.outcome = Some(inspected_bytes);
    }
}

impl Drop for QueryCount<'_> {
    fn drop(&mut self) {
        let (completed, bytes) = (self.outcome.is_some(), self.outcome.unwrap_or(0));
        self.node.count_query(self.tenant, self.op, completed, bytes);
    }
}
