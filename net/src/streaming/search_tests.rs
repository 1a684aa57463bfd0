use super::*;

#[test]
fn requests_become_parameters_and_zeros_are_absent() {
    let request = SearchRequest {
        query: "{ .a = 1 }".to_owned(),
        limit: 7,
        start: 10,
        end: 20,
        spans_per_span_set: 5,
        ..SearchRequest::default()
    };
    let params = params(request);
    let all: Vec<_> = params.iter().collect();
    let expected =
        [("q", "{ .a = 1 }"), ("limit", "7"), ("spss", "5"), ("start", "10"), ("end", "20")];
    assert_eq!(all, expected);
}

#[test]
fn tags_are_quoted_as_logfmt_has_them() {
    let tags = [("b", "x y"), ("a", "say \"hi\" \\")];
    let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let params = params(SearchRequest { tags, min_duration_ms: 3, ..SearchRequest::default() });
    assert_eq!(params.get("tags"), Some(r#"a="say \"hi\" \\" b="x y""#));
    assert_eq!(params.get("minDuration"), Some("3ms"));
    assert_eq!(params.get("maxDuration"), None);
}

#[test]
fn a_trace_is_shown_again_only_when_it_changed() {
    let mut shown = Shown::default();
    let mut trace =
        TraceSearchMetadata { trace_id: "a".to_owned(), ..TraceSearchMetadata::default() };
    assert!(shown.is_new(&trace));
    assert!(!shown.is_new(&trace));
    trace.duration_ms = 5;
    assert!(shown.is_new(&trace));
    assert!(!shown.is_new(&trace));
}
