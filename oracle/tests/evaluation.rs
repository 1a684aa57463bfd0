//! Plan and evaluation give what the naive evaluator gives, for random queries over random traces.
//!
//! `STRINGENDO_DIFFERENTIAL_QUERIES` and `STRINGENDO_DIFFERENTIAL_SEED` say how many and which.

use std::collections::BTreeMap;

use stringendo_oracle::columns::RowColumns;
use stringendo_oracle::dice::Dice;
use stringendo_oracle::naive::{self, Set, TraceView, Value as Naive};
use stringendo_oracle::rows::Trace;
use stringendo_oracle::shrink::shrink;
use stringendo_oracle::{examples, fixture, random_query, random_trace};
use stringendo_traceql::ast::Query;
use stringendo_traceql::{EvalError, SearchPlan, SpanColumns, SpanSet, Value};
use stringendo_traceql::{parse, plan, validate};

const BASE_UNIX_NANOS: u64 = 1_700_000_000_000_000_000;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Sets in a form in which they compare: attributes by key, sorted.
type Sets = Vec<(BTreeMap<String, String>, Vec<u32>)>;

fn of_naive(sets: Vec<Set>) -> Sets {
    let set = |set: Set| {
        let attributes = set.attributes.iter().map(|(key, v)| (key.clone(), v.shown())).collect();
        (attributes, set.spans.iter().map(|span| *span as u32).collect())
    };
    let mut sets: Sets = sets.into_iter().map(set).collect();
    sets.sort();
    sets
}

fn of_plan(sets: &[SpanSet]) -> Sets {
    let set = |set: &SpanSet| {
        let attributes = set.attributes.iter().map(|(key, v)| (key.clone(), shown(v))).collect();
        (attributes, set.spans.clone())
    };
    let mut sets: Sets = sets.iter().map(set).collect();
    sets.sort();
    sets
}

fn shown(value: &Value) -> String {
    match value {
        Value::Missing => Naive::Nil,
        Value::Int(value) => Naive::Int(*value),
        Value::Float(value) => Naive::Float(*value),
        Value::Bool(value) => Naive::Bool(*value),
        Value::Str(bytes) => Naive::Str(bytes.to_vec()),
        Value::Duration(nanos) => Naive::Duration(*nanos as i64),
        Value::Status(code) => Naive::Status(*code),
        Value::Kind(code) => Naive::Kind(*code),
        other => return format!("{other:?}"),
    }
    .shown()
}

/// What is wrong with the plan's answers, or nothing.
fn difference(traces: &[Trace], query: &Query, plan: &SearchPlan) -> Option<String> {
    for trace in traces {
        let view = TraceView::of(trace);
        let expected = naive::run(&view, &query.body).map(of_naive);
        let columns = RowColumns::of(plan, &view);
        let mut found = Vec::new();
        let outcome = plan.spansets(&columns, &mut found).map(|()| of_plan(&found));
        if outcome != expected {
            return Some(format!("found {outcome:?}\nright {expected:?}"));
        }
        if let Some(wrong) = wrongly_left_out(plan, &columns, &expected) {
            return Some(wrong);
        }
    }
    None
}

/// What plans offer for leaving spans and traces out must lose none that match.
fn wrongly_left_out(
    plan: &SearchPlan,
    columns: &RowColumns,
    expected: &Result<Sets, EvalError>,
) -> Option<String> {
    let sets = expected.as_ref().ok().filter(|sets| !sets.is_empty())?;
    if plan.matches_nothing() {
        return Some("the plan says that nothing can match".to_owned());
    }
    for need in plan.needs() {
        if !(0..columns.len()).any(|span| need.iter().all(|test| columns.accepts(span, test))) {
            return Some(format!("a need is not met: {need:?}"));
        }
    }
    for predicate in plan.required() {
        for span in sets.iter().flat_map(|(_, spans)| spans) {
            if !columns.accepts(*span as usize, predicate) {
                return Some(format!("span {span} misses what is required: {predicate:?}"));
            }
        }
    }
    None
}

/// Some difference between plan and naive evaluator; `None` also for what is not served.
fn differs(traces: &[Trace], text: &str) -> Option<String> {
    let query = parse(text).ok()?;
    validate(&query).ok()?;
    let plan = plan(&query).ok()?;
    difference(traces, &query, &plan)
}

#[test]
fn examples_of_the_contract_are_evaluated_as_it_says() {
    let mut report = String::new();
    let traces = fixture::traces(BASE_UNIX_NANOS);
    for (section, searches) in examples::SEARCHES {
        for (text, expected) in *searches {
            let tree = parse(text).expect("a query");
            let letters = match plan(&tree) {
                Ok(plan) => letters(&traces, &plan),
                Err(error) => error.to_string(),
            };
            if letters != *expected && !letters.ends_with("not supported yet") {
                report += &format!("{section}: {text} → {letters:?}, not {expected:?}\n");
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

fn letters(traces: &[Trace], plan: &SearchPlan) -> String {
    let mut found: Vec<char> = Vec::new();
    for trace in traces {
        let mut sets = Vec::new();
        let columns = RowColumns::of(plan, &TraceView::of(trace));
        plan.spansets(&columns, &mut sets).expect("an answer");
        let spans = sets.iter().flat_map(|set| &set.spans);
        found.extend(spans.map(|span| fixture::letter(trace.spans[*span as usize].id)));
    }
    found.sort_unstable();
    found.into_iter().collect()
}

#[test]
fn random_queries_are_evaluated_as_the_naive_evaluator_does() {
    let queries = setting("STRINGENDO_DIFFERENTIAL_QUERIES", 2000);
    let seed = setting("STRINGENDO_DIFFERENTIAL_SEED", 1);
    let mut dice = Dice::new(seed);
    let (mut invalid, mut matching) = (0, 0);
    let mut not_served: BTreeMap<String, u64> = BTreeMap::new();
    let mut traces = Vec::new();
    let mut report = Vec::new();
    for number in 0..queries {
        if number % 200 == 0 {
            traces = random_trace::traces(&mut dice, 24, BASE_UNIX_NANOS);
        }
        let text = random_query::search(&mut dice);
        let query = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        if validate(&query).is_err() {
            invalid += 1;
            continue;
        }
        match plan(&query) {
            Err(error) => *not_served.entry(error.to_string()).or_default() += 1,
            Ok(_) if differs(&traces, &text).is_some() => report.push(shrunk(&traces, &text)),
            Ok(_) => {
                let found = naive::search(&traces, &query);
                matching += u64::from(found.is_ok_and(|found| !found.is_empty()));
            }
        }
        if report.len() >= 10 {
            break;
        }
    }
    println!(
        "{queries} queries: {invalid} invalid, {matching} match something, not served: {} of {} \
         kinds",
        not_served.values().sum::<u64>(),
        not_served.len()
    );
    assert!(not_served.is_empty(), "{not_served:#?}");
    assert!(report.is_empty(), "seed {seed}\n{}", report.join("\n\n"));
}

fn shrunk(traces: &[Trace], text: &str) -> String {
    let kept = |traces: &[Trace], text: &str| differs(traces, text).is_some();
    let (less, simpler) = shrink(traces.to_vec(), text.to_owned(), kept);
    let difference = differs(&less, &simpler).unwrap_or_default();
    let less: String = less.iter().map(Trace::to_string).collect();
    format!("{text}\n= {simpler}\n{less}{difference}")
}
