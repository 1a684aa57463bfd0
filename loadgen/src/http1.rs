//! A small HTTP/1.1 client over one keep-alive connection: for OTLP HTTP, for reading traces back
//! and for `/flush`.
//!
//! One request at a time, answers with `Content-Length` or chunked, bounded in size. Does not know
//! what is sent or answered.

use std::io::{Error, ErrorKind, Result};

use bytes::{Bytes, BytesMut};
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::TcpStream;

use crate::options::Endpoint;

/// Largest head of an answer.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Largest body of an answer.
const BODY_BYTES_MAX: usize = 256 << 20;
/// One read.
const READ_BYTES: usize = 64 << 10;

/// A request; `head` holds extra header lines, each ending in `\r\n`.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path and query, without the endpoint's prefix.
    pub path: &'a str,
    /// Extra header lines.
    pub headers: &'a str,
    /// The body; empty for `GET`.
    pub body: Bytes,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}

impl Response {
    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    endpoint: Endpoint,
    /// Received and not used.
    pending: BytesMut,
    /// What the next read fills.
    chunk: Vec<u8>,
    closing: bool,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Those of resolving and connecting.
    pub async fn open(endpoint: &Endpoint) -> Result<Self> {
        let stream = TcpStream::connect(endpoint.authority.as_str()).await?;
        stream.set_nodelay(true)?;
        let (pending, chunk) = (BytesMut::new(), Vec::with_capacity(READ_BYTES));
        Ok(Self { stream, endpoint: endpoint.clone(), pending, chunk, closing: false })
    }

    /// Whether the server said that it will close after the last answer.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Sends a request and waits for the whole answer. After an error (or when this future was
    /// dropped) the connection must not be used again.
    ///
    /// # Errors
    /// Those of the socket, and `InvalidData` for an answer that is not HTTP/1.1 or too large.
    pub async fn send(&mut self, request: Request<'_>) -> Result<Response> {
        let head = format!(
            "{} {}{} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n{}\r\n",
            request.method,
            self.endpoint.prefix,
            request.path,
            self.endpoint.authority,
            request.body.len(),
            request.headers,
        );
        self.stream.write_all(head.into_bytes()).await.0?;
        if !request.body.is_empty() {
            self.stream.write_all(request.body).await.0?;
        }
        self.receive().await
    }

    async fn receive(&mut self) -> Result<Response> {
        loop {
            let end = self.find_head_end().await?;
            let head = self.pending.split_to(end);
            let (status, headers) = parse_head(&head)?;
            // Interim answers (100 Continue and the like) come before the real one.
            if status < 200 {
                continue;
            }
            let mut response = Response { status, headers, body: Bytes::new() };
            self.closing = response.header("connection") == Some("close");
            response.body = self.receive_body(&response).await?;
            return Ok(response);
        }
    }

    async fn find_head_end(&mut self) -> Result<usize> {
        loop {
            let found = self.pending.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(at) = found {
                return Ok(at + 4);
            }
            if self.pending.len() > HEAD_BYTES_MAX {
                return Err(invalid("the answer's head is too large"));
            }
            self.read_more().await?;
        }
    }

    async fn receive_body(&mut self, response: &Response) -> Result<Bytes> {
        let chunked = response
            .header("transfer-encoding")
            .is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
        if chunked {
            return self.receive_chunks().await;
        }
        match response.header("content-length") {
            Some(length) => {
                let length = length.parse().map_err(|_| invalid("Content-Length is no number"))?;
                self.take(length).await
            }
            None if response.status == 204 || response.status == 304 => Ok(Bytes::new()),
            None => self.receive_until_close().await,
        }
    }

    async fn receive_until_close(&mut self) -> Result<Bytes> {
        self.closing = true;
        loop {
            match self.read_more().await {
                Ok(()) if self.pending.len() > BODY_BYTES_MAX => return Err(too_large()),
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(self.pending.split().freeze());
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn receive_chunks(&mut self) -> Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let line = self.take_line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| invalid("bad chunk size"))?;
            if size == 0 {
                while !self.take_line().await?.is_empty() {}
                return Ok(body.freeze());
            }
            if size > BODY_BYTES_MAX - body.len() {
                return Err(too_large());
            }
            body.extend_from_slice(&self.take(size).await?);
            self.take_line().await?;
        }
    }

    async fn take(&mut self, length: usize) -> Result<Bytes> {
        if length > BODY_BYTES_MAX {
            return Err(too_large());
        }
        while self.pending.len() < length {
            self.read_more().await?;
        }
        Ok(self.pending.split_to(length).freeze())
    }

    async fn take_line(&mut self) -> Result<String> {
        loop {
            if let Some(at) = self.pending.windows(2).position(|two| two == b"\r\n") {
                let line = self.pending.split_to(at + 2);
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if self.pending.len() > HEAD_BYTES_MAX {
                return Err(invalid("a line of the answer is too long"));
            }
            self.read_more().await?;
        }
    }

    async fn read_more(&mut self) -> Result<()> {
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.clear();
        chunk.reserve(READ_BYTES);
        let (read, chunk) = self.stream.read(chunk).await;
        self.chunk = chunk;
        match read? {
            0 => Err(Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")),
            length => {
                self.pending.extend_from_slice(&self.chunk[..length]);
                Ok(())
            }
        }
    }
}

type Head = (u16, Vec<(String, String)>);

fn parse_head(head: &[u8]) -> Result<Head> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| invalid("the answer does not begin with an HTTP/1.x status line"))?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(k, v)| (k.trim().to_ascii_lowercase(), v.trim().to_owned()));
    Ok((status, headers.collect()))
}

fn too_large() -> Error {
    invalid("the answer is larger than 256 MiB")
}

fn invalid(reason: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, reason)
}
