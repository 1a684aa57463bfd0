//! The naive evaluator gives what the contract's examples say.

use stringendo_oracle::{examples, fixture, naive};
use stringendo_traceql::{parse, validate};

fn letters(query: &str) -> String {
    let tree = parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    validate(&tree).unwrap_or_else(|error| panic!("{query}: {error}"));
    let traces = fixture::traces(1_700_000_000_000_000_000);
    let mut found: Vec<char> = Vec::new();
    for trace in &traces {
        let sets = naive::run(&naive::TraceView::of(trace), &tree.body).expect("an answer");
        let spans = sets.iter().flat_map(|set| &set.spans);
        found.extend(spans.map(|span| fixture::letter(trace.spans[*span].id)));
    }
    found.sort_unstable();
    found.into_iter().collect()
}

#[test]
fn searches_give_what_the_contract_says() {
    let mut report = String::new();
    for (section, searches) in examples::SEARCHES {
        for (query, expected) in *searches {
            let found = letters(query);
            if found != *expected {
                report += &format!("{section}: {query} → {found:?}, not {expected:?}\n");
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn group_attributes_are_those_of_the_contract() {
    let query = "{} | by(resource.service.name) | count() > 1 | max(duration) > 500ms";
    let traces = fixture::traces(1);
    let found = naive::search(&traces, &parse(query).expect("a query")).expect("an answer");
    let sets: Vec<String> = found
        .values()
        .flat_map(|trace| &trace.sets)
        .map(|set| format!("{:?}", set.attributes))
        .collect();
    let multi = concat!(
        r#"{"by(resource.service.name)": "string multi", "count()": "int 3", "#,
        r#""max(duration)": "string 2s"}"#
    );
    assert_eq!(sets.len(), 2);
    assert!(sets.iter().any(|set| set == multi), "{sets:?}");
}
