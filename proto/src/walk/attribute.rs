//! Attributes and their values. Most of a batch is attributes, so their usual shape has a fast
//! check of its own; all else goes field by field.

use super::{Walker, bytes_tag, skip, varint_tag};
use crate::wire::{Reader, Tag, WireError, WireType};

const KEY: u32 = bytes_tag(1);
const VALUE: u32 = bytes_tag(2);

const STRING: u32 = bytes_tag(1);
const BOOL: u32 = varint_tag(2);
const INT: u32 = varint_tag(3);
const DOUBLE: u32 = Tag::new(4, WireType::Fixed64).0;
const ARRAY: u32 = bytes_tag(5);
const KVLIST: u32 = bytes_tag(6);
const BYTES: u32 = bytes_tag(7);

/// Elements of either list.
const ELEMENT: u32 = bytes_tag(1);

/// Bytes of the attributes at the start of `rest` that are fields with the tag `field` and plain:
/// all lengths below 128, and the value a string, a double, or an integer or truth value of up to
/// 8 bytes. What is behind them may be an attribute, too, of another form.
///
/// Most bytes of most batches pass through here, so fields are compared four bytes at a time: tag
/// and length of the attribute and of its key, then tags and lengths of the value.
#[inline]
fn plain_bytes(rest: &[u8], field: u8) -> usize {
    let head = u32::from_le_bytes([field, 0, KEY as u8, 0]);
    let mut at = 0;
    while let Some(start) = rest.get(at..).and_then(<[u8]>::first_chunk) {
        let start = u32::from_le_bytes(*start);
        let (len, key_len) = ((start >> 8 & 0x7f) as usize, (start >> 24) as usize);
        // Two for the tag and length of each of key and value, one for the value's kind.
        let content_len = len.wrapping_sub(key_len + 5);
        let end = at + 2 + len;
        let is_attribute = (start & 0x80ff_80ff == head) & (content_len.wrapping_sub(1) < 0x7d);
        if !is_attribute | (end > rest.len()) {
            break;
        }
        let (Some(value), Some(tail)) =
            (rest[at + 4 + key_len..end].first_chunk(), rest[..end].last_chunk())
        else {
            break;
        };
        if !is_plain_value_of(u32::from_le_bytes(*value), content_len as u32, tail) {
            break;
        }
        at = end;
    }
    at
}

/// Whether a value is plain, by its first four bytes (tag, length, kind, first byte of the
/// content), the length of the content, and the eight bytes that end it.
///
/// All kinds are compared: attributes of different kinds follow each other, and a branch would be
/// mispredicted for many of them.
#[inline]
fn is_plain_value_of(value: u32, content_len: u32, tail: &[u8; 8]) -> bool {
    let framed = VALUE | (content_len + 1) << 8;
    let is_string = value == framed | STRING << 16 | (content_len - 1) << 24;
    let is_double = (value & 0x00ff_ffff == framed | DOUBLE << 16) & (content_len == 8);
    // The tags of the two differ in one bit.
    let is_varint = value & 0x00f7_ffff == framed | BOOL << 16;
    is_string | is_double | is_varint & ends_in_varint(tail, content_len)
}

/// Whether the last `len` bytes of these are one varint; `false` for more than 8.
#[inline]
fn ends_in_varint(tail: &[u8; 8], len: u32) -> bool {
    // High bits: set, but for the last.
    let high = u64::from_le_bytes(*tail) & 0x8080_8080_8080_8080;
    let others = 64u32.wrapping_sub(8 * len);
    (len <= 8) & ((high ^ 0x0080_8080_8080_8080).wrapping_shr(others) == 0)
}

const _: () = assert!(INT & 0xf7 == BOOL && BOOL & 0xf7 == BOOL);

impl Walker<'_> {
    /// An attribute of a resource, scope, span, event or link, whose tag `FIELD` was just read, and
    /// the plain ones right behind it: mostly all that there are.
    #[inline]
    pub(super) fn attributes<const FIELD: u32>(
        &mut self,
        r: &mut Reader<'_>,
    ) -> Result<(), WireError> {
        const { assert!(FIELD < 0x80) };
        if self.attribute_bytes_max >= 0x80
            && let Some(behind_tag) =
                plain_bytes(r.rest_and_byte_before(), FIELD as u8).checked_sub(1)
        {
            r.skip(behind_tag);
            return Ok(());
        }
        self.key_value(r.message()?, self.attribute_bytes_max, 0)
    }

    /// `KeyValue`; `bytes_max` bounds the key and a string value, `depth` lists are around it.
    fn key_value(
        &mut self,
        mut r: Reader<'_>,
        bytes_max: usize,
        depth: u32,
    ) -> Result<(), WireError> {
        let mut has_value = false;
        while let Some(tag) = r.tag()? {
            match tag.0 {
                KEY => self.needs_rewrite |= r.bytes()?.len() > bytes_max,
                VALUE => {
                    self.needs_rewrite |= has_value;
                    has_value = true;
                    self.any_value(r.message()?, bytes_max, depth)?;
                }
                _ => skip(&mut r, tag, 0b110, "wrong wire type in KeyValue")?,
            }
        }
        Ok(())
    }

    fn any_value(
        &mut self,
        mut r: Reader<'_>,
        bytes_max: usize,
        depth: u32,
    ) -> Result<(), WireError> {
        let mut members = 0u32;
        while let Some(tag) = r.tag()? {
            members += 1;
            match tag.0 {
                STRING => self.needs_rewrite |= r.bytes()?.len() > bytes_max,
                BOOL | INT => _ = r.varint()?,
                DOUBLE => _ = r.fixed64()?,
                ARRAY => self.array(r.message()?, depth)?,
                KVLIST => self.kvlist(r.message()?, depth)?,
                BYTES => _ = r.bytes()?,
                _ => {
                    members -= 1;
                    skip(&mut r, tag, 0b1111_1110, "wrong wire type in AnyValue")?;
                }
            }
        }
        self.needs_rewrite |= members > 1;
        Ok(())
    }

    fn array(&mut self, mut r: Reader<'_>, depth: u32) -> Result<(), WireError> {
        self.check_depth(&r, depth)?;
        while let Some(tag) = r.tag()? {
            match tag.0 {
                // Only attributes themselves are cut, not what is inside lists.
                ELEMENT => self.any_value(r.message()?, usize::MAX, depth + 1)?,
                _ => skip(&mut r, tag, 0b10, "wrong wire type in ArrayValue")?,
            }
        }
        Ok(())
    }

    fn kvlist(&mut self, mut r: Reader<'_>, depth: u32) -> Result<(), WireError> {
        self.check_depth(&r, depth)?;
        while let Some(tag) = r.tag()? {
            match tag.0 {
                ELEMENT => self.key_value(r.message()?, usize::MAX, depth + 1)?,
                _ => skip(&mut r, tag, 0b10, "wrong wire type in KeyValueList")?,
            }
        }
        Ok(())
    }

    fn check_depth(&self, r: &Reader<'_>, depth: u32) -> Result<(), WireError> {
        if depth < self.value_depth_max {
            return Ok(());
        }
        Err(r.error("AnyValue nested too deeply"))
    }
}

#[cfg(test)]
#[path = "attribute_tests.rs"]
mod tests;
