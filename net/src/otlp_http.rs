//! OTLP over HTTP: `POST /v1/traces` as protobuf or JSON (contract receivers.md §3.2).
//!
//! From: `http1`, with requests. To: [`Intake`], with decompressed protobuf.

use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use prost::Message;
use stringendo_engine::TenantId;
use stringendo_proto::otlp_json;
use stringendo_proto::rpc;
use stringendo_ring::offload;

use crate::body::RequestBody;
use crate::cors;
use crate::http1::{self, Answer, text};
use crate::inflate::{Coding, inflate};
use crate::intake::Intake;
use crate::limits::{JSON_INLINE_BYTES_MAX, JSON_OBJECT_BYTES};
use crate::memory::RequestMemory;
use crate::settings::HttpReceiver;
use crate::status::Refusal;

/// Protobuf with an empty `partial_success`; the form that collectors send.
const SUCCESS_PROTOBUF: &[u8] = &[0x0a, 0x00];

const SUCCESS_JSON: &[u8] = br#"{"partialSuccess":{}}"#;

/// One listener's part of a core.
pub struct OtlpHttpServer {
    intake: Rc<Intake>,
    settings: HttpReceiver,
}

/// How the request is encoded, and so its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

impl OtlpHttpServer {
    /// Serves `intake`.
    pub fn new(intake: Rc<Intake>, settings: HttpReceiver) -> Self {
        Self { intake, settings }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<RequestBody>) -> Answer {
        let Some(cors) = &self.settings.cors else { return self.route(request).await };
        if let Some(answer) = cors::preflight(cors, &request) {
            return answer;
        }
        let headers = request.headers().clone();
        let mut answer = self.route(request).await;
        cors::mark(cors, &headers, &mut answer);
        answer
    }

    async fn route(&self, request: Request<RequestBody>) -> Answer {
        if request.uri().path() != self.settings.traces_path {
            return text(StatusCode::NOT_FOUND, "404 page not found\n");
        }
        if request.method() != Method::POST {
            let body = "405 method not allowed, supported: [POST]";
            return text(StatusCode::METHOD_NOT_ALLOWED, body);
        }
        let Some(encoding) = encoding_of(request.headers()) else {
            let body = "415 unsupported media type, supported: \
                        [application/json, application/x-protobuf]";
            return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, body);
        };
        match self.export(encoding, request).await {
            Ok(()) => success(encoding),
            Err(refusal) => {
                self.intake.count(&refusal);
                refused(encoding, &refusal)
            }
        }
    }

    async fn export(
        &self,
        encoding: Encoding,
        request: Request<RequestBody>,
    ) -> Result<(), Refusal> {
        let coding = coding_of(request.headers())?;
        let tenant = self.intake.tenant(request.headers())?;
        let stored = self.receive(&tenant, coding, encoding, request).await;
        stored.map_err(|refusal| self.intake.told(&tenant, refusal))
    }

    async fn receive(
        &self,
        tenant: &TenantId,
        coding: Coding,
        encoding: Encoding,
        request: Request<RequestBody>,
    ) -> Result<(), Refusal> {
        let (node, bytes_max) = (self.intake.node(), self.settings.body_bytes_max);
        let mut memory = RequestMemory::new(node);
        let body = http1::collect(request, bytes_max, &mut memory, node.clock()).await?;
        let body = inflate(coding, body, bytes_max, &mut memory).await.map_err(named_as_in_go)?;
        let body = match encoding {
            Encoding::Protobuf => body,
            Encoding::Json => to_protobuf(body, &mut memory).await?,
        };
        self.intake.store(tenant, body).await
    }
}

/// Bodies that are too large are refused with one text, compressed or not.
fn named_as_in_go(refusal: Refusal) -> Refusal {
    if refusal.reason == http1::too_large().reason { http1::too_large() } else { refusal }
}

fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    match value.split(';').next().unwrap_or_default().trim() {
        mime if mime.eq_ignore_ascii_case("application/x-protobuf") => Some(Encoding::Protobuf),
        mime if mime.eq_ignore_ascii_case("application/json") => Some(Encoding::Json),
        _ => None,
    }
}

fn coding_of(headers: &HeaderMap) -> Result<Coding, Refusal> {
    let value = headers.get(header::CONTENT_ENCODING);
    value.map_or(Ok(Coding::Identity), |value| Coding::parse(value.to_str().unwrap_or("?")))
}

/// Reads OTLP/JSON and writes it as protobuf; long bodies on a thread aside.
async fn to_protobuf(body: Bytes, memory: &mut RequestMemory) -> Result<Bytes, Refusal> {
    let objects = body.iter().filter(|byte| **byte == b'{').count() as u64;
    memory.grow(body.len() as u64 + objects * JSON_OBJECT_BYTES)?;
    let parse = move || -> Result<Bytes, String> {
        let data = otlp_json::parse(&body).map_err(|error| error.to_string())?;
        Ok(data.encode_to_vec().into())
    };
    let parsed = if memory.bytes() as usize <= JSON_INLINE_BYTES_MAX {
        parse()
    } else {
        offload(parse).await.unwrap_or_else(|error| Err(error.to_string()))
    };
    parsed.map_err(Refusal::malformed)
}

fn success(encoding: Encoding) -> Answer {
    match encoding {
        Encoding::Protobuf => answer(StatusCode::OK, encoding, SUCCESS_PROTOBUF),
        Encoding::Json => answer(StatusCode::OK, encoding, SUCCESS_JSON),
    }
}

fn answer(status: StatusCode, encoding: Encoding, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let mime = match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    answer
}

/// `google.rpc.Status` in the request's encoding.
fn refused(encoding: Encoding, refusal: &Refusal) -> Answer {
    let mut status = refusal.to_status();
    if refusal.http == StatusCode::BAD_REQUEST {
        // Over HTTP every fault of the request is called so.
        status.code = crate::status::Code::InvalidArgument as i32;
    }
    let body = match encoding {
        Encoding::Protobuf => status.encode_to_vec(),
        Encoding::Json => status_json(&status, refusal).into_bytes(),
    };
    let mut answer = answer(refusal.http, encoding, body);
    if let Some(after) = refusal.retry_after {
        let seconds = after.as_secs_f64().ceil() as u64;
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

fn status_json(status: &rpc::Status, refusal: &Refusal) -> String {
    let mut json = serde_json::json!({ "code": status.code, "message": status.message });
    if let Some(after) = refusal.retry_after {
        json["details"] = serde_json::json!([{
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{}s", after.as_secs_f64()),
        }]);
    }
    json.to_string()
}

#[cfg(test)]
#[path = "otlp_http_tests.rs"]
mod tests;
