//! The message of a request: received under limits, charged as it comes, decompressed.
//!
//! From: services, with the head and the body of a request. To: the same.

use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, Method, Request, StatusCode, header};
use stringendo_ring::{Clock, timeout};

use super::deadline;
use super::frame::{Assembler, Message};
use crate::http1::too_large;
use crate::inflate::{Coding, inflate};
use crate::limits::{BODY_SILENCE_MAX, BODY_TIME_MAX, DISCARD_BYTES_MAX, DISCARD_TIME_MAX};
use crate::memory::RequestMemory;
use crate::status::{Code, Refusal};

/// What is wrong with a request that is not gRPC at all.
pub fn not_grpc<B>(request: &Request<B>) -> Option<StatusCode> {
    if request.method() != Method::POST {
        return Some(StatusCode::METHOD_NOT_ALLOWED);
    }
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let rest = content_type.and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"));
    let is_grpc = matches!(rest, Some([] | [b'+' | b';', ..]));
    (!is_grpc).then_some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

/// Runs a call for as long as its client waits for it.
///
/// # Errors
/// The time is over, or what the call says.
pub async fn within_deadline<T>(
    headers: &HeaderMap,
    call: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    match timeout_of(headers) {
        Some(limit) => timeout(limit, call).await.unwrap_or_else(|| Err(expired())),
        None => call.await,
    }
}

fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
    deadline::parse(headers.get("grpc-timeout")?.to_str().ok()?)
}

fn expired() -> Refusal {
    let (code, status) = (Code::DeadlineExceeded, StatusCode::SERVICE_UNAVAILABLE);
    Refusal::new("deadline", code, status, "context deadline exceeded")
}

/// Receives the one message of a request, of at most `bytes_max` bytes, compressed or not.
///
/// # Errors
/// It is too large, damaged, compressed in an unknown way, comes too slowly, or there is no memory.
pub async fn message(
    headers: &HeaderMap,
    body: &mut RecvStream,
    bytes_max: usize,
    memory: &mut RequestMemory,
    clock: Clock,
) -> Result<Bytes, Refusal> {
    let coding = coding_of(headers)?;
    let message = receive(body, bytes_max, memory, clock).await?;
    match (message.is_compressed, coding) {
        (false, _) => Ok(message.body),
        (true, Coding::Identity) => {
            let text = "compressed flag set with identity or empty encoding";
            Err(Refusal::malformed(text))
        }
        (true, coding) => inflate(coding, message.body, bytes_max, memory).await,
    }
}

fn coding_of(headers: &HeaderMap) -> Result<Coding, Refusal> {
    let Some(value) = headers.get("grpc-encoding") else { return Ok(Coding::Identity) };
    match value.to_str().unwrap_or("?") {
        // Not names of gRPC.
        name @ ("zlib" | "deflate" | "x-snappy-framed") => Err(Refusal::encoding(name)),
        name => Coding::parse(name),
    }
}

async fn receive(
    body: &mut RecvStream,
    bytes_max: usize,
    memory: &mut RequestMemory,
    clock: Clock,
) -> Result<Message, Refusal> {
    let mut assembler = Assembler::new(bytes_max);
    arrive(body, memory, clock, |chunk| assembler.push(chunk)).await?;
    assembler.finish()
}

/// The body of a request that is not gRPC, of at most `bytes_max` bytes.
///
/// # Errors
/// It is too large, comes too slowly, or there is no memory.
pub async fn plain(
    body: &mut RecvStream,
    bytes_max: usize,
    memory: &mut RequestMemory,
    clock: Clock,
) -> Result<Bytes, Refusal> {
    let mut whole = Vec::new();
    let push = |chunk: Bytes| {
        if whole.len() + chunk.len() > bytes_max {
            return Err(too_large());
        }
        whole.extend_from_slice(&chunk);
        Ok(())
    };
    arrive(body, memory, clock, push).await?;
    Ok(whole.into())
}

/// Receives a body to its end. What arrives is charged and leaves h2 at once.
async fn arrive(
    body: &mut RecvStream,
    memory: &mut RequestMemory,
    clock: Clock,
    mut push: impl FnMut(Bytes) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let begun = clock.monotonic();
    while let Some(chunk) = timeout(BODY_SILENCE_MAX, body.data()).await {
        let Some(chunk) = chunk else { return Ok(()) };
        let chunk = chunk.map_err(|_| Refusal::aborted())?;
        let bytes = chunk.len();
        memory.grow(bytes as u64)?;
        push(chunk)?;
        body.flow_control().release_capacity(bytes).map_err(|_| Refusal::aborted())?;
        if clock.monotonic().saturating_sub(begun) > BODY_TIME_MAX {
            break;
        }
    }
    Err(Refusal::slow())
}

/// A method that is not served.
pub fn unknown_method(path: &str, services: &[&str]) -> Refusal {
    let (service, method) = path.trim_start_matches('/').rsplit_once('/').unwrap_or((path, ""));
    let message = if services.contains(&service) {
        format!("unknown method {method} for service {service}")
    } else {
        format!("unknown service {service}")
    };
    let (code, status) = (Code::Unimplemented, StatusCode::NOT_FOUND);
    Refusal::new("unknown_method", code, status, message)
}

/// Reads what a refused client sends until it learns of the refusal. Resetting the stream instead
/// would make errors of the frames under way, and h2 closes a connection that had a thousand.
pub async fn discard(mut body: RecvStream) {
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
