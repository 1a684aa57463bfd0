use super::*;
use crate::filters::directory::{Directory, Probe};
use crate::filters::{Assembly, listing};
use bytes::Bytes;
use uuid::Uuid;

struct Object {
    bytes: Bytes,
    directory: Directory,
}

fn assembled(gathered: Gathered) -> Object {
    let mut assembly = Assembly::new(gathered, Uuid::nil());
    let bytes = std::iter::from_fn(|| Some(assembly.step())).flatten().next().unwrap();
    let directory = Directory::decode(&bytes, &Uuid::nil()).unwrap();
    Object { bytes, directory }
}

impl Object {
    fn may_hold(&self, entry: u64, value_of: Option<KeyHash>) -> bool {
        let probe = Probe { entry, value_of };
        let Some(part) = self.directory.page_for(&probe) else { return true };
        let range = part.range();
        let bytes = self.bytes.slice(range.start as usize..range.end as usize);
        self.directory.may_hold(&probe, &part.check(bytes).unwrap())
    }

    fn values(&self, place: Place, key: &[u8]) -> Option<TagValues> {
        let packed = self.directory.chunk_of(place, key)?.packed;
        let range = packed.part.range();
        let bytes = self.bytes.slice(range.start as usize..range.end as usize);
        listing::read_values(&packed.unpack(bytes).unwrap(), place, key).unwrap()
    }
}

fn filled(gathered: &mut Gathered, key: &str, texts: std::ops::Range<usize>) -> KeyHash {
    let number = gathered.key(Place::Span, key.as_bytes()).unwrap();
    gathered.present(number);
    texts.for_each(|text| gathered.string(number, format!("value {text:06}").as_bytes()));
    KeyHash::of(Place::Span, key.as_bytes())
}

#[test]
fn a_key_with_too_many_values_is_left_out_and_then_may_have_any() {
    let mut gathered = Gathered::default();
    gathered.limit_listed(1 << 20);
    let many = filled(&mut gathered, "many", 0..KEY_STRINGS_MAX + 1);
    let few = filled(&mut gathered, "few", 0..100);
    let object = assembled(gathered);
    assert!(object.may_hold(many.string(b"nothing like it"), Some(many)));
    assert!(object.may_hold(many.present(), None));
    assert!(object.may_hold(few.string(b"value 000099"), Some(few)));
    assert!(!object.may_hold(few.string(b"value 000100"), Some(few)));
    assert_eq!(object.values(Place::Span, b"few").unwrap().strings.len(), 100);
    assert!(object.values(Place::Span, b"many").is_none());
}

#[test]
fn the_keys_with_the_most_values_go_first_when_there_is_too_much_in_all() {
    let mut gathered = Gathered::default();
    for key in 0..6 {
        filled(&mut gathered, &format!("large {key}"), 0..200_000);
    }
    let small = filled(&mut gathered, "small", 0..1000);
    let object = assembled(gathered);
    assert!(object.bytes.len() < ENTRIES_MAX * 5 / 2 + LISTED_BYTES.end());
    assert!(!object.may_hold(small.string(b"nothing"), Some(small)));
    assert_eq!(object.values(Place::Span, b"small").unwrap().len(), 1000);
}

#[test]
fn too_many_keys_make_a_filter_that_denies_nothing() {
    let mut gathered = Gathered::default();
    for key in 0..=KEYS_MAX as u32 {
        gathered.key(Place::Span, &key.to_le_bytes());
    }
    let object = assembled(gathered);
    let none = KeyHash::of(Place::Span, b"no such key");
    assert!(object.may_hold(none.present(), None));
    assert!(object.directory.names.is_none());
}

#[test]
fn strings_that_come_again_and_again_take_no_room() {
    let mut gathered = Gathered::default();
    for _ in 0..400 {
        filled(&mut gathered, "same", 0..1000);
        gathered.end_row_group();
    }
    let object = assembled(gathered);
    assert_eq!(object.values(Place::Span, b"same").unwrap().strings.len(), 1000);
    assert!(object.bytes.len() < 10_000, "{}", object.bytes.len());
}

#[test]
fn numbers_of_one_value_are_one_entry_whatever_their_type() {
    let key = KeyHash::of(Place::Span, b"k");
    assert_eq!(key.int(7), key.number(7.0));
    assert_eq!(key.number(0.0), key.number(-0.0));
    assert_ne!(key.int(1), key.bool(true));
    assert_ne!(key.string(b"1"), key.int(1));
}
