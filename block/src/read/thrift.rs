//! Thrift's compact protocol, as far as Parquet's footer, page headers and offset index need it.
//!
//! From: bytes of `data.parquet`. To: [`super::footer`] and [`super::page`]. Input is not trusted:
//! every length is checked against the bytes at hand, nesting is limited, nothing is allocated.

/// Type numbers of fields and list elements.
pub(crate) mod kind {
    pub(crate) const TRUE: u8 = 1;
    pub(crate) const FALSE: u8 = 2;
    pub(crate) const I8: u8 = 3;
    pub(crate) const I16: u8 = 4;
    pub(crate) const I32: u8 = 5;
    pub(crate) const I64: u8 = 6;
    pub(crate) const DOUBLE: u8 = 7;
    pub(crate) const BINARY: u8 = 8;
    pub(crate) const LIST: u8 = 9;
    pub(crate) const SET: u8 = 10;
    pub(crate) const MAP: u8 = 11;
    pub(crate) const STRUCT: u8 = 12;
}

/// Nesting of what is skipped; Parquet's own structures are less than 8 deep.
const SKIP_DEPTH_MAX: u8 = 16;

/// The bytes are no such structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadThrift;

type Result<T> = std::result::Result<T, BadThrift>;

/// A position in compact-protocol bytes.
pub(crate) struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Thrift<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes consumed so far.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or(BadThrift)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(len).ok_or(BadThrift)?;
        let taken = self.bytes.get(self.at..end).ok_or(BadThrift)?;
        self.at = end;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(BadThrift)
    }

    /// A zigzag integer of any width.
    pub(crate) fn int(&mut self) -> Result<i64> {
        let raw = self.varint()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// An integer that must be a count, size or offset.
    pub(crate) fn unsigned(&mut self) -> Result<u64> {
        u64::try_from(self.int()?).map_err(|_| BadThrift)
    }

    /// A string or binary.
    pub(crate) fn binary(&mut self) -> Result<&'a [u8]> {
        let len = usize::try_from(self.varint()?).map_err(|_| BadThrift)?;
        self.take(len)
    }

    /// Reads a struct: `field` is called with each field's number and type and must consume its
    /// value (booleans have none: the type says it), with [`Thrift::skip`] if it is not wanted.
    pub(crate) fn each_field(
        &mut self,
        mut field: impl FnMut(&mut Self, i16, u8) -> Result<()>,
    ) -> Result<()> {
        let mut id = 0_i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            id = match head >> 4 {
                0 => i16::try_from(self.int()?).map_err(|_| BadThrift)?,
                delta => id.checked_add(i16::from(delta)).ok_or(BadThrift)?,
            };
            field(self, id, head & 0x0f)?;
        }
    }

    /// Reads a list header whose elements must be of type `element` and take at least
    /// `element_bytes_min` each; returns the count, which the bytes left bound.
    pub(crate) fn list(&mut self, element: u8, element_bytes_min: usize) -> Result<usize> {
        let (count, found) = self.any_list()?;
        if count > 0 && (found != element || count > self.left() / element_bytes_min) {
            return Err(BadThrift);
        }
        Ok(count)
    }

    fn any_list(&mut self) -> Result<(usize, u8)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => usize::try_from(self.varint()?).map_err(|_| BadThrift)?,
            short => usize::from(short),
        };
        if count > self.left() {
            return Err(BadThrift);
        }
        Ok((count, head & 0x0f))
    }

    /// Skips a field's value.
    pub(crate) fn skip(&mut self, field_kind: u8) -> Result<()> {
        match field_kind {
            kind::TRUE | kind::FALSE => Ok(()),
            other => self.skip_value(other, SKIP_DEPTH_MAX),
        }
    }

    fn skip_value(&mut self, value_kind: u8, depth: u8) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or(BadThrift)?;
        match value_kind {
            // As elements of a list, booleans take a byte.
            kind::TRUE | kind::FALSE | kind::I8 => self.take(1).map(drop),
            kind::I16 | kind::I32 | kind::I64 => self.varint().map(drop),
            kind::DOUBLE => self.take(8).map(drop),
            kind::BINARY => self.binary().map(drop),
            kind::LIST | kind::SET => self.skip_list(depth),
            kind::MAP => self.skip_map(depth),
            kind::STRUCT => self.each_field(|t, _, field_kind| match field_kind {
                kind::TRUE | kind::FALSE => Ok(()),
                other => t.skip_value(other, depth),
            }),
            _ => Err(BadThrift),
        }
    }

    fn skip_list(&mut self, depth: u8) -> Result<()> {
        let (count, element) = self.any_list()?;
        (0..count).try_for_each(|_| self.skip_value(element, depth))
    }

    fn skip_map(&mut self, depth: u8) -> Result<()> {
        let count = usize::try_from(self.varint()?).map_err(|_| BadThrift)?;
        if count == 0 {
            return Ok(());
        }
        if count > self.left() {
            return Err(BadThrift);
        }
        let kinds = self.byte()?;
        for _ in 0..count {
            self.skip_value(kinds >> 4, depth)?;
            self.skip_value(kinds & 0x0f, depth)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "thrift_tests.rs"]
mod tests;
