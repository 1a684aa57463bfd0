use super::Summary;

fn summary(lines: &[&str]) -> Summary {
    let mut summary = Summary::default();
    lines.iter().for_each(|line| summary.line(line));
    summary
}

#[test]
fn results_of_all_binaries_are_added() {
    let mut summary = summary(&[
        "running 3 tests",
        "test a ... ok",
        "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out",
        "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
    ]);
    summary.ended(true, "exit status: 0");
    summary.step("script", true);
    assert!(summary.is_ok());
    let line = "test result: ok. 8 passed, 0 failed, 1 ignored (2 binaries)";
    assert_eq!(summary.to_string(), line);
}

#[test]
fn failures_are_named() {
    let mut summary = summary(&[
        "test walk::ends_early ... FAILED",
        "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
    ]);
    summary.step("script", false);
    assert!(!summary.is_ok());
    assert_eq!(
        summary.to_string(),
        "failed: walk::ends_early\nfailed: script\n\
         test result: FAILED. 0 passed, 2 failed, 0 ignored (1 binary)"
    );
}

#[test]
fn a_binary_that_dies_without_a_result_is_a_failure() {
    let mut summary = summary(&["running 3 tests"]);
    summary.ended(false, "exit status: 101");
    assert!(!summary.is_ok());
    assert!(summary.to_string().contains("cargo test ended with exit status: 101"));
}
