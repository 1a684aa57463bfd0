//! HTTP/1.1 messages, read whole.

use std::io::{self, Read};

/// Largest head of a message.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// A request as the proxy sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A message: its head with the empty line, and its body as it was sent.
pub(crate) struct Message {
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Reads a request; `None` if the client has nothing more to say.
    pub(crate) fn read_request(from: &mut impl Read) -> io::Result<Option<Self>> {
        let Some(head) = read_head(from)? else { return Ok(None) };
        let mut message = Self { head, body: Vec::new() };
        if let Some(length) = message.header("content-length").and_then(|text| text.parse().ok()) {
            message.body.resize(length, 0);
            from.read_exact(&mut message.body)?;
        } else if message.header("transfer-encoding").is_some() {
            read_until(from, &mut message.body, b"0\r\n\r\n")?;
        }
        Ok(Some(message))
    }

    /// Reads an answer up to the end of the connection.
    pub(crate) fn read_answer(from: &mut impl Read) -> io::Result<Self> {
        let head = read_head(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut body = Vec::new();
        from.read_to_end(&mut body)?;
        Ok(Self { head, body })
    }

    pub(crate) fn request(&self) -> Request {
        let head = String::from_utf8_lossy(&self.head);
        let mut words = head.split_whitespace().map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        let (method, target) = (word(), word());
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers = head.lines().skip(1).filter_map(header).collect();
        Request { method, target, headers, body: self.body.clone() }
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = String::from_utf8_lossy(&self.head);
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// Takes a header out, by its name in lower case.
    pub(crate) fn remove_header(&mut self, name: &str) {
        let head = String::from_utf8_lossy(&self.head).into_owned();
        let is_it = |line: &&str| {
            line.split_once(':').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        let lines: Vec<&str> = head.split("\r\n").filter(|line| !is_it(line)).collect();
        self.head = lines.join("\r\n").into_bytes();
    }

    /// The head with another header line.
    pub(crate) fn head_with(&self, line: &str) -> Vec<u8> {
        let mut head = self.head[..self.head.len() - 2].to_vec();
        head.extend_from_slice(line.as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        head
    }
}

fn read_head(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    match read_until(from, &mut head, b"\r\n\r\n") {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && head.is_empty() => Ok(None),
        Err(error) => Err(error),
        Ok(()) => Ok(Some(head)),
    }
}

fn read_until(from: &mut impl Read, into: &mut Vec<u8>, end: &[u8]) -> io::Result<()> {
    let mut byte = [0];
    while !into.ends_with(end) {
        from.read_exact(&mut byte)?;
        into.push(byte[0]);
        if end.len() == 4 && into.len() > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(())
}
