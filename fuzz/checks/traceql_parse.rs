//! What must hold for any text that is taken for a query. Shared by the fuzz target and by the test
//! that replays the corpus.

use stringendo_traceql::legacy_tags::compile_tags;
use stringendo_traceql::limits::{NESTING_MAX, QUERY_BYTES_MAX};
use stringendo_traceql::metrics::compile_metrics;
use stringendo_traceql::{ParseError, compile_search, parse};

/// Reads text in every way in which clients send some, and prints what parses.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // Whatever they say is a plan or an error with a text.
    let _ = compile_tags(text, None, None).map_err(|error| error.to_string());
    let _ = compile_search(text).map_err(|error| error.response_text());
    let _ = compile_metrics(text).map_err(|error| error.to_string());
    match parse(text) {
        Ok(tree) => check_print(&tree),
        Err(error) => check_error(text, &error),
    }
}

/// The canonical text of a tree parses to the same tree.
fn check_print(tree: &stringendo_traceql::Query) {
    let printed = tree.to_string();
    match parse(&printed) {
        Ok(again) => assert_eq!(again, *tree, "{printed}"),
        // Parentheses around every operand make it longer, and deeper where a chain was flat.
        Err(ParseError::TooLong) => assert!(printed.len() > QUERY_BYTES_MAX),
        Err(error) => assert!(
            printed.matches('(').count() > NESTING_MAX && error.to_string().contains("nested"),
            "{printed}: {error}"
        ),
    }
}

fn check_error(text: &str, error: &ParseError) {
    match error {
        ParseError::TooLong => assert!(text.len() > QUERY_BYTES_MAX),
        ParseError::Syntax { at, message } => {
            assert!(!message.is_empty());
            assert!((1..=text.lines().count() + 1).contains(&(at.line as usize)), "{error}");
            assert!((1..=text.chars().count() + 1).contains(&(at.column as usize)), "{error}");
        }
    }
}
