use super::*;

#[test]
fn a_footer_of_any_few_bytes_is_an_error_and_no_panic() {
    for byte in 0..=255_u8 {
        for len in 0..40 {
            let result = parse(&vec![byte; len], 100);
            assert!(result.is_err(), "{byte} × {len}");
        }
    }
}

#[test]
fn an_offset_index_that_contradicts_its_chunk_is_left_aside() {
    // One page at 4, 10 bytes, first row 0.
    let bytes = Bytes::from_static(&[0x19, 0x1c, 0x16, 8, 0x15, 20, 0x16, 0, 0, 0]);
    let spots = parse_offset_index(&bytes, &(4..14), 1);
    assert_eq!(spots, Some(vec![PageSpot { offset: 4, length: 10, first_row: 0 }]));
    assert_eq!(parse_offset_index(&bytes, &(4..13), 1), None);
    assert_eq!(parse_offset_index(&bytes, &(5..14), 1), None);
}
