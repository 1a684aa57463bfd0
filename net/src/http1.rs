//! HTTP/1.1 connections: hyper serves them, this module ends those that do nothing.
//!
//! From: `servers`, with accepted connections. To: the handler of a listener, with requests.
//! Bodies are read by handlers, which know their limits ([`collect`]).

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use stringendo_ring::net::TcpStream;
use stringendo_ring::{Clock, sleep, timeout};

use crate::body::{Leftover, RequestBody};
use crate::limits;
use crate::memory::RequestMemory;
use crate::status::Refusal;
use crate::stop::StopSignal;

/// An answer.
pub type Answer = Response<Full<Bytes>>;

/// What a connection may do. A time of zero is no limit.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Nothing, until its first request.
    pub first: Duration,
    /// Nothing, between an answer and the next request.
    pub idle: Duration,
    /// Longest request line and headers; the size of its buffer.
    pub head_bytes_max: usize,
    /// A client that closes its side may still want its answer. Otherwise it has gone away, and
    /// what is being answered is dropped.
    pub half_close: bool,
}

/// What a connection does.
struct Activity {
    clock: Clock,
    /// Requests that are being answered.
    in_flight: Cell<usize>,
    /// Since when it does nothing.
    idle_since: Cell<Duration>,
    /// How long it may.
    patience: Cell<Duration>,
}

impl Activity {
    /// Completes when the connection did nothing for too long.
    async fn exhausted(&self) {
        loop {
            let patience = self.patience.get();
            if patience.is_zero() {
                // The next one may be limited.
                sleep(limits::IDLE_MAX).await;
                continue;
            }
            let idle = self.clock.monotonic().saturating_sub(self.idle_since.get());
            match patience.checked_sub(idle) {
                _ if self.in_flight.get() > 0 => sleep(patience).await,
                Some(rest) if !rest.is_zero() => sleep(rest).await,
                _ => return,
            }
        }
    }
}

/// Serves one connection to its end; after `stop` only the request in flight.
pub async fn serve<H, F>(
    stream: TcpStream,
    clock: Clock,
    allowed: ConnectionLimits,
    stop: StopSignal,
    handle: H,
) where
    H: Fn(Request<RequestBody>) -> F,
    F: Future<Output = Answer>,
{
    let activity = Rc::new(Activity {
        clock,
        in_flight: Cell::new(0),
        idle_since: Cell::new(clock.monotonic()),
        patience: Cell::new(allowed.first),
    });
    let service = service_fn(|request: Request<Incoming>| {
        let (activity, leftover) = (Rc::clone(&activity), Leftover::default());
        activity.in_flight.set(activity.in_flight.get() + 1);
        let answer = handle(request.map(|body| leftover.watch(body)));
        async move {
            let mut answer = answer.await;
            if !leftover.discard().await {
                let close = header::HeaderValue::from_static("close");
                answer.headers_mut().insert(header::CONNECTION, close);
            }
            activity.in_flight.set(activity.in_flight.get() - 1);
            activity.idle_since.set(activity.clock.monotonic());
            activity.patience.set(allowed.idle);
            Ok::<_, Infallible>(answer)
        }
    });
    let mut connection = pin!(builder(allowed).serve_connection(stream, service));
    let (stopped, exhausted) = (pin!(stop.stopped()), pin!(activity.exhausted()));
    match select(connection.as_mut(), select(stopped, exhausted)).await {
        Either::Left((outcome, _)) => log_end(outcome),
        Either::Right((Either::Left(_), _)) => {
            connection.as_mut().graceful_shutdown();
            log_end(connection.await);
        }
        Either::Right((Either::Right(_), _)) => tracing::debug!("idle connection closed"),
    }
}

fn builder(allowed: ConnectionLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    // hyper's own timers need a runtime that it knows.
    builder
        .header_read_timeout(None)
        .half_close(allowed.half_close)
        // Each connection keeps a buffer of this size; 400 KiB is hyper's default.
        .max_buf_size(allowed.head_bytes_max)
        .max_header_size(allowed.head_bytes_max);
    builder
}

fn log_end(outcome: hyper::Result<()>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection broken");
    }
}

/// The text of an answer.
pub fn text(status: http::StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let plain = header::HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, plain);
    answer
}

/// Receives a body of at most `bytes_max` bytes. What arrives is charged.
///
/// # Errors
/// It is too large, comes too slowly, or ends too early.
pub async fn collect(
    request: Request<RequestBody>,
    bytes_max: usize,
    memory: &mut RequestMemory,
    clock: Clock,
) -> Result<Bytes, Refusal> {
    let announced = announced(&request);
    if announced.is_some_and(|bytes| bytes > bytes_max) {
        return Err(too_large());
    }
    let begun = clock.monotonic();
    let mut parts = Parts::new(announced.unwrap_or(0));
    let mut body = request.into_body();
    while let Some(frame) = timeout(limits::BODY_SILENCE_MAX, body.frame()).await {
        let Some(frame) = frame else { return Ok(parts.finish()) };
        let Ok(chunk) = frame.map_err(|_| Refusal::aborted())?.into_data() else { continue };
        if parts.bytes() + chunk.len() > bytes_max {
            return Err(too_large());
        }
        memory.grow(chunk.len() as u64)?;
        parts.push(chunk);
        if clock.monotonic().saturating_sub(begun) > limits::BODY_TIME_MAX {
            break;
        }
    }
    Err(Refusal::slow())
}

/// The `Content-Length`, if there is one.
fn announced(request: &Request<RequestBody>) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The text that Go's servers use.
pub fn too_large() -> Refusal {
    Refusal { message: "http: request body too large".into(), ..Refusal::too_large(0, 0) }
}

/// A body in the making; one that came in one piece is not copied.
struct Parts {
    likely_bytes: usize,
    first: Bytes,
    all: Vec<u8>,
}

impl Parts {
    fn new(likely_bytes: usize) -> Self {
        Self { likely_bytes, first: Bytes::new(), all: Vec::new() }
    }

    fn bytes(&self) -> usize {
        self.first.len() + self.all.len()
    }

    fn push(&mut self, chunk: Bytes) {
        if self.bytes() == 0 {
            self.first = chunk;
            return;
        }
        if self.all.is_empty() {
            // Given memory by the system as it is filled.
            self.all.reserve_exact(self.likely_bytes);
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&chunk);
    }

    fn finish(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.into() }
    }
}
