//! Random metrics queries over random traces: an engine answers as the naive evaluator does, from
//! live data, from blocks, and from traces that are spread over live data and several blocks.
//!
//! `STRINGENDO_DIFFERENTIAL_QUERIES` and `STRINGENDO_DIFFERENTIAL_SEED` say how many and which.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::spread::{State, World, bring, in_all_states, setting, tenant};
use common::{settings, with_engine};
use stringendo_engine::query::metrics::{MetricsProgress, MetricsRequest};
use stringendo_engine::{Node, QueryError, TenantId};
use stringendo_oracle::answers::{self, SeriesOfAnswer};
use stringendo_oracle::dice::Dice;
use stringendo_oracle::naive::{self, Axis, Series};
use stringendo_oracle::rows::Trace;
use stringendo_oracle::shrink::candidates;
use stringendo_oracle::{random_metrics, random_trace};
use stringendo_proto::tempopb::QueryRangeResponse;
use stringendo_traceql::metrics::{RangeLimits, TimeAxis, compile_metrics};
use stringendo_traceql::{parse, validate};

const SECOND: u64 = 1_000_000_000;
const BASE_UNIX_NANOS: u64 = 1_700_000_000 * SECOND;
/// Traces that queries are asked about together: one begins every 10 s.
const TRACES: usize = 24;
/// Queries about the same traces.
const QUERIES_PER_WORLD: usize = 250;
/// Differences that are made readable.
const SHRUNK_MAX: usize = 4;
/// Steps of making one readable.
const STEPS_MAX: usize = 60;

/// A query with its right answer.
type Asked = (Question, Vec<Series>);

/// A query of a time range.
#[derive(Clone, Debug)]
struct Question {
    text: String,
    start: u64,
    end: u64,
    step: u64,
}

fn worlds() -> Vec<World<Asked>> {
    let mut left = setting("STRINGENDO_DIFFERENTIAL_QUERIES", 300) as usize;
    let mut dice = Dice::new(setting("STRINGENDO_DIFFERENTIAL_SEED", 1));
    let mut worlds = Vec::new();
    let (mut with_points, mut asked) = (0, 0);
    while left > 0 {
        let traces = random_trace::traces(&mut dice, TRACES, BASE_UNIX_NANOS);
        let questions = (0..left.min(QUERIES_PER_WORLD)).map(|_| question(&mut dice));
        let queries: Vec<_> = questions
            .filter_map(|question| {
                let right = right(&traces, &question)?;
                Some((question, right))
            })
            .collect();
        asked += queries.len();
        with_points += queries.iter().filter(|(_, right)| !right.is_empty()).count();
        left -= left.min(QUERIES_PER_WORLD);
        worlds.push(World { name: format!("world-{}", worlds.len()), traces, queries });
    }
    println!("{asked} queries, {with_points} with series");
    assert!(2 * with_points > asked, "{with_points} of {asked}");
    worlds
}

fn question(dice: &mut Dice) -> Question {
    let text = random_metrics::metrics(dice);
    let step = dice.pick(&[SECOND / 100, SECOND, 7 * SECOND, 60 * SECOND]);
    let whole = (BASE_UNIX_NANOS, BASE_UNIX_NANOS + 300 * SECOND);
    let (start, end) = match dice.below(3) {
        0 => {
            let start = whole.0 + dice.below(200) as u64 * SECOND + 20_000_000;
            (start, start + (1 + dice.below(60) as u64) * SECOND)
        }
        _ => whole,
    };
    // Not too many points.
    let step = if (end - start) / step > 1000 { SECOND } else { step };
    Question { text, start, end, step }
}

/// The right answer, if the query can be asked.
fn right(traces: &[Trace], question: &Question) -> Option<Vec<Series>> {
    let Question { text, start, end, step } = question;
    let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    validate(&query).ok()?;
    let axis = Axis::of_range(*start as i64, *end as i64, *step as i64);
    let mut series = naive::metrics(traces, &query, &axis).ok()??;
    for series in &mut series {
        let points = std::mem::take(&mut series.points).into_iter();
        series.points = points.map(|(at, value)| (axis.timestamp_ms(at), value)).collect();
    }
    Some(series)
}

async fn ask(
    node: &Node,
    tenant: &TenantId,
    question: &Question,
) -> Result<QueryRangeResponse, QueryError> {
    let plan = compile_metrics(&question.text).expect("it is valid");
    let limits =
        RangeLimits { range_nanos_max: 0, intervals_max: 0, end_unix_nanos_max: u64::MAX / 4 };
    let axis = TimeAxis::range(question.start, question.end, Some(question.step), &limits);
    let request = MetricsRequest {
        exemplars: plan.exemplars(0, 100),
        plan: Arc::new(plan),
        axis: axis.expect("a range"),
        series_max: 0,
    };
    let progress = MetricsProgress::default();
    Ok(node.metrics_range(std::slice::from_ref(tenant), &request, &progress).await?.value)
}

fn difference(right: &[Series], given: &Result<QueryRangeResponse, QueryError>) -> Option<String> {
    let given = match given {
        Ok(given) if given.status != 0 => return Some(format!("partial: {}", given.message)),
        Ok(given) => answers::metrics(given),
        Err(error) => return Some(format!("failed: {error}")),
    };
    let is_same = right.len() == given.len()
        && right.iter().zip(&given).all(|(right, given)| is_same(right, given));
    (!is_same).then(|| {
        let line = |labels: &[(String, String)], points: &std::collections::BTreeMap<i64, f64>| {
            let points: Vec<_> = points.iter().filter(|(_, value)| **value != 0.0).collect();
            format!("  {labels:?} {points:?}\n")
        };
        let right: String = right.iter().map(|one| line(&one.labels, &one.points)).collect();
        let given: String = given.iter().map(|(labels, points)| line(labels, points)).collect();
        format!("found\n{given}right\n{right}")
    })
}

fn is_same(right: &Series, (labels, points): &SeriesOfAnswer) -> bool {
    right.labels == *labels
        && right.points.keys().eq(points.keys())
        && right.points.values().zip(points.values()).all(|(right, given)| {
            (right - given).abs() <= 1e-9 * right.abs().max(given.abs()) || right == given
        })
}

/// Where an answer was wrong.
struct Wrong {
    state: State,
    world: usize,
    question: Question,
}

async fn ask_all(node: &Node, state: State, prefix: &str, worlds: &[World<Asked>]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (number, world) in worlds.iter().enumerate() {
        let tenant = tenant(&format!("{prefix}-{}", world.name));
        for (question, right) in &world.queries {
            let given = ask(node, &tenant, question).await;
            if difference(right, &given).is_some() {
                wrong.push(Wrong { state, world: number, question: question.clone() });
            }
        }
    }
    wrong
}

/// Asks a query about traces of its own; what is wrong with the answer.
async fn ask_alone(
    node: &Node,
    state: State,
    traces: &[Trace],
    question: &Question,
) -> Option<String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    compile_metrics(&question.text).ok()?;
    let right = right(traces, question)?;
    let tenant = tenant(&format!("alone-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    bring(node, state, &[(tenant.clone(), traces)]).await;
    difference(&right, &ask(node, &tenant, question).await)
}

/// The least that still shows the difference.
async fn readable(node: &Node, worlds: &[World<Asked>], wrong: &Wrong) -> String {
    let mut least = (worlds[wrong.world].traces.clone(), wrong.question.clone());
    let mut last = ask_alone(node, wrong.state, &least.0, &least.1).await;
    for _ in 0..STEPS_MAX {
        let mut next = None;
        for (traces, text) in candidates(&least.0, &least.1.text) {
            let question = Question { text, ..least.1.clone() };
            if let Some(difference) = ask_alone(node, wrong.state, &traces, &question).await {
                next = Some((traces, question));
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
    format!("{:?} {:?}\n= {:?}\n{traces}{last}", wrong.state, wrong.question, least.1)
}

fn run(cores: u16) {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let mut settings = settings(dir.path());
    settings.segment_bytes = 32 << 20;
    with_engine(cores, settings, |node| async move {
        let worlds = worlds();
        let ask = async |state, prefix: &str| ask_all(&node, state, prefix, &worlds).await;
        let wrong = in_all_states(&node, &worlds, ask).await;
        let mut report = String::new();
        for wrong in wrong.iter().take(SHRUNK_MAX) {
            report += &format!("{}\n\n", readable(&node, &worlds, wrong).await);
        }
        for Wrong { state, question, .. } in &wrong {
            report += &format!("{state:?}: {}\n", question.text);
        }
        assert!(report.is_empty(), "{report}{} answers differ", wrong.len());
    });
}

#[test]
fn one_core_answers_random_metrics_queries_as_the_naive_evaluator_does() {
    run(1);
}

#[test]
fn two_cores_answer_random_metrics_queries_as_the_naive_evaluator_does() {
    run(2);
}
