use super::*;

#[test]
fn short_and_upper_case_ids_are_padded_on_the_left() {
    let id = TraceId::parse_hex("A1b2").unwrap();
    assert_eq!(id.to_string(), "0000000000000000000000000000a1b2");
    assert_eq!(id.to_hex_trimmed(), "a1b2");
    assert_eq!(TraceId::parse_hex(&id.to_string()), Ok(id));
}

#[test]
fn what_is_no_hex_is_named_with_its_place() {
    let error = TraceId::parse_hex("12é4").unwrap_err().to_string();
    let expected = "trace IDs can only contain hex characters: \
                    invalid character 'é' at position 3";
    assert_eq!(error, expected);
}

#[test]
fn more_than_128_bits_are_refused() {
    assert!(TraceId::parse_hex(&"f".repeat(32)).is_ok());
    assert_eq!(TraceId::parse_hex(&"0".repeat(33)), Err(ParseTraceIdError::TooLong));
}
