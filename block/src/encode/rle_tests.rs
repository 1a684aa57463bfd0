use super::*;

fn encoded(values: &[u32], width: u8) -> Vec<u8> {
    let mut out = Vec::new();
    encode(values, width, &mut out);
    out
}

#[test]
fn the_format_documents_example_is_packed_alike() {
    assert_eq!(encoded(&[0, 1, 2, 3, 4, 5, 6, 7], 3), [3, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
}

#[test]
fn long_runs_are_runs() {
    assert_eq!(encoded(&[5; 100], 3), [0xc8, 1, 5]);
    assert_eq!(encoded(&[0x1_0203; 8], 17), [16, 3, 2, 1]);
}

#[test]
fn nothing_is_nothing() {
    assert!(encoded(&[], 3).is_empty());
}

#[test]
fn every_width_packs_bit_by_bit() {
    for width in 1..=32u8 {
        let mask = u32::MAX >> (32 - width);
        let values: Vec<u32> = (0..24u32).map(|i| i.wrapping_mul(0x9e37_79b9) & mask).collect();
        let out = encoded(&values, width);
        assert_eq!(out[0], 7, "three groups");
        for (i, &value) in values.iter().enumerate() {
            let bit = |n: usize| u32::from(out[1 + n / 8] >> (n % 8) & 1);
            let start = i * usize::from(width);
            let read = (0..usize::from(width)).fold(0, |all, b| all | bit(start + b) << b);
            assert_eq!(read, value, "width {width} value {i}");
        }
    }
}

#[test]
fn levels_of_every_width_are_packed_like_other_numbers() {
    for width in 1..=8u8 {
        let mask = u8::MAX >> (8 - width);
        let values: Vec<u8> = (0..61u8).map(|i| i.wrapping_mul(0x9d) & mask).collect();
        let numbers: Vec<u32> = values.iter().map(|&value| value.into()).collect();
        let mut out = Vec::new();
        pack_levels(&values, width, &mut out);
        assert_eq!(out, encoded(&numbers, width), "width {width}");
    }
}

#[test]
fn levels_of_long_runs_are_runs_alone() {
    let values = [&[4u8; 20][..], &[3], &[4; 9], &[3]].concat();
    let mut out = Vec::new();
    encode_levels(&values, 3, &mut out);
    assert_eq!(out, [40, 4, 2, 3, 18, 4, 2, 3]);
    assert_eq!(changes(&values), 3);
}

#[test]
fn runs_amid_packed_levels_begin_where_a_group_ends() {
    let values = [&[1u8, 2, 1, 2, 1, 2, 1, 2][..], &[2; 30], &[1, 2, 1]].concat();
    let mut out = Vec::new();
    pack_levels(&values, 2, &mut out);
    let numbers: Vec<u32> = values.iter().map(|&value| value.into()).collect();
    assert_eq!(out, encoded(&numbers, 2));
}

#[test]
fn runs_of_every_length_are_found() {
    for run in 1..140 {
        let values = [vec![3u8; run], vec![5; 2]].concat();
        assert_eq!(run_of_bytes(&values), run);
        assert_eq!(run_of_bytes(&values[..run]), run);
        let mut out = Vec::new();
        put_run_of_bytes(3, run, &mut out);
        let mut expected = Vec::new();
        put_run(3, run, 2, &mut expected);
        assert_eq!(out, expected);
    }
}

#[test]
fn codes_of_whole_bytes_are_those_bytes() {
    for bytes in 1..=4usize {
        let values: Vec<u32> = (0..13).map(|i| (i * 19) << (8 * (bytes - 1))).collect();
        let out = encoded(&values, bytes as u8 * 8);
        let plain: Vec<u8> =
            values.iter().flat_map(|v| v.to_le_bytes().into_iter().take(bytes)).collect();
        assert_eq!(out[1..=plain.len()], plain);
        assert_eq!(out.len(), 1 + 16 * bytes);
    }
}
