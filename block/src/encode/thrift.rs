//! Thrift's compact protocol, as far as Parquet's structures need it.

use stringendo_proto::wire::put_varint;

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I8: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Writes one structure; fields in ascending order of their numbers.
pub struct Struct<'o> {
    out: &'o mut Vec<u8>,
    last_field: u8,
}

impl<'o> Struct<'o> {
    /// Writes the structure that `fields` fills in.
    pub fn write(out: &'o mut Vec<u8>, fields: impl FnOnce(&mut Struct<'_>)) {
        let mut this = Struct { out, last_field: 0 };
        fields(&mut this);
        this.out.push(0);
    }

    fn field(&mut self, number: u8, kind: u8) {
        // No structure of Parquet has a gap of 16 or more.
        self.out.push((number - self.last_field) << 4 | kind);
        self.last_field = number;
    }

    /// A boolean.
    pub fn bool(&mut self, number: u8, value: bool) {
        self.field(number, if value { TRUE } else { FALSE });
    }

    /// An 8-bit integer.
    pub fn i8(&mut self, number: u8, value: i8) {
        self.field(number, I8);
        self.out.push(value as u8);
    }

    /// A 16-bit integer.
    pub fn i16(&mut self, number: u8, value: i16) {
        self.field(number, I16);
        put_zigzag(self.out, value.into());
    }

    /// A 32-bit integer or an enum.
    pub fn i32(&mut self, number: u8, value: i32) {
        self.field(number, I32);
        put_zigzag(self.out, value.into());
    }

    /// A 64-bit integer.
    pub fn i64(&mut self, number: u8, value: i64) {
        self.field(number, I64);
        put_zigzag(self.out, value);
    }

    /// Bytes or text.
    pub fn bytes(&mut self, number: u8, value: &[u8]) {
        self.field(number, BINARY);
        put_bytes(self.out, value);
    }

    /// A structure inside.
    pub fn inner(&mut self, number: u8, fields: impl FnOnce(&mut Struct<'_>)) {
        self.field(number, STRUCT);
        Struct::write(self.out, fields);
    }

    /// A list of structures.
    pub fn list<T>(&mut self, number: u8, items: &[T], fields: impl Fn(&mut Struct<'_>, &T)) {
        self.begin_list(number, STRUCT, items.len());
        for item in items {
            Struct::write(self.out, |inner| fields(inner, item));
        }
    }

    /// A list of booleans.
    pub fn bools(&mut self, number: u8, items: impl ExactSizeIterator<Item = bool>) {
        self.begin_list(number, TRUE, items.len());
        self.out.extend(items.map(|item| if item { TRUE } else { FALSE }));
    }

    /// A list of 32-bit integers or enums.
    pub fn i32s(&mut self, number: u8, items: impl ExactSizeIterator<Item = i32>) {
        self.begin_list(number, I32, items.len());
        items.for_each(|item| put_zigzag(self.out, item.into()));
    }

    /// A list of 64-bit integers.
    pub fn i64s(&mut self, number: u8, items: impl ExactSizeIterator<Item = i64>) {
        self.begin_list(number, I64, items.len());
        items.for_each(|item| put_zigzag(self.out, item));
    }

    /// A list of byte strings or texts.
    pub fn byte_lists<'b>(&mut self, number: u8, items: impl ExactSizeIterator<Item = &'b [u8]>) {
        self.begin_list(number, BINARY, items.len());
        items.for_each(|item| put_bytes(self.out, item));
    }

    fn begin_list(&mut self, number: u8, kind: u8, len: usize) {
        self.field(number, LIST);
        if len < 15 {
            self.out.push((len as u8) << 4 | kind);
        } else {
            self.out.push(0xf0 | kind);
            put_varint(self.out, len as u64);
        }
    }
}

fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value << 1 ^ value >> 63) as u64);
}

fn put_bytes(out: &mut Vec<u8>, value: &[u8]) {
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}
