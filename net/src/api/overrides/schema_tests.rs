use serde_json::{Map, Value, json};

use super::{check, known_of};

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("{value}") };
    map
}

fn generator(value: Value) -> Result<(), String> {
    check(&object(json!({"metrics_generator": value})))
}

#[test]
fn everything_that_the_contract_names_can_be_set() {
    let all = json!({
        "forwarders": ["a"],
        "cost_attribution": {"dimensions": {"team": "label"}},
        "metrics_generator": {
            "processors": ["span-metrics", "service-graphs", "host-info"],
            "disable_collection": true,
            "collection_interval": "30s",
            "trace_id_label_name": "trace_id",
            "ingestion_time_range_slack": "1h30m",
            "generate_native_histograms": "both",
            "native_histogram_max_bucket_number": 100,
            "native_histogram_bucket_factor": 1.1,
            "native_histogram_min_reset_duration": "15m",
            "span_name_sanitization": "dry_run",
            "processor": {
                "service_graphs": {
                    "histogram_buckets": [0.1, 1, 10],
                    "dimensions": ["a"],
                    "peer_attributes": ["db.name"],
                    "enable_client_server_prefix": true,
                    "enable_messaging_system_latency_histogram": true,
                    "enable_virtual_node_label": false,
                    "filter_policies": [{"include": {"match_type": "strict",
                        "attributes": [{"key": "kind", "value": "SPAN_KIND_SERVER"}]}}],
                    "span_multiplier_key": "x",
                    "enable_tracestate_span_multiplier": false,
                },
                "span_metrics": {
                    "histogram_buckets": [],
                    "intrinsic_dimensions": {"service": true, "status_message": false},
                    "dimension_mappings": [{"name": "a", "source_labels": ["b"], "join": "/"}],
                    "enable_target_info": true,
                    "target_info_excluded_dimensions": [],
                    "enable_instance_label": null,
                },
                "host_info": {"host_identifiers": ["host.id"], "metric_name": "traces_host_info"},
            },
        },
    });
    assert_eq!(check(&object(all.clone())), Ok(()));
    assert_eq!(Value::Object(known_of(&object(all.clone()))), all);
    assert_eq!(check(&Map::new()), Ok(()));
}

#[test]
fn unknown_keys_are_refused_by_their_path() {
    let refused = check(&object(json!({"ingestion": {}})));
    assert_eq!(refused.unwrap_err(), r#"unknown field "ingestion""#);
    let refused = generator(json!({"processor": {"span_metrics": {"dimension": []}}}));
    let path = "metrics_generator.processor.span_metrics.dimension";
    assert_eq!(refused.unwrap_err(), format!("unknown field {path:?}"));
}

#[test]
fn values_outside_of_their_bounds_are_refused_with_the_bounds() {
    for (key, value, expected) in [
        ("collection_interval", json!("14s"), "a duration from 15s to 5m"),
        ("collection_interval", json!("301s"), "a duration from 15s to 5m"),
        ("collection_interval", json!(15), "a duration from 15s to 5m"),
        ("ingestion_time_range_slack", json!("12h1s"), "a duration from 0s to 12h"),
        ("ingestion_time_range_slack", json!("-1s"), "a duration from 0s to 12h"),
        ("native_histogram_bucket_factor", json!(1), "a number above 1"),
        ("native_histogram_max_bucket_number", json!(-1), "a whole number"),
        ("generate_native_histograms", json!("all"), "one of , classic, native, both"),
        ("span_name_sanitization", json!("on"), "one of , dry_run, enabled"),
        ("processors", json!(["span-metric"]), "one of span-metrics, "),
        ("processors", json!("span-metrics"), "a list"),
        ("trace_id_label_name", json!("trace-id"), "the name of a label"),
        ("disable_collection", json!("true"), "true or false"),
        ("processor", json!([]), "an object"),
    ] {
        let refused = generator(json!({ key: value })).unwrap_err();
        assert!(refused.contains(expected), "{key}: {refused}");
    }
    assert!(generator(json!({"collection_interval": "soon"})).is_err());
}

#[test]
fn of_other_limits_those_are_shown_that_can_be_set() {
    let limits = json!({"forwarders": [], "metrics_generator": {"ring_size": 3, "processors": []}});
    let expected = json!({"forwarders": [], "metrics_generator": {"processors": []}});
    assert_eq!(Value::Object(known_of(&object(limits))), expected);
}
