//! A gRPC client over h2.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, Method, Request};
use stringendo_ring::net::TcpStream;
use stringendo_ring::{Class, spawn_detached};

pub const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// What a call brought.
#[derive(Debug)]
pub struct Outcome {
    pub http: u16,
    pub code: i32,
    pub message: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// A connection.
#[derive(Clone)]
pub struct Client(SendRequest<Bytes>);

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("connected");
        let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        spawn_detached(Class::Query, async move { drop(connection.await) });
        Self(sender)
    }

    /// Sends a whole message to `Export`.
    pub async fn export(&self, message: &[u8]) -> Outcome {
        self.call(EXPORT, &[], &[framed(0, message).into()]).await
    }

    /// Calls a method with one message; what it answers is cancelled when the future is dropped.
    pub async fn begin(&self, path: &str, message: &[u8]) -> ResponseFuture {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://test{path}"))
            .header("te", "trailers")
            .header("content-type", "application/grpc")
            .body(())
            .expect("a request");
        let mut sender = self.0.clone().ready().await.expect("ready");
        let (response, mut stream) = sender.send_request(request, false).expect("sent");
        stream.send_data(framed(0, message).into(), true).expect("sent");
        response
    }

    /// Sends these DATA frames.
    pub async fn call(&self, path: &str, headers: &[(&str, &str)], data: &[Bytes]) -> Outcome {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://test{path}"))
            .header("te", "trailers");
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/grpc");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut sender = self.0.clone().ready().await.expect("ready");
        let request = request.body(()).expect("a request");
        let (response, mut stream) = sender.send_request(request, data.is_empty()).expect("sent");
        for (number, chunk) in data.iter().enumerate() {
            let is_last = number + 1 == data.len();
            // The server may have answered already.
            drop(stream.send_data(chunk.clone(), is_last));
        }
        let response = response.await.expect("an answer");
        let http = response.status().as_u16();
        let mut headers = response.headers().clone();
        let mut incoming = response.into_body();
        let mut body = Vec::new();
        while let Some(chunk) = incoming.data().await {
            let chunk = chunk.expect("data");
            incoming.flow_control().release_capacity(chunk.len()).expect("released");
            body.extend_from_slice(&chunk);
        }
        if let Some(trailers) = incoming.trailers().await.expect("trailers") {
            headers.extend(trailers);
        }
        let header = |name: &str| headers.get(name).map(|value| value.to_str().expect("text"));
        let code = header("grpc-status").map_or(-1, |code| code.parse().expect("a number"));
        let message = header("grpc-message").unwrap_or_default().to_owned();
        Outcome { http, code, message, headers, body }
    }
}

impl Outcome {
    /// The messages that were answered.
    pub fn messages<M: prost::Message + Default>(&self) -> Vec<M> {
        let (mut messages, mut rest) = (Vec::new(), &self.body[..]);
        while let [0, a, b, c, d, more @ ..] = rest {
            let (message, more) = more.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
            messages.push(M::decode(message).expect("a message"));
            rest = more;
        }
        assert!(rest.is_empty(), "{} bytes too many", rest.len());
        messages
    }
}

/// A message with its header.
pub fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![flag];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}
