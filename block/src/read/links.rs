//! The links of a span as `vParquet3` keeps them: one protobuf message with all of them (contract
//! blocks.md §9).
//!
//! From: the column `Links` of spans. To: [`super::assemble`], which decodes them whole; searches,
//! tags and filters, which walk over them and decode the values that they want.

use bytes::Bytes;
use prost::Message;
use stringendo_proto::otlp::{Link, Value};
use stringendo_proto::wire::{Fields, Value as Wire, WireError};

use super::ReadError;
use super::texts::Comparable;

/// All links of a span.
#[derive(Clone, PartialEq, Message)]
struct Links {
    #[prost(message, repeated, tag = "1")]
    links: Vec<Link>,
}

/// The links in a message; `None` if it is none.
pub(crate) fn decode(message: Bytes) -> Option<Vec<Link>> {
    let mut links = Links::decode(message).ok()?.links;
    links.iter_mut().for_each(|link| link.flags = 0);
    Some(links)
}

/// The error of a message that is none.
pub(crate) fn damaged(error: WireError) -> ReadError {
    ReadError::Damaged(format!("data.parquet: links of a span do not decode: {error}"))
}

/// The bodies of the links in a message.
pub(crate) fn bodies(message: &[u8]) -> impl Iterator<Item = Result<&[u8], WireError>> {
    messages(message, 1)
}

/// What searches compare of a link: trace id, span id, and its attributes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LinkView<'m> {
    pub(crate) trace_id: &'m [u8],
    pub(crate) span_id: &'m [u8],
    body: &'m [u8],
}

impl<'m> LinkView<'m> {
    /// Of the body of a link.
    pub(crate) fn of(body: &'m [u8]) -> Result<Self, WireError> {
        let mut link = Self { body, ..Self::default() };
        for field in Fields::new(body) {
            match field? {
                (1, Wire::Bytes(id)) => link.trace_id = id,
                (2, Wire::Bytes(id)) => link.span_id = id,
                _ => {}
            }
        }
        Ok(link)
    }

    /// Its attributes in order: key, and body of the `AnyValue`, empty if there is none.
    pub(crate) fn attributes(
        &self,
    ) -> impl Iterator<Item = Result<(&'m [u8], &'m [u8]), WireError>> + use<'m> {
        messages(self.body, 4).map(|body| key_value(body?))
    }
}

/// Calls `each` with every attribute of every link in a message.
pub(crate) fn each_attribute<'m>(
    message: &'m [u8],
    mut each: impl FnMut(&'m [u8], &'m [u8]),
) -> Result<(), WireError> {
    for body in bodies(message) {
        for attribute in LinkView::of(body?)?.attributes() {
            let (key, value) = attribute?;
            each(key, value);
        }
    }
    Ok(())
}

/// What comparisons take of an `AnyValue`, whose body `any` is a part of `message`. Maps and lists
/// in lists, which no comparison takes, are not looked into.
pub(crate) fn comparable(any: &[u8], message: &Bytes) -> Result<Comparable, WireError> {
    Ok(match last_field(any)? {
        Some((5, Wire::Bytes(list))) => {
            let mut values = Vec::new();
            for element in messages(list, 1) {
                let element = last_field(element?)?;
                let Some(value) = element.and_then(|field| scalar(field, message)) else {
                    return Ok(Comparable::Nothing);
                };
                values.push(value);
            }
            Comparable::list(values)
        }
        Some(field) => scalar(field, message).map_or(Comparable::Nothing, Comparable::Scalar),
        None => Comparable::Nothing,
    })
}

fn scalar((number, value): (u32, Wire<'_>), message: &Bytes) -> Option<Value> {
    match (number, value) {
        (1, Wire::Bytes(text)) => Some(Value::String(message.slice_ref(text))),
        (2, Wire::Varint(truth)) => Some(Value::Bool(truth != 0)),
        (3, Wire::Varint(number)) => Some(Value::Int(number as i64)),
        (4, Wire::Fixed64(bits)) => Some(Value::Double(f64::from_bits(bits))),
        _ => None,
    }
}

/// Of several values the last one counts.
fn last_field(body: &[u8]) -> Result<Option<(u32, Wire<'_>)>, WireError> {
    Fields::new(body).try_fold(None, |_, field| field.map(Some))
}

fn key_value(body: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    for field in Fields::new(body) {
        match field? {
            (1, Wire::Bytes(bytes)) => key = bytes,
            (2, Wire::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    Ok((key, value))
}

/// The bodies of all messages in field `number`.
fn messages(body: &[u8], number: u32) -> impl Iterator<Item = Result<&[u8], WireError>> + use<'_> {
    Fields::new(body).filter_map(move |field| match field {
        Ok((found, Wire::Bytes(body))) if found == number => Some(Ok(body)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
