#![expect(clippy::disallowed_methods, reason = "a listener beside the code under test")]
use super::probe;
use std::io::{Read, Write};
use std::net::TcpListener;

/// A listener on a free port that gives one answer.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ready", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let n = stream.read(&mut request).unwrap();
        assert!(request[..n].starts_with(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1:"));
        stream.write_all(answer.as_bytes()).unwrap();
    });
    url
}

#[test]
fn a_server_that_says_200_is_healthy() {
    assert_eq!(probe(&answering("HTTP/1.1 200 OK\r\n\r\nready\n")), Ok(()));
}

#[test]
fn another_status_is_told_with_its_text() {
    let url = answering("HTTP/1.1 503 Service Unavailable\r\n\r\nStarting: 1\n");
    assert_eq!(probe(&url), Err("status 503: Starting: 1".to_owned()));
}

#[test]
fn what_is_not_http_and_what_nobody_answers_are_told_apart() {
    assert_eq!(probe(&answering("hello")), Err("the answer is not HTTP".to_owned()));
    assert!(probe("https://localhost/ready").unwrap_err().contains("http://"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert!(probe(&url).unwrap_err().contains("refused"));
}
