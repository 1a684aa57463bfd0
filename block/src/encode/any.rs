//! OTLP attributes as they lie in bytes: keys, values, arrays; and values as JSON.

use stringendo_proto::json::{put_base64, put_f64, put_quoted, put_string};
use stringendo_proto::wire::{Fields, Reader, Tag, Value, WireType};

use super::EncodeError;

// Fields of `AnyValue`.
/// Tag of a value.
pub const STRING: u32 = bytes_tag(1);
/// Tag of a value.
pub const BOOL: u32 = Tag::new(2, WireType::Varint).0;
/// Tag of a value.
pub const INT: u32 = Tag::new(3, WireType::Varint).0;
/// Tag of a value.
pub const DOUBLE: u32 = Tag::new(4, WireType::Fixed64).0;
const ARRAY: u32 = bytes_tag(5);
const KVLIST: u32 = bytes_tag(6);
const BYTES: u32 = bytes_tag(7);

// Fields of `KeyValue`; their tags have one byte.
/// Of an attribute's key.
pub const KEY_TAG: u8 = bytes_tag(1) as u8;
const VALUE_TAG: u8 = bytes_tag(2) as u8;

/// The tag of a field of strings, bytes or messages.
pub const fn bytes_tag(field: u32) -> u32 {
    Tag::new(field, WireType::Bytes).0
}

/// An attribute's value, not yet copied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Any<'a> {
    /// No value at all.
    Empty,
    /// Text (maybe not UTF-8).
    Str(&'a [u8]),
    /// Boolean.
    Bool(bool),
    /// Integer.
    Int(i64),
    /// Double.
    Double(f64),
    /// Body of an `ArrayValue`.
    Array(&'a [u8]),
    /// Body of a `KeyValueList`.
    KvList(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// What all elements of an array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elements {
    /// There are none.
    None,
    /// Strings.
    Str,
    /// Booleans.
    Bool,
    /// Integers.
    Int,
    /// Doubles.
    Double,
    /// Several types, or one without a column.
    Other,
}

impl<'a> Any<'a> {
    /// Reads the body of an `AnyValue`.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    #[inline]
    pub fn parse(body: &'a [u8]) -> Result<Self, EncodeError> {
        let (mut any, mut r) = (Self::Empty, Reader::new(body));
        while let Some(tag) = r.tag()? {
            any = match tag.0 {
                STRING => Self::Str(r.bytes()?),
                BOOL => Self::Bool(r.varint()? != 0),
                INT => Self::Int(r.varint()? as i64),
                DOUBLE => Self::Double(f64::from_bits(r.fixed64()?)),
                ARRAY => Self::Array(r.bytes()?),
                KVLIST => Self::KvList(r.bytes()?),
                BYTES => Self::Bytes(r.bytes()?),
                _ => {
                    r.value(tag)?;
                    any
                }
            };
        }
        Ok(any)
    }
}

/// The key and the value of a `KeyValue`.
///
/// # Errors
/// Bytes that are not protobuf.
#[inline]
pub fn attribute(body: &[u8]) -> Result<(&[u8], Any<'_>), EncodeError> {
    if let Some(plain) = plain_attribute(body) {
        return Ok(plain);
    }
    let (key, value) = key_value(body)?;
    Ok((key, Any::parse(value)?))
}

/// The usual form, in one go: a short key, then a short string, number or truth value. `None` says
/// nothing about it.
#[inline]
fn plain_attribute(body: &[u8]) -> Option<(&[u8], Any<'_>)> {
    let (&[KEY_TAG, key_len], rest) = body.split_first_chunk()? else { return None };
    if key_len >= 0x80 {
        return None;
    }
    let (key, rest) = rest.split_at_checked(usize::from(key_len))?;
    Some((key, plain_value(rest)?))
}

#[inline]
fn plain_value(behind_key: &[u8]) -> Option<Any<'_>> {
    let (tag, content) = plain_content(behind_key)?;
    Some(match tag {
        STRING => Any::Str(plain_text(content)?),
        INT => Any::Int(plain_int(content)?),
        BOOL => Any::Bool(plain_bool(content)?),
        DOUBLE => Any::Double(plain_double(content)?),
        _ => return None,
    })
}

/// Tag and content of the value behind the key of a `KeyValue`, if the value is short and there is
/// nothing else. `None` says nothing about it, here and in what reads the content.
#[inline]
pub fn plain_content(behind_key: &[u8]) -> Option<(u32, &[u8])> {
    let (&[VALUE_TAG, value_len, tag], content) = behind_key.split_first_chunk()? else {
        return None;
    };
    let is_all = value_len < 0x80 && usize::from(value_len) == content.len() + 1;
    is_all.then_some((u32::from(tag), content))
}

/// A short text behind its length.
#[inline]
pub fn plain_text(content: &[u8]) -> Option<&[u8]> {
    content.split_first().filter(|(len, text)| usize::from(**len) == text.len()).map(|all| all.1)
}

/// A truth value.
#[inline]
pub fn plain_bool(content: &[u8]) -> Option<bool> {
    if let &[value @ ..0x80] = content { Some(value != 0) } else { None }
}

/// A double.
#[inline]
pub fn plain_double(content: &[u8]) -> Option<f64> {
    Some(f64::from_le_bytes(content.try_into().ok()?))
}

/// A varint of up to 8 bytes that takes all of `content`.
#[inline]
pub fn plain_int(content: &[u8]) -> Option<i64> {
    let (&last, before) = content.split_last().filter(|(last, _)| **last < 0x80)?;
    if before.len() >= 8 || before.iter().any(|byte| *byte < 0x80) {
        return None;
    }
    let low =
        before.iter().rev().fold(u64::from(last), |all, byte| all << 7 | u64::from(byte & 0x7f));
    Some(low as i64)
}

/// Splits the body of a `KeyValue` into key and the body of its value (empty if there is none).
///
/// # Errors
/// Bytes that are not protobuf.
#[inline]
pub fn key_value(body: &[u8]) -> Result<(&[u8], &[u8]), EncodeError> {
    const KEY: u32 = KEY_TAG as u32;
    const VALUE: u32 = VALUE_TAG as u32;
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    let mut r = Reader::new(body);
    while let Some(tag) = r.tag()? {
        match tag.0 {
            KEY => key = r.bytes()?,
            VALUE => value = r.bytes()?,
            _ => drop(r.value(tag)?),
        }
    }
    Ok((key, value))
}

/// The elements of an `ArrayValue`.
pub fn elements(body: &[u8]) -> impl Iterator<Item = Result<Any<'_>, EncodeError>> {
    Fields::new(body).filter_map(|field| match field {
        Ok((1, Value::Bytes(body))) => Some(Any::parse(body)),
        Ok(_) => None,
        Err(error) => Some(Err(error.into())),
    })
}

/// The bodies of the elements if `value`, the body of an `AnyValue`, is an array; else itself.
pub fn values_of(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let array = match Any::parse(value) {
        Ok(Any::Array(body)) => Some(body),
        _ => None,
    };
    let elements = Fields::new(array.unwrap_or_default()).filter_map(|field| match field {
        Ok((1, Value::Bytes(body))) => Some(body),
        _ => None,
    });
    elements.chain(array.is_none().then_some(value))
}

/// What the elements of an `ArrayValue` are.
///
/// # Errors
/// Bytes that are not protobuf.
pub fn element_type(body: &[u8]) -> Result<Elements, EncodeError> {
    let mut all = Elements::None;
    for element in elements(body) {
        let this = match element? {
            Any::Str(_) => Elements::Str,
            Any::Bool(_) => Elements::Bool,
            Any::Int(_) => Elements::Int,
            Any::Double(_) => Elements::Double,
            _ => Elements::Other,
        };
        if all != Elements::None && all != this || this == Elements::Other {
            return Ok(Elements::Other);
        }
        all = this;
    }
    Ok(all)
}

/// Deeper nesting is cut off with an error; what the walk accepted is far below.
const DEPTH_MAX: u32 = 64;

/// Appends `any` as compact proto3 JSON of its `AnyValue` (contract blocks.md §10).
///
/// # Errors
/// Bytes that are not protobuf, or nesting beyond any limit.
pub fn put_json(out: &mut Vec<u8>, any: Any<'_>) -> Result<(), EncodeError> {
    put_any(out, any, 0)
}

fn put_any(out: &mut Vec<u8>, any: Any<'_>, depth: u32) -> Result<(), EncodeError> {
    if depth > DEPTH_MAX {
        return Err(EncodeError::Malformed("value nested too deeply".into()));
    }
    out.push(b'{');
    match any {
        Any::Empty => {}
        Any::Str(text) => member(out, "stringValue", |out| put_string(out, text)),
        Any::Bool(value) => member(out, "boolValue", |out| put(out, value)),
        Any::Int(number) => member(out, "intValue", |out| put_quoted(out, number)),
        Any::Double(number) => member(out, "doubleValue", |out| put_f64(out, number)),
        Any::Bytes(bytes) => member(out, "bytesValue", |out| put_base64(out, bytes)),
        Any::Array(body) => {
            out.extend_from_slice(br#""arrayValue":{"#);
            let mut list = Listed::default();
            for element in elements(body) {
                list.next(out);
                put_any(out, element?, depth + 1)?;
            }
            list.end(out);
        }
        Any::KvList(body) => {
            out.extend_from_slice(br#""kvlistValue":{"#);
            put_pairs(out, body, depth)?;
        }
    }
    out.push(b'}');
    Ok(())
}

fn put_pairs(out: &mut Vec<u8>, body: &[u8], depth: u32) -> Result<(), EncodeError> {
    let mut list = Listed::default();
    for field in Fields::new(body) {
        let (1, Value::Bytes(pair)) = field? else { continue };
        let (key, value) = key_value(pair)?;
        list.next(out);
        out.extend_from_slice(br#"{"key":"#);
        put_string(out, key);
        // An absent value is no member; an empty one is `{}`, and both lie here as no bytes.
        out.extend_from_slice(br#","value":"#);
        put_any(out, Any::parse(value)?, depth + 1)?;
        out.push(b'}');
    }
    list.end(out);
    Ok(())
}

/// `"values":[…]` of a message that is `{}` without values.
#[derive(Default)]
struct Listed {
    some: bool,
}

impl Listed {
    fn next(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.some { b"," } else { br#""values":["# });
        self.some = true;
    }

    fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.some { b"]}" } else { b"}" });
    }
}

fn member(out: &mut Vec<u8>, name: &str, value: impl FnOnce(&mut Vec<u8>)) {
    put(out, format_args!("\"{name}\":"));
    value(out);
}

fn put(out: &mut Vec<u8>, text: impl std::fmt::Display) {
    out.extend_from_slice(text.to_string().as_bytes());
}

#[cfg(test)]
#[path = "any_tests.rs"]
mod tests;
