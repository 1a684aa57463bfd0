//! Replays the inputs that fuzzing found interesting.

#![allow(clippy::unwrap_used)]

#[path = "../../fuzz/checks/block_read.rs"]
mod block_read;

#[test]
fn damaged_blocks_of_the_corpus_are_read_without_a_panic() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/block_read");
    let mut inputs = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        block_read::check(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0);
}
