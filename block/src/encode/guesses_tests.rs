use prost::Message;
use stringendo_proto::otlp::{AnyValue, KeyValue, Value};

use super::*;

fn attribute(key: &str, value: Value) -> Vec<u8> {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned().into(), value }.encode_to_vec()
}

fn text(key: &str, value: &str) -> Vec<u8> {
    attribute(key, Value::String(value.to_owned().into()))
}

#[test]
fn nothing_is_guessed_before_there_was_an_attribute() {
    let mut guesses = Guesses::default();
    let guess = guesses.get(GuessPlace::of(3, 1, 0).unwrap());
    for body in [&b""[..], b"\n", &text("", ""), &text("a", "b")] {
        assert!(!guess.is(body) && guess.behind_key(body).is_none(), "{body:?}");
    }
}

#[test]
fn the_same_bytes_are_the_same_attribute_and_others_may_have_the_same_key() {
    let (mut guess, first) = (NO_GUESS, text("http.method", "GET"));
    guess.set(&first, (7, 8, b"http.method"), LISTED, Known(9));
    assert!(guess.is(&first));
    let other = text("http.method", "PUT");
    assert!(!guess.is(&other));
    assert_eq!(guess.behind_key(&other), other.get(13..));
    assert_eq!((guess.key, guess.key_code, guess.known), (7, 8, Known(9)));
    assert!(guess.behind_key(&text("http.methoc", "GET")).is_none());
    assert!(guess.behind_key(&text("http.method2", "GET")).is_none());
    guess.set_value(&other, Known(10));
    assert!(guess.is(&other) && !guess.is(&first));
    guess.set_value(&attribute("http.method", Value::Int(5)), Known::NOTHING);
    assert!(!guess.is(&other) && guess.behind_key(&first).is_some());
}

#[test]
fn a_long_value_is_not_kept_but_its_key_is() {
    let (mut guess, body) = (NO_GUESS, text("key", &"long".repeat(20)));
    guess.set(&body, (1, 1, b"key"), LISTED, Known(1));
    assert!(!guess.is(&body));
    assert_eq!(guess.behind_key(&body), body.get(5..));
    let mut guess = NO_GUESS;
    let key = "k".repeat(BYTES_MAX);
    guess.set(&text(&key, "v"), (1, 1, key.as_bytes()), LISTED, Known(1));
    assert!(guess.behind_key(&text(&key, "v")).is_none());
}

#[test]
fn a_key_that_does_not_come_first_is_not_guessed() {
    // Value first, then the key; and two keys, of which the last counts.
    let (key, value) = (&b"\x0a\x01k"[..], &b"\x12\x03\x0a\x01v"[..]);
    for body in [[value, key].concat(), [b"\x0a\x01x", key, value].concat()] {
        let mut guess = NO_GUESS;
        guess.set(&body, (1, 1, b"k"), LISTED, Known(1));
        assert!(guess.is(&body));
        assert!(guess.behind_key(&body).is_none(), "{body:?}");
    }
}

#[test]
fn short_strings_are_compared_to_their_last_byte() {
    for len in 0..40 {
        let a: Vec<u8> = (0..len).collect();
        assert!(is_same(&a, &a.clone()));
        for at in 0..a.len() {
            let mut b = a.clone();
            b[at] ^= 0x80;
            assert!(!is_same(&a, &b), "length {len}, byte {at}");
        }
    }
}
