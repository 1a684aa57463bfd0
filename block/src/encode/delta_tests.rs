use super::*;

fn encoded<T: DeltaInt>(values: &[T]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(values, &mut out);
    out
}

/// Block size, miniblocks; the count and the first value follow.
const HEADER: [u8; 3] = [0x80, 1, 4];

#[test]
fn the_format_documents_examples_are_encoded_alike() {
    assert_eq!(encoded(&[1i32, 2, 3, 4, 5]), [&HEADER[..], &[5, 2, 2, 0, 0, 0, 0]].concat());
    let example = encoded(&[7i64, 5, 3, 1, 2, 3, 4, 5]);
    assert_eq!(example[..10], [&HEADER[..], &[8, 14, 3, 2, 0, 0, 0]].concat());
    assert_eq!(example[10..], [0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn nothing_and_one_value_are_a_header() {
    assert_eq!(encoded::<i64>(&[]), [&HEADER[..], &[0, 0]].concat());
    assert_eq!(encoded(&[-1i64]), [&HEADER[..], &[1, 1]].concat());
}

#[test]
fn differences_of_small_integers_wrap_in_32_bits() {
    // From the smallest to the greatest is −1, not 2³² − 1.
    assert_eq!(encoded(&[i32::MIN, i32::MAX])[9..], [1, 0, 0, 0, 0]);
    let out = encoded(&[i32::MIN, 0, i32::MAX, -1]);
    assert!(out[14] <= 32, "a width beyond the type: {}", out[14]);
}

#[test]
fn blocks_follow_each_other() {
    let values: Vec<i64> = (0..300).map(|i| i * i).collect();
    let out = encoded(&values);
    // 2 blocks of 128 differences, one of 43.
    assert!(out.len() > 3 * 5 && out.len() < values.len() * 8);
}

#[test]
fn a_block_of_one_value_is_five_bytes() {
    let mut values = vec![7i64; 129];
    assert_eq!(encoded(&values)[6..], [0, 0, 0, 0, 0]);
    values[100] = 1 << 40;
    assert!(encoded(&values).len() > 6 + 5);
    assert_eq!(encoded(&[i32::MIN; 3])[9..], [0, 0, 0, 0, 0]);
}
