use proptest::prelude::*;

use super::*;

/// Answers that are there at once need no runtime.
fn read_all(mut bytes: &[u8]) -> io::Result<Answer> {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    let mut reading = pin!(read(&mut bytes));
    match reading.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("slices are always ready"),
    }
}

#[test]
fn commands_are_what_memcached_takes() {
    assert_eq!(get("a:b"), b"mg a:b v\r\n");
    assert_eq!(set("k", b"\r\n", Duration::ZERO), b"ms k 2\r\n\r\n\r\n");
    assert_eq!(set("k", b"x", Duration::from_millis(1500)), b"ms k 1 T1\r\nx\r\n");
    assert_eq!(set("k", b"x", Duration::from_millis(15)), b"ms k 1 T1\r\nx\r\n");
}

#[test]
fn answers_are_values_or_none_or_refusals() {
    for (bytes, answer) in [
        (&b"VA 4\r\na\r\nb\r\n"[..], Answer::Value(Bytes::from_static(b"a\r\nb"))),
        (b"VA 0 t-1\r\n\r\n", Answer::Value(Bytes::new())),
        (b"EN\r\n", Answer::Nothing),
        (b"HD\r\n", Answer::Done),
        (b"NS\r\n", Answer::Refused("NS".to_owned())),
        (b"SERVER_ERROR out of memory\r\n", Answer::Refused("SERVER_ERROR out of memory".into())),
    ] {
        assert_eq!(read_all(bytes).unwrap(), answer);
    }
}

#[test]
fn what_is_cut_off_too_long_or_no_answer_is_an_error() {
    for bytes in [
        &b""[..],
        b"V",
        b"VA 4\r\nabc\r\n",
        b"VA 4\r\nabcdef",
        b"VA 4\r\nabcdefgh",
        b"VA -1\r\n\r\n",
        b"VA 99999999999999999999\r\n",
        b"VA 134217729\r\n",
        b"VA\r\n",
        &[b'x'; 5000],
    ] {
        assert!(read_all(bytes).is_err(), "{:?}", String::from_utf8_lossy(bytes));
    }
}

/// Answers, and what looks like them.
fn almost_an_answer() -> impl Strategy<Value = Vec<u8>> {
    let word =
        prop::sample::select(vec!["VA", "VA 3", "VA 134217728", "EN", "HD", " ", "\r\n", "x"]);
    let any_bytes = prop::collection::vec(any::<u8>(), 0..8);
    let piece = prop_oneof![word.prop_map(|word| word.as_bytes().to_vec()), any_bytes];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_an_error(bytes in almost_an_answer()) {
        if let Ok(Answer::Value(value)) = read_all(&bytes) {
            let has_it = bytes.windows(value.len().max(1)).any(|part| part == &value[..]);
            prop_assert!(has_it || value.is_empty());
        }
    }

    #[test]
    fn a_value_comes_as_it_was_sent(value in prop::collection::vec(any::<u8>(), 0..5000)) {
        let head = format!("VA {} k t9\r\n", value.len());
        let answer = [head.as_bytes(), &value, b"\r\nEN\r\n"].concat();
        prop_assert_eq!(read_all(&answer).unwrap(), Answer::Value(value.into()));
    }
}
