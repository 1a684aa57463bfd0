use super::*;

const NOW: u64 = 2_000_000_000 * SECOND;

fn search(query: &str) -> Result<SearchRequest, String> {
    let settings = SearchSettings::default();
    let failure = |failure: Failure| {
        assert_eq!(failure.status.as_u16(), 400);
        failure.message.into_owned()
    };
    request(&Params::parse(query), &settings, NOW).map_err(failure)
}

fn refused(query: &str, expected: &str) {
    match search(query) {
        Ok(_) => panic!("{query} was taken"),
        Err(text) => assert!(text.contains(expected), "{query}: {text}"),
    }
}

fn range_of(query: &str) -> (u64, u64) {
    let request = search(query).unwrap();
    (request.start_unix_nanos, request.end_unix_nanos)
}

#[test]
fn defaults_are_those_of_the_settings() {
    let request = search("").unwrap();
    assert_eq!((request.limit, request.spans_per_span_set), (20, 3));
    assert_eq!(range_of(""), (NOW - 900 * SECOND, NOW));
}

#[test]
fn limits_are_kept() {
    assert_eq!(search("limit=7&spss=7").unwrap().spans_per_span_set, 7);
    refused("limit=0", "invalid limit: must be a positive number");
    refused("limit=-1", "invalid limit: ");
    refused("limit=262145", "limit 262145 exceeds max limit 262144");
    refused("spss=101", "spans per span set exceeds 100. received 101");
    refused("spss=x", "invalid spss: ");
}

#[test]
fn zero_spans_per_set_are_all_only_where_there_is_no_limit() {
    assert_eq!(search("spss=0").unwrap().spans_per_span_set, 3);
    let settings = SearchSettings { spans_per_span_set_max: 0, ..SearchSettings::default() };
    let all = request(&Params::parse("spss=0"), &settings, NOW).unwrap();
    assert_eq!(all.spans_per_span_set, 0);
    let many = request(&Params::parse("spss=5000"), &settings, NOW).unwrap();
    assert_eq!(many.spans_per_span_set, 5000);
}

#[test]
fn times_come_in_pairs_and_in_order() {
    assert_eq!(range_of("start=5&end=7"), (5 * SECOND, 7 * SECOND));
    refused("start=7&end=7", "start must be before end. received start=7 end=7");
    refused("start=7", "both start and end");
    refused("end=7", "both start and end");
    refused("start=x&end=7", "invalid start: ");
    refused("start=1&end=604802", "exceeds 168h0m0s. received start=1 end=604802");
}

#[test]
fn since_wins_over_start_and_end() {
    assert_eq!(range_of("since=1d&start=5&end=7"), (NOW - 86_400 * SECOND, NOW));
    refused("since=8d", "exceeds 168h0m0s");
    refused("since=0", "invalid since: must be positive");
    refused("since=1.5h", "invalid since: ");
}

#[test]
fn a_query_and_tags_exclude_each_other() {
    refused("q=%7B%7D&tags=a%3Db", "can't specify tags and q");
}

#[test]
fn queries_are_compiled() {
    assert!(search("q=%7B%20name%20%3D%20%22a%22%20%7D").is_ok());
    refused("q=%7B", "invalid TraceQL query: parse error");
    let long = format!("q={}", "x".repeat(131_073));
    refused(&long, "exceeds the configured maximum size of 131072 bytes");
}

#[test]
fn tags_are_logfmt() {
    assert!(search("tags=service.name%3Dshop%20x%3D%22a%20b%22").is_ok());
    refused("tags=a%3Db%20a%3Dc", "has been set more than once");
    refused("tags=%3Db", "logfmt syntax error at pos 1");
}

#[test]
fn unknown_parameters_are_tags_only_without_known_ones() {
    assert!(search("service.name=shop&limit=5").is_ok());
    assert!(search("service.name=shop&start=1&end=2").is_ok());
}

#[test]
fn durations_bound_traces() {
    assert!(search("minDuration=100ms&maxDuration=1m30s").is_ok());
    refused("minDuration=1", "invalid minDuration: time: missing unit in duration \"1\"");
    refused("maxDuration=-1s", "invalid maxDuration: must not be negative");
    let text = "invalid maxDuration: must be greater than minDuration";
    refused("minDuration=2s&maxDuration=1s", text);
    refused("q=%7B%7D&minDuration=2s&maxDuration=1s", text);
}
