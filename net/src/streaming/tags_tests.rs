use super::*;

#[test]
fn a_question_for_names_becomes_parameters_and_zeros_are_absent() {
    let request = SearchTagsRequest {
        scope: "span".to_owned(),
        query: "{ .a = 1 }".to_owned(),
        start: 10,
        end: 20,
        max_tags_per_scope: 5,
        stale_values_threshold: 0,
    };
    let params = names_params(request);
    let all: Vec<_> = params.iter().collect();
    let expected =
        [("q", "{ .a = 1 }"), ("start", "10"), ("end", "20"), ("scope", "span"), ("limit", "5")];
    assert_eq!(all, expected);
}

#[test]
fn a_question_for_values_becomes_parameters() {
    let request = SearchTagValuesRequest {
        tag_name: "span.a".to_owned(),
        max_tag_values: 7,
        stale_value_threshold: 9,
        ..SearchTagValuesRequest::default()
    };
    let params = values_params(request);
    assert_eq!(params.iter().collect::<Vec<_>>(), [("limit", "7"), ("maxStaleValues", "9")]);
}
