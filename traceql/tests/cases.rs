//! Every case of `tests/data/traceql-cases.yaml`: which queries parse, which are valid.

use stringendo_traceql::{ValidateError, parse, validate};

const CASES: &str = include_str!("../../tests/data/traceql-cases.yaml");

#[derive(Debug)]
struct Case {
    #[expect(dead_code, reason = "shown when a case fails")]
    id: String,
    query: String,
    expect: String,
}

/// Reads the flat list; the file uses one line per key and double quotes with `\"`, `\\`.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for line in CASES.lines() {
        let line = line.trim_start();
        if let Some(id) = line.strip_prefix("- id: ") {
            cases.push(Case { id: id.to_owned(), query: String::new(), expect: String::new() });
        }
        let Some(case) = cases.last_mut() else { continue };
        if let Some(quoted) = line.strip_prefix("query: ") {
            case.query = unquote(quoted);
        } else if let Some(expect) = line.strip_prefix("expect: ") {
            case.expect = expect.to_owned();
        }
    }
    cases
}

fn unquote(quoted: &str) -> String {
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect(quoted);
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        text.push(if c == '\\' { characters.next().expect(quoted) } else { c });
    }
    text
}

fn class(query: &str) -> (&'static str, String) {
    let query = match parse(query) {
        Ok(query) => query,
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with("parse error"), "{text}");
            return ("parse_error", text);
        }
    };
    match validate(&query) {
        Ok(()) => ("valid", query.to_string()),
        Err(error @ ValidateError::Invalid(_)) => ("validate_error", error.to_string()),
        Err(error @ ValidateError::Unsupported(_)) => {
            let text = error.to_string();
            assert!(text.ends_with("not yet supported"), "{text}");
            ("unsupported", text)
        }
    }
}

#[test]
fn every_case_of_the_contract_is_judged_as_it_says() {
    let cases = cases();
    assert!(cases.len() > 120, "only {} cases were read", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .map(|case| (case, class(&case.query)))
        .filter(|(case, (found, _))| case.expect != *found)
        .map(|(case, found)| format!("{case:?} → {found:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn valid_cases_print_to_text_that_parses_to_the_same_tree() {
    for case in cases() {
        let Ok(tree) = parse(&case.query) else { continue };
        let printed = tree.to_string();
        assert_eq!(parse(&printed).as_ref(), Ok(&tree), "{} → {printed}", case.query);
    }
}
