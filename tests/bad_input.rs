//! Bad input over real sockets: each gets its status and a text, is counted, and harms nothing
//! else.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::Write;

use common::http::{Header, X_PROTOBUF, send, send_raw};
use common::{Answer, JSON, Options, Server, spans};
use prost::Message;
use stringendo_proto::rpc;

/// Trace number of what is sent to see that the server still works.
const GOOD: u64 = 77;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The message of a `google.rpc.Status`, whatever its encoding.
fn message(answer: &Answer) -> String {
    match answer.header("content-type") {
        JSON => answer.json()["message"].as_str().unwrap().to_owned(),
        X_PROTOBUF => rpc::Status::decode(&answer.body[..]).unwrap().message,
        _ => answer.text().to_owned(),
    }
}

/// The server stores and finds a span, as if nothing had happened.
fn assert_serves(server: &Server) {
    server.export(X_PROTOBUF, &spans::numbered(GOOD)).ok();
    server.get(&format!("/api/traces/{}", spans::hex(GOOD))).ok();
    assert_eq!(server.search(&[("q", r#"{ resource.service.name = "shop" }"#)]).len(), 1);
}

fn refused(server: &Server, reason: &str) -> f64 {
    let labels = [("reason", reason), ("transport", "http")];
    server.metric("stringendo_receiver_refused_requests_total", &labels)
}

#[test]
fn requests_that_do_not_decode_are_400_and_counted_as_malformed() {
    let server = Server::start(Options::default());
    let whole = spans::numbered(1);
    let mut flipped = whole.clone();
    flipped[1] ^= 0x7f;
    let deep = format!("{}{}", r#"{"resourceSpans":"#, "[".repeat(100_000));
    let cases: [(&str, &[u8], &str); 7] = [
        (X_PROTOBUF, &whole[..whole.len() - 1], "error unmarshalling request"),
        (X_PROTOBUF, &whole[..20], "error unmarshalling request"),
        (X_PROTOBUF, b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "error unmarshalling"),
        (X_PROTOBUF, &flipped, "error unmarshalling request"),
        (JSON, b"{\"resourceSpans\":[{", ""),
        (JSON, br#"{"resourceSpans":{"a":1}}"#, ""),
        (JSON, deep.as_bytes(), ""),
    ];
    for (content_type, body, expected) in cases {
        let answer = server.export(content_type, body);
        assert_eq!(answer.status, 400, "{}", String::from_utf8_lossy(body));
        assert_eq!(answer.header("content-type"), content_type);
        assert!(message(&answer).contains(expected), "{}", message(&answer));
        assert!(!message(&answer).is_empty());
    }
    assert_eq!(refused(&server, "malformed"), 7.0);
    assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(1))).status, 404);
    assert_serves(&server);
}

#[test]
fn every_truncation_of_a_request_is_answered_and_never_stored_in_part() {
    let server = Server::start(Options::default());
    let whole = spans::numbered(1);
    for length in 1..whole.len() {
        // A prefix that ends between fields is a valid, empty request.
        let status = server.export(X_PROTOBUF, &whole[..length]).status;
        assert!([200, 400].contains(&status), "{length} bytes: {status}");
    }
    assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(1))).status, 404);
    assert_serves(&server);
}

#[test]
fn ids_that_are_zero_or_of_another_length_are_400_with_the_contracts_text() {
    let server = Server::start(Options::default());
    let (trace, span) = (spans::trace_id(1), [7_u8; 8]);
    let cases: [(&[u8], &[u8], &str); 6] = [
        (&[0; 16], &span, "trace ids must be 128 bit, received 0 bits"),
        (&[], &span, "trace ids must be 128 bit, received 0 bits"),
        (&trace, &[0; 8], "span ids must be 64 bit and not all zero, received 0 bits"),
        (&trace, &[], "span ids must be 64 bit and not all zero, received 0 bits"),
        (&trace[..15], &span, "error unmarshalling request"),
        (&trace, &span[..7], "error unmarshalling request"),
    ];
    for (trace, span, expected) in cases {
        let answer = server.export(X_PROTOBUF, &spans::request(trace, span));
        assert_eq!(answer.status, 400, "{trace:?} {span:?}");
        assert!(message(&answer).contains(expected), "{}", message(&answer));
    }
    let tenant = ("tenant", "single-tenant");
    let discarded =
        |reason| server.metric("tempo_discarded_spans_total", &[tenant, ("reason", reason)]);
    assert_eq!((discarded("invalid_trace_id"), discarded("invalid_span_id")), (2.0, 2.0));
    assert_serves(&server);
}

#[test]
fn one_bad_span_refuses_its_whole_request() {
    let server = Server::start(Options::default());
    let request = [spans::numbered(1), spans::request(&[0; 16], &[1; 8])].concat();
    assert_eq!(server.export(X_PROTOBUF, &request).status, 400);
    assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(1))).status, 404);
    assert_serves(&server);
}

#[test]
fn bombs_and_oversized_bodies_are_refused_within_the_memory_that_is_there() {
    let server = Server::start(Options::default());
    let large = vec![0_u8; 21 << 20];
    let bomb = gzip(&vec![0_u8; 512 << 20]);
    let damaged = gzip(&spans::numbered(1))[..40].to_vec();
    let cases: [(&[u8], &str, &str); 5] = [
        (&large, "identity", "http: request body too large"),
        (&gzip(&large), "gzip", "http: request body too large"),
        (&bomb, "gzip", "http: request body too large"),
        (&damaged, "gzip", ""),
        (b"not compressed at all", "gzip", ""),
    ];
    for (body, coding, expected) in cases {
        for content_type in [X_PROTOBUF, JSON] {
            let headers = [("Content-Type", content_type), ("Content-Encoding", coding)];
            let answer = server.export_with(&headers, body);
            assert_eq!(answer.status, 400, "{coding} {}", body.len());
            assert!(message(&answer).contains(expected), "{}", message(&answer));
        }
    }
    assert_eq!(refused(&server, "too_large"), 6.0);
    assert_eq!(refused(&server, "malformed"), 4.0);
    let peak = stringendo_loadgen::process::usage(server.pid()).unwrap().rss_bytes_max;
    assert!(peak <= server.options.budget_bytes(), "{} MiB", peak >> 20);
    assert_serves(&server);
}

#[test]
fn wrong_methods_paths_and_encodings_of_the_receiver_get_their_status() {
    let server = Server::start(Options::default());
    let body = spans::numbered(1);
    let receiver = |method, path: &str, headers: &[Header<'_>]| {
        send(method, &server.otlp_url(path), headers, &body)
    };
    let protobuf = ("Content-Type", X_PROTOBUF);
    let answer = receiver("GET", "/v1/traces", &[protobuf]);
    let not_allowed = "405 method not allowed, supported: [POST]";
    assert_eq!((answer.status, answer.text()), (405, not_allowed));
    assert_eq!(receiver("PUT", "/v1/traces", &[protobuf]).status, 405);
    for path in ["/", "/v1/metrics", "/v1/logs", "/v1/traces/", "/V1/TRACES", "/api/echo"] {
        assert_eq!(receiver("POST", path, &[protobuf]).status, 404, "{path}");
    }
    for content_type in ["text/plain", "application/octet-stream", ""] {
        let answer = receiver("POST", "/v1/traces", &[("Content-Type", content_type)]);
        assert_eq!(answer.status, 415, "{content_type}");
        assert!(answer.text().contains("application/json, application/x-protobuf"));
    }
    let answer = receiver("POST", "/v1/traces", &[protobuf, ("Content-Encoding", "br")]);
    assert_eq!(answer.status, 400);
    assert!(message(&answer).contains("br"), "{}", message(&answer));
    assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(1))).status, 404);
    assert_serves(&server);
}

#[test]
fn wrong_ids_and_parameters_of_the_api_are_400_with_a_text_that_says_what() {
    let server = Server::start(Options::default());
    let cases = [
        ("/api/traces/xyz", "'x'"),
        ("/api/traces/12g4", "'g'"),
        ("/api/traces/%00", "position 1"),
        ("/api/traces/000000000000000000000000000000001", "128 bit"),
        ("/api/v2/traces/zz", "'z'"),
        ("/api/traces/1?start=x", "start"),
        ("/api/traces/1?end=1.5", "end"),
        ("/api/traces/1?start=9&end=8", "start=9 end=8"),
        ("/api/traces/1?mode=some", "mode"),
        ("/api/traces/1?blockStart=1", "blockStart"),
        ("/api/search?q=%7B", "parse error at line 1"),
        ("/api/search?q=%7B%7D%20%7C%20nothing()", "parse error at line 1"),
        ("/api/search?q=%7B%7D&tags=a%3Db", "tags"),
        ("/api/search?tags=a%3Db%20a%3Dc", "a"),
        ("/api/search?limit=0", "limit"),
        ("/api/search?limit=-1", "limit"),
        ("/api/search?limit=9999999", "262144"),
        ("/api/search?spss=101", "100"),
        ("/api/search?start=5", "start"),
        ("/api/search?start=9&end=8", "start=9 end=8"),
        ("/api/search?start=1&end=99999999", "168h"),
        ("/api/search?tags=&minDuration=fast&start=1&end=2", "minDuration"),
        ("/api/search?minDuration=2s&maxDuration=1s&start=1&end=2", "maxDuration"),
    ];
    for (path, expected) in cases {
        let answer = server.get(path);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert!(answer.text().contains(expected), "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{path}");
    }
    let status = [("status_code", "400"), ("route", "api_search")];
    let count = server.metric("tempo_request_duration_seconds_count", &status);
    assert_eq!(count, cases.iter().filter(|(path, _)| path.contains("search")).count() as f64);
    assert_serves(&server);
}

#[test]
fn unknown_paths_are_404_and_known_ones_that_are_not_served_say_so() {
    let server = Server::start(Options::default());
    for path in ["/", "/nothing", "/api", "/api/", "/api/traces/", "/api/v3/traces/1", "/metricsx"]
    {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.text()), (404, "404 page not found\n"), "{path}");
    }
    let answer = server.get("/distributor/ring");
    assert_eq!(answer.status, 501);
    assert!(answer.text().contains("/distributor/ring is not supported yet"));
    assert_serves(&server);
}

#[test]
fn bytes_that_are_no_http_are_answered_or_cut_and_others_go_on() {
    let server = Server::start(Options::default());
    let long_line = [b"GET /".as_slice(), &vec![b'a'; 300 << 10], b" HTTP/1.1\r\n\r\n"].concat();
    let half = b"POST /v1/traces HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n\
        Content-Length: 1000\r\n\r\n{";
    let two_lengths = b"POST /v1/traces HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\
        Content-Length: 2\r\n\r\nab";
    let garbage: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let cases: [(&[u8], &[&str]); 7] = [
        (b"", &[""]),
        (b"\r\n\r\n", &["", "HTTP/1.1 400"]),
        (b"no http at all\r\n\r\n", &["", "HTTP/1.1 400"]),
        (&garbage, &["", "HTTP/1.1 400"]),
        (&long_line, &["HTTP/1.1 414", "HTTP/1.1 431", ""]),
        (half, &["", "HTTP/1.1 400"]),
        (two_lengths, &["HTTP/1.1 400"]),
    ];
    for (bytes, expected) in cases {
        for port in [server.ports.otlp_http, server.ports.api, server.ports.otlp_grpc] {
            let answer = send_raw(port, bytes);
            let is_http = port != server.ports.otlp_grpc && bytes != half;
            let first = answer.lines().next().unwrap_or_default();
            let fits = expected.iter().any(|text| first.is_empty() || first.starts_with(text));
            assert!(!is_http || fits, "{first:?}");
        }
    }
    assert_serves(&server);
}
