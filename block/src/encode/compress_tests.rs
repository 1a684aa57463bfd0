use super::*;

#[test]
fn frames_one_after_the_other_are_one_stream() {
    let (mut frames, mut out) = (Frames::new(LEVEL_OF_VALUES), Vec::new());
    let stored: Vec<u8> =
        (0..300_000_u32).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 13) as u8).collect();
    frames.put(b"levels levels levels levels", &mut out).unwrap();
    put_stored(&stored, &mut out);
    frames.put(b"", &mut out).unwrap();
    put_stored(b"x", &mut out);
    let plain = zstd::bulk::decompress(&out, 400_000).unwrap();
    assert_eq!(plain, [b"levels levels levels levels", stored.as_slice(), b"x"].concat());
    assert!(out.len() < stored.len() + 100);
}
