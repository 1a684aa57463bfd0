use super::*;

#[test]
fn a_struct_is_read_field_by_field_and_unknown_fields_are_skipped() {
    // 1: i32 = -3; 3: list<i32>[1, 2]; 4: bool true; 20: binary "ab".
    let bytes = [0x15, 5, 0x29, 0x25, 2, 4, 0x11, 0x08, 40, 2, b'a', b'b', 0];
    let mut thrift = Thrift::new(&bytes);
    let (mut number, mut text) = (0, &[][..]);
    thrift
        .each_field(|t, id, ty| match id {
            1 => t.int().map(|value| number = value),
            20 => t.binary().map(|value| text = value),
            _ => t.skip(ty),
        })
        .expect("well-formed");
    assert_eq!((number, text), (-3, &b"ab"[..]));
    assert_eq!(thrift.position(), bytes.len());
}

#[test]
fn a_list_longer_than_its_bytes_is_refused_before_anything_is_allocated() {
    let mut thrift = Thrift::new(&[0xf5, 0xff, 0xff, 0xff, 0xff, 0x07, 0]);
    assert_eq!(thrift.list(kind::I32, 1), Err(BadThrift));
}

#[test]
fn nesting_beyond_the_limit_is_refused() {
    let bytes = [0x1c; 1000];
    assert_eq!(Thrift::new(&bytes).skip(kind::STRUCT), Err(BadThrift));
}

#[test]
fn every_cut_of_a_struct_is_an_error_and_no_panic() {
    let bytes = [0x15, 5, 0x29, 0x25, 2, 4, 0x11, 0x08, 40, 2, b'a', b'b', 0];
    for cut in 0..bytes.len() {
        assert_eq!(Thrift::new(&bytes[..cut]).skip(kind::STRUCT), Err(BadThrift));
    }
}
