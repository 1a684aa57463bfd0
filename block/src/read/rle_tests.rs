use super::*;

fn decode(bytes: &[u8], bit_width: u8, count: usize) -> Result<Vec<u32>, BadPage> {
    let mut out = Vec::new();
    decode_hybrid(bytes, bit_width, count, &mut out).map(|()| out)
}

#[test]
fn runs_and_bit_packed_groups_follow_each_other() {
    // A run of five 2s, then one group of eight values 0..8 of three bits.
    let bytes = [10, 2, 3, 0x88, 0xc6, 0xfa];
    let expected = [2, 2, 2, 2, 2, 0, 1, 2, 3, 4, 5, 6, 7];
    assert_eq!(decode(&bytes, 3, 13).as_deref(), Ok(&expected[..]));
}

#[test]
fn a_cut_stream_is_an_error() {
    for cut in 0..6 {
        let bytes = [10, 2, 3, 0x88, 0xc6, 0xfa];
        assert!(decode(&bytes[..cut], 3, 13).is_err(), "cut at {cut}");
    }
}

#[test]
fn an_empty_run_is_an_error_and_no_endless_loop() {
    assert!(decode(&[0, 0, 0, 0], 1, 1).is_err());
    assert!(decode(&[1, 0, 0, 0], 1, 1).is_err());
}

#[test]
fn values_of_zero_bits_take_no_bytes() {
    assert_eq!(decode(&[8], 0, 4).as_deref(), Ok(&[0, 0, 0, 0][..]));
}

#[test]
fn wide_values_are_unpacked_across_word_borders() {
    let values: Vec<u64> =
        (0..20).map(|at| (at * 0x0123_4567_89ab_cdef) & ((1 << 61) - 1)).collect();
    let mut bits: Vec<bool> = Vec::new();
    for value in &values {
        bits.extend((0..61).map(|bit| value >> bit & 1 == 1));
    }
    let bytes: Vec<u8> = bits
        .chunks(8)
        .map(|chunk| chunk.iter().enumerate().map(|(at, bit)| u8::from(*bit) << at).sum())
        .collect();
    let mut out = Vec::new();
    unpack(&bytes, 61, 20, |value| out.push(value));
    assert_eq!(out, values);
}

#[test]
fn eight_at_a_time_is_the_same_as_one_by_one() {
    let bytes: Vec<u8> =
        (0..400_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for width in 1..=32_u8 {
        for count in [0, 1, 7, 8, 9, 64, 65, 95] {
            // With and without bytes behind the last value.
            for spare in [0, 3, 40] {
                let needed = (count * usize::from(width)).div_ceil(8) + spare;
                let bytes = &bytes[..needed.min(bytes.len())];
                let mut expected = Vec::new();
                unpack(bytes, width, count, |value| expected.push(value as u32));
                let mut wide = vec![0_u32; count];
                u32::unpack_into(bytes, width, &mut wide);
                assert_eq!(wide, expected, "{width} bits, {count} values");
                if width <= 8 {
                    let mut narrow = vec![0_u8; count];
                    u8::unpack_into(bytes, width, &mut narrow);
                    assert!(narrow.iter().zip(&expected).all(|(a, b)| u32::from(*a) == *b));
                }
            }
        }
    }
}

/// Some numbers below `below`, now in runs, now not.
fn some(seed: u64, below: u64, count: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut values = Vec::new();
    while values.len() < count {
        let run = if next() % 3 == 0 { next() % 60 } else { 1 };
        let value = (next() % below) as u8;
        values.extend(std::iter::repeat_n(value, run as usize));
    }
    values.truncate(count);
    values
}

#[test]
fn ranges_of_a_stream_are_those_of_all_values() {
    for (seed, width) in (0..40).zip((1..=8_u8).cycle()) {
        let values = some(seed, 1 << width, 700);
        let mut bytes = Vec::new();
        crate::encode::rle::encode_levels(&values, width, &mut bytes);
        let starts = [0, 1, 9, 64, 65, 200, 333, 640, 700];
        let ranges: Vec<_> = starts.windows(2).map(|at| at[0]..(at[0] + at[1]) / 2).collect();
        let mut found: Vec<u8> = Vec::new();
        decode_hybrid_ranges(&bytes, width, values.len(), &ranges, &mut found).unwrap();
        let expected: Vec<u8> =
            ranges.iter().flat_map(|range| &values[range.clone()]).copied().collect();
        assert_eq!(found, expected, "seed {seed}, width {width}");
    }
}

#[test]
fn values_are_counted_as_if_they_were_unpacked() {
    for (seed, width) in (0..40).zip((1..=8_u8).cycle()) {
        let values = some(seed, 1 << width, 500);
        let mut bytes = Vec::new();
        crate::encode::rle::encode_levels(&values, width, &mut bytes);
        let mut stretches = Stretches::new(&bytes, width, values.len()).unwrap();
        let mut at = 0;
        while let Some(stretch) = stretches.next().unwrap() {
            let length = stretch.length();
            for range in [0..length, 0..length / 2, length / 3..length, length / 3..length / 2] {
                let wanted = values[at];
                let here = &values[at..][range.clone()];
                let expected = here.iter().filter(|value| **value == wanted).count();
                assert_eq!(stretch.count(width, range, wanted), expected, "seed {seed}");
            }
            at += length;
        }
        assert_eq!(at, values.len());
    }
}
