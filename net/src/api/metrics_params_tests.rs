use super::*;

const NOW: u64 = 2_000_000_000 * SECOND;
const RATE: &str = "q=%7B%7D%7Crate()";

fn settings() -> MetricsSettings {
    MetricsSettings::default()
}

fn range(params: &str) -> Result<MetricsRequest, String> {
    let params = Params::parse(&format!("{RATE}&{params}"));
    let query = MetricsQuery::of_range(&params).map_err(text)?;
    query.range(&settings(), NOW).map_err(text)
}

fn text(failure: Failure) -> String {
    assert_eq!(failure.status.as_u16(), 400);
    failure.message.into_owned()
}

fn refused(params: &str, expected: &str) {
    match range(params) {
        Ok(_) => panic!("{params} was taken"),
        Err(text) => assert!(text.contains(expected), "{params}: {text}"),
    }
}

/// First and last sample in seconds, and the step in milliseconds.
fn axis_of(params: &str) -> (i64, i64, u64) {
    let axis = range(params).unwrap().axis;
    let last = axis.timestamp_ms(axis.intervals() - 1);
    (axis.timestamp_ms(0) / 1000, last / 1000, axis.step_nanos() / 1_000_000)
}

#[test]
fn the_default_range_is_the_last_hour_without_its_end() {
    assert_eq!(axis_of(""), (1_999_996_395, 1_999_999_965, 15_000));
    assert_eq!(axis_of("since=5m"), (1_999_999_700, 1_999_999_970, 1_000));
    assert_eq!(axis_of("end=1700003600"), (1_700_000_000 / 15 * 15, 1_700_003_610, 15_000));
    assert_eq!(axis_of("end=1700000300&since=5m&step=10"), (1_700_000_000, 1_700_000_300, 10_000));
}

#[test]
fn times_may_be_seconds_nanoseconds_fractions_or_dates() {
    let expected = (1_700_000_000, 1_700_000_010, 1_000);
    let step = "step=1";
    assert_eq!(axis_of(&format!("start=1700000000&end=1700000010&{step}")), expected);
    let nanos = "start=1700000000000000000&end=1700000010000000000";
    assert_eq!(axis_of(&format!("{nanos}&{step}")), expected);
    assert_eq!(axis_of(&format!("start=1700000000.5&end=1700000009.25&{step}")), expected);
    let dates = "start=2023-11-14T22:13:20Z&end=2023-11-14T22:13:30.000000000Z";
    assert_eq!(axis_of(&format!("{dates}&{step}")), expected);
    refused("start=yesterday", "invalid start: ");
    refused("end=-5", "invalid end: ");
    refused("start=99999999999999999999999", "invalid start: ");
}

#[test]
fn steps_are_seconds_or_durations() {
    let around = "start=1700000000&end=1700000600";
    for (step, millis) in [("30s", 30_000), ("5m", 300_000), ("2", 2_000), ("0.5", 500)] {
        assert_eq!(axis_of(&format!("{around}&step={step}")).2, millis, "{step}");
    }
    assert_eq!(axis_of(around).2, 2_000);
    refused(&format!("{around}&step=-1"), "invalid step: must not be negative");
    refused(&format!("{around}&step=-1s"), "invalid step: must not be negative");
    refused(&format!("{around}&step=x"), "invalid step: ");
    refused(&format!("{around}&step=0"), "step of 0s is too small");
    refused(&format!("{around}&step=1ms"), "minimum step for given range is 60ms");
}

#[test]
fn ranges_are_checked() {
    refused("start=7&end=7", "end must be greater than start");
    refused("start=8&end=7", "end must be greater than start");
    refused("start=1&end=86402", "exceeds the maximum allowed duration of 24h0m0s");
    refused("since=0s", "invalid since: must be positive");
    refused("since=1x", "invalid since: ");
}

#[test]
fn numbers_are_capped_by_the_configuration() {
    let (none, some) = (range("").unwrap(), range("exemplars=7&maxSeries=3").unwrap());
    assert_eq!((none.exemplars, none.series_max), (100, 0));
    assert_eq!((some.exemplars, some.series_max), (7, 3));
    assert_eq!(range("exemplars=1000").unwrap().exemplars, 100);
    refused("exemplars=-1", "invalid exemplars: ");
    refused("maxSeries=x", "invalid maxSeries: ");
    let params = Params::parse(&format!("{RATE}&maxSeries=30"));
    let settings = MetricsSettings { series_max: 20, ..settings() };
    let query = MetricsQuery::of_range(&params).unwrap();
    assert_eq!(query.range(&settings, NOW).unwrap().series_max, 20);
}

#[test]
fn queries_are_refused_as_each_endpoint_says_it() {
    let said = |params: &str, is_instant: bool| {
        let params = Params::parse(params);
        let query = MetricsQuery::of_instant(&params).unwrap();
        let request = if is_instant {
            query.instant(&settings(), NOW)
        } else {
            query.range(&settings(), NOW)
        };
        text(request.unwrap_err())
    };
    assert!(said("", false).starts_with("parse error"));
    assert!(said("", true).starts_with("compiling query: parse error"));
    assert!(said("q=%7B", false).starts_with("parse error at line 1, col 2"));
    assert_eq!(said("query=%7B%7D", false), "not a metrics query");
    let text = "compiling query: limit must be greater than 0";
    assert_eq!(said(&format!("{RATE}%7Ctopk(0)"), false), text);
    let long = format!("q={}", "x".repeat(200_000));
    assert!(said(&long, false).contains("exceeds the configured maximum size of 131072 bytes"));
}
