//! Limits of queries that depend on whose data is read.
//!
//! Where a query reads the data of several tenants at once, the strictest limit of any holds: Tempo
//! runs it for each of them, and refuses it if one is refused.

use std::time::Duration;

use stringendo_engine::{TenantId, TenantLimits};

use super::Api;
use crate::settings::{MetricsSettings, SearchSettings, TagSettings};

impl Api {
    /// Limits of a search of these tenants' data.
    pub(super) fn search_settings(&self, tenants: &[TenantId]) -> SearchSettings {
        let all = self.settings.search.range_max;
        let range_max = self.range_max(tenants, all, |limits| limits.search_range_max);
        SearchSettings { range_max, ..self.settings.search.clone() }
    }

    /// Limits of a metrics query over these tenants' data.
    pub(super) fn metrics_settings(&self, tenants: &[TenantId]) -> MetricsSettings {
        let all = self.settings.metrics.range_max;
        let range_max = self.range_max(tenants, all, |limits| limits.metrics_range_max);
        MetricsSettings { range_max, ..self.settings.metrics.clone() }
    }

    /// Limits of autocompletion from these tenants' data.
    pub(super) fn tag_settings(&self, tenants: &[TenantId]) -> TagSettings {
        TagSettings {
            bytes_max: self.strictest(tenants, |limits| limits.tag_bytes_max),
            blocks_max: self.strictest(tenants, |limits| limits.tag_blocks_max),
            alternatives_max: self.strictest(tenants, |limits| limits.tag_alternatives_max),
        }
    }

    /// Whether trace ids are shown with leading zeros.
    pub(super) fn pads_trace_ids(&self, tenants: &[TenantId]) -> bool {
        tenants.iter().any(|tenant| self.node.limits_of(tenant).pads_trace_ids)
    }

    /// Largest trace that is given back.
    pub(super) fn trace_bytes_max(&self, tenants: &[TenantId]) -> u64 {
        let each = tenants.iter().map(|tenant| self.node.limits_of(tenant).trace_bytes_max);
        each.filter(|limit| *limit > 0).min().unwrap_or(u64::MAX)
    }

    /// The shortest range; a tenant without one of its own has that of `all`. Zero is no limit.
    fn range_max(
        &self,
        tenants: &[TenantId],
        all: Duration,
        of: impl Fn(&TenantLimits) -> Duration,
    ) -> Duration {
        let of = |tenant| Some(of(&self.node.limits_of(tenant))).filter(|limit| !limit.is_zero());
        let each = tenants.iter().map(|tenant| of(tenant).unwrap_or(all));
        each.filter(|limit| !limit.is_zero()).min().unwrap_or(Duration::ZERO)
    }

    /// The smallest limit; 0 is no limit.
    fn strictest(&self, tenants: &[TenantId], of: impl Fn(&TenantLimits) -> usize) -> usize {
        let each = tenants.iter().map(|tenant| of(&self.node.limits_of(tenant)));
        each.filter(|limit| *limit > 0).min().unwrap_or(0)
    }
}
