use super::{format, parse};
use std::time::Duration;

#[test]
fn go_and_prometheus_forms_are_both_read() {
    for (text, ms) in [
        ("0", 0),
        ("0s", 0),
        ("0h", 0),
        ("500ms", 500),
        ("1.5s", 1500),
        (".5s", 500),
        ("30s", 30_000),
        ("1h30m", 5_400_000),
        ("1h30m0.5s", 5_400_500),
        ("336h", 336 * 3_600_000),
        ("1d", 86_400_000),
        ("2w", 14 * 86_400_000),
        ("1w2d", 9 * 86_400_000),
        ("1y", 365 * 86_400_000),
        ("+5m", 300_000),
    ] {
        assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
    }
}

#[test]
fn small_units_are_exact() {
    assert_eq!(parse("100us").unwrap(), Duration::from_micros(100));
    assert_eq!(parse("100µs").unwrap(), Duration::from_micros(100));
    assert_eq!(parse("1.000000001s").unwrap(), Duration::from_nanos(1_000_000_001));
    assert_eq!(parse("7ns").unwrap(), Duration::from_nanos(7));
}

#[test]
fn text_that_is_no_duration_is_refused_with_the_reason() {
    for text in ["", "5", "5 m", "m", "-5s", "5x", "1.2.3s", ".s", "9999999999h", "1h-5m", "1e3s"] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(text) && error.contains("is not a duration"), "{error}");
    }
}

#[test]
fn durations_are_written_as_go_writes_them() {
    for (text, written) in [
        ("0", "0s"),
        ("5s", "5s"),
        ("90s", "1m30s"),
        ("1h", "1h0m0s"),
        ("1d", "24h0m0s"),
        ("500ms", "500ms"),
        ("1500us", "1.5ms"),
        ("1.5s", "1.5s"),
        ("7ns", "7ns"),
    ] {
        assert_eq!(format(parse(text).unwrap()), written);
    }
}
