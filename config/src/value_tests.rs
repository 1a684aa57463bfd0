use super::{FromNode, Kind};
use crate::node::{Node, Place, Value};

fn plain(text: &str) -> Node {
    Node::plain(text, Place::Line(1))
}

fn quoted(text: &str) -> Node {
    Node { value: Value::Scalar { text: text.to_owned(), plain: false }, place: Place::Line(1) }
}

#[test]
fn whole_floats_and_other_radixes_are_integers() {
    for (text, number) in [
        ("1048576", 1_048_576),
        ("1.073741824e+09", 1_073_741_824),
        ("5e9", 5_000_000_000),
        ("0x10", 16),
        ("1_000", 1000),
        ("0", 0),
    ] {
        assert_eq!(u64::from_node(&plain(text)), Ok(number), "{text}");
    }
    assert_eq!(i64::from_node(&plain("-1")), Ok(-1));
}

#[test]
fn quoted_fractional_and_negative_numbers_are_not_sizes() {
    for node in [quoted("1"), plain("1.5"), plain("-1"), plain("many"), plain("inf")] {
        assert!(u64::from_node(&node).is_err(), "{node:?}");
    }
    assert_eq!(
        u16::from_node(&quoted("3200")),
        Err("expected an integer from 0 to 65535, found the text \"3200\"".to_owned())
    );
    assert!(u16::from_node(&plain("70000")).is_err());
}

#[test]
fn booleans_are_the_words_of_yaml_unless_quoted() {
    for word in ["true", "True", "yes", "on"] {
        assert_eq!(bool::from_node(&plain(word)), Ok(true));
    }
    assert_eq!(bool::from_node(&plain("off")), Ok(false));
    assert!(bool::from_node(&quoted("true")).is_err());
    assert!(bool::from_node(&plain("1")).is_err());
}

#[test]
fn numbers_are_good_as_text_and_null_is_good_as_anything() {
    assert_eq!(String::from_node(&plain("123")), Ok("123".to_owned()));
    let null = Node { value: Value::Null, place: Place::Line(1) };
    for kind in [Kind::Bool, Kind::Size, Kind::Texts, Kind::Span, Kind::Address] {
        assert_eq!(kind.check(&null), Ok(()));
    }
}
