//! Replays what fuzzing has found, so that a regression shows without a fuzzer.

#[path = "../../fuzz/checks/otlp_walk.rs"]
mod otlp_walk;

use std::fs;
use std::path::Path;

#[test]
fn every_input_of_the_fuzz_corpus_passes_the_checks() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/otlp_walk");
    let mut inputs = 0;
    for entry in fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        eprintln!("{}", path.display());
        otlp_walk::check(&fs::read(&path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 10, "the corpus is missing");
}

#[test]
fn recorded_batches_and_their_beginnings_pass_the_checks() {
    let all = include_bytes!("../../tests/data/corpus-small.otlp.pb");
    for batch in stringendo_proto::wire::delimited(all) {
        let batch = batch.unwrap();
        otlp_walk::check(batch);
        for end in (0..batch.len()).step_by(97) {
            otlp_walk::check(&batch[..end]);
        }
    }
}
