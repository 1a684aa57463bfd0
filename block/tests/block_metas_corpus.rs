//! Replays the inputs that fuzzing found interesting.

#![allow(clippy::unwrap_used)]

#[path = "../../fuzz/checks/block_metas.rs"]
mod block_metas;

use proptest::prelude::*;

/// Pieces of metas and indexes.
const PIECES: [&str; 16] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "0",
    "-1",
    "1e999",
    r#""meta""#,
    r#""compacted""#,
    r#""SIZE""#,
    r#""blockID""#,
    r#""dedicatedColumns""#,
    r#""2026-01-15T12:00:01.5Z""#,
];

proptest! {
    #[test]
    fn any_few_bytes_are_read_without_a_panic(
        kind in 0..5_u8,
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        block_metas::check(&[&[kind][..], &bytes].concat());
    }

    #[test]
    fn any_few_pieces_are_read_without_a_panic(
        kind in 0..2_u8,
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..30),
    ) {
        block_metas::check(&[&[kind][..], pieces.concat().as_bytes()].concat());
    }
}

#[test]
fn damaged_metas_of_the_corpus_are_read_without_a_panic() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/block_metas");
    let mut inputs = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        block_metas::check(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0);
}
