//! What answers of gRPC calls are made of: headers, trailers, and whole answers that are short.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use prost::Message;

use crate::status::{Code, Refusal};

/// What may be compressed how.
pub const ACCEPT_ENCODING: &str = "identity,gzip,zstd,snappy";

/// An uncompressed message without bytes: an `ExportTraceServiceResponse` with nothing set.
const EMPTY_MESSAGE: &[u8] = &[0; 5];

/// What `grpc-message` escapes, besides bytes above ASCII.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Says that all went well.
///
/// # Errors
/// The client has gone away.
pub fn success(respond: &mut SendResponse<Bytes>) -> Result<(), h2::Error> {
    let mut stream = respond.send_response(head(), false)?;
    stream.send_data(Bytes::from_static(EMPTY_MESSAGE), false)?;
    stream.send_trailers(trailers(Ok(())))
}

/// What comes behind the last message.
pub fn trailers(outcome: Result<(), &Refusal>) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    match outcome {
        Ok(()) => drop(trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"))),
        Err(refusal) => put_status(&mut trailers, refusal),
    }
    trailers
}

/// Says what is wrong, in headers alone.
///
/// # Errors
/// The client has gone away.
pub fn refusal(respond: &mut SendResponse<Bytes>, refusal: &Refusal) -> Result<(), h2::Error> {
    let mut response = head();
    put_status(response.headers_mut(), refusal);
    respond.send_response(response, true).map(drop)
}

/// Says in plain HTTP that this is not gRPC.
///
/// # Errors
/// The client has gone away.
pub fn not_grpc(respond: &mut SendResponse<Bytes>, status: StatusCode) -> Result<(), h2::Error> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    respond.send_response(response, true).map(drop)
}

/// Headers of an answer with messages.
pub fn head() -> Response<()> {
    let mut response = Response::new(());
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

fn put_status(headers: &mut HeaderMap, refusal: &Refusal) {
    headers.insert(GRPC_STATUS, HeaderValue::from(refusal.code as i32));
    let message = percent_encode(refusal.message.as_bytes(), ESCAPED).to_string();
    if let Ok(message) = HeaderValue::try_from(message) {
        headers.insert(GRPC_MESSAGE, message);
    }
    if refusal.code == Code::Unimplemented {
        headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(ACCEPT_ENCODING));
    }
    if refusal.retry_after.is_some() {
        let details = STANDARD_NO_PAD.encode(refusal.to_status().encode_to_vec());
        if let Ok(details) = HeaderValue::try_from(details) {
            headers.insert(GRPC_DETAILS, details);
        }
    }
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
