use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn texts(all: &BTreeSet<Vec<u8>>) -> Texts {
    all.iter().rev().collect()
}

proptest! {
    #[test]
    fn a_set_is_what_a_sorted_set_of_strings_is(
        a in prop::collection::btree_set(prop::collection::vec(any::<u8>(), 0..4), 0..40),
        b in prop::collection::btree_set(prop::collection::vec(any::<u8>(), 0..4), 0..40),
    ) {
        let (left, right) = (texts(&a), texts(&b));
        prop_assert!(left.iter().eq(a.iter().map(Vec::as_slice)));
        prop_assert!(a.iter().all(|text| left.contains(text)));
        prop_assert!(b.iter().all(|text| left.contains(text) == a.contains(text)));
        let both: BTreeSet<Vec<u8>> = a.union(&b).cloned().collect();
        prop_assert_eq!(left.merged(&right), texts(&both));
        prop_assert_eq!(left.text_bytes(), a.iter().map(Vec::len).sum::<usize>());
    }
}

#[test]
fn the_empty_string_is_a_member_like_any_other() {
    let mut set = DistinctTexts::default();
    assert!(set.insert(b""));
    assert!(!set.insert(b""));
    assert_eq!(set.sorted().len(), 1);
    assert!(set.sorted().contains(b""));
    assert!(!Texts::default().contains(b""));
}
