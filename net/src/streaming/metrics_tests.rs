use super::*;

#[test]
fn a_range_query_becomes_parameters_in_nanoseconds() {
    let request = QueryRangeRequest {
        query: "{ } | rate()".to_owned(),
        start: 1_700_000_000_000_000_000,
        end: 1_700_000_060_000_000_000,
        step: 15_000_000_000,
        exemplars: 5,
        max_series: 7,
    };
    let params = range_params(request);
    let all: Vec<_> = params.iter().collect();
    let expected = [
        ("q", "{ } | rate()"),
        ("start", "1700000000000000000"),
        ("end", "1700000060000000000"),
        ("step", "15000000000ns"),
        ("exemplars", "5"),
        ("maxSeries", "7"),
    ];
    assert_eq!(all, expected);
}

#[test]
fn what_is_zero_is_left_to_the_server() {
    let request = QueryRangeRequest { query: "{ } | rate()".to_owned(), ..Default::default() };
    assert_eq!(range_params(request).iter().count(), 1);
}
