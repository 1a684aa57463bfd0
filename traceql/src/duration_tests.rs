use super::*;
use proptest::prelude::*;

#[test]
fn go_durations_are_read() {
    for (text, nanos) in [
        ("0", 0),
        ("100ms", 100_000_000),
        ("1m30s", 90_000_000_000),
        ("1.5h", 5_400_000_000_000),
        ("15m15m", 1_800_000_000_000),
        ("4ms3us", 4_003_000),
        ("2.5µs", 2_500),
        ("-.5s", -500_000_000),
    ] {
        assert_eq!(parse_go(text), Ok(nanos), "{text}");
    }
}

#[test]
fn what_is_no_go_duration_is_refused_with_the_reason() {
    assert_eq!(parse_go("").unwrap_err().to_string(), "time: invalid duration \"\"");
    assert_eq!(parse_go("5").unwrap_err().to_string(), "time: missing unit in duration \"5\"");
    assert_eq!(
        parse_go("4sec").unwrap_err().to_string(),
        "time: unknown unit \"sec\" in duration \"4sec\""
    );
    for text in ["ms", "1..5s", "-", "9999999999h", "1 s", "2d"] {
        assert!(parse_go(text).is_err(), "{text}");
    }
}

#[test]
fn prometheus_durations_have_whole_descending_parts() {
    assert_eq!(parse_prometheus("1w2d3h"), Ok((9 * 24 + 3) * HOUR));
    assert_eq!(parse_prometheus("1s5ms"), Ok(1_005_000_000));
    for text in ["", "1h1d", "1.5h", "15m15m", "1", "h", "400y", "5us"] {
        assert!(parse_prometheus(text).is_err(), "{text}");
    }
}

#[test]
fn durations_print_as_go_prints_them() {
    for (nanos, text) in [
        (0, "0s"),
        (5_000, "5µs"),
        (20_000_000, "20ms"),
        (1_500_000_000, "1.5s"),
        (90_000_000_000, "1m30s"),
        (5_400_000_000_000, "1h30m0s"),
        (3_600_000_000_001, "1h0m0.000000001s"),
        (-1_100_000, "-1.1ms"),
        (i64::MIN, "-2562047h47m16.854775808s"),
    ] {
        assert_eq!(format_go(nanos), text);
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(nanos in -i64::MAX..i64::MAX) {
        prop_assert_eq!(parse_go(&format_go(nanos)), Ok(nanos));
    }

    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = parse_go(&text);
        let _ = parse_prometheus(&text);
    }
}
