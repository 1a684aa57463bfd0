use proptest::prelude::*;

use super::*;

fn written(put: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    put(&mut out);
    String::from_utf8(out).unwrap()
}

fn double(number: f64) -> String {
    written(|out| put_f64(out, number))
}

#[test]
fn doubles_are_written_as_tempo_writes_them() {
    let cases = [
        (0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.3333333333333333, "0.3333333333333333"),
        (5e-324, "5e-324"),
        (1e308, "1e+308"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (-0.0, "-0"),
        (f64::NAN, r#""NaN""#),
        (f64::INFINITY, r#""Infinity""#),
        (f64::NEG_INFINITY, r#""-Infinity""#),
    ];
    for (number, expected) in cases {
        assert_eq!(double(number), expected);
    }
}

#[test]
fn each_byte_that_is_not_utf8_becomes_a_replacement_character() {
    let string = |text: &[u8]| written(|out| put_string(out, text));
    assert_eq!(string(b"a\xe2\x98b\xff"), "\"a\u{fffd}\u{fffd}b\u{fffd}\"");
    assert_eq!(string("é☃😀".as_bytes()), "\"é☃😀\"");
    assert_eq!(string(b"\"\\\n\r\t\x01"), r#""\"\\\n\r\t\u0001""#);
}

#[test]
fn zero_values_are_left_out() {
    let text = written(|out| {
        let mut object = Object::begin(out);
        object.string_unless_empty("a", b"");
        object.base64_unless_empty("b", b"");
        object.u32_unless_zero("c", 0);
        object.u64_unless_zero("d", 0);
        object.enum_unless_zero("e", 0, &["ZERO"]);
        object.list_unless_empty("f", &[] as &[u8], |_, _| ());
        object.message_if_set("g", None::<u8>, |_, _| ());
        object.end();
    });
    assert_eq!(text, "{}");
}

#[test]
fn enums_without_a_name_are_numbers() {
    let text = written(|out| {
        let mut object = Object::begin(out);
        object.enum_unless_zero("a", 1, &["ZERO", "ONE"]);
        object.enum_unless_zero("b", 2, &["ZERO", "ONE"]);
        object.enum_unless_zero("c", -1, &["ZERO", "ONE"]);
        object.end();
    });
    assert_eq!(text, r#"{"a":"ONE","b":2,"c":-1}"#);
}

proptest! {
    #[test]
    fn doubles_and_strings_read_back_the_same(bits: u64, text: String) {
        let number = f64::from_bits(bits);
        if number.is_finite() {
            let read: f64 = serde_json::from_str(&double(number)).unwrap();
            prop_assert_eq!(read.to_bits(), bits);
        }
        let string = written(|out| put_string(out, text.as_bytes()));
        prop_assert_eq!(serde_json::from_str::<String>(&string).unwrap(), text);
    }
}
