use super::*;

fn refusal(error: IngestError) -> (i32, u16, &'static str) {
    let refusal = Refusal::from(error);
    (refusal.code as i32, refusal.http.as_u16(), refusal.reason)
}

#[test]
fn every_ingest_error_has_its_codes() {
    let malformed = WalkError::Malformed { what: "x", offset: 1 };
    assert_eq!(refusal(malformed.into()), (13, 400, "malformed"));
    let trace_id = WalkError::TraceId { bits: 0, spans: 3 };
    assert_eq!(refusal(trace_id.into()), (3, 400, "invalid_trace_id"));
    let span_id = WalkError::SpanId { bits: 0, spans: 3 };
    assert_eq!(refusal(span_id.into()), (3, 400, "invalid_span_id"));
    let overloaded = IngestError::Overloaded { what: "x", retry_after: None };
    assert_eq!(refusal(overloaded), (8, 429, "rate_limited"));
    let too_large = IngestError::TooLarge { bytes: 2, limit: 1 };
    assert_eq!(refusal(too_large), (3, 400, "too_large"));
    assert_eq!(refusal(IngestError::Unavailable("x")), (14, 503, "unavailable"));
}

#[test]
fn spans_of_a_request_with_a_bad_id_are_all_refused() {
    let error = IngestError::Invalid(WalkError::TraceId { bits: 0, spans: 3 });
    assert_eq!(Refusal::from(error).spans, 3);
}

#[test]
fn a_retry_hint_goes_into_the_status_in_seconds_and_nanoseconds() {
    let retry_after = Some(Duration::from_millis(2_500));
    let status = Refusal::from(IngestError::Overloaded { what: "x", retry_after }).to_status();
    assert_eq!((status.code, status.message.as_str()), (8, "RATE_LIMITED: x"));
    let detail = &status.details[0];
    assert_eq!(detail.type_url, "type.googleapis.com/google.rpc.RetryInfo");
    let delay = rpc::RetryInfo::decode(&detail.value[..]).unwrap().retry_delay.unwrap();
    assert_eq!((delay.seconds, delay.nanos), (2, 500_000_000));
}

#[test]
fn every_query_error_has_its_status() {
    assert_eq!(of_query(&QueryError::Storage("x".to_owned())).as_u16(), 500);
    assert_eq!(of_query(&QueryError::TraceTooLarge { limit: 1 }).as_u16(), 422);
    assert_eq!(of_query(&QueryError::Overloaded).as_u16(), 429);
    assert_eq!(QueryError::Overloaded.to_string(), "too many outstanding requests");
    assert_eq!(of_query(&QueryError::NeedsTooMuch { bytes: 2, limit: 1 }).as_u16(), 422);
    assert_eq!(of_query(&QueryError::Stopping).as_u16(), 503);
}
