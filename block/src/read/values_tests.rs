use super::*;

const OUTPUT_MAX: usize = 1 << 20;

fn decode_as(
    physical: Physical,
    encoding: u8,
    body: &[u8],
    count: usize,
) -> Result<Values, BadPage> {
    decode(physical, encoding, &Bytes::copy_from_slice(body), count, None, OUTPUT_MAX)
}

fn strings(values: &Values, count: usize) -> Vec<String> {
    (0..count).map(|at| String::from_utf8_lossy(values.byte_slice(at)).into_owned()).collect()
}

#[test]
fn deltas_of_the_specifications_example_decode() {
    // 7, 5, 3, 1, 2, 3, 4, 5: first 7, min delta -2, widths 2 then zeros.
    let body = [128, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0];
    let values = decode_as(Physical::Int64, 5, &body, 8).expect("well-formed");
    let ints: Vec<i64> = (0..8).map(|at| values.int(at)).collect();
    assert_eq!(ints, [7, 5, 3, 1, 2, 3, 4, 5]);
}

#[test]
fn delta_strings_share_prefixes_with_the_string_before() {
    // prefixes 0, 3 ; suffixes "abc", "d".
    let body =
        [128, 1, 4, 2, 0, 6, 0, 0, 0, 0, 128, 1, 4, 2, 6, 3, 0, 0, 0, 0, b'a', b'b', b'c', b'd'];
    let values = decode_as(Physical::ByteArray, 7, &body, 2).expect("well-formed");
    assert_eq!(strings(&values, 2), ["abc", "abcd"]);
}

#[test]
fn delta_strings_that_grow_without_bound_are_refused() {
    let body =
        [128, 1, 4, 2, 0, 6, 0, 0, 0, 0, 128, 1, 4, 2, 6, 3, 0, 0, 0, 0, b'a', b'b', b'c', b'd'];
    let body = Bytes::copy_from_slice(&body);
    assert!(decode(Physical::ByteArray, 7, &body, 2, None, 6).is_err());
}

#[test]
fn plain_strings_decode_and_every_cut_is_an_error() {
    let body = [1, 0, 0, 0, b'x', 0, 0, 0, 0, 2, 0, 0, 0, b'y', b'z'];
    let values = decode_as(Physical::ByteArray, 0, &body, 3).expect("well-formed");
    assert_eq!(strings(&values, 3), ["x", "", "yz"]);
    for cut in 0..body.len() {
        assert!(decode_as(Physical::ByteArray, 0, &body[..cut], 3).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_code_beyond_the_dictionary_is_an_error() {
    let dictionary = Dictionary::Int(vec![7]);
    let body = Bytes::from_static(&[1, 2, 1]);
    assert!(decode(Physical::Int64, 8, &body, 1, Some(&dictionary), OUTPUT_MAX).is_err());
}

#[test]
fn a_page_of_codes_needs_a_dictionary() {
    assert!(decode_as(Physical::ByteArray, 8, &[0, 2], 1).is_err());
}

#[test]
fn an_encoding_that_does_not_fit_the_type_is_an_error() {
    assert!(decode_as(Physical::Bool, 5, &[], 0).is_err());
    assert!(decode_as(Physical::Int64, 77, &[], 0).is_err());
}
