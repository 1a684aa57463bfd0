use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::otlp::{AnyValue, ArrayValue, KeyValue, KeyValueList, Value};
use crate::walk::{BatchIndex, VALUE_DEPTH_LIMIT, WalkLimits};

/// Walks one attribute; whether it asks for a rewrite.
fn check(body: &[u8], attribute_bytes_max: u32, value_depth_max: u32) -> Result<bool, WireError> {
    let limits = WalkLimits { value_depth_max, attribute_bytes_max };
    let mut index = BatchIndex::default();
    let mut walker = Walker::new(&limits, &mut index);
    let field = field(body);
    let mut reader = Reader::new(&field);
    assert_eq!(reader.tag(), Ok(Some(Tag(ELEMENT))));
    walker.attributes::<ELEMENT>(&mut reader)?;
    assert!(reader.is_empty());
    Ok(walker.needs_rewrite)
}

/// The same, field by field.
fn check_slowly(body: &[u8], value_depth_max: u32) -> Result<bool, WireError> {
    let limits = WalkLimits { value_depth_max, attribute_bytes_max: 0 };
    let mut index = BatchIndex::default();
    let mut walker = Walker::new(&limits, &mut index);
    walker.key_value(Reader::new(body), usize::MAX, 0).map(|()| walker.needs_rewrite)
}

/// As it stands in a batch.
fn field(body: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    crate::wire::put_bytes(&mut field, 1, body);
    field
}

fn is_plain(body: &[u8]) -> bool {
    let field = field(body);
    plain_bytes(&field, ELEMENT as u8) == field.len()
}

fn attribute(key: &str, value: Value) -> Vec<u8> {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.as_bytes().to_vec().into(), value }.encode_to_vec()
}

fn nested(levels: u32, list: fn(AnyValue) -> Value) -> Value {
    (0..levels).fold(Value::Int(1), |inner, _| list(AnyValue { value: Some(inner) }))
}

fn array(value: AnyValue) -> Value {
    Value::Array(ArrayValue { values: vec![value] })
}

fn kvlist(value: AnyValue) -> Value {
    Value::Kvlist(KeyValueList {
        values: vec![KeyValue { value: Some(value), ..Default::default() }],
    })
}

fn usual() -> impl Iterator<Item = Vec<u8>> {
    let values = [
        Value::String("GET".into()),
        Value::String("".into()),
        Value::Bool(true),
        Value::Int(0),
        Value::Int(127),
        Value::Int(9000),
        Value::Int(16_384),
        Value::Int((1 << 56) - 1),
        Value::Double(0.5),
    ];
    ["http.request.method", "k"]
        .into_iter()
        .flat_map(move |key| values.clone().into_iter().map(move |value| attribute(key, value)))
}

#[test]
fn usual_attributes_take_the_fast_path_all_at_once() {
    let mut fields = Vec::new();
    for body in usual() {
        assert!(is_plain(&body), "{body:?}");
        fields.extend(field(&body));
    }
    let all = fields.len();
    assert_eq!(plain_bytes(&fields, ELEMENT as u8), all);
    assert_eq!(plain_bytes(&fields, 0x4a), 0, "another field");
    fields.extend([0x4a, 0]);
    assert_eq!(plain_bytes(&fields, ELEMENT as u8), all, "another field behind them");
    assert!(plain_bytes(&fields[..all - 1], ELEMENT as u8) < all - 1, "the last one is cut off");
}

#[test]
fn what_is_long_or_nested_takes_the_other_path() {
    let long = || Value::String("x".repeat(126).into());
    let unusual = [Value::Int(-1), Value::Int(1 << 56), Value::Bytes("x".into()), long()];
    for value in unusual.into_iter().chain([array, kvlist].map(|list| nested(1, list))) {
        let body = attribute("key", value);
        assert!(!is_plain(&body), "{body:?}");
        assert_eq!(check(&body, 0, 5), Ok(false));
    }
    assert!(!is_plain(&attribute(&"k".repeat(128), Value::Int(1))));
}

#[test]
fn keys_and_strings_longer_than_the_limit_are_reported_and_no_others() {
    let long = "x".repeat(300);
    let short_key = |value| check(&attribute("k", value), 299, 5);
    assert_eq!(short_key(Value::String(long.clone().into())), Ok(true));
    assert_eq!(short_key(Value::Bytes(long.clone().into())), Ok(false));
    let string = || AnyValue { value: Some(Value::String("x".repeat(300).into())) };
    assert_eq!(short_key(array(string())), Ok(false));
    assert_eq!(short_key(kvlist(string())), Ok(false));
    assert_eq!(check(&attribute(&long, Value::Int(1)), 299, 5), Ok(true));
    assert_eq!(check(&attribute(&long, Value::String(long.clone().into())), 300, 5), Ok(false));
    assert_eq!(check(&attribute(&long, Value::String(long.clone().into())), 0, 5), Ok(false));
    assert_eq!(check(&attribute("key", Value::String("four".into())), 3, 5), Ok(true));
}

#[test]
fn nesting_beyond_the_limit_is_refused_and_whatever_is_accepted_decodes() {
    for list in [array, kvlist] {
        for (levels, max) in [(0, 0), (3, 3), (VALUE_DEPTH_LIMIT, 1000)] {
            let body = attribute("k", nested(levels, list));
            assert_eq!(check(&body, 0, max), Ok(false));
            let deeper = attribute("k", nested(levels + 1, list));
            let error = check(&deeper, 0, max).unwrap_err();
            assert_eq!(error.what, "AnyValue nested too deeply");
        }
    }
}

#[test]
fn a_value_in_pieces_asks_for_a_rewrite() {
    let first = attribute("k", Value::Int(1));
    let twice = [&first[..], &first[..]].concat();
    assert_eq!(check(&twice, 0, 5), Ok(true));
    // AnyValue { int_value: 1, bool_value: true }
    assert_eq!(check(&[0x12, 4, 0x18, 1, 0x10, 1], 0, 5), Ok(true));
}

#[test]
fn fields_of_newer_versions_are_skipped() {
    let mut body = attribute("k", Value::Int(1));
    body.extend_from_slice(&[0x18, 7, 0x42, 1, 9]);
    assert_eq!(check(&body, 0, 5), Ok(false));
    assert_eq!(check(&[0x12, 3, 0x42, 1, 0], 0, 5), Ok(false), "AnyValue field 8");
}

proptest! {
    /// Few different bytes, so that many inputs are nearly attributes.
    #[test]
    fn what_is_accepted_decodes(
        body in proptest::collection::vec(
            prop_oneof![
                Just(0x0a_u8), Just(0x12), Just(0x18), Just(0x21), Just(0x2a), Just(0x32),
                0u8..12, any::<u8>(),
            ],
            0..24,
        ),
    ) {
        let accepted = check(&body, 0, 5).is_ok();
        prop_assert!(accepted || !is_plain(&body));
        prop_assert_eq!(accepted, check_slowly(&body, 5).is_ok());
        let decodes = KeyValue::decode(&body[..]).is_ok();
        prop_assert!(decodes || !accepted, "accepted, but does not decode");
    }

    /// One byte off what is usual.
    #[test]
    fn both_paths_agree_on_what_is_nearly_usual(
        which in 0..usual().count(), at in 0..64_usize, byte in any::<u8>(),
    ) {
        let mut body = usual().nth(which).unwrap();
        let at = at % body.len();
        body[at] = byte;
        let (fast, slow) = (check(&body, 0, 5), check_slowly(&body, 5));
        prop_assert_eq!(fast.is_ok(), slow.is_ok());
        prop_assert_eq!(fast.unwrap_or(false), slow.unwrap_or(false));
    }
}
