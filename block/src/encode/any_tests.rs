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

#[test]
fn numbers_of_the_usual_form_are_read_as_any_decoder_reads_them() {
    for number in [0, 1, 127, 128, 16_384, 1 << 30, 1 << 55, 1 << 56, i64::MAX, -1, i64::MIN] {
        let value = Some(AnyValue { value: Some(Sent::Int(number)) });
        let body = KeyValue { key: "k".into(), value }.encode_to_vec();
        assert_eq!(attribute(&body).unwrap(), (&b"k"[..], Any::Int(number)));
    }
    // A varint that ends before the content does, and one that does not end.
    assert_eq!(plain_int(&[1, 2]), None);
    assert_eq!(plain_int(&[0x80]), None);
    assert_eq!(plain_int(&[]), None);
}
