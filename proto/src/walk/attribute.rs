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

/// Whether `body` is a key of up to 127 bytes and then a string, number or truth value, both
/// written in the shortest way and not longer than `bytes_max`. `false` says nothing about it.
#[inline]
fn is_plain(body: &[u8], bytes_max: usize) -> bool {
    let &[key_tag, key_len, ref rest @ ..] = body else { return false };
    let key_len = usize::from(key_len);
    if u32::from(key_tag) != KEY || key_len >= 0x80 || key_len > bytes_max {
        return false;
    }
    let Some(&[value_tag, value_len, ref value @ ..]) = rest.get(key_len..) else { return false };
    u32::from(value_tag) == VALUE
        && value_len < 0x80
        && usize::from(value_len) == value.len()
        && is_plain_value(value, bytes_max)
}

#[inline]
fn is_plain_value(value: &[u8], bytes_max: usize) -> bool {
    let Some((&tag, content)) = value.split_first() else { return false };
    match u32::from(tag) {
        STRING => match content.split_first() {
            Some((&len, text)) => usize::from(len) == text.len() && text.len() <= bytes_max,
            None => false,
        },
        INT | BOOL => match content {
            [a] => *a < 0x80,
            [a, b] => *a >= 0x80 && *b < 0x80,
            _ => false,
        },
        DOUBLE => content.len() == 8,
        _ => false,
    }
}

impl Walker<'_> {
    /// An attribute of a resource, scope, span, event or link.
    #[inline]
    pub(super) fn attribute(&mut self, r: Reader<'_>) -> Result<(), WireError> {
        if is_plain(r.rest(), self.attribute_bytes_max) {
            return Ok(());
        }
        self.key_value(r, self.attribute_bytes_max, 0)
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
