//! memcached's meta commands, as far as they are needed: a value is asked for (`mg`), or written
//! (`ms`).
//!
//! From: [`super::server`]. The other side is not trusted: lines and values have a limit, and
//! memory grows with what was received, not with what was announced.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Longest first line of an answer.
const LINE_BYTES_MAX: u64 = 2048;
/// Largest value that is read. memcached's own limit is 1 MiB where nobody raised it.
pub(super) const VALUE_BYTES_MAX: u64 = 128 << 20;
/// Memory that is taken for a value before any of it has come.
const FIRST_BYTES: u64 = 1 << 20;

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The value.
    Value(Bytes),
    /// There is none.
    Nothing,
    /// It was done.
    Done,
    /// It was not done, and why.
    Refused(String),
}

/// The question for the value of `key`.
pub(super) fn get(key: &str) -> Vec<u8> {
    format!("mg {key} v\r\n").into_bytes()
}

/// The command that writes a value, to be kept for `ttl` if that is not zero.
pub(super) fn set(key: &str, value: &[u8], ttl: Duration) -> Vec<u8> {
    let mut command = format!("ms {key} {}", value.len());
    if !ttl.is_zero() {
        command.push_str(&format!(" T{}", ttl.as_secs().max(1)));
    }
    command.push_str("\r\n");
    [command.as_bytes(), value, b"\r\n"].concat()
}

/// Reads an answer.
///
/// # Errors
/// The connection ended, or what came is no answer.
pub(super) async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Answer> {
    let mut line = Vec::new();
    stream.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    let Some(line) = line.strip_suffix(b"\r\n") else {
        return Err(ended_or(line.is_empty(), "the line is too long, or cut off"));
    };
    let mut words = line.split(|byte| *byte == b' ');
    match words.next() {
        Some(b"VA") => value(stream, words.next().unwrap_or_default()).await,
        Some(b"EN") => Ok(Answer::Nothing),
        Some(b"HD") => Ok(Answer::Done),
        _ => Ok(Answer::Refused(String::from_utf8_lossy(line).into_owned())),
    }
}

async fn value(stream: &mut (impl AsyncBufRead + Unpin), length: &[u8]) -> io::Result<Answer> {
    let length = std::str::from_utf8(length).ok().and_then(|digits| digits.parse::<u64>().ok());
    let Some(length) = length.filter(|length| *length <= VALUE_BYTES_MAX) else {
        return Err(wrong("a value of impossible length"));
    };
    let mut value = Vec::with_capacity(length.min(FIRST_BYTES) as usize + 2);
    stream.take(length + 2).read_to_end(&mut value).await?;
    let is_whole = value.len() as u64 == length + 2 && value.ends_with(b"\r\n");
    if !is_whole {
        return Err(ended_or((value.len() as u64) < length + 2, "a value does not end"));
    }
    value.truncate(length as usize);
    Ok(Answer::Value(value.into()))
}

fn ended_or(has_ended: bool, what: &str) -> io::Error {
    if has_ended { io::ErrorKind::UnexpectedEof.into() } else { wrong(what) }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
