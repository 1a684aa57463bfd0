//! Lists of names and values, as they are packed: texts with their length in front, in order.

use stringendo_proto::wire::{Reader, WireError, put_varint};

use super::{Damaged, Place};
use crate::tags::{TagNames, TagScope, TagValues, Texts};

impl From<WireError> for Damaged {
    fn from(_: WireError) -> Self {
        Self("a list is cut off")
    }
}

/// Appends texts, in order.
pub(super) fn put_texts<'a>(
    out: &mut Vec<u8>,
    count: usize,
    texts: impl Iterator<Item = &'a [u8]>,
) {
    put_varint(out, count as u64);
    texts.for_each(|text| put_text(out, text));
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Appends the values of a key.
pub(super) fn put_values(out: &mut Vec<u8>, place: Place, key: &[u8], values: &TagValues) {
    out.push(place as u8);
    put_text(out, key);
    let mut body = Vec::new();
    put_texts(&mut body, values.strings.len(), values.strings.iter());
    put_varint(&mut body, values.ints.len() as u64);
    body.extend(values.ints.iter().flat_map(|value| value.to_le_bytes()));
    put_varint(&mut body, values.floats.len() as u64);
    body.extend(values.floats.iter().flat_map(|value| value.to_le_bytes()));
    let bools = values.bools.iter().fold(0, |bits, value| bits | 1 << u8::from(*value));
    body.push(bools);
    put_text(out, &body);
}

fn read_texts(list: &mut Reader<'_>) -> Result<Texts, Damaged> {
    let count = list.varint()?;
    let mut texts = Texts::default();
    for _ in 0..count {
        if !texts.push_last(list.bytes()?) {
            return Err(Damaged("a list out of order"));
        }
    }
    Ok(texts)
}

fn read_numbers<T>(list: &mut Reader<'_>, of: impl Fn(u64) -> T) -> Result<Vec<T>, Damaged> {
    let count = list.varint()?;
    if count > list.rest().len() as u64 / 8 {
        return Err(Damaged("a list is cut off"));
    }
    (0..count).map(|_| Ok(of(list.fixed64()?))).collect()
}

/// All keys of attributes, from the unpacked part.
///
/// # Errors
/// It is damaged.
pub fn read_names(raw: &[u8]) -> Result<TagNames, Damaged> {
    let (mut list, mut names) = (Reader::new(raw), TagNames::default());
    for scope in TagScope::ALL {
        *names.of_mut(scope) = read_texts(&mut list)?;
    }
    match list.is_empty() {
        true => Ok(names),
        false => Err(Damaged("a list with more than it says")),
    }
}

/// The values of a key, from the unpacked chunk; `None` if it does not have them.
///
/// # Errors
/// It is damaged.
pub fn read_values(raw: &[u8], place: Place, key: &[u8]) -> Result<Option<TagValues>, Damaged> {
    let mut list = Reader::new(raw);
    while let Some((first, rest)) = list.rest().split_first() {
        let mut entry = Reader::new(rest);
        let is_wanted = entry.bytes()? == key && *first == place as u8;
        let body = entry.bytes()?;
        if is_wanted {
            return read_body(body).map(Some);
        }
        list = Reader::new(entry.rest());
    }
    Ok(None)
}

fn read_body(body: &[u8]) -> Result<TagValues, Damaged> {
    let mut list = Reader::new(body);
    let strings = read_texts(&mut list)?;
    let ints = read_numbers(&mut list, |bits| bits as i64)?;
    let floats = read_numbers(&mut list, f64::from_bits)?;
    let &[bits] = list.rest() else { return Err(Damaged("a list with more than it says")) };
    let bools = [false, true].into_iter().filter(|value| bits >> u8::from(*value) & 1 == 1);
    Ok(TagValues { strings, ints, floats, bools: bools.collect(), durations: Vec::new() })
}
