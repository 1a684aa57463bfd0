use std::io::Write;

use flate2::{Compression, GzBuilder};
use prost::Message;
use uuid::Uuid;

use super::{IndexError, IndexMessage, MetaMessage, TenantIndex};
use crate::meta::BlockMeta;

const BYTES_MAX: u64 = 1 << 20;

/// Contract blocks.md §3.
const VECTOR: &str = "0a097650617271756574351210010203000000000000000000000000002a0d73696e676c652d7\
    4656e616e74320608c0ada3cb063a0b08c1ada3cb0610959aef3a400348b9608a01705b7b226e223a22687474702e6d\
    6574686f64227d2c7b2273223a226576656e74222c226e223a2278222c226f223a5b22626c6f62225d7d2c7b2273223\
    a227265736f75726365222c226e223a226e222c2274223a22696e74222c226f223a5b226172726179222c22626c6f62\
    225d7d5d900101";

fn written_by_tempo(name: &str) -> Vec<u8> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/blocks/vparquet5/single-tenant");
    std::fs::read(format!("{dir}/{name}")).expect("a file")
}

fn index() -> TenantIndex {
    let meta = const_hex::decode(VECTOR).expect("hexadecimal digits");
    let meta = MetaMessage::decode(meta.as_slice()).expect("a message");
    let meta = meta.into_meta().expect("a meta");
    let merged = BlockMeta { inputs: vec![Uuid::from_u128(7)], ..meta.clone() };
    TenantIndex {
        created_unix_nanos: 1_768_478_400_123_000_000,
        live: vec![meta, merged],
        compacted: vec![(BlockMeta::default(), 1_768_478_400_000_000_007)],
    }
}

#[test]
fn a_meta_has_the_bytes_of_the_contract() {
    let meta = &index().live[0];
    assert_eq!(meta.block_id.to_string(), "01020300-0000-0000-0000-000000000000");
    assert_eq!(meta.end_time, "2026-01-15T12:00:01.123456789Z");
    assert_eq!((meta.total_objects, meta.size, meta.dedicated_columns.len()), (3, 12345, 3));
    assert_eq!(const_hex::encode(MetaMessage::of(meta).encode_to_vec()), VECTOR);
}

#[test]
fn both_forms_come_back_as_they_were() {
    let mut index = index();
    let packed = index.to_json().expect("packs");
    assert_eq!(TenantIndex::from_json(&packed, BYTES_MAX).expect("unpacks"), index);
    let packed = index.to_protobuf().expect("packs");
    // A time that is not there is none.
    index.compacted[0].0.dedicated_columns.clear();
    assert_eq!(TenantIndex::from_protobuf(&packed, BYTES_MAX).expect("unpacks"), index);
}

#[test]
fn indexes_that_tempo_wrote_are_read() {
    let json = TenantIndex::from_json(&written_by_tempo("index.json.gz"), BYTES_MAX);
    let protobuf = TenantIndex::from_protobuf(&written_by_tempo("index.pb.zst"), BYTES_MAX);
    let (json, protobuf) = (json.expect("is read"), protobuf.expect("is read"));
    assert_eq!(json, protobuf);
    let id = json.live[0].block_id.to_string();
    let meta = written_by_tempo(&format!("{id}/meta.json"));
    assert_eq!(json.live[0], BlockMeta::parse(&meta).expect("a meta"));
}

#[test]
fn what_unpacks_to_more_than_may_be_read_is_refused() {
    let index = index();
    let (json, protobuf) = (index.to_json().expect("packs"), index.to_protobuf().expect("packs"));
    for outcome in [TenantIndex::from_json(&json, 100), TenantIndex::from_protobuf(&protobuf, 100)]
    {
        assert!(matches!(outcome, Err(IndexError::TooLarge(100))));
    }
}

#[test]
fn metas_that_take_far_more_memory_than_text_are_refused() {
    // 3 bytes of text, or 4 of a message, for each meta.
    let text = format!(r#"{{"meta":[{}]}}"#, vec!["{}"; 100_000].join(","));
    let mut packed = GzBuilder::new().write(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).expect("packs");
    let json = packed.finish().expect("packs");
    let outcome = TenantIndex::from_json(&json, BYTES_MAX);
    assert!(matches!(outcome, Err(IndexError::TooLarge(BYTES_MAX))), "{outcome:?}");

    let id = MetaMessage::of(&BlockMeta::default());
    let message = IndexMessage { meta: vec![id; 40_000], ..IndexMessage::default() };
    let packed = zstd::bulk::compress(&message.encode_to_vec(), 1).expect("packs");
    let outcome = TenantIndex::from_protobuf(&packed, BYTES_MAX);
    assert!(matches!(outcome, Err(IndexError::TooLarge(BYTES_MAX))), "{outcome:?}");
}

#[test]
fn lists_may_be_null_or_missing_and_nothing_else() {
    let read = |text: &str| {
        let mut packed = GzBuilder::new().write(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).expect("packs");
        TenantIndex::from_json(&packed.finish().expect("packs"), BYTES_MAX)
    };
    let empty = [r#"{"meta":null,"compacted":null,"created_at":null}"#, "{}", r#"{"x":[{}]}"#];
    for text in empty {
        assert_eq!(read(text).expect("reads"), TenantIndex::default());
    }
    for text in ["[]", r#"{"meta":{}}"#, r#"{"meta":[1]}"#, r#"{"meta":[]} 1"#, ""] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn damaged_indexes_are_refused() {
    let index = index();
    let (json, protobuf) = (index.to_json().expect("packs"), index.to_protobuf().expect("packs"));
    for cut in [0, 5, json.len() / 2] {
        assert!(TenantIndex::from_json(&json[..cut], BYTES_MAX).is_err(), "{cut}");
    }
    for cut in [5, protobuf.len() / 2] {
        assert!(TenantIndex::from_protobuf(&protobuf[..cut], BYTES_MAX).is_err(), "{cut}");
    }
    assert!(TenantIndex::from_protobuf(b"no zstd", BYTES_MAX).is_err());
}
