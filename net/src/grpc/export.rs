//! One call of `TraceService/Export`: from its DATA frames to its acknowledgement.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode, header};
use stringendo_ring::timeout;

use super::frame::{Assembler, Message};
use super::{GrpcServer, deadline, reply};
use crate::inflate::{Coding, inflate};
use crate::limits::{BODY_SILENCE_MAX, BODY_TIME_MAX, DISCARD_BYTES_MAX, DISCARD_TIME_MAX};
use crate::memory::RequestMemory;
use crate::status::{Code, Refusal};

/// The only method that is served here.
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Serves one request.
pub async fn call(
    server: Rc<GrpcServer>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    if let Some(status) = not_grpc(&request) {
        return sent(reply::not_grpc(&mut respond, status));
    }
    let (head, mut body) = request.into_parts();
    let export = export(&server, &head, &mut body);
    let answer = match timeout_of(&head.headers) {
        Some(limit) => timeout(limit, export).await.unwrap_or_else(|| Err(expired())),
        None => export.await,
    };
    sent(match answer {
        Ok(()) => reply::success(&mut respond),
        Err(refusal) => {
            server.intake.count(&refusal);
            reply::refusal(&mut respond, &refusal)
        }
    });
    discard(body).await;
}

/// Reads what a refused client sends until it learns of the refusal. Resetting the stream instead
/// would make errors of the frames under way, and h2 closes a connection that had a thousand.
async fn discard(mut body: RecvStream) {
    let rest = async {
        let mut bytes = 0;
        while let Some(Ok(chunk)) = body.data().await {
            bytes += chunk.len() as u64;
            if bytes > DISCARD_BYTES_MAX
                || body.flow_control().release_capacity(chunk.len()).is_err()
            {
                return;
            }
        }
    };
    // After that the stream is reset.
    timeout(DISCARD_TIME_MAX, rest).await;
}

/// A client that does not wait for its answer will send its request again.
fn sent(outcome: Result<(), h2::Error>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "answer not sent");
    }
}

/// What is wrong with a request that is not gRPC at all.
fn not_grpc(request: &Request<RecvStream>) -> Option<StatusCode> {
    if request.method() != Method::POST {
        return Some(StatusCode::METHOD_NOT_ALLOWED);
    }
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let rest = content_type.and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"));
    let is_grpc = matches!(rest, Some([] | [b'+' | b';', ..]));
    (!is_grpc).then_some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
    deadline::parse(headers.get("grpc-timeout")?.to_str().ok()?)
}

fn expired() -> Refusal {
    let (code, status) = (Code::DeadlineExceeded, StatusCode::SERVICE_UNAVAILABLE);
    Refusal::new("deadline", code, status, "context deadline exceeded")
}

async fn export(server: &GrpcServer, head: &Parts, body: &mut RecvStream) -> Result<(), Refusal> {
    known_method(head.uri.path())?;
    let coding = coding_of(&head.headers)?;
    let tenant = server.intake.tenant(&head.headers)?;
    let mut memory = RequestMemory::new(server.intake.node());
    let message = receive(server, body, &mut memory).await?;
    let body = match (message.is_compressed, coding) {
        (false, _) => message.body,
        (true, Coding::Identity) => {
            let text = "compressed flag set with identity or empty encoding";
            return Err(Refusal::malformed(text));
        }
        (true, coding) => {
            inflate(coding, message.body, server.message_bytes_max, &mut memory).await?
        }
    };
    server.intake.store(&tenant, body).await
}

fn known_method(path: &str) -> Result<(), Refusal> {
    if path == EXPORT {
        return Ok(());
    }
    let (service, method) = path.trim_start_matches('/').rsplit_once('/').unwrap_or((path, ""));
    let message = if EXPORT[1..].starts_with(&format!("{service}/")) {
        format!("unknown method {method} for service {service}")
    } else {
        format!("unknown service {service}")
    };
    let (code, status) = (Code::Unimplemented, StatusCode::NOT_FOUND);
    Err(Refusal::new("unknown_method", code, status, message))
}

fn coding_of(headers: &HeaderMap) -> Result<Coding, Refusal> {
    let Some(value) = headers.get("grpc-encoding") else { return Ok(Coding::Identity) };
    match value.to_str().unwrap_or("?") {
        // Not names of gRPC.
        name @ ("zlib" | "deflate" | "x-snappy-framed") => Err(Refusal::encoding(name)),
        name => Coding::parse(name),
    }
}

/// Receives the message. What arrives is charged and leaves h2 at once.
async fn receive(
    server: &GrpcServer,
    body: &mut RecvStream,
    memory: &mut RequestMemory,
) -> Result<Message, Refusal> {
    let clock = server.intake.node().clock();
    let begun = clock.monotonic();
    let mut assembler = Assembler::new(server.message_bytes_max);
    while let Some(chunk) = timeout(BODY_SILENCE_MAX, body.data()).await {
        let Some(chunk) = chunk else { return assembler.finish() };
        let chunk = chunk.map_err(|_| Refusal::aborted())?;
        let bytes = chunk.len();
        memory.grow(bytes as u64)?;
        assembler.push(chunk)?;
        body.flow_control().release_capacity(bytes).map_err(|_| Refusal::aborted())?;
        if clock.monotonic().saturating_sub(begun) > BODY_TIME_MAX {
            break;
        }
    }
    Err(Refusal::slow())
}
