use super::{object_of, parsed};
use crate::tenant::TenantId;

#[test]
fn objects_stand_below_the_name_of_their_tenant() {
    assert_eq!(object_of(&TenantId::parse("a..b").unwrap()), "a..b/overrides.json");
}

#[test]
fn memory_is_that_of_the_values_and_not_of_their_text() {
    let numbers = format!(r#"{{"metrics_generator":[{}]}}"#, vec!["1"; 10_000].join(","));
    let limits = parsed(numbers.as_bytes()).expect("reads");
    let least = 10_000 * size_of::<serde_json::Value>();
    assert!((least..8 * least).contains(&limits.memory_bytes), "{}", limits.memory_bytes);
    let text = format!(r#"{{"forwarders":["{}"]}}"#, "x".repeat(10_000));
    let limits = parsed(text.as_bytes()).expect("reads");
    assert!((20_000..22_000).contains(&limits.memory_bytes), "{}", limits.memory_bytes);
}
