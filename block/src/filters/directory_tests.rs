use proptest::prelude::*;

use super::*;
use crate::filters::{Assembly, Gathered};

fn object() -> Bytes {
    let mut gathered = Gathered::default();
    for (place, key) in [(Place::Span, "a"), (Place::Span, "b"), (Place::Name, "")] {
        let number = gathered.key(place, key.as_bytes()).unwrap();
        gathered.present(number);
        gathered.string(number, b"text");
        gathered.int(number, 5);
        gathered.float(number, 0.5);
        gathered.bool(number, true);
    }
    gathered.id(&stringendo_proto::TraceId([3; 16]));
    let mut assembly = Assembly::new(gathered, Uuid::nil());
    std::iter::from_fn(|| Some(assembly.step())).flatten().next().unwrap()
}

#[test]
fn the_directory_is_read_back_and_says_how_long_it_is() {
    let object = object();
    let directory = Directory::decode(&object, &Uuid::nil()).unwrap();
    let bytes = Directory::bytes(&object, &Uuid::nil()).unwrap();
    assert_eq!(bytes, directory.encoded_bytes() as u64);
    assert_eq!(directory.encode(&Uuid::nil()).unwrap(), object[..bytes as usize]);
    let parts = directory.ids.iter().chain(&directory.entries);
    let end = parts.chain(directory.chunks.iter().map(|chunk| &chunk.packed.part));
    assert_eq!(end.map(|part| part.range().end).max(), Some(object.len() as u64));
}

#[test]
fn an_object_of_another_block_or_version_is_none() {
    let object = object();
    assert!(Directory::decode(&object, &Uuid::from_u128(1)).is_err());
    let mut other = object.to_vec();
    other[8] = 2;
    assert_eq!(Directory::decode(&other, &Uuid::nil()), Err(Damaged("another version")));
}

proptest! {
    #[test]
    fn a_flipped_bit_of_the_directory_is_noticed(at: prop::sample::Index, bit in 0..8u8) {
        let mut object = object().to_vec();
        let bytes = Directory::bytes(&object, &Uuid::nil()).unwrap() as usize;
        object[at.index(bytes)] ^= 1 << bit;
        prop_assert!(Directory::decode(&object, &Uuid::nil()).is_err());
    }

    #[test]
    fn a_flipped_bit_of_a_part_is_noticed(at: prop::sample::Index, bit in 0..8u8) {
        let object = object();
        let directory = Directory::decode(&object, &Uuid::nil()).unwrap();
        let part = directory.entries[0];
        let range = part.range().start as usize..part.range().end as usize;
        let mut bytes = object[range].to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(part.check(bytes.into()).is_err());
    }

    #[test]
    fn what_is_cut_off_is_noticed(at: prop::sample::Index) {
        let object = object();
        let bytes = Directory::bytes(&object, &Uuid::nil()).unwrap() as usize;
        prop_assert!(Directory::decode(&object[..at.index(bytes)], &Uuid::nil()).is_err());
    }
}
