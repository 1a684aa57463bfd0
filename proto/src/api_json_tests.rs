use prost::Message;

use super::*;
use crate::otlp::Value;

fn parsed(body: &str) -> TracesData {
    parse_trace(body.as_bytes()).unwrap()
}

#[test]
fn either_name_and_either_place_of_the_list_is_read() {
    let list =
        r#"[{"scopeSpans":[{"spans":[{"spanId":"AAAAAAAAACo=","kind":"SPAN_KIND_SERVER"}]}]}]"#;
    let expected = parsed(&format!(r#"{{"batches":{list}}}"#));
    let span = &expected.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((&span.span_id[..], span.kind), (&[0, 0, 0, 0, 0, 0, 0, 42][..], 2));
    assert_eq!(parsed(&format!(r#"{{"resourceSpans":{list}}}"#)), expected);
    for key in ["resourceSpans", "batches"] {
        let body = format!(r#"{{"trace":{{"{key}":{list}}},"metrics":{{}},"status":"PARTIAL"}}"#);
        assert_eq!(parsed(&body), expected);
    }
}

#[test]
fn an_answer_without_a_trace_is_an_empty_trace() {
    for body in [r#"{"trace":{},"metrics":{}}"#, r#"{"trace":null}"#, "{}"] {
        assert_eq!(parsed(body), TracesData::default());
    }
    assert!(parse_trace(b"trace not found").is_err());
    assert!(
        parse_trace(br#"{"batches":[{"scopeSpans":[{"spans":[{"traceId":"=="}]}]}]}"#).is_err()
    );
}

#[test]
fn single_values_are_read() {
    let value =
        parse_any_value(br#"{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"1"}}]}}"#);
    assert_eq!(value.unwrap().encode_to_vec(), [0x32, 9, 0x0a, 7, 0x0a, 1, b'a', 0x12, 2, 0x18, 1]);
    let value = parse_any_value(br#"{"bytesValue":"AAE="}"#).unwrap().value;
    assert_eq!(value, Some(Value::Bytes(vec![0, 1].into())));
    assert_eq!(parse_any_value(b"{}").unwrap().value, None);
}
