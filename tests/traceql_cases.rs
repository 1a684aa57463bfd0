//! Every case of `tests/data/traceql-cases.yaml` through the HTTP API: accepted, refused by the
//! parser, refused by validation, as the file says; all as searches, metrics also as metrics.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Answer, Options, Server, data, http};

struct Case {
    id: String,
    query: String,
    expect: String,
}

/// Reads the flat list; the file uses one line per key and double quotes with `\"`, `\\`.
fn cases() -> Vec<Case> {
    let file = String::from_utf8(data("traceql-cases.yaml")).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for line in file.lines().map(str::trim_start) {
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
    assert!(cases.len() > 120, "only {} cases were read", cases.len());
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

/// Whether a query has a metrics function in it. An empty one is none of either kind: as a search
/// it asks for all traces (§10.7), so that only the metrics endpoint refuses it.
fn is_metrics(query: &str) -> bool {
    query.is_empty()
        || ["rate()", "_over_time(", "compare("].iter().any(|function| query.contains(function))
}

fn ask(server: &Server, path: &str, query: &str) -> Answer {
    let parameters = [("q", query), ("start", "1700000000"), ("end", "1700000600")];
    server.get(&format!("{path}?{}", http::query(&parameters)))
}

/// What an answer of `/api/search` says of the query (traceql.md §9.4).
fn judged_as_search(answer: &Answer, query: &str) -> String {
    let text = answer.text();
    let refused = text.strip_prefix("invalid TraceQL query: ");
    match (answer.status, refused) {
        (200, _) => "valid".to_owned(),
        // Arithmetic between metrics is valid, and nothing that a search could ignore.
        (500, _) if text.trim() == "math expressions not supported" && is_metrics(query) => {
            "valid".to_owned()
        }
        (400, Some(refused)) => refusal(refused).to_owned(),
        (status, _) => format!("status {status}: {text}"),
    }
}

/// What an answer of `/api/metrics/query_range` says of the query.
fn judged_as_metrics(answer: &Answer) -> String {
    let text = answer.text();
    match (answer.status, text.strip_prefix("compiling query: ")) {
        (200, _) => "valid".to_owned(),
        (400, None) if text.starts_with("parse error") => "parse_error".to_owned(),
        (400, Some(refused)) if !refused.starts_with("parse error") => refusal(refused).to_owned(),
        (status, _) => format!("status {status}: {text}"),
    }
}

fn refusal(text: &str) -> &'static str {
    match text.trim_end() {
        text if text.starts_with("parse error") => "parse_error",
        text if text.ends_with("not yet supported") => "unsupported",
        // That is what this server says of what it does not serve; no case expects it.
        text if text.ends_with("not supported yet") => "not served",
        _ => "validate_error",
    }
}

#[test]
fn searches_are_accepted_and_refused_as_every_case_says() {
    let server = Server::start(Options::with_cores(1));
    let mut wrong = String::new();
    for Case { id, query, expect } in cases().into_iter().filter(|case| !case.query.is_empty()) {
        let found = judged_as_search(&ask(&server, "/api/search", &query), &query);
        if found != expect {
            wrong += &format!("{id}: {query} → {found}, not {expect}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn metrics_are_accepted_and_refused_as_every_case_says() {
    let server = Server::start(Options::with_cores(1));
    let mut wrong = String::new();
    let mut asked = 0;
    for Case { id, query, expect } in cases().into_iter().filter(|case| is_metrics(&case.query)) {
        let answer = ask(&server, "/api/metrics/query_range", &query);
        let found = judged_as_metrics(&answer);
        if found != expect {
            wrong += &format!("{id}: {query} → {found}, not {expect}\n");
        }
        asked += 1;
    }
    assert!(asked >= 20, "only {asked} cases");
    let answer = ask(&server, "/api/metrics/query_range", "{}");
    assert_eq!((answer.status, answer.text().trim_end()), (400, "not a metrics query"));
    assert!(wrong.is_empty(), "{wrong}");
}
