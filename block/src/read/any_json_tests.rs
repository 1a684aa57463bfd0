use super::*;

fn parsed(text: &'static str) -> Option<Value> {
    parse(&Bytes::from_static(text.as_bytes())).value
}

fn text(value: &'static str) -> AnyValue {
    AnyValue { value: Some(Value::String(Bytes::from_static(value.as_bytes()))) }
}

#[test]
fn a_value_without_a_type_is_an_empty_object() {
    assert_eq!(parsed("{}"), None);
}

#[test]
fn a_map_keeps_the_order_and_types_of_its_entries() {
    let value =
        parsed(r#"{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"1"}},{"key":"b"}]}}"#);
    let a = AnyValue { value: Some(Value::Int(1)) };
    let values = vec![
        KeyValue { key: Bytes::from_static(b"a"), value: Some(a) },
        KeyValue { key: Bytes::from_static(b"b"), value: None },
    ];
    assert_eq!(value, Some(Value::Kvlist(KeyValueList { values })));
}

#[test]
fn empty_maps_and_bytes_are_values() {
    assert_eq!(parsed(r#"{"kvlistValue":{}}"#), Some(Value::Kvlist(KeyValueList::default())));
    assert_eq!(parsed(r#"{"bytesValue":""}"#), Some(Value::Bytes(Bytes::new())));
    assert_eq!(parsed(r#"{"bytesValue":"AAE="}"#), Some(Value::Bytes(Bytes::from_static(&[0, 1]))));
}

#[test]
fn a_mixed_array_keeps_its_elements() {
    let value = parsed(
        r#"{"arrayValue":{"values":[{"stringValue":"x"},{"intValue":"-1"},{"boolValue":true},
            {"doubleValue":"NaN"},{}]}}"#,
    );
    let Some(Value::Array(array)) = value else { panic!("no array: {value:?}") };
    assert_eq!(array.values[0], text("x"));
    assert_eq!(array.values[1].value, Some(Value::Int(-1)));
    assert_eq!(array.values[2].value, Some(Value::Bool(true)));
    assert!(matches!(array.values[3].value, Some(Value::Double(nan)) if nan.is_nan()));
    assert_eq!(array.values[4].value, None);
}

#[test]
fn text_that_is_no_such_json_is_kept_as_a_string() {
    for odd in ["", "no json", "[1]", r#"{"otherValue":1}"#, r#"{"intValue":"x"}"#] {
        assert_eq!(
            parse(&Bytes::copy_from_slice(odd.as_bytes())).value.map(|value| match value {
                Value::String(kept) => kept,
                other => panic!("{other:?}"),
            }),
            Some(Bytes::copy_from_slice(odd.as_bytes()))
        );
    }
}

#[test]
fn nesting_without_end_is_kept_as_a_string() {
    let text = r#"{"arrayValue":{"values":["#.repeat(5000);
    let value = parse(&Bytes::from(text.clone())).value;
    assert_eq!(value, Some(Value::String(Bytes::from(text))));
}
