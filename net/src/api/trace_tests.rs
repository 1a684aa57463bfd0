use stringendo_proto::otlp::ResourceSpans;

use super::*;

fn request_of(query: &str) -> Result<TraceRequest, String> {
    request("1", &Params::parse(query)).map_err(|failure| failure.message.into_owned())
}

#[test]
fn without_parameters_everything_is_asked() {
    let request = request_of("").unwrap();
    assert_eq!(request.trace_id.to_hex_trimmed(), "1");
    assert_eq!(request.time_hint_unix_nanos, None);
    assert!(request.live);
    assert_eq!(request.blocks, Some((Uuid::nil(), Uuid::max())));
}

#[test]
fn modes_choose_where_to_look() {
    let places = |mode| {
        let request = request_of(&format!("mode={mode}")).unwrap();
        (request.live, request.blocks.is_some())
    };
    assert_eq!(places("all"), (true, true));
    assert_eq!(places("ingesters"), (true, false));
    assert_eq!(places("blocks"), (false, true));
    assert_eq!(places("external"), (false, false));
    assert_eq!(request_of("mode=x").unwrap_err(), "invalid value for mode: x");
}

#[test]
fn either_end_of_the_time_may_be_missing() {
    let hint = |query| request_of(query).unwrap().time_hint_unix_nanos;
    assert_eq!(hint("start=1&end=2"), Some(1_000_000_000..2_000_000_000));
    assert_eq!(hint("start=1"), Some(1_000_000_000..u64::MAX));
    assert_eq!(hint("end=2"), Some(0..2_000_000_000));
    assert_eq!(hint("start=-5"), Some(0..u64::MAX));
    assert!(request_of("start=2&end=2").is_err());
    assert!(request_of("start=1.5").unwrap_err().starts_with("invalid start: "));
}

#[test]
fn block_bounds_are_uuids() {
    let id = "00000000-0000-0000-0000-000000000007";
    let request = request_of(&format!("blockStart={id}")).unwrap();
    assert_eq!(request.blocks, Some((Uuid::from_u128(7), Uuid::max())));
    assert!(request_of("blockEnd=7").unwrap_err().starts_with("invalid blockEnd: "));
}

#[test]
fn a_trace_beyond_the_limit_is_cut_and_says_so() {
    let part = ResourceSpans { schema_url: vec![b'x'; 100].into(), ..Default::default() };
    let trace = Some(TracesData { resource_spans: vec![part; 3] });
    let whole =
        v2_response(TraceAnswer { trace: trace.clone(), ..Default::default() }, 1000, Vec::new());
    assert_eq!((whole.status, whole.trace.unwrap().resource_spans.len()), (0, 3));
    let filtered = vec!["less".to_owned()];
    let cut = v2_response(TraceAnswer { trace, ..Default::default() }, 250, filtered);
    assert_eq!((cut.status, cut.trace.unwrap().resource_spans.len()), (1, 2));
    assert_eq!(cut.message, "less; trace exceeds max size (max bytes: 250)");
}
