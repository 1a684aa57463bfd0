use super::*;
use stringendo_proto::otlp::ArrayValue;

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn list(values: Vec<Value>) -> Value {
    Value::Array(ArrayValue { values: values.into_iter().map(any).collect() })
}

#[test]
fn a_json_list_of_one_type_can_be_compared() {
    let text =
        Bytes::from_static(br#"{"arrayValue":{"values":[{"intValue":"1"},{"intValue":"2"}]}}"#);
    let values = vec![Value::Int(1), Value::Int(2)];
    assert_eq!(TextForm::Json.comparable(&text), Some(Comparable::List(values)));
    assert_eq!(TextForm::Rest.comparable(&text), Some(Comparable::Nothing));
}

#[test]
fn lists_of_several_types_and_maps_cannot() {
    for text in [
        r#"{"arrayValue":{"values":[{"intValue":"1"},{"boolValue":true}]}}"#,
        r#"{"arrayValue":{"values":[{"bytesValue":"AAE="}]}}"#,
        r#"{"kvlistValue":{}}"#,
    ] {
        let comparable = TextForm::Json.comparable(&Bytes::from_static(text.as_bytes()));
        assert_eq!(comparable, Some(Comparable::Nothing), "{text}");
    }
}

#[test]
fn no_text_is_no_value() {
    assert_eq!(TextForm::Json.parse(&Bytes::new()), None);
    assert_eq!(TextForm::Json.comparable(&Bytes::new()), None);
}

#[test]
fn messages_are_protobuf_or_else_json() {
    let value = list(vec![Value::String("a".into())]);
    let message: Bytes = any(value.clone()).encode_to_vec().into();
    assert_eq!(TextForm::Message.parse(&message), Some(any(value)));
    let json = Bytes::from_static(br#"{"stringValue":"x"}"#);
    assert_eq!(TextForm::Message.parse(&json), Some(any(Value::String("x".into()))));
}
