//! Inputs that fuzzing has found worth keeping (fuzz/corpus/wal_recover).

use crate::recover_check::check;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/wal_recover");

#[test]
fn every_input_of_the_fuzz_corpus_is_recovered_soundly() {
    let inputs = std::fs::read_dir(CORPUS).unwrap().map(|entry| entry.unwrap().path());
    let checked = inputs.map(|path| check(&std::fs::read(path).unwrap())).count();
    assert!(checked > 0, "no inputs in {CORPUS}");
}
