use super::*;

#[test]
fn names_of_encodings_are_known() {
    assert_eq!(Coding::parse("").unwrap(), Coding::Identity);
    assert_eq!(Coding::parse("gzip").unwrap(), Coding::Gzip);
    assert_eq!(Coding::parse("x-snappy-framed").unwrap(), Coding::Snappy);
    let refusal = Coding::parse("lz4").unwrap_err();
    assert_eq!((refusal.http.as_u16(), refusal.code as i32), (400, 12));
}

#[test]
fn a_size_that_lies_is_not_believed() {
    let mut body = vec![0; 16];
    body[12..].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(guess(Coding::Gzip, &body), 16 * DEFLATE_RATIO_MAX);
    assert_eq!(guess(Coding::Gzip, b"x"), 4);
    assert_eq!(guess(Coding::Zstd, &body), 64);
}

#[test]
fn zlib_is_told_from_raw_deflate() {
    assert!(is_zlib(&[0x78, 0x9c, 1]));
    assert!(is_zlib(&[0x78, 0x01]));
    assert!(!is_zlib(&[0xed, 0x9c]));
    // The decoder says what is wrong with it.
    assert!(is_zlib(&[]));
}
