//! Replays what fuzzing has found, so that a regression shows without a fuzzer.

#[path = "../../fuzz/checks/otlp_json.rs"]
mod otlp_json;

use std::fs;
use std::path::Path;

#[test]
fn every_input_of_the_fuzz_corpus_passes_the_checks() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/otlp_json");
    let mut inputs = 0;
    for entry in fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        eprintln!("{}", path.display());
        otlp_json::check(&fs::read(&path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "the corpus is missing");
}

#[test]
fn a_request_and_its_beginnings_and_changes_pass_the_checks() {
    let request =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/otlp_json/everything"));
    let request = request.unwrap();
    for at in 0..request.len() {
        otlp_json::check(&request[..at]);
        for byte in [b'0', b'"', b'{', b'[', b',', 0xff] {
            let mut changed = request.clone();
            changed[at] = byte;
            otlp_json::check(&changed);
        }
    }
}
