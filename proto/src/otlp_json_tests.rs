use prost::Message;

use super::*;
use crate::otlp::{AnyValue, Span, Value};
use crate::test_data::corpus;

/// The span of a request that has one, with these fields.
fn span(fields: &str) -> Result<Span, String> {
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#);
    let mut data = parse(body.as_bytes()).map_err(|error| error.to_string())?;
    Ok(data.resource_spans.remove(0).scope_spans.remove(0).spans.remove(0))
}

/// The value of an attribute.
fn value(json: &str) -> Result<Option<AnyValue>, String> {
    let mut span = span(&format!(r#""attributes":[{{"key":"k","value":{json}}}]"#))?;
    Ok(span.attributes.remove(0).value)
}

fn typed(json: &str) -> Option<Value> {
    value(json).unwrap().unwrap().value
}

#[test]
fn the_corpus_in_json_gives_the_same_messages_as_in_protobuf() {
    let json = include_str!("../../tests/data/corpus-small.otlp.json");
    let protobuf = corpus();
    assert_eq!(json.lines().count(), protobuf.len());
    for (line, expected) in json.lines().zip(protobuf) {
        let data = parse(line.as_bytes()).unwrap();
        // Encoded, because a NaN is unequal to itself.
        let expected = TracesData::decode(expected).unwrap();
        assert_eq!(data.encode_to_vec(), expected.encode_to_vec());
    }
}

#[test]
fn snake_case_is_accepted_and_unknown_fields_are_ignored() {
    let body = r#"{"resource_spans":[{"new":[{}],"schema_url":"u","instrumentationLibrarySpans":[1],
        "scope_spans":[{"spans":[{"trace_id":"0102030405060708090a0b0c0d0e0f10","span_id":"",
        "start_time_unix_nano":5,"dropped_links_count":"6"}]}]}]}"#;
    let data = parse(body.as_bytes()).unwrap();
    assert_eq!(data.resource_spans[0].schema_url, "u");
    let span = &data.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span.trace_id[..], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    assert_eq!((span.start_time_unix_nano, span.dropped_links_count), (5, 6));
    assert_eq!(typed(r#"{"string_value":"x","new":1}"#), Some(Value::String("x".into())));
}

#[test]
fn ids_are_hex_of_either_case_and_of_the_right_length() {
    let id = span(r#""spanId":"0aFF000000000001","parentSpanId":"""#).unwrap();
    assert_eq!(id.span_id[..], [10, 255, 0, 0, 0, 0, 0, 1]);
    assert!(id.parent_span_id.is_empty());
    for bad in ["0a", "0aff0000000000010", "0aff00000000000g", "0x0aff0000000001", "CvUAAAAAAAE="] {
        for field in ["spanId", "parentSpanId", "traceId"] {
            let error = span(&format!(r#""{field}":"{bad}""#)).unwrap_err();
            assert!(error.contains("hex digits") && error.contains("line 1 column"), "{error}");
        }
    }
    assert!(span(r#""traceId":7"#).is_err());
    assert!(span(r#""links":[{"traceId":"00"}]"#).is_err());
}

#[test]
fn integers_are_numbers_or_strings_but_not_fractions() {
    for json in ["18446744073709551615", r#""18446744073709551615""#] {
        let span = span(&format!(r#""startTimeUnixNano":{json}"#)).unwrap();
        assert_eq!(span.start_time_unix_nano, u64::MAX);
    }
    for json in ["-9223372036854775808", r#""-9223372036854775808""#] {
        assert_eq!(typed(&format!(r#"{{"intValue":{json}}}"#)), Some(Value::Int(i64::MIN)));
    }
    for json in ["1.5", "1.0", r#""1.5""#, r#""""#, r#""x""#, "true", "9223372036854775808"] {
        assert!(value(&format!(r#"{{"intValue":{json}}}"#)).is_err(), "{json}");
    }
    assert!(span(r#""droppedEventsCount":4294967296"#).is_err());
    assert!(span(r#""endTimeUnixNano":-1"#).is_err());
}

#[test]
fn enums_are_numbers_or_names() {
    let span_of = |kind: &str| span(&format!(r#""kind":{kind},"status":{{"code":2}}"#));
    assert_eq!(span_of("3").unwrap().kind, 3);
    assert_eq!(span_of("99").unwrap().kind, 99);
    assert_eq!(span_of(r#""SPAN_KIND_CONSUMER""#).unwrap().kind, 5);
    assert_eq!(span_of("1").unwrap().status.unwrap().code, 2);
    let by_name = span(r#""status":{"code":"STATUS_CODE_ERROR"}"#).unwrap();
    assert_eq!(by_name.status.unwrap().code, 2);
    let error = span_of(r#""SPAN_KIND_OTHER""#).unwrap_err();
    assert!(error.contains("one of SPAN_KIND_UNSPECIFIED, SPAN_KIND_INTERNAL"), "{error}");
}

#[test]
fn doubles_are_numbers_or_strings() {
    let double = |json: &str| match typed(&format!(r#"{{"doubleValue":{json}}}"#)) {
        Some(Value::Double(number)) => number,
        other => panic!("{other:?}"),
    };
    assert_eq!(double("0.1"), 0.1);
    assert_eq!(double("3"), 3.0);
    assert_eq!(double("-2"), -2.0);
    assert_eq!(double("1.7976931348623157e308"), f64::MAX);
    assert_eq!(double(r#""2.5""#), 2.5);
    assert!(double(r#""NaN""#).is_nan());
    assert_eq!(double(r#""Infinity""#), f64::INFINITY);
    assert_eq!(double(r#""-Infinity""#), f64::NEG_INFINITY);
    assert!(value(r#"{"doubleValue":"x"}"#).is_err());
}

#[test]
fn null_is_absent() {
    let nulls = r#""attributes":null,"events":null,"links":null,"status":null,"name":null,
        "traceState":null,"traceId":null,"kind":null,"startTimeUnixNano":null"#;
    assert_eq!(span(nulls), Ok(Span::default()));
    assert_eq!(value("null"), Ok(None));
    for member in ["stringValue", "boolValue", "intValue", "arrayValue", "bytesValue"] {
        assert_eq!(typed(&format!(r#"{{"{member}":null}}"#)), None);
    }
    assert_eq!(parse(br#"{"resourceSpans":null}"#).unwrap(), TracesData::default());
    let body =
        br#"{"resourceSpans":[{"resource":null,"scopeSpans":[{"scope":null,"spans":null}]}]}"#;
    assert!(parse(body).unwrap().resource_spans[0].resource.is_none());
}

#[test]
fn wrong_types_and_other_base64_are_refused() {
    assert!(value(r#"{"boolValue":"true"}"#).is_err());
    assert!(value(r#"{"stringValue":5}"#).is_err());
    assert!(value(r#""text""#).is_err());
    assert!(value(r#"[]"#).is_err());
    assert!(span(r#""status":["message"]"#).is_err());
    assert!(span(r#""events":[[]]"#).is_err());
    assert!(value(r#"{"bytesValue":"-_8="}"#).unwrap_err().contains("invalid base64"));
    assert!(value(r#"{"bytesValue":"AAE"}"#).is_err());
    assert_eq!(typed(r#"{"bytesValue":"+/8="}"#), Some(Value::Bytes(vec![0xfb, 0xff].into())));
}

#[test]
fn half_of_a_surrogate_pair_becomes_a_replacement_character() {
    let Some(Value::String(text)) = typed(r#"{"stringValue":"a\ud83d"}"#) else { panic!() };
    assert!(std::str::from_utf8(&text).unwrap().starts_with("a\u{fffd}"));
    assert_eq!(typed(r#"{"stringValue":"\u00e9\n"}"#), Some(Value::String("é\n".into())));
}

#[test]
fn lists_keep_their_order_and_types() {
    let list = typed(r#"{"arrayValue":{"values":[{"intValue":1},{},{"boolValue":true}]}}"#);
    let Some(Value::Array(list)) = list else { panic!() };
    let types: Vec<_> = list.values.into_iter().map(|value| value.value).collect();
    assert_eq!(types, [Some(Value::Int(1)), None, Some(Value::Bool(true))]);
    assert!(matches!(typed(r#"{"kvlistValue":{}}"#), Some(Value::Kvlist(_))));
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| {
        let open = r#"{"arrayValue":{"values":["#.repeat(levels);
        value(&format!("{open}{}", "]}}".repeat(levels)))
    };
    assert!(nested(crate::walk::VALUE_DEPTH_LIMIT as usize).is_ok());
    assert!(nested(10_000).unwrap_err().contains("recursion limit exceeded"));
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    for body in ["", "[]", "{", r#"{"resourceSpans":5}"#, "{} {}", "\u{feff}{}"] {
        let error = parse(body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("line 1 column"), "{body}: {error}");
    }
}

#[test]
fn a_body_of_very_many_empty_objects_is_refused_before_it_takes_memory() {
    let spans = vec!["{}"; OBJECTS_MAX].join(",");
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let error = parse(body.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "more than 1048576 objects in one request");
    assert!(std::mem::size_of::<Span>() <= 352, "the constant's reason has changed");
}
