use super::*;

const NOW: u64 = 1_700_000_000 * SECOND;

fn range(query: &str) -> Result<(u64, u64), Failure> {
    of(&Params::parse(query), &SearchSettings::default(), NOW)
}

#[test]
fn times_have_several_forms() {
    for (text, nanos) in [
        ("1700000000", 1_700_000_000 * SECOND),
        ("1700000000123456789", 1_700_000_000_123_456_789),
        ("1700000000.5", 1_700_000_000_500_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000 * SECOND),
        ("2023-11-14T23:13:20.25%2B01:00", 1_700_000_000_250_000_000),
    ] {
        let params = Params::parse(&format!("start={text}"));
        assert_eq!(instant(&params, "start"), Ok(Some(nanos)), "{text}");
    }
    for text in ["x", "-5", "1.2.3", "2023-11-14", "99999999999999999999999"] {
        let params = Params::parse(&format!("start={text}"));
        assert!(instant(&params, "start").is_err(), "{text}");
    }
}

#[test]
fn ranges_are_those_of_a_search() {
    assert_eq!(range("start=5&end=10"), Ok((5 * SECOND, 10 * SECOND)));
    assert_eq!(range(""), Ok((NOW - 900 * SECOND, NOW)));
    assert_eq!(range("since=1h"), Ok((NOW - 3600 * SECOND, NOW)));
    let error = range("start=10&end=5").expect_err("backwards");
    let text = "http parameter start must be before end. received start=10 end=5";
    assert_eq!(error, Failure::bad(text));
    assert!(range("start=5").is_err());
    assert!(range("start=0&end=700000").is_err(), "more than a week");
}
