//! Random queries over random traces: an engine answers as the naive evaluator does, from live
//! data, from blocks, and from traces that are spread over live data and several blocks.
//!
//! `STRINGENDO_DIFFERENTIAL_QUERIES` and `STRINGENDO_DIFFERENTIAL_SEED` say how many and which.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::spread::{State, World, bring, in_all_states, setting, tenant};
use common::{settings, with_engine};
use stringendo_engine::{Node, QueryError, SearchRequest, TenantId};
use stringendo_oracle::dice::Dice;
use stringendo_oracle::naive::{self, FoundTrace};
use stringendo_oracle::rows::Trace;
use stringendo_oracle::shrink::candidates;
use stringendo_oracle::{answers, random_query, random_trace};
use stringendo_traceql::{parse, plan, validate};

const BASE_UNIX_NANOS: u64 = 1_700_000_000_000_000_000;
/// Traces that queries are asked about together.
const TRACES: usize = 24;
/// Queries about the same traces.
const QUERIES_PER_WORLD: usize = 250;
/// Differences that are made readable.
const SHRUNK_MAX: usize = 4;
/// Steps of making one readable.
const STEPS_MAX: usize = 60;

/// A query with its right answer.
struct Asked {
    text: String,
    right: BTreeMap<String, FoundTrace>,
}

/// What the generator gave.
#[derive(Debug, Default)]
struct Counts {
    asked: u64,
    matching: u64,
    invalid: u64,
    failing: u64,
    not_served: BTreeMap<String, u64>,
}

fn worlds(counts: &mut Counts) -> Vec<World<Asked>> {
    let mut left = setting("STRINGENDO_DIFFERENTIAL_QUERIES", 1000) as usize;
    let mut dice = Dice::new(setting("STRINGENDO_DIFFERENTIAL_SEED", 1));
    let mut worlds = Vec::new();
    while left > 0 {
        let traces = random_trace::traces(&mut dice, TRACES, BASE_UNIX_NANOS);
        let queries = (0..left.min(QUERIES_PER_WORLD))
            .filter_map(|_| asked(counts, &traces, random_query::search(&mut dice)))
            .collect();
        left -= left.min(QUERIES_PER_WORLD);
        worlds.push(World { name: format!("world-{}", worlds.len()), traces, queries });
    }
    worlds
}

/// The query with its right answer, if it can be asked.
fn asked(counts: &mut Counts, traces: &[Trace], text: String) -> Option<Asked> {
    let query = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    if validate(&query).is_err() {
        counts.invalid += 1;
        return None;
    }
    if let Err(error) = plan(&query) {
        *counts.not_served.entry(error.to_string()).or_default() += 1;
        return None;
    }
    let Ok(right) = naive::search(traces, &query) else {
        counts.failing += 1;
        return None;
    };
    counts.asked += 1;
    counts.matching += u64::from(!right.is_empty());
    Some(Asked { text, right })
}

async fn search(
    node: &Node,
    tenant: &TenantId,
    text: &str,
) -> Result<BTreeMap<String, FoundTrace>, QueryError> {
    let plan = stringendo_traceql::compile_search(text).expect("it was planned before");
    let request = SearchRequest {
        plan: Arc::new(plan),
        start_unix_nanos: 0,
        end_unix_nanos: u64::MAX,
        limit: 1000,
        spans_per_span_set: 0,
    };
    Ok(answers::search(&node.search(tenant, request).await?.value))
}

/// What is wrong with an answer, or nothing.
fn difference(
    right: &BTreeMap<String, FoundTrace>,
    given: &Result<BTreeMap<String, FoundTrace>, QueryError>,
) -> Option<String> {
    let given = match given {
        Ok(given) => given,
        Err(error) => return Some(format!("failed: {error}")),
    };
    let ids = |found: &BTreeMap<String, FoundTrace>| found.keys().cloned().collect::<Vec<_>>();
    if ids(right) != ids(given) {
        return Some(format!("found {:?}\nright {:?}", ids(given), ids(right)));
    }
    let wrong = right.iter().find(|(id, right)| !right.allows(&given[*id]));
    wrong.map(|(id, right)| format!("found {id} {:?}\nright {right:?}", given[id]))
}

/// Where an answer was wrong.
struct Wrong {
    state: State,
    world: usize,
    text: String,
}

async fn ask_all(node: &Node, state: State, prefix: &str, worlds: &[World<Asked>]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (number, world) in worlds.iter().enumerate() {
        let tenant = tenant(&format!("{prefix}-{}", world.name));
        for Asked { text, right } in &world.queries {
            let given = search(node, &tenant, text).await;
            if difference(right, &given).is_some() {
                wrong.push(Wrong { state, world: number, text: text.clone() });
            }
        }
    }
    wrong
}

/// Asks a query about traces of its own; what is wrong with the answer.
async fn ask_alone(node: &Node, state: State, traces: &[Trace], text: &str) -> Option<String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let query = parse(text).ok().filter(|query| validate(query).is_ok())?;
    plan(&query).ok()?;
    let right = naive::search(traces, &query).ok()?;
    let tenant = tenant(&format!("alone-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    bring(node, state, &[(tenant.clone(), traces)]).await;
    difference(&right, &search(node, &tenant, text).await)
}

/// The least that still shows the difference.
async fn readable(node: &Node, worlds: &[World<Asked>], wrong: &Wrong) -> String {
    let mut least = (worlds[wrong.world].traces.clone(), wrong.text.clone());
    let mut last = ask_alone(node, wrong.state, &least.0, &least.1).await;
    for _ in 0..STEPS_MAX {
        let mut next = None;
        for (traces, text) in candidates(&least.0, &least.1) {
            if let Some(difference) = ask_alone(node, wrong.state, &traces, &text).await {
                next = Some((traces, text));
                last = Some(difference);
                break;
            }
        }
        match next {
            Some(next) => least = next,
            None => break,
        }
    }
    let last = last.unwrap_or_else(|| "right when asked alone".to_owned());
    let traces: String = least.0.iter().map(Trace::to_string).collect();
    format!("{:?} {}\n= {}\n{traces}{last}", wrong.state, wrong.text, least.1)
}

fn run(cores: u16) {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let mut settings = settings(dir.path());
    settings.segment_bytes = 32 << 20;
    with_engine(cores, settings, |node| async move {
        let mut counts = Counts::default();
        let worlds = worlds(&mut counts);
        println!("{counts:#?}");
        assert!(counts.asked > 0 && counts.not_served.is_empty());
        let ask = async |state, prefix: &str| ask_all(&node, state, prefix, &worlds).await;
        let wrong = in_all_states(&node, &worlds, ask).await;
        let mut report = String::new();
        for wrong in wrong.iter().take(SHRUNK_MAX) {
            report += &format!("{}\n\n", readable(&node, &worlds, wrong).await);
        }
        for Wrong { state, text, .. } in &wrong {
            report += &format!("{state:?}: {text}\n");
        }
        assert!(report.is_empty(), "{report}{} answers differ", wrong.len());
    });
}

#[test]
fn one_core_answers_random_queries_as_the_naive_evaluator_does() {
    run(1);
}

#[test]
fn two_cores_answer_random_queries_as_the_naive_evaluator_does() {
    run(2);
}
