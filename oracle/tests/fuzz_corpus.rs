//! Replays what fuzzing has found, so that a regression shows without a fuzzer.

#[path = "../../fuzz/checks/traceql_evaluate.rs"]
mod traceql_evaluate;
#[path = "../../fuzz/checks/traceql_parse.rs"]
mod traceql_parse;

use std::fs;
use std::path::Path;

use stringendo_oracle::dice::Dice;
use stringendo_oracle::random_query;

fn replay(name: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut inputs = 0;
    for entry in fs::read_dir(&corpus).expect("a corpus") {
        let path = entry.expect("a file").path();
        eprintln!("{}", path.display());
        check(&fs::read(&path).expect("readable"));
        inputs += 1;
    }
    assert!(inputs > 10, "the corpus is missing");
}

#[test]
fn every_text_of_the_fuzz_corpus_passes_the_checks_of_the_parser() {
    replay("traceql_parse", traceql_parse::check);
}

#[test]
fn every_query_of_the_fuzz_corpus_passes_the_checks_of_evaluation() {
    replay("traceql_evaluate", traceql_evaluate::check);
}

#[test]
fn random_queries_and_their_beginnings_pass_the_checks_of_the_parser() {
    let mut dice = Dice::new(3);
    for _ in 0..50 {
        let text = random_query::search(&mut dice);
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            traceql_parse::check(&text.as_bytes()[..end]);
        }
    }
}
