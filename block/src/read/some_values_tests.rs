#![allow(clippy::unwrap_used)]
use super::super::values::decode;
use super::*;
use crate::encode::delta;

const COUNT: usize = 1000;
const OUTPUT_MAX: usize = 1 << 20;

/// A page's body: how its values are encoded, and the bytes.
fn bodies() -> Vec<(Physical, u8, Bytes)> {
    let ints: Vec<i64> = (0..COUNT as i64).map(|at| at * 77 % 101 - 50).collect();
    let narrow: Vec<i32> = ints.iter().map(|value| *value as i32).collect();
    let words: Vec<String> = ints.iter().map(|value| "x".repeat((*value + 50) as usize)).collect();
    let lengths: Vec<i32> = words.iter().map(|word| word.len() as i32).collect();
    let plain = |word: &String| [&(word.len() as u32).to_le_bytes()[..], word.as_bytes()].concat();
    let mut bodies = vec![
        (Physical::Int64, encoding::PLAIN, ints.iter().flat_map(|v| v.to_le_bytes()).collect()),
        (Physical::Int32, encoding::PLAIN, narrow.iter().flat_map(|v| v.to_le_bytes()).collect()),
        (Physical::ByteArray, encoding::PLAIN, words.iter().flat_map(plain).collect()),
        (Physical::Bool, encoding::PLAIN, ints.iter().take(COUNT / 8).map(|v| *v as u8).collect()),
    ];
    let mut delta = |physical, encoding, put: &dyn Fn(&mut Vec<u8>)| {
        let mut body = Vec::new();
        put(&mut body);
        bodies.push((physical, encoding, body));
    };
    let packed = encoding::DELTA_BINARY_PACKED;
    delta(Physical::Int64, packed, &|out| delta::encode(&ints, out));
    delta(Physical::Int32, packed, &|out| delta::encode(&narrow, out));
    delta(Physical::Int64, packed, &|out| delta::encode(&[7_i64; COUNT], out));
    let measured = encoding::DELTA_LENGTH_BYTE_ARRAY;
    let text = words.concat();
    delta(Physical::ByteArray, measured, &|out| {
        delta::encode_bytes(&lengths, text.as_bytes(), out);
    });
    delta(Physical::ByteArray, measured, &|out| {
        delta::encode_bytes(&[8; COUNT], &[b'y'; 8 * COUNT], out);
    });
    bodies.into_iter().map(|(physical, encoding, body)| (physical, encoding, body.into())).collect()
}

fn ranges() -> Vec<Vec<Range<usize>>> {
    vec![
        vec![],
        vec![0..1],
        vec![999..1000],
        vec![0..1000],
        vec![3..3, 5..40, 40..41, 128..129, 400..700],
    ]
}

/// All values, whatever their type.
fn all(values: &Values) -> Vec<(Bytes, i64, bool)> {
    (0..values.len()).map(|at| (values.bytes(at), values.int(at), values.bool(at))).collect()
}

#[test]
fn some_values_are_those_of_all() {
    for (physical, encoding, body) in bodies() {
        let whole = decode(physical, encoding, &body, COUNT, None, OUTPUT_MAX).unwrap();
        for ranges in ranges() {
            let some = decode_some(physical, encoding, &body, (COUNT, &ranges), None).unwrap();
            let expected = all(&pick(whole.clone(), &ranges));
            assert!(all(&some.unwrap()) == expected, "{physical:?}, {encoding}: {ranges:?}");
        }
    }
}

#[test]
fn bytes_that_are_missing_are_an_error_and_never_a_panic() {
    for (physical, encoding, body) in bodies() {
        for cut in (0..body.len()).step_by(7) {
            let body = body.slice(..cut);
            let some =
                |range| decode_some(physical, encoding, &body, (COUNT, &[range]), None).unwrap();
            // Writers may leave out the padding of the last deltas.
            let is_whole = decode(physical, encoding, &body, COUNT, None, OUTPUT_MAX).is_ok();
            assert_eq!(some(990..1000).is_ok(), is_whole, "{physical:?}, {encoding}: {cut} bytes");
            // What is before the cut may be there.
            drop(some(0..10));
        }
    }
}

#[test]
fn values_beyond_those_of_the_page_are_an_error() {
    for (physical, encoding, body) in bodies() {
        let ranges = vec![0..3, 990..1001];
        let beyond = decode_some(physical, encoding, &body, (COUNT, &ranges), None);
        assert!(beyond.unwrap().is_err(), "{physical:?}, {encoding}");
    }
}
