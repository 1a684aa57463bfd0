use std::sync::Arc;

use super::{Limits, TenantLimits};
use crate::metrics::{Metrics, Sample};
use crate::tenant::TenantId;
use crate::user_limits::UserLimits;

fn limits(rate_bytes: u64) -> Arc<TenantLimits> {
    let gauges = vec![("ingestion_rate_limit_bytes", rate_bytes as f64)];
    Arc::new(TenantLimits { rate_bytes, gauges, ..TenantLimits::default() })
}

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

#[test]
fn a_tenant_has_its_own_limits_or_those_of_any_or_the_defaults() {
    let mut all = Limits { defaults: limits(1), ..Limits::default() };
    all.tenants.insert(tenant("a"), limits(2));
    assert_eq!(all.of(&tenant("a")).rate_bytes, 2);
    assert_eq!(all.of(&tenant("b")).rate_bytes, 1);
    all.any = Some(limits(3));
    assert_eq!(all.of(&tenant("a")).rate_bytes, 2);
    assert_eq!(all.of(&tenant("b")).rate_bytes, 3);
}

#[test]
fn gauges_show_defaults_and_entries_and_forget_those_that_have_gone() {
    let metrics = Metrics::default();
    let mut all = Limits { defaults: limits(1), any: Some(limits(3)), ..Limits::default() };
    all.tenants.insert(tenant("a"), limits(2));
    all.show(&metrics);
    all.tenants.clear();
    all.show(&metrics);
    let mut shown: Vec<_> = metrics.snapshot().into_iter().map(|s| (s.labels, s.sample)).collect();
    shown.sort_by_key(|(labels, _)| labels.len());
    let name = "ingestion_rate_limit_bytes".to_owned();
    let expected = vec![
        (vec![name.clone()], Sample::Number(1.0)),
        (vec![name, "*".to_owned()], Sample::Number(3.0)),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn what_a_tenant_sets_replaces_field_by_field_what_the_operator_says() {
    let object = |value: serde_json::Value| value.as_object().unwrap().clone();
    let mut all = Limits::default();
    let extras = object(serde_json::json!({
        "forwarders": ["x"], "metrics_generator": {"collection_interval": "15s", "ring_size": 3},
    }));
    let own = TenantLimits { extras, rate_bytes: 7, ..TenantLimits::default() };
    all.tenants.insert(tenant("a"), Arc::new(own));
    let limits = object(serde_json::json!({
        "forwarders": [], "metrics_generator": {"collection_interval": "30s"},
    }));
    let user = Arc::new(UserLimits { limits, version: "1".to_owned(), memory_bytes: 2 });
    let all = all.with_user([(tenant("a"), user)].into());
    let merged = all.of(&tenant("a"));
    assert_eq!(merged.rate_bytes, 7);
    let expected = object(serde_json::json!({
        "forwarders": [], "metrics_generator": {"collection_interval": "30s", "ring_size": 3},
    }));
    assert_eq!(merged.extras, expected);
    assert_eq!(all.of_operator(&tenant("a")).extras["forwarders"][0], "x");
    assert!(all.of(&tenant("b")).extras.is_empty());
}
