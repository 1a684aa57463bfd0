use super::*;

fn text(json: &[u8]) -> &str {
    std::str::from_utf8(json).expect("UTF-8")
}

fn value(kind: &'static str, value: &'static str) -> TagValue {
    TagValue {
        kind: Bytes::from_static(kind.as_bytes()),
        value: Bytes::from_static(value.as_bytes()),
    }
}

#[test]
fn lists_are_there_even_if_they_are_empty() {
    let metrics = Some(MetadataMetrics { inspected_bytes: 7, total_jobs: 2, ..Default::default() });
    let names = SearchTagsResponse { tag_names: Vec::new(), metrics };
    let json = r#"{"tagNames":[],"metrics":{"inspectedBytes":"7","totalJobs":2}}"#;
    assert_eq!(text(&tag_names_v1(&names)), json);
    assert_eq!(text(&tag_names_v2(&SearchTagsV2Response::default())), r#"{"scopes":[]}"#);
    assert_eq!(text(&tag_values_v1(&SearchTagValuesResponse::default())), r#"{"tagValues":[]}"#);
}

#[test]
fn values_have_types_and_an_empty_one_is_left_out() {
    let tag_values = vec![value("string", ""), value("string", "a\"b"), value("int", "5")];
    let answer = SearchTagValuesV2Response { tag_values, metrics: None };
    assert_eq!(
        text(&tag_values_v2(&answer)),
        concat!(
            r#"{"tagValues":[{"type":"string"},{"type":"string","value":"a\"b"},"#,
            r#"{"type":"int","value":"5"}]}"#
        )
    );
    assert_eq!(
        text(&tag_values_llm(&answer)),
        r#"{"tagValues":{"string":["","a\"b"],"int":["5"]}}"#
    );
}

#[test]
fn names_are_grouped_by_scope() {
    let scope = TagScope { name: "span".to_owned(), tags: vec![Bytes::from_static(b"a")] };
    let answer = SearchTagsV2Response { scopes: vec![scope], metrics: None };
    assert_eq!(text(&tag_names_v2(&answer)), r#"{"scopes":[{"name":"span","tags":["a"]}]}"#);
}
