use std::collections::BTreeSet;

use super::*;
use crate::budget::Budget;

fn memory() -> AnswerMemory {
    AnswerMemory::empty(&Budget::new(1 << 30))
}

fn numbered(numbers: impl Iterator<Item = u32>) -> Texts {
    numbers.map(|number| number.to_string()).collect()
}

#[test]
fn the_union_of_many_sets_has_each_element_once_and_in_order() {
    let (mut merging, mut memory) = (Merging::default(), memory());
    let mut expected = BTreeSet::new();
    for place in 0..50 {
        let numbers = || place * 7..place * 7 + 20 + place % 3;
        expected.extend(numbers().map(|number| number.to_string()));
        merging.add(&numbered(numbers()), &mut memory).expect("memory");
        assert!(merging.len_max() >= expected.len());
    }
    merging.unite(&mut memory).expect("memory");
    assert_eq!(merging.len_max(), expected.len());
    let set = merging.into_set(&mut memory).expect("memory");
    let texts: Vec<&[u8]> = set.iter().collect();
    assert_eq!(texts, expected.iter().map(String::as_bytes).collect::<Vec<_>>());
}

#[test]
fn sets_that_are_not_united_yet_become_smaller_by_half() {
    let (mut merging, mut memory) = (Merging::default(), memory());
    for place in 0..1000 {
        merging.add(&numbered(place * 10..(place + 1) * 10), &mut memory).expect("memory");
    }
    assert_eq!(merging.len_max(), 10_000);
    let sizes: Vec<usize> = merging.sets.iter().map(Texts::len).collect();
    assert!(sizes.windows(2).all(|pair| pair[0] / 2 > pair[1]), "{sizes:?}");
}

#[test]
fn the_same_set_again_takes_nothing() {
    let (mut merging, mut memory) = (Merging::default(), memory());
    let set = numbered(0..10);
    merging.add(&set, &mut memory).expect("memory");
    let charged = memory.bytes();
    merging.add(&set, &mut memory).expect("memory");
    merging.add(&Texts::default(), &mut memory).expect("memory");
    assert_eq!((merging.len_max(), memory.bytes()), (10, charged));
}
