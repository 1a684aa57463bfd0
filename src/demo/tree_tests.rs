use super::render;
use serde_json::{Value, json};

fn span(id: &str, parent: &str, name: &str, start_ms: u64, end_ms: u64) -> Value {
    json!({
        "spanId": id, "parentSpanId": parent, "name": name,
        "startTimeUnixNano": (start_ms * 1_000_000).to_string(),
        "endTimeUnixNano": (end_ms * 1_000_000).to_string(),
        "status": if name == "c" { json!({"code": "STATUS_CODE_ERROR"}) } else { json!({}) },
        "events": if name == "c" { json!([{}, {}]) } else { Value::Null },
    })
}

fn trace(spans: &[Value]) -> Value {
    json!({"trace": {"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"spans": spans}],
    }]}})
}

#[test]
fn children_stand_below_their_parents_by_start_time_with_bars() {
    let spans = [
        span("3", "1", "c", 50, 100),
        span("1", "", "a", 0, 100),
        span("2", "1", "b", 0, 50),
        span("4", "2", "d", 25, 50),
    ];
    let text = render(&trace(&spans));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("  shop: a "), "{text}");
    assert!(lines[0].ends_with("100.00 ms  |████████████████████████|"), "{text}");
    assert!(lines[1].starts_with("  ├─ shop: b "), "{text}");
    assert!(lines[2].starts_with("  │  └─ shop: d "), "{text}");
    assert!(lines[2].ends_with("|      ██████            |"), "{text}");
    assert!(lines[3].starts_with("  └─ shop: c "), "{text}");
    assert!(lines[3].ends_with("|            ████████████|  ERROR  2 events"), "{text}");
}

#[test]
fn a_span_without_its_parent_is_a_root_and_nothing_at_all_is_no_tree() {
    let text = render(&trace(&[span("3", "lost", "c", 50, 50)]));
    assert!(text.starts_with("  shop: c "), "{text}");
    assert_eq!(render(&json!({})), "");
}
