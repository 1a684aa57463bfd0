//! Protobuf primitives over slices: varints, tags, lengths; and the same for writing.
//!
//! From: [`crate::walk`], which checks batches with a [`Reader`]; `block` and `engine`, which parse
//! the bodies of walked spans with [`Fields`]. To: nobody; [`crate::cut`] writes with the `put_*`
//! functions. This module does not know any message. It never panics, whatever the bytes.
//!
//! What is read is what protobuf decoders read: varints of up to 10 bytes, minimal or not, tags of
//! up to 32 bits. Groups, which proto3 does not have, are refused.

use std::fmt;

/// Why bytes are not protobuf, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireError {
    /// What is wrong.
    pub what: &'static str,
    /// Byte position, counted from the start of the reader's buffer.
    pub at: usize,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for WireError {}

/// How the value after a tag is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum WireType {
    /// A varint.
    Varint = 0,
    /// 8 bytes, little-endian.
    Fixed64 = 1,
    /// A varint length and that many bytes.
    Bytes = 2,
    /// 4 bytes, little-endian.
    Fixed32 = 5,
}

/// A field's number and wire type as one number, as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(pub u32);

impl Tag {
    /// The tag of `field` with `wire_type`.
    pub const fn new(field: u32, wire_type: WireType) -> Self {
        Self(field << 3 | wire_type as u32)
    }

    /// The field's number.
    #[inline]
    pub const fn field(self) -> u32 {
        self.0 >> 3
    }
}

/// A field's value, not yet interpreted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// bool, enum, int32, int64, uint32, uint64.
    Varint(u64),
    /// fixed64, double (as bits).
    Fixed64(u64),
    /// string, bytes, message.
    Bytes(&'a [u8]),
    /// fixed32.
    Fixed32(u32),
}

/// Reads forward through a buffer. Positions are positions in that buffer, also in the readers
/// that [`Reader::message`] gives for messages inside.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Everything up to the end of the message.
    buf: &'a [u8],
    /// Next byte; at most `buf.len()`.
    pos: usize,
}

impl<'a> Reader<'a> {
    /// Reads all of `buf`.
    #[inline]
    pub fn new(buf: &'a [u8]) -> Self {
        Self { buf, pos: 0 }
    }

    /// Position of the next byte.
    #[inline]
    pub fn pos(&self) -> usize {
        self.pos
    }

    /// What has not been read.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.buf.get(self.pos..).unwrap_or_default()
    }

    /// Whether everything has been read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.pos >= self.buf.len()
    }

    /// An error at the next byte.
    #[cold]
    pub fn error(&self, what: &'static str) -> WireError {
        WireError { what, at: self.pos }
    }

    /// Reads a varint.
    ///
    /// # Errors
    /// The buffer ends, or the number has more than 64 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        match self.buf.get(self.pos) {
            Some(&byte) if byte < 0x80 => {
                self.pos += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    /// Reads a varint of any length; apart, so that the usual one-byte case stays small.
    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0;
        for (i, &byte) in self.rest().iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                if i == 9 && byte > 1 {
                    return Err(self.error("varint of more than 64 bits"));
                }
                self.pos += i + 1;
                return Ok(value);
            }
        }
        let truncated = self.rest().len() < 10;
        let what = if truncated { "truncated varint" } else { "varint of more than 10 bytes" };
        Err(self.error(what))
    }

    /// Reads the next field's tag, without regard to whether its wire type exists; `None` at the
    /// end.
    ///
    /// # Errors
    /// A broken varint, a tag of more than 32 bits, field number 0.
    #[inline]
    pub fn tag(&mut self) -> Result<Option<Tag>, WireError> {
        if self.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        match u32::try_from(tag) {
            Ok(tag) if tag >= 8 => Ok(Some(Tag(tag))),
            _ => Err(self.error("invalid field number")),
        }
    }

    /// Reads the bytes of a string, bytes or message field.
    ///
    /// # Errors
    /// A broken length, or one beyond the end of the buffer.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let len = self.varint()?;
        let rest = self.rest();
        match usize::try_from(len) {
            Ok(len) if len <= rest.len() => {
                self.pos += len;
                Ok(&rest[..len])
            }
            _ => Err(self.error("length beyond the end of the message")),
        }
    }

    /// Steps over a message field and gives a reader for its body.
    ///
    /// # Errors
    /// As [`Reader::bytes`].
    #[inline]
    pub fn message(&mut self) -> Result<Reader<'a>, WireError> {
        let len = self.bytes()?.len();
        // `bytes` has left `pos` just behind the body.
        Ok(Reader { buf: &self.buf[..self.pos], pos: self.pos - len })
    }

    /// What has not been read and, if there is one, the byte before it.
    #[inline]
    pub(crate) fn rest_and_byte_before(&self) -> &'a [u8] {
        self.buf.get(self.pos.saturating_sub(1)..).unwrap_or_default()
    }

    /// Steps over `count` bytes of what has not been read.
    #[inline]
    pub(crate) fn skip(&mut self, count: usize) {
        debug_assert!(count <= self.rest().len());
        self.pos += count;
    }

    /// Reads 8 bytes, little-endian.
    ///
    /// # Errors
    /// The buffer ends.
    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, WireError> {
        match self.rest().first_chunk() {
            Some(bytes) => {
                self.pos += 8;
                Ok(u64::from_le_bytes(*bytes))
            }
            None => Err(self.error("truncated fixed64")),
        }
    }

    /// Reads 4 bytes, little-endian.
    ///
    /// # Errors
    /// The buffer ends.
    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, WireError> {
        match self.rest().first_chunk() {
            Some(bytes) => {
                self.pos += 4;
                Ok(u32::from_le_bytes(*bytes))
            }
            None => Err(self.error("truncated fixed32")),
        }
    }

    /// Reads the value after `tag`.
    ///
    /// # Errors
    /// A broken value, a group, or a wire type that does not exist.
    #[inline]
    pub fn value(&mut self, tag: Tag) -> Result<Value<'a>, WireError> {
        match tag.0 & 7 {
            0 => self.varint().map(Value::Varint),
            1 => self.fixed64().map(Value::Fixed64),
            2 => self.bytes().map(Value::Bytes),
            5 => self.fixed32().map(Value::Fixed32),
            3 | 4 => Err(self.error("groups are not supported")),
            _ => Err(self.error("invalid wire type")),
        }
    }
}

/// The fields of one message body, in wire order. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    reader: Reader<'a>,
}

impl<'a> Fields<'a> {
    /// Iterates over `body`, a message without its own tag and length.
    #[inline]
    pub fn new(body: &'a [u8]) -> Self {
        Self { reader: Reader::new(body) }
    }

    /// Position of the next field in the body.
    #[inline]
    pub fn pos(&self) -> usize {
        self.reader.pos()
    }

    #[inline]
    fn field(&mut self) -> Result<Option<(u32, Value<'a>)>, WireError> {
        let Some(tag) = self.reader.tag()? else { return Ok(None) };
        Ok(Some((tag.field(), self.reader.value(tag)?)))
    }
}

impl<'a> Iterator for Fields<'a> {
    /// Field number and value.
    type Item = Result<(u32, Value<'a>), WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let field = self.field();
        if field.is_err() {
            self.reader.pos = self.reader.buf.len();
        }
        field.transpose()
    }
}

/// Messages one after another, each behind its length as a varint. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Delimited<'a> {
    reader: Reader<'a>,
}

/// Iterates over the messages of a varint-delimited stream.
pub fn delimited(bytes: &[u8]) -> Delimited<'_> {
    Delimited { reader: Reader::new(bytes) }
}

impl<'a> Iterator for Delimited<'a> {
    /// The message's bytes.
    type Item = Result<&'a [u8], WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let message = self.reader.bytes();
        if message.is_err() {
            self.reader.pos = self.reader.buf.len();
        }
        Some(message)
    }
}

/// Bytes that `value` takes as a varint.
#[inline]
pub const fn varint_len(value: u64) -> usize {
    // 7 bits a byte, at least one byte: (bits × 9 + 64) / 64 is ⌈bits / 7⌉ for 1 to 64 bits.
    ((64 - (value | 1).leading_zeros()) as usize * 9 + 64) / 64
}

/// Bytes that a length-delimited field with this content takes, tag and length included.
#[inline]
pub const fn bytes_field_len(field: u32, content_len: usize) -> usize {
    let tag = Tag::new(field, WireType::Bytes).0;
    varint_len(tag as u64) + varint_len(content_len as u64) + content_len
}

/// Appends a varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a tag.
#[inline]
pub fn put_tag(out: &mut Vec<u8>, field: u32, wire_type: WireType) {
    put_varint(out, u64::from(Tag::new(field, wire_type).0));
}

/// Appends tag and length of a length-delimited field, whose content the caller appends.
#[inline]
pub fn put_bytes_header(out: &mut Vec<u8>, field: u32, content_len: usize) {
    put_tag(out, field, WireType::Bytes);
    put_varint(out, content_len as u64);
}

/// Appends a length-delimited field.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, field: u32, content: &[u8]) {
    put_bytes_header(out, field, content.len());
    out.extend_from_slice(content);
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
