//! An HTTP client, and a way to send bytes that no client would send.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;

use ureq::Agent;
use ureq::http::{HeaderMap, Request};

use super::wait::PATIENCE;

/// Asks for, or sends, protobuf on Tempo's API.
pub const PROTOBUF: &str = "application/protobuf";
/// Asks for, or sends, JSON.
pub const JSON: &str = "application/json";
/// Protobuf's name in OTLP over HTTP.
pub const X_PROTOBUF: &str = "application/x-protobuf";

/// A header to send.
pub type Header<'a> = (&'a str, &'a str);

const ANSWER_BYTES_MAX: u64 = 256 << 20;

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        // Servers are killed and started again: no connection outlives its request.
        .max_idle_connections(0)
        .timeout_global(Some(PATIENCE));
    config.build().into()
});

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's text, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        let parsed = serde_json::from_slice(&self.body);
        parsed.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The answer, if it is 200.
    ///
    /// # Panics
    /// With status and body otherwise.
    pub fn ok(self) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, 200, "{body}");
        self
    }
}

/// Sends a request.
///
/// # Errors
/// When there is no answer.
pub fn try_send(
    method: &str,
    url: &str,
    headers: &[Header<'_>],
    body: &[u8],
) -> Result<Answer, ureq::Error> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = if method == "GET" || method == "HEAD" {
        AGENT.run(request.body(()).expect("a request"))?
    } else {
        AGENT.run(request.body(body).expect("a request"))?
    };
    let limited = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
    let body = limited.read_to_vec()?;
    Ok(Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body })
}

/// Sends a request.
///
/// # Panics
/// When there is no answer.
pub fn send(method: &str, url: &str, headers: &[Header<'_>], body: &[u8]) -> Answer {
    try_send(method, url, headers, body).unwrap_or_else(|error| panic!("{method} {url}: {error}"))
}

/// Sends bytes as they are on a fresh connection, and gives back all that comes until the server
/// closes it.
pub fn send_raw(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    // The server may answer and close before it has read all: then the rest cannot be written, or
    // the answer ends with a reset.
    drop(stream.write_all(bytes));
    drop(stream.shutdown(std::net::Shutdown::Write));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

/// Encodes parameters for a query string.
pub fn query(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}
