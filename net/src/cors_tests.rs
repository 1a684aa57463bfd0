use super::*;

#[test]
fn an_origin_fits_its_pattern() {
    assert!(fits("https://a.example", "https://A.example"));
    assert!(fits("https://*.example", "https://b.example"));
    assert!(fits("*", "anything"));
    assert!(!fits("https://*.example", "https://example"));
    assert!(!fits("ab*ba", "aba"));
    assert!(!fits("https://a.example", "http://a.example"));
}

#[test]
fn headers_are_allowed_by_name_in_any_case() {
    let cors = Cors { allowed_headers: vec!["X-Mine".to_owned()], ..Cors::default() };
    assert!(are_allowed(&cors, &HeaderValue::from_static("content-type, x-mine")));
    assert!(!are_allowed(&cors, &HeaderValue::from_static("content-type, x-other")));
    let any = Cors { allowed_headers: vec!["*".to_owned()], ..Cors::default() };
    assert!(are_allowed(&any, &HeaderValue::from_static("x-other")));
}

#[test]
fn a_preflight_is_an_options_request_that_asks_for_a_method() {
    let cors = Cors { allowed_origins: vec!["*".to_owned()], ..Cors::default() };
    let request = |method, asks: bool| {
        let mut request = Request::builder().method(method).header("origin", "https://a");
        if asks {
            request = request.header("access-control-request-method", "POST");
        }
        request.body(()).unwrap()
    };
    let answer = preflight(&cors, &request("OPTIONS", true)).unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    assert!(preflight(&cors, &request("OPTIONS", false)).is_none());
    assert!(preflight(&cors, &request("POST", true)).is_none());
}
