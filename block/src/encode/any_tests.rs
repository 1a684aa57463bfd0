use prost::Message;
use stringendo_proto::otlp::{AnyValue, KeyValue, KeyValueList, Value as Sent};

use super::*;

fn json(value: Option<Sent>) -> String {
    let body = AnyValue { value }.encode_to_vec();
    let mut out = Vec::new();
    put_json(&mut out, Any::parse(&body).unwrap()).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn values_without_a_column_are_the_contracts_json() {
    assert_eq!(json(None), "{}");
    let bytes = Sent::Bytes(vec![0, 1].into());
    assert_eq!(json(Some(bytes)), r#"{"bytesValue":"AAE="}"#);
    let value = Some(AnyValue { value: Some(Sent::Int(1)) });
    let list = KeyValueList { values: vec![KeyValue { key: "a".into(), value }] };
    assert_eq!(
        json(Some(Sent::Kvlist(list))),
        r#"{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"1"}}]}}"#
    );
    assert_eq!(json(Some(Sent::Kvlist(KeyValueList::default()))), r#"{"kvlistValue":{}}"#);
}
