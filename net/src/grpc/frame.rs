//! The message of a unary call, out of DATA frames of any size: a byte that says whether it is
//! compressed, its length in 4 bytes, and so many bytes.

use bytes::{Buf, Bytes};

use crate::status::Refusal;

const HEADER_BYTES: usize = 5;

/// A message as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// Compressed as `grpc-encoding` says.
    pub is_compressed: bool,
    /// Its bytes.
    pub body: Bytes,
}

/// Puts a message together.
#[derive(Debug)]
pub struct Assembler {
    bytes_max: usize,
    head: [u8; HEADER_BYTES],
    head_filled: usize,
    /// Length by the header, once that is whole.
    announced: Option<usize>,
    /// The message, if it came in one piece: then it is not copied.
    whole: Option<Bytes>,
    /// What came of it so far, otherwise.
    partial: Vec<u8>,
}

impl Assembler {
    /// For a message of at most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        let head = [0; HEADER_BYTES];
        Self { bytes_max, head, head_filled: 0, announced: None, whole: None, partial: Vec::new() }
    }

    /// Takes the next bytes of the stream.
    ///
    /// # Errors
    /// A message that is too large (known from its header on), a header that makes no sense, or
    /// bytes behind the message.
    pub fn push(&mut self, mut chunk: Bytes) -> Result<(), Refusal> {
        let announced = match self.announced {
            Some(announced) => announced,
            None => match self.take_head(&mut chunk)? {
                Some(announced) => announced,
                None => return Ok(()),
            },
        };
        let missing = if self.whole.is_some() { 0 } else { announced - self.partial.len() };
        if chunk.len() > missing {
            return Err(Refusal::malformed("more than one message in a unary request"));
        }
        if chunk.is_empty() {
            return Ok(());
        }
        if chunk.len() == announced {
            self.whole = Some(chunk);
            return Ok(());
        }
        if self.partial.is_empty() {
            // Exactly what was announced; the system gives it memory as it is filled.
            self.partial.reserve_exact(announced);
        }
        self.partial.extend_from_slice(&chunk);
        Ok(())
    }

    /// Takes what is missing of the header; the message's length once that is known.
    fn take_head(&mut self, chunk: &mut Bytes) -> Result<Option<usize>, Refusal> {
        let count = chunk.len().min(HEADER_BYTES - self.head_filled);
        chunk.copy_to_slice(&mut self.head[self.head_filled..][..count]);
        self.head_filled += count;
        if self.head_filled < HEADER_BYTES {
            return Ok(None);
        }
        let [flag, length @ ..] = self.head;
        if flag > 1 {
            return Err(Refusal::malformed(format!("received unexpected payload format {flag}")));
        }
        let announced = u32::from_be_bytes(length) as usize;
        if announced > self.bytes_max {
            return Err(Refusal::too_large(announced, self.bytes_max));
        }
        self.announced = Some(announced);
        Ok(self.announced)
    }

    /// The message, when the stream has ended.
    ///
    /// # Errors
    /// It is not whole.
    pub fn finish(self) -> Result<Message, Refusal> {
        let body = self.whole.unwrap_or_else(|| self.partial.into());
        if self.announced != Some(body.len()) {
            return Err(Refusal::malformed("the request ended within its message"));
        }
        Ok(Message { is_compressed: self.head[0] == 1, body })
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
