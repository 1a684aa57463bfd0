use std::time::Duration;

use http_body_util::BodyExt;
use stringendo_engine::IngestError;

use super::*;

fn body(answer: Answer) -> Bytes {
    let collected = futures_util::FutureExt::now_or_never(answer.into_body().collect());
    collected.unwrap().unwrap().to_bytes()
}

#[test]
fn parameters_of_the_content_type_are_ignored() {
    let encoding = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
        encoding_of(&headers)
    };
    assert_eq!(encoding("application/json; charset=utf-8"), Some(Encoding::Json));
    assert_eq!(encoding("Application/X-Protobuf"), Some(Encoding::Protobuf));
    assert_eq!(encoding("application/jsonx"), None);
    assert_eq!(encoding(""), None);
    assert_eq!(encoding_of(&HeaderMap::new()), None);
}

#[test]
fn a_refusal_is_a_status_in_the_requests_encoding() {
    let retry_after = Some(Duration::from_millis(1_200));
    let refusal = Refusal::from(IngestError::Overloaded { what: "x", retry_after });
    let answer = refused(Encoding::Json, &refusal);
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"2".parse().unwrap())
    );
    let json: serde_json::Value = serde_json::from_slice(&body(answer)).unwrap();
    let expected = serde_json::json!({
        "code": 8,
        "message": "RATE_LIMITED: x",
        "details": [
            { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.2s" },
        ],
    });
    assert_eq!(json, expected);
    let status = rpc::Status::decode(body(refused(Encoding::Protobuf, &refusal))).unwrap();
    assert_eq!((status.code, status.details.len()), (8, 1));
}

#[test]
fn a_refusal_without_a_hint_has_no_details() {
    let answer = refused(Encoding::Json, &Refusal::malformed("x"));
    assert_eq!(answer.status().as_u16(), 400);
    assert!(!answer.headers().contains_key("retry-after"));
    assert_eq!(&body(answer)[..], br#"{"code":3,"message":"x"}"#);
}
