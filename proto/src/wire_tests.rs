use proptest::prelude::*;
use prost::encoding;

use super::*;

fn encode(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, value);
    out
}

proptest! {
    #[test]
    fn varints_are_written_as_prost_writes_them_and_read_back(value: u64, shift in 0u32..64) {
        let value = value >> shift;
        let mut expected = Vec::new();
        encoding::encode_varint(value, &mut expected);
        prop_assert_eq!(encode(value), expected.clone());
        prop_assert_eq!(varint_len(value), expected.len());
        prop_assert_eq!(Reader::new(&expected).varint(), Ok(value));
    }

    #[test]
    fn any_bytes_are_read_as_prost_reads_them(
        bytes in proptest::collection::vec(any::<u8>(), 0..12)
    ) {
        let ours = Reader::new(&bytes).varint().ok();
        let theirs = encoding::decode_varint(&mut bytes.as_slice()).ok();
        prop_assert_eq!(ours, theirs);
        // Must end, and not panic.
        prop_assert!(Fields::new(&bytes).count() <= bytes.len());
        prop_assert!(delimited(&bytes).count() <= bytes.len());
    }
}

#[test]
fn every_power_of_two_has_the_length_that_is_written() {
    for bit in 0..64 {
        for value in [1 << bit, (1u64 << bit) - 1] {
            assert_eq!(varint_len(value), encode(value).len(), "{value}");
        }
    }
    assert_eq!(varint_len(u64::MAX), 10);
}

#[test]
fn fields_gives_numbers_and_values_in_wire_order() {
    let mut body = Vec::new();
    put_tag(&mut body, 16, WireType::Fixed32);
    body.extend_from_slice(&7u32.to_le_bytes());
    put_tag(&mut body, 7, WireType::Fixed64);
    body.extend_from_slice(&8u64.to_le_bytes());
    put_bytes(&mut body, 5, b"name");
    put_tag(&mut body, 6, WireType::Varint);
    put_varint(&mut body, 300);
    let fields: Result<Vec<_>, _> = Fields::new(&body).collect();
    let expected = vec![
        (16, Value::Fixed32(7)),
        (7, Value::Fixed64(8)),
        (5, Value::Bytes(b"name")),
        (6, Value::Varint(300)),
    ];
    assert_eq!(fields, Ok(expected));
    assert_eq!(bytes_field_len(5, 4), 6);
}

#[test]
fn errors_say_what_and_where() {
    let fault =
        |bytes: &[u8]| Fields::new(bytes).last().and_then(Result::err).map(|e| e.to_string());
    assert_eq!(fault(&[0x08]).as_deref(), Some("truncated varint at byte 1"));
    assert_eq!(
        fault(&[0x0a, 5, 1]).as_deref(),
        Some("length beyond the end of the message at byte 2")
    );
    assert_eq!(fault(&[0x0b]).as_deref(), Some("groups are not supported at byte 1"));
    assert_eq!(fault(&[0x0e]).as_deref(), Some("invalid wire type at byte 1"));
    assert_eq!(fault(&[0x02]).as_deref(), Some("invalid field number at byte 1"));
    assert_eq!(fault(&[0x09, 1]).as_deref(), Some("truncated fixed64 at byte 1"));
    assert_eq!(fault(&[0x0d, 1]).as_deref(), Some("truncated fixed32 at byte 1"));
    assert_eq!(fault(&[0xff; 11]).as_deref(), Some("varint of more than 10 bytes at byte 0"));
    let tag_of_33_bits = [0x88, 0x80, 0x80, 0x80, 0x10, 0];
    assert_eq!(fault(&tag_of_33_bits).as_deref(), Some("invalid field number at byte 5"));
}

#[test]
fn a_message_inside_keeps_positions_of_the_whole_buffer() {
    let bytes = [0x0a, 2, 0x08, 1, 0x10, 2];
    let mut outer = Reader::new(&bytes);
    assert_eq!(outer.tag(), Ok(Some(Tag::new(1, WireType::Bytes))));
    let inner = outer.message().unwrap();
    assert_eq!((inner.pos(), inner.rest()), (2, &bytes[2..4]));
    assert_eq!((outer.pos(), outer.rest()), (4, &bytes[4..]));
}

#[test]
fn delimited_gives_each_message_and_stops_at_a_broken_length() {
    let all: Vec<_> = delimited(&[1, 7, 0, 2, 8, 9, 5, 1]).collect();
    assert_eq!(all[..3], [Ok(&[7][..]), Ok(&[][..]), Ok(&[8, 9][..])]);
    assert!(all[3].is_err() && all.len() == 4);
}
