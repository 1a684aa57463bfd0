//! Writes compact JSON into a buffer, with protobuf's mapping of values.
//!
//! From: [`crate::render_json`]. It does not know any message, and writes what it is told: leaving
//! out zero values is a choice of its methods' names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Appends `text` as a JSON string. Each byte that is not UTF-8 becomes U+FFFD, as Tempo shows it.
pub fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    match str::from_utf8(text) {
        Ok(valid) => put_escaped(out, valid),
        Err(_) => text.utf8_chunks().for_each(|chunk| {
            put_escaped(out, chunk.valid());
            for _ in chunk.invalid() {
                out.extend_from_slice("\u{fffd}".as_bytes());
            }
        }),
    }
    out.push(b'"');
}

fn put_escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    // Looking at all of them without an end in between goes many bytes at a time.
    if !bytes.iter().fold(false, |found, byte| found | is_escaped(*byte)) {
        return out.extend_from_slice(bytes);
    }
    let mut written = 0;
    for (at, &byte) in bytes.iter().enumerate().filter(|(_, byte)| is_escaped(**byte)) {
        out.extend_from_slice(&bytes[written..at]);
        put_escape(out, byte);
        written = at + 1;
    }
    out.extend_from_slice(&bytes[written..]);
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn put_escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => out.extend_from_slice(br#"\""#),
        b'\\' => out.extend_from_slice(br"\\"),
        b'\n' => out.extend_from_slice(br"\n"),
        b'\r' => out.extend_from_slice(br"\r"),
        b'\t' => out.extend_from_slice(br"\t"),
        _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
    }
}

/// Appends bytes as standard base64 with padding, quoted.
pub fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
}

/// Appends an integer.
pub fn put_integer(out: &mut Vec<u8>, number: impl std::fmt::Display) {
    out.extend_from_slice(number.to_string().as_bytes());
}

/// Appends a 64-bit integer, which protobuf's JSON quotes.
pub fn put_quoted(out: &mut Vec<u8>, number: impl std::fmt::Display) {
    out.extend_from_slice(format!("\"{number}\"").as_bytes());
}

/// Appends a double: the shortest digits that read back the same; very large and very small ones
/// with an exponent; not finite ones as strings.
pub fn put_f64(out: &mut Vec<u8>, number: f64) {
    let size = number.abs();
    let text = if number.is_nan() {
        r#""NaN""#.to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { r#""Infinity""#.to_owned() } else { r#""-Infinity""#.to_owned() }
    } else if size == 0.0 || (1e-6..1e21).contains(&size) {
        number.to_string()
    } else if size < 1.0 {
        format!("{number:e}")
    } else {
        format!("{number:e}").replace('e', "e+")
    };
    out.extend_from_slice(text.as_bytes());
}

/// Appends `[…]`, one element per item.
pub fn put_array<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    put: impl Fn(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        put(out, item);
    }
    out.push(b']');
}

/// An object that is being written; [`Object::end`] closes it.
#[must_use = "an object must be closed with `end`"]
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Object<'o> {
    /// Opens an object.
    pub fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    /// Closes the object.
    pub fn end(self) {
        self.out.push(b'}');
    }

    /// Writes a key; the caller appends its value to the buffer.
    pub fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        put_string(self.out, key.as_bytes());
        self.out.push(b':');
        self.out
    }

    /// A string, unless it is empty.
    pub fn string_unless_empty(&mut self, key: &str, text: &[u8]) {
        if !text.is_empty() {
            put_string(self.key(key), text);
        }
    }

    /// Bytes as base64, unless there are none.
    pub fn base64_unless_empty(&mut self, key: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            put_base64(self.key(key), bytes);
        }
    }

    /// A 32-bit integer as a number, unless it is 0.
    pub fn u32_unless_zero(&mut self, key: &str, number: u32) {
        if number != 0 {
            put_integer(self.key(key), number);
        }
    }

    /// A 64-bit integer as a string, unless it is 0.
    pub fn u64_unless_zero(&mut self, key: &str, number: u64) {
        if number != 0 {
            put_quoted(self.key(key), number);
        }
    }

    /// A 64-bit integer with sign as a string, unless it is 0.
    pub fn i64_unless_zero(&mut self, key: &str, number: i64) {
        if number != 0 {
            put_quoted(self.key(key), number);
        }
    }

    /// An enum's name, or its number if it has none; nothing if it is 0.
    pub fn enum_unless_zero(&mut self, key: &str, number: i32, names: &[&str]) {
        if number == 0 {
            return;
        }
        match usize::try_from(number).ok().and_then(|at| names.get(at)) {
            Some(name) => put_string(self.key(key), name.as_bytes()),
            None => put_integer(self.key(key), number),
        }
    }

    /// A message, if it is set.
    pub fn message_if_set<T>(
        &mut self,
        key: &str,
        message: Option<T>,
        put: impl FnOnce(&mut Vec<u8>, T),
    ) {
        if let Some(message) = message {
            put(self.key(key), message);
        }
    }

    /// A list of messages, unless it is empty.
    pub fn list_unless_empty<T>(&mut self, key: &str, items: &[T], put: fn(&mut Vec<u8>, &T)) {
        if !items.is_empty() {
            put_array(self.key(key), items, put);
        }
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
