use super::*;

fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
}

#[test]
fn accept_is_tested_by_substring_and_protobuf_first() {
    let format = |value| Format::of(&headers(header::ACCEPT, value));
    assert_eq!(format("application/json, application/protobuf;q=0.1"), Format::Protobuf);
    assert_eq!(format("xapplication/protobufx"), Format::Protobuf);
    assert_eq!(format("application/json"), Format::Json);
    assert_eq!(format("application/vnd.grafana.llm"), Format::Llm);
    assert_eq!(format("application/vnd.grafana.llm, application/json"), Format::Json);
    let llm = headers(header::ACCEPT, "application/vnd.grafana.llm");
    assert_eq!(Format::without_llm(&llm), Format::Json);
    assert_eq!(format("*/*"), Format::Json);
    assert_eq!(Format::of(&HeaderMap::new()), Format::Json);
}

#[test]
fn gzip_is_taken_unless_it_weighs_nothing() {
    let takes = |value| takes_gzip(&headers(header::ACCEPT_ENCODING, value));
    assert!(takes("gzip"));
    assert!(takes("br, GZIP;q=0.5"));
    assert!(!takes("br, gzip;q=0"));
    assert!(!takes("x-gzip-not, identity"));
}
