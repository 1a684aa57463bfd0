//! Single values: ids, numbers, enums, text. Each says in its error what it expects; serde_json
//! adds the line and column.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use crate::otlp_json::{SPAN_KINDS, STATUS_CODES};

/// A string. What is not UTF-8, or half of a UTF-16 pair (scripts cut strings so), becomes U+FFFD.
#[derive(Default)]
pub(super) struct Text(Bytes);

impl From<Text> for Bytes {
    fn from(text: Text) -> Self {
        text.0
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Bytes::copy_from_slice(text.as_bytes())))
    }

    fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<Text, E> {
        self.visit_str(&String::from_utf8_lossy(text))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As bytes, because serde_json refuses a lone surrogate in a `str`.
        deserializer.deserialize_bytes(TextVisitor)
    }
}

/// Standard base64 with padding.
#[derive(Default)]
pub(super) struct Base64(Bytes);

impl From<Base64> for Bytes {
    fn from(bytes: Base64) -> Self {
        bytes.0
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Bytes = Text::deserialize(deserializer)?.into();
        decode_base64(&text).map(|bytes| Self(bytes.into()))
    }
}

/// How ids are written.
pub(crate) trait IdText: Default {
    /// The id that `text`, which is not empty, means; it should have `len` bytes.
    fn decode<E: Error>(text: &[u8], len: usize) -> Result<Vec<u8>, E>;
}

/// Hex of either case.
#[derive(Default)]
pub(crate) struct HexIds;

impl IdText for HexIds {
    fn decode<E: Error>(text: &[u8], len: usize) -> Result<Vec<u8>, E> {
        match const_hex::decode(text) {
            // Also of this length: a prefix `0x`, which the decoder takes, leaves too few.
            Ok(id) if text.len() == 2 * len && id.len() == len => Ok(id),
            _ => {
                let got = String::from_utf8_lossy(text);
                let expected = format!("an id of {} hex digits", 2 * len);
                Err(E::invalid_value(Unexpected::Str(&got), &expected.as_str()))
            }
        }
    }
}

/// Standard base64, whatever the length: only servers write it.
#[derive(Default)]
pub(crate) struct Base64Ids;

impl IdText for Base64Ids {
    fn decode<E: Error>(text: &[u8], _len: usize) -> Result<Vec<u8>, E> {
        decode_base64(text)
    }
}

fn decode_base64<E: Error>(text: &[u8]) -> Result<Vec<u8>, E> {
    STANDARD.decode(text).map_err(|error| E::custom(format_args!("invalid base64: {error}")))
}

/// An id of `LEN` bytes, or none.
pub(super) struct Id<I, const LEN: usize> {
    id: Bytes,
    written_as: PhantomData<I>,
}

impl<I, const LEN: usize> Default for Id<I, LEN> {
    fn default() -> Self {
        Self { id: Bytes::new(), written_as: PhantomData }
    }
}

impl<I, const LEN: usize> From<Id<I, LEN>> for Bytes {
    fn from(id: Id<I, LEN>) -> Self {
        id.id
    }
}

impl<'de, I: IdText, const LEN: usize> Deserialize<'de> for Id<I, LEN> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Bytes = Text::deserialize(deserializer)?.into();
        if text.is_empty() {
            return Ok(Self::default());
        }
        let id = I::decode::<D::Error>(&text, LEN)?.into();
        Ok(Self { id, written_as: PhantomData })
    }
}

/// An integer, as a number or as a string of its digits.
#[derive(Default)]
pub(super) struct Integer<T>(T);

impl<T> Integer<T> {
    pub(super) fn get(self) -> T {
        self.0
    }
}

struct IntegerVisitor<T>(PhantomData<T>);

impl<T: TryFrom<i128>> Visitor<'_> for IntegerVisitor<T> {
    type Value = Integer<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an integer of type {}, as a number or a string", std::any::type_name::<T>())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        let too_large = |_| E::invalid_value(Unexpected::Signed(number), &self);
        i128::from(number).try_into().map(Integer).map_err(too_large)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        let too_large = |_| E::invalid_value(Unexpected::Unsigned(number), &self);
        i128::from(number).try_into().map(Integer).map_err(too_large)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let number = text.parse::<i128>().ok().and_then(|number| number.try_into().ok());
        number.map(Integer).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl<'de, T: TryFrom<i128>> Deserialize<'de> for Integer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor(PhantomData))
    }
}

/// A double, as a number or as a string: decimal, `NaN`, `Infinity`, `-Infinity`.
#[derive(Default)]
pub(super) struct Double(pub(super) f64);

struct DoubleVisitor;

impl Visitor<'_> for DoubleVisitor {
    type Value = Double;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, as such or as a string, \"NaN\", \"Infinity\" or \"-Infinity\"")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Double, E> {
        Ok(Double(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Double, E> {
        Ok(Double(number as f64))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Double, E> {
        Ok(Double(number as f64))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Double, E> {
        let number = text.parse();
        number.map(Double).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DoubleVisitor)
    }
}

/// The names of an enum.
pub(super) trait Names {
    /// By number.
    const NAMES: &'static [&'static str];
}

#[derive(Default)]
pub(super) struct SpanKindNames;

impl Names for SpanKindNames {
    const NAMES: &'static [&'static str] = &SPAN_KINDS;
}

#[derive(Default)]
pub(super) struct StatusCodeNames;

impl Names for StatusCodeNames {
    const NAMES: &'static [&'static str] = &STATUS_CODES;
}

/// An enum, as a number (any, also unknown ones) or a name.
#[derive(Default)]
pub(super) struct Enum<N> {
    number: i32,
    names: PhantomData<N>,
}

impl<N> Enum<N> {
    pub(super) fn number(self) -> i32 {
        self.number
    }
}

struct EnumVisitor<N>(PhantomData<N>);

impl<N: Names> EnumVisitor<N> {
    fn of<E: Error>(self, number: Option<i32>, got: Unexpected<'_>) -> Result<Enum<N>, E> {
        match number {
            Some(number) => Ok(Enum { number, names: PhantomData }),
            None => Err(E::invalid_value(got, &self)),
        }
    }
}

impl<N: Names> Visitor<'_> for EnumVisitor<N> {
    type Value = Enum<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number or one of {}", N::NAMES.join(", "))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        self.of(number.try_into().ok(), Unexpected::Signed(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.of(number.try_into().ok(), Unexpected::Unsigned(number))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let number = N::NAMES.iter().position(|known| *known == name);
        self.of(number.map(|number| number as i32), Unexpected::Str(name))
    }
}

impl<'de, N: Names> Deserialize<'de> for Enum<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EnumVisitor(PhantomData))
    }
}
