use super::*;

#[test]
fn each_unit_is_read() {
    assert_eq!(parse("2H"), Some(Duration::from_secs(7200)));
    assert_eq!(parse("2M"), Some(Duration::from_secs(120)));
    assert_eq!(parse("10S"), Some(Duration::from_secs(10)));
    assert_eq!(parse("99999999m"), Some(Duration::from_millis(99_999_999)));
    assert_eq!(parse("5u"), Some(Duration::from_micros(5)));
    assert_eq!(parse("5n"), Some(Duration::from_nanos(5)));
}

#[test]
fn nonsense_is_no_timeout() {
    for text in ["", "S", "5", "5s", "-5S", "+5S", "123456789S", "1.5S", "ä", "5ä"] {
        assert_eq!(parse(text), None, "{text}");
    }
}
