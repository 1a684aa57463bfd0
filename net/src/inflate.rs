//! Decompression of requests under a limit: memory is charged before it is used, and other tasks
//! of the core run in between.
//!
//! From: `grpc::export` and `otlp_http`, with a whole compressed message. To: the same, which hand
//! the protobuf or JSON on.

use std::io::{self, Read};

use bytes::Bytes;
use stringendo_ring::yield_if_due;

use crate::limits::{INFLATE_STEP_BYTES, ZSTD_WINDOW_LOG_MAX};
use crate::memory::RequestMemory;
use crate::status::Refusal;

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// gzip, of one or several members.
    Gzip,
    /// zlib, or raw deflate, which some clients send under its name.
    Deflate,
    /// Zstandard.
    Zstd,
    /// Snappy, as one block or in the framing format; clients use both under one name.
    Snappy,
}

impl Coding {
    /// What `Content-Encoding` or `grpc-encoding` names; empty is the same as absent.
    ///
    /// # Errors
    /// An encoding that is not served.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        match name.trim() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" => Ok(Self::Gzip),
            "zlib" | "deflate" => Ok(Self::Deflate),
            "zstd" => Ok(Self::Zstd),
            "snappy" | "x-snappy-framed" => Ok(Self::Snappy),
            other => Err(Refusal::encoding(other)),
        }
    }
}

/// First bytes of Snappy's framing format.
const SNAPPY_FRAMED: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// Deflate makes at most so many bytes of one.
const DEFLATE_RATIO_MAX: usize = 1032;

/// Decompresses `body` to at most `bytes_max` bytes.
///
/// # Errors
/// Damaged data, a result that is too large, or no memory for it now.
pub async fn inflate(
    coding: Coding,
    body: Bytes,
    bytes_max: usize,
    memory: &mut RequestMemory,
) -> Result<Bytes, Refusal> {
    let guess = guess(coding, &body).min(bytes_max);
    let reader: Box<dyn Read + '_> = match coding {
        Coding::Identity => return Ok(body),
        Coding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(&body[..])),
        Coding::Deflate if is_zlib(&body) => Box::new(flate2::bufread::ZlibDecoder::new(&body[..])),
        Coding::Deflate => Box::new(flate2::bufread::DeflateDecoder::new(&body[..])),
        Coding::Zstd => Box::new(zstd_reader(&body).map_err(damaged)?),
        Coding::Snappy if body.starts_with(SNAPPY_FRAMED) => {
            Box::new(snap::read::FrameDecoder::new(&body[..]))
        }
        Coding::Snappy => return inflate_snappy_block(&body, bytes_max, memory),
    };
    read_limited(reader, guess, bytes_max, memory).await.map(Bytes::from)
}

/// How large the result will be, as far as the data says; to be trusted as a hint only.
fn guess(coding: Coding, body: &[u8]) -> usize {
    let likely = body.len().saturating_mul(4);
    match (coding, body.last_chunk::<4>()) {
        // The size modulo 2^32 of the last member ends a gzip stream.
        (Coding::Gzip, Some(size)) => {
            (u32::from_le_bytes(*size) as usize).min(body.len().saturating_mul(DEFLATE_RATIO_MAX))
        }
        _ => likely,
    }
}

/// Whether the first two bytes are a zlib header (RFC 1950).
fn is_zlib(body: &[u8]) -> bool {
    let [first, second, ..] = body else { return true };
    first & 0x0f == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31)
}

fn zstd_reader(body: &[u8]) -> io::Result<impl Read + '_> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

/// Reads to the end, in steps. Memory grows to twice itself at most.
async fn read_limited(
    mut reader: Box<dyn Read + '_>,
    guess: usize,
    bytes_max: usize,
    memory: &mut RequestMemory,
) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    loop {
        if out.len() == out.capacity() {
            // One byte more than allowed, so that too much is noticed.
            let grown = guess.max(out.len() * 2).max(INFLATE_STEP_BYTES).min(bytes_max) + 1;
            let more = grown.saturating_sub(out.len());
            memory.grow(more as u64)?;
            out.reserve_exact(more);
        }
        let step = INFLATE_STEP_BYTES.min(out.capacity() - out.len());
        let count = reader.by_ref().take(step as u64).read_to_end(&mut out).map_err(damaged)?;
        if out.len() > bytes_max {
            return Err(Refusal::too_large(out.len(), bytes_max));
        }
        if count < step {
            return Ok(out);
        }
        yield_if_due().await;
    }
}

fn inflate_snappy_block(
    body: &[u8],
    bytes_max: usize,
    memory: &mut RequestMemory,
) -> Result<Bytes, Refusal> {
    let snappy = |error: snap::Error| damaged(error.into());
    let bytes = snap::raw::decompress_len(body).map_err(snappy)?;
    if bytes > bytes_max {
        return Err(Refusal::too_large(bytes, bytes_max));
    }
    memory.grow(bytes as u64)?;
    Ok(snap::raw::Decoder::new().decompress_vec(body).map_err(snappy)?.into())
}

fn damaged(error: io::Error) -> Refusal {
    Refusal::malformed(format!("the request could not be decompressed: {error}"))
}

#[cfg(test)]
#[path = "inflate_tests.rs"]
mod tests;
