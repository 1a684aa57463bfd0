use serde_json::{Value, json};

use super::first;

#[test]
fn only_what_both_set_is_a_conflict() {
    let of = |limits: Value, file: Value| match (limits, file) {
        (Value::Object(limits), Value::Object(file)) => first(&limits, &file),
        _ => panic!("objects"),
    };
    let file = json!({"forwarders": [], "metrics_generator": {
        "collection_interval": "15s", "processor": {"span_metrics": {"dimensions": ["a"]}},
    }});
    assert_eq!(of(json!({"forwarders": ["x"]}), file.clone()), None);
    let other = json!({"metrics_generator": {"processor": {"service_graphs": {}}}});
    assert_eq!(of(other, file.clone()), None);
    let same = json!({"metrics_generator": {"processor": {"span_metrics": {"dimensions": []}}}});
    let key = "metrics_generator.processor.span_metrics.dimensions";
    assert_eq!(of(same, file).as_deref(), Some(key));
}
