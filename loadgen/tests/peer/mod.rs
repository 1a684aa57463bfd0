//! A small server that speaks the real protocols, to test the load generator against: OTLP gRPC on
//! h2, OTLP HTTP and `/api/v2/traces/{id}` on HTTP/1.1. It keeps spans in a map.

#![allow(clippy::unwrap_used)] // A test peer may panic.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use base64::Engine;
use bytes::{Bytes, BytesMut};
use monoio_compat::TcpStreamCompat;
use prost::Message;
use stringendo_loadgen::Endpoint;
use stringendo_proto::otlp::{ResourceSpans, ScopeSpans, TracesData};
use stringendo_proto::{rpc, tempopb};

/// How the peer answers exports.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manners {
    /// Refuse every n-th export, with a hint of 10 ms.
    pub refuse_every: Option<usize>,
    /// Drop the connection at every n-th export, unanswered.
    pub hang_up_every: Option<usize>,
}

#[derive(Default)]
struct State {
    exports: usize,
    traces: HashMap<Vec<u8>, Vec<ResourceSpans>>,
}

/// A running peer; its threads live as long as the test.
pub struct Peer {
    /// OTLP gRPC.
    pub grpc: Endpoint,
    /// OTLP HTTP and the API.
    pub http: Endpoint,
    state: Arc<Mutex<State>>,
}

enum Verdict {
    Take,
    Refuse,
    HangUp,
}

impl Peer {
    /// Starts on free ports.
    pub fn start(manners: Manners) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let grpc = TcpListener::bind("127.0.0.1:0").unwrap();
        let http = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = |listener: &TcpListener| endpoint(listener.local_addr().unwrap());
        let peer = Self { grpc: address(&grpc), http: address(&http), state: state.clone() };
        let other = state.clone();
        spawn(move || {
            stringendo_loadgen::runtime::block_on(serve_grpc(grpc, state, manners)).unwrap();
        });
        spawn(move || {
            for stream in http.incoming() {
                let state = other.clone();
                spawn(move || serve_http(stream.unwrap(), &state, manners));
            }
        });
        peer
    }

    /// Spans held.
    pub fn spans(&self) -> usize {
        let state = self.state.lock().unwrap();
        let scopes = state.traces.values().flatten().flat_map(|r| &r.scope_spans);
        scopes.map(|scope| scope.spans.len()).sum()
    }

    /// Changes what is held of one trace, the same whenever asked.
    pub fn tamper(&self, change: impl FnOnce(&mut Vec<ResourceSpans>)) {
        let mut state = self.state.lock().unwrap();
        let id = state.traces.keys().min().unwrap().clone();
        change(state.traces.get_mut(&id).unwrap());
    }
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::parse(&address.to_string()).unwrap()
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    Builder::new().spawn(work).unwrap();
}

fn decide(state: &Mutex<State>, manners: Manners) -> Verdict {
    let mut state = state.lock().unwrap();
    state.exports += 1;
    let hits = |every: Option<usize>| every.is_some_and(|n| state.exports.is_multiple_of(n));
    if hits(manners.hang_up_every) {
        Verdict::HangUp
    } else if hits(manners.refuse_every) {
        Verdict::Refuse
    } else {
        Verdict::Take
    }
}

fn store(state: &Mutex<State>, message: Bytes) {
    let mut state = state.lock().unwrap();
    for batch in TracesData::decode(message).unwrap().resource_spans {
        for scope_spans in batch.scope_spans {
            for span in scope_spans.spans {
                let id = span.trace_id.to_vec();
                let scope_spans = ScopeSpans {
                    scope: scope_spans.scope.clone(),
                    spans: vec![span],
                    schema_url: Bytes::new(),
                };
                state.traces.entry(id).or_default().push(ResourceSpans {
                    resource: batch.resource.clone(),
                    scope_spans: vec![scope_spans],
                    schema_url: Bytes::new(),
                });
            }
        }
    }
}

fn inflate(body: &[u8]) -> Bytes {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
    plain.into()
}

async fn serve_grpc(listener: TcpListener, state: Arc<Mutex<State>>, manners: Manners) {
    let listener = monoio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        monoio::spawn(serve_grpc_connection(stream, state.clone(), manners));
    }
}

async fn serve_grpc_connection(
    stream: monoio::net::TcpStream,
    state: Arc<Mutex<State>>,
    manners: Manners,
) {
    let stream = TcpStreamCompat::new_with_buffer_size(stream, 64 << 10, 64 << 10);
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(1 << 20).initial_connection_window_size(8 << 20);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    let hang_up = Arc::new(Mutex::new(false));
    while let Some(Ok((request, answer))) = connection.accept().await {
        if *hang_up.lock().unwrap() {
            return;
        }
        let export = serve_export(request, answer, state.clone(), manners, hang_up.clone());
        // What is under way when this side hangs up breaks here as it does at the client.
        monoio::spawn(async { drop(export.await) });
    }
}

async fn serve_export(
    request: http::Request<h2::RecvStream>,
    mut answer: h2::server::SendResponse<Bytes>,
    state: Arc<Mutex<State>>,
    manners: Manners,
    hang_up: Arc<Mutex<bool>>,
) -> Result<(), h2::Error> {
    let path = request.uri().path().to_owned();
    assert_eq!(path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    let mut stream = request.into_body();
    let mut body = BytesMut::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    let head = http::Response::builder().header("content-type", "application/grpc");
    match decide(&state, manners) {
        Verdict::Take => {
            let body = body.freeze();
            let message = if body[0] == 1 { inflate(&body[5..]) } else { body.slice(5..) };
            store(&state, message);
            let mut sent = answer.send_response(head.body(()).unwrap(), false)?;
            sent.send_data(Bytes::from_static(&[0; 5]), false)?;
            let mut trailers = http::HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            sent.send_trailers(trailers)?;
        }
        Verdict::Refuse => {
            let head = head.header("grpc-status", "8").header("grpc-message", "RATE_LIMITED: no");
            let head = head.header("grpc-status-details-bin", retry_details());
            answer.send_response(head.body(()).unwrap(), true)?;
        }
        Verdict::HangUp => {
            *hang_up.lock().unwrap() = true;
            answer.send_reset(h2::Reason::ENHANCE_YOUR_CALM);
        }
    }
    Ok(())
}

fn retry_details() -> String {
    let delay = rpc::Duration { seconds: 0, nanos: 10_000_000 };
    let info = rpc::RetryInfo { retry_delay: Some(delay) };
    let type_url = "type.googleapis.com/google.rpc.RetryInfo".to_owned();
    let details = vec![rpc::Any { type_url, value: info.encode_to_vec() }];
    let status = rpc::Status { code: 8, message: "RATE_LIMITED: no".to_owned(), details };
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(status.encode_to_vec())
}

fn serve_http(stream: TcpStream, state: &Mutex<State>, manners: Manners) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_ascii_lowercase()),
            }
        }
        let header =
            |name: &str| lines.iter().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
        let length = header("content-length").map_or(0, |value| value.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let gzip = header("content-encoding") == Some("gzip");
        if lines[0].starts_with("post /v1/traces ") {
            match decide(state, manners) {
                Verdict::Take => store(state, if gzip { inflate(&body) } else { body.into() }),
                Verdict::Refuse => {
                    let head = "HTTP/1.1 429 x\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
                    writer.write_all(head.as_bytes()).unwrap();
                    continue;
                }
                Verdict::HangUp => return,
            }
            answer(&mut writer, &[]);
        } else {
            assert_eq!(header("accept"), Some("application/protobuf"));
            let path = lines[0].split(' ').nth(1).unwrap();
            let id = path.strip_prefix("/api/v2/traces/").unwrap();
            let id = const_hex::decode(id).unwrap();
            let found = state.lock().unwrap().traces.get(&id).cloned().unwrap_or_default();
            let trace = Some(TracesData { resource_spans: found });
            let message = tempopb::TraceByIdResponse { trace, ..Default::default() };
            answer_chunked(&mut writer, &message.encode_to_vec());
        }
    }
}

fn answer(writer: &mut TcpStream, body: &[u8]) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    writer.write_all(head.as_bytes()).unwrap();
    writer.write_all(body).unwrap();
}

/// In two chunks, so that the client's reading of chunks is tested too.
fn answer_chunked(writer: &mut TcpStream, body: &[u8]) {
    let mut out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for part in body.chunks(body.len().div_ceil(2).max(1)) {
        out.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    writer.write_all(&out).unwrap();
}
