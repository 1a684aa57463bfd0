//! Replays the inputs that fuzzing found interesting.

#![allow(clippy::unwrap_used)]

#[path = "../../fuzz/checks/block_filters.rs"]
mod block_filters;

use proptest::prelude::*;

proptest! {
    #[test]
    fn any_few_bytes_are_read_without_a_panic(
        kind in 0..5_u8,
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        block_filters::check(&[&[kind][..], &bytes].concat());
    }
}

#[test]
fn damaged_filters_of_the_corpus_are_read_without_a_panic() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/block_filters");
    let mut inputs = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        block_filters::check(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0);
}
