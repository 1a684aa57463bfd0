//! Replays the inputs that fuzzing found interesting.

#![allow(clippy::unwrap_used)]

#[path = "../../fuzz/checks/block_merge.rs"]
mod block_merge;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn blocks_with_a_few_wrong_bytes_are_merged_or_refused(
        first in 0..8_u8,
        patches in prop::collection::vec(any::<[u8; 4]>(), 0..3),
    ) {
        block_merge::check(&[&[first][..], patches.as_flattened()].concat());
    }
}

#[test]
fn damaged_blocks_of_the_corpus_are_merged_without_a_panic() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/block_merge");
    let mut inputs = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        block_merge::check(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0);
}
