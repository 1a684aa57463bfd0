//! Every example of the contract that has a result (traceql.md §1–§7, §11, §12), through the HTTP
//! API of a real server: on live data, and on blocks after a flush.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "fixture/metrics.rs"]
mod metrics;
#[path = "fixture/tags.rs"]
mod tags;

use common::{Options, Server, http, wait};
use stringendo_oracle::{examples, fixture, otlp};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A server that holds the fixture.
struct Holding {
    server: Server,
    /// Where the fixture's times count from: a while ago, and 2 s past a multiple of 3 s.
    base_s: u64,
}

impl Holding {
    fn start() -> Self {
        let now_s = wait::unix_nanos() / NANOS_PER_SECOND;
        let base_s = (now_s - 300) / 3 * 3 + 2;
        let server = Server::start(Options::with_cores(2));
        for trace in &fixture::traces(base_s * NANOS_PER_SECOND) {
            server.export(http::X_PROTOBUF, &otlp::request([trace])).ok();
        }
        Self { server, base_s }
    }

    /// GET of a path with parameters beside start and end, which are seconds after the base.
    fn get(&self, path: &str, from_to_s: [u64; 2], more: &[(&str, &str)]) -> common::Answer {
        let [start, end] = from_to_s.map(|at| (self.base_s + at).to_string());
        let mut parameters = vec![("start", start.as_str()), ("end", end.as_str())];
        parameters.extend_from_slice(more);
        self.server.get(&format!("{path}?{}", http::query(&parameters)))
    }
}

/// Asks twice: while data is live, and when it is in blocks. What is not served is counted.
fn live_and_stored(check: impl Fn(&Holding) -> Report) {
    let holding = Holding::start();
    let mut all = Report::default();
    for state in ["live", "stored"] {
        let Report { wrong, not_served } = check(&holding);
        all.wrong.extend(wrong.into_iter().map(|line| format!("{state}: {line}")));
        all.not_served += not_served;
        holding.server.flush();
    }
    assert_eq!(all.not_served, 0, "questions that are not served");
    assert!(all.wrong.is_empty(), "{}", all.wrong.join("\n"));
}

/// What came of questions.
#[derive(Default)]
struct Report {
    wrong: Vec<String>,
    not_served: usize,
}

impl Report {
    /// Counts an answer that says that the question is not served.
    fn is_served(&mut self, answer: &common::Answer) -> bool {
        let served = !answer.text().trim_end().ends_with("not supported yet");
        if !served {
            println!("{}", answer.text().trim_end());
        }
        self.not_served += usize::from(!served);
        served
    }
}

#[test]
fn searches_give_the_spans_that_the_contract_says() {
    live_and_stored(|holding| {
        let mut report = Report::default();
        for (section, searches) in examples::SEARCHES {
            for (query, expected) in *searches {
                let parameters = [("q", *query), ("spss", "100"), ("limit", "100")];
                let answer = holding.get("/api/search", [0, 60], &parameters);
                if !report.is_served(&answer) {
                    continue;
                }
                let found = if answer.status == 200 {
                    letters(&answer.json())
                } else {
                    format!("{} {}", answer.status, answer.text())
                };
                if found != *expected {
                    let line = format!("{section}: {query} → {found:?}, not {expected:?}");
                    report.wrong.push(line);
                }
            }
        }
        report
    });
}

/// Letters of all spans of an answer, sorted.
fn letters(answer: &serde_json::Value) -> String {
    let sets = list(&answer["traces"]).iter().flat_map(|trace| list(&trace["spanSets"]));
    let ids = sets.flat_map(|set| list(&set["spans"])).map(|span| span["spanID"].as_str().unwrap());
    let mut letters: Vec<char> =
        ids.map(|id| fixture::letter(u64::from_str_radix(id, 16).unwrap())).collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

fn list(value: &serde_json::Value) -> &[serde_json::Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Attributes as `key=value`, in the order of the answer.
fn pairs(attributes: &serde_json::Value) -> Vec<String> {
    let pair = |attribute: &serde_json::Value| {
        let value = attribute["value"].as_object().and_then(|value| value.values().next().cloned());
        format!("{}={}", attribute["key"].as_str().unwrap(), value.unwrap_or_default())
    };
    list(attributes).iter().map(pair).collect()
}

/// A query, `spss`, and what is answered, a line per set as [`lines`] writes it.
type Shape = (&'static str, &'static str, &'static [&'static str]);

const SHAPES: &[Shape] = &[
    ("{ trace:id = `1` }", "2", &["1: matched 6 [] of 2"]),
    (
        "{ name = `A` } | select(status, .code, .nosuch)",
        "3",
        &[r#"1: matched 1 [] A code="200" status="ok""#],
    ),
    (
        "{} | by(resource.service.name) | count() > 1 | max(duration) > 500ms",
        "1",
        &[
            concat!(
                r#"1: matched 4 [by(resource.service.name)="front" "#,
                r#"count()="4" max(duration)="1s"] of 1"#
            ),
            concat!(
                r#"3: matched 3 [by(resource.service.name)="multi" "#,
                r#"count()="3" max(duration)="2s"] of 1"#
            ),
        ],
    ),
    (
        "{ trace:id = `1` } | by(.x)",
        "1",
        &[
            r#"1: matched 1 [by(.x)="5"] x="5""#,
            r#"1: matched 1 [by(.x)="7"] x="7""#,
            r#"1: matched 4 [by(.x)="nil"] of 1"#,
        ],
    ),
    ("{ .x != nil } | count() > 1 | { .x > 5 }", "3", &[r#"1: matched 1 [count()="2"] x="7""#]),
    ("{} | by(.x) | coalesce() | { name = `A` }", "3", &["1: matched 1 [] A"]),
];

#[test]
fn answers_of_searches_are_shaped_as_sections_7_and_10_say() {
    live_and_stored(|holding| {
        let mut report = Report::default();
        for (query, spss, expected) in SHAPES {
            let answer = holding.get("/api/search", [0, 60], &[("q", query), ("spss", spss)]);
            if !report.is_served(&answer) {
                continue;
            }
            let found = lines(&answer.ok().json());
            if found != *expected {
                report.wrong.push(format!("{query} → {found:#?}, not {expected:#?}"));
            }
        }
        report
    });
}

/// A line per span set, sorted: trace, matched, attributes of the set; then name and attributes of
/// the span, if one matched, or how many are shown.
fn lines(answer: &serde_json::Value) -> Vec<String> {
    let mut lines = Vec::new();
    for trace in list(&answer["traces"]) {
        let id = trace["traceID"].as_str().unwrap();
        for set in list(&trace["spanSets"]) {
            let shown = match list(&set["spans"]) {
                [span] if set["matched"] == 1 => shown(span),
                spans => format!("of {}", spans.len()),
            };
            let of_set = pairs(&set["attributes"]).join(" ");
            lines.push(format!("{id}: matched {} [{of_set}] {shown}", set["matched"]));
        }
    }
    lines.sort();
    lines
}

fn shown(span: &serde_json::Value) -> String {
    let mut parts = pairs(&span["attributes"]);
    parts.sort();
    parts.splice(0..0, span["name"].as_str().map(str::to_owned));
    parts.join(" ")
}

#[test]
fn traces_are_chosen_by_time_as_section_10_5_says() {
    live_and_stored(|holding| {
        let mut report = Report::default();
        for (from_to_s, is_found) in [([6, 7], true), ([7, 8], false), ([3, 5], true)] {
            let answer = holding.get("/api/search", from_to_s, &[("q", r#"{ trace:id = "3" }"#)]);
            if (letters(&answer.ok().json()) == "IJK") != is_found {
                report.wrong.push(format!("{from_to_s:?}"));
            }
        }
        let answer = holding.get("/api/search", [7, 7], &[("q", "{}")]);
        let (start, end) = (holding.base_s + 7, holding.base_s + 7);
        let expected =
            format!("http parameter start must be before end. received start={start} end={end}");
        if (answer.status, answer.text().trim_end()) != (400, expected.as_str()) {
            report.wrong.push(answer.text().to_owned());
        }
        report
    });
}

#[test]
fn facts_of_traces_are_those_of_section_10_1() {
    live_and_stored(|holding| {
        let mut report = Report::default();
        let answer = holding.get("/api/search", [0, 60], &[("q", "{}")]).ok().json();
        let expected = [
            (r#""4""#, r#""<root span not yet received>" "L" null"#, 1),
            (r#""3""#, r#""multi" "J" 2000"#, 1),
            (r#""2""#, r#""<root span not yet received>" null 100"#, 1),
            (r#""1""#, r#""front" "A" 1000"#, 2),
        ];
        let found: Vec<(String, String, usize)> = list(&answer["traces"])
            .iter()
            .map(|trace| {
                let service = trace["rootServiceName"].to_string();
                let facts = format!("{service} {} {}", trace["rootTraceName"], trace["durationMs"]);
                let services = trace["serviceStats"].as_object().map_or(0, |stats| stats.len());
                (trace["traceID"].to_string(), facts, services)
            })
            .collect();
        let expected: Vec<_> =
            expected.map(|(id, facts, count)| (id.to_owned(), facts.to_owned(), count)).into();
        if found != expected {
            report.wrong.push(format!("{found:#?}"));
        }
        report
    });
}
