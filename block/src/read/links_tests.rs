use super::*;
use stringendo_proto::otlp::{AnyValue, ArrayValue, KeyValue, KeyValueList};

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn list(values: Vec<Value>) -> Value {
    Value::Array(ArrayValue { values: values.into_iter().map(any).collect() })
}

fn message(links: Vec<Link>) -> Bytes {
    Links { links }.encode_to_vec().into()
}

#[test]
fn links_lose_their_flags() {
    let link = Link { span_id: vec![1; 8].into(), flags: 7, ..Link::default() };
    let read = decode(message(vec![link.clone()])).unwrap();
    assert_eq!(read, [Link { flags: 0, ..link }]);
    assert_eq!(decode(Bytes::from_static(b"\xff\xff")), None);
}

#[test]
fn values_compare_as_those_that_are_decoded_whole() {
    let values = [
        Some(Value::String("text".into())),
        Some(Value::Int(-1)),
        Some(Value::Double(1.5)),
        Some(Value::Bool(false)),
        Some(list(vec![Value::Int(1), Value::Int(0)])),
        Some(list(vec![Value::String("a".into()), Value::String("".into())])),
        Some(list(vec![])),
        Some(list(vec![Value::Int(1), Value::Bool(true)])),
        Some(list(vec![list(vec![Value::Int(1)])])),
        Some(Value::Kvlist(KeyValueList::default())),
        Some(Value::Bytes(vec![1].into())),
        None,
    ];
    let attributes =
        values.clone().map(|value| KeyValue { key: "k".into(), value: Some(AnyValue { value }) });
    let link = Link { attributes: attributes.into(), ..Link::default() };
    let message = message(vec![Link::default(), link]);
    let mut found = Vec::new();
    each_attribute(&message, |key, any| {
        assert_eq!(key, b"k");
        found.push(comparable(any, &message).unwrap());
    })
    .unwrap();
    let expected = values.map(|value| Comparable::of(AnyValue { value }));
    assert_eq!(found, expected);
}

#[test]
fn bytes_that_are_no_links_are_an_error_and_no_panic() {
    let whole = message(vec![Link {
        trace_id: vec![7; 16].into(),
        attributes: vec![KeyValue {
            key: "key".into(),
            value: Some(any(list(vec![Value::Int(3)]))),
        }],
        ..Link::default()
    }]);
    assert!(each_attribute(&whole, |_, _| {}).is_ok());
    for end in 1..whole.len() {
        assert!(each_attribute(&whole[..end], |_, _| {}).is_err(), "{end}");
    }
}
