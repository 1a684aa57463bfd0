//! Content negotiation and compression of answers (contract http-api.md §1, §1.3).

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use stringendo_engine::QueryError;
use stringendo_engine::query::memory::{AnswerMemory, Kept};
use stringendo_ring::yield_if_due;

use crate::http1::Answer;
use crate::limits::GZIP_BYTES_MIN;

/// Compressed between two chances for other tasks.
const STEP_BYTES: usize = 64 << 10;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Protobuf.
    Protobuf,
    /// JSON.
    Json,
    /// JSON for language models; plain JSON where there is none.
    Llm,
}

impl Format {
    /// What `Accept` asks for, tested by substring in this order; JSON otherwise.
    pub fn of(headers: &HeaderMap) -> Self {
        let accepts = |mime: &str| {
            let mut values = headers.get_all(header::ACCEPT).iter();
            values.any(|value| value.to_str().is_ok_and(|value| value.contains(mime)))
        };
        if accepts("application/protobuf") {
            Self::Protobuf
        } else if !accepts("application/json") && accepts("application/vnd.grafana.llm") {
            Self::Llm
        } else {
            Self::Json
        }
    }

    /// The same where there is no form for language models.
    pub fn without_llm(headers: &HeaderMap) -> Self {
        match Self::of(headers) {
            Self::Llm => Self::Json,
            other => other,
        }
    }

    /// An answer of this content type, exactly.
    pub fn answer(self, body: impl Into<Bytes>) -> Answer {
        let mime = match self {
            Self::Protobuf => "application/protobuf",
            Self::Json => "application/json",
            Self::Llm => "application/vnd.grafana.llm+json",
        };
        let mut answer = Response::new(Full::new(body.into()));
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
        answer
    }
}

/// A body that keeps its memory charged until it was sent.
pub struct ChargedBody {
    bytes: Vec<u8>,
    _kept: Kept,
}

impl ChargedBody {
    /// The body of an answer. `memory` is brought to what it holds.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn sent_with(bytes: Vec<u8>, mut memory: AnswerMemory) -> Result<Bytes, QueryError> {
        memory.settle(bytes.capacity() as u64)?;
        Ok(Bytes::from_owner(Self { bytes, _kept: memory.keep() }))
    }
}

impl AsRef<[u8]> for ChargedBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Compresses an answer that is long enough, if the client takes it and there is memory for it.
pub async fn compressed(answer: Answer, request: &HeaderMap, mut memory: AnswerMemory) -> Answer {
    let bytes = answer.body().size_hint().lower();
    if bytes < GZIP_BYTES_MIN as u64 || !takes_gzip(request) {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    // The body is in memory and cannot fail.
    let plain = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    // An answer that is not compressed is an answer, too.
    let Ok(packed) = gzip(&plain, &mut memory).await else {
        return Response::from_parts(head, Full::new(plain));
    };
    let Ok(packed) = ChargedBody::sent_with(packed, memory) else {
        return Response::from_parts(head, Full::new(plain));
    };
    head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    head.headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    Response::from_parts(head, Full::new(packed))
}

fn takes_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|item| {
        let (name, rest) = item.split_once(';').unwrap_or((item, ""));
        let weight = rest.trim().strip_prefix("q=").and_then(|text| text.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight != Some(0.0)
    })
}

async fn gzip(plain: &[u8], memory: &mut AnswerMemory) -> std::io::Result<Vec<u8>> {
    // Few answers shrink to no less than a quarter.
    let capacity = plain.len() / 4;
    memory.grow(capacity as u64).map_err(std::io::Error::other)?;
    let mut encoder = GzEncoder::new(Vec::with_capacity(capacity), Compression::fast());
    for step in plain.chunks(STEP_BYTES) {
        encoder.write_all(step)?;
        yield_if_due().await;
    }
    encoder.finish()
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
