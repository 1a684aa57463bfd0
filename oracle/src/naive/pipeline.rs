//! Spanset expressions and pipelines over one trace (contract §6, §7).

use stringendo_traceql::EvalError;
use stringendo_traceql::ast::*;

use super::aggregate::aggregate;
use super::expression::{Items, evaluate, matches};
use super::trace::TraceView;
use super::value::{Value, compare};

/// Spans that belong together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Set {
    /// Numbers of the spans, ascending.
    pub spans: Vec<usize>,
    /// What stages said of it.
    pub attributes: Vec<(String, Value)>,
}

type Sets = Result<Vec<Set>, EvalError>;

/// The sets that a query leaves of a trace; metrics functions are left out (§9.4).
///
/// # Errors
/// What only shows when a query runs (§6).
pub fn run(trace: &TraceView<'_>, body: &Body) -> Sets {
    match body {
        Body::Pipeline(pipeline) => run_pipeline(trace, pipeline),
        Body::Metrics(metrics) => run_pipeline(trace, &metrics.pipeline),
        Body::Wrapped(wrapped) => run_wrapped(trace, wrapped),
        Body::ScalarComparison(_) | Body::Math { .. } => Ok(Vec::new()),
    }
}

fn run_wrapped(trace: &TraceView<'_>, wrapped: &Wrapped) -> Sets {
    let (op, left, right) = match wrapped {
        Wrapped::Pipeline(pipeline) => return run_pipeline(trace, pipeline),
        Wrapped::Binary { op, left, right } => (op, left, right),
    };
    let (left, right) = (run_wrapped(trace, left)?, run_wrapped(trace, right)?);
    let structural = matches!(op, SpansetOp::Structural { .. });
    if structural && (left.len() > 1 || right.len() > 1) {
        return Err(EvalError::SeveralSpansets);
    }
    let spans = combine(trace, *op, &all_spans(&left), &all_spans(&right));
    Ok(non_empty(Set { spans, attributes: Vec::new() }))
}

/// All of a trace, stage by stage.
fn run_pipeline(trace: &TraceView<'_>, pipeline: &Pipeline) -> Sets {
    let everything = Set { spans: (0..trace.rows.spans.len()).collect(), attributes: Vec::new() };
    let mut sets = vec![everything];
    for stage in &pipeline.stages {
        sets = run_stage(trace, stage, sets);
    }
    Ok(sets)
}

fn run_stage(trace: &TraceView<'_>, stage: &Stage, sets: Vec<Set>) -> Vec<Set> {
    match stage {
        Stage::Spanset(spanset) => sets
            .into_iter()
            .flat_map(|set| {
                let spans = spans_of(trace, spanset, &set.spans);
                non_empty(Set { spans, attributes: set.attributes })
            })
            .collect(),
        Stage::ScalarFilter(filter) => {
            sets.into_iter().filter_map(|set| scalar_filter(trace, filter, set)).collect()
        }
        Stage::By(expr) => sets.iter().flat_map(|set| group(trace, expr, set)).collect(),
        Stage::Select(_) => sets,
        Stage::Coalesce => non_empty(Set { spans: all_spans(&sets), attributes: Vec::new() }),
    }
}

fn non_empty(set: Set) -> Vec<Set> {
    if set.spans.is_empty() { Vec::new() } else { vec![set] }
}

fn all_spans(sets: &[Set]) -> Vec<usize> {
    sorted(sets.iter().flat_map(|set| &set.spans).copied().collect())
}

fn sorted(mut spans: Vec<usize>) -> Vec<usize> {
    spans.sort_unstable();
    spans.dedup();
    spans
}

fn spans_of(trace: &TraceView<'_>, spanset: &Spanset, input: &[usize]) -> Vec<usize> {
    match spanset {
        Spanset::Filter(expr) => {
            input.iter().copied().filter(|span| matches(trace, *span, expr)).collect()
        }
        Spanset::Binary { op, left, right } => {
            let mut of_right = spans_of(trace, right, input);
            if negated(*op) && **right == Spanset::Filter(Expr::Static(Static::Bool(true))) {
                // As the examples of §6 have it: `{} !< {}` does not give G and H.
                of_right.retain(|span| trace.tree.is_connected(*span));
            }
            combine(trace, *op, &spans_of(trace, left, input), &of_right)
        }
    }
}

fn negated(op: SpansetOp) -> bool {
    matches!(op, SpansetOp::Structural { take: Take::RightUnrelated, .. })
}

fn combine(trace: &TraceView<'_>, op: SpansetOp, left: &[usize], right: &[usize]) -> Vec<usize> {
    let (relation, take) = match op {
        SpansetOp::And if left.is_empty() || right.is_empty() => return Vec::new(),
        SpansetOp::And | SpansetOp::Or => return sorted([left, right].concat()),
        SpansetOp::Structural { relation, take } => (relation, take),
    };
    let related = |l: usize, r: usize| trace.tree.related(relation, l, r);
    let has_left = |r: &usize| left.iter().any(|l| related(*l, *r));
    let has_right = |l: &usize| right.iter().any(|r| related(*l, *r));
    let right = right.iter().copied();
    sorted(match take {
        Take::Right => right.filter(has_left).collect(),
        Take::RightUnrelated => right.filter(|r| !has_left(r)).collect(),
        Take::Both => {
            let left = left.iter().copied().filter(has_right);
            right.clone().filter(has_left).chain(left).collect()
        }
    })
}

/// Splits a set by the value of an expression; values of different types differ (§7.2).
fn group(trace: &TraceView<'_>, expr: &Expr, set: &Set) -> Vec<Set> {
    let mut groups: Vec<(Value, Vec<usize>)> = Vec::new();
    for span in &set.spans {
        let value = evaluate(trace, *span, first_items(trace, *span), expr);
        match groups.iter_mut().find(|(known, _)| *known == value) {
            Some((_, spans)) => spans.push(*span),
            None => groups.push((value, vec![*span])),
        }
    }
    let set_of = |(value, spans)| {
        let mut attributes = set.attributes.clone();
        attributes.push((format!("by({expr})"), value));
        Set { spans, attributes }
    };
    groups.into_iter().map(set_of).collect()
}

/// Where one value of an event or link is asked for, it is that of the first.
pub fn first_items(trace: &TraceView<'_>, span: usize) -> Items {
    let row = &trace.rows.spans[span];
    Items {
        event: (!row.events.is_empty()).then_some(0),
        link: (!row.links.is_empty()).then_some(0),
    }
}

/// Validation leaves `aggregate cmp literal` alone (§7.6).
fn scalar_filter(trace: &TraceView<'_>, filter: &ScalarFilter, mut set: Set) -> Option<Set> {
    let (Scalar::Aggregate(of), Scalar::Static(literal)) = (&filter.left, &filter.right) else {
        return None;
    };
    let value = aggregate(trace, of, &set.spans);
    if !compare(filter.op, &value, &Value::of_literal(literal)) {
        return None;
    }
    set.attributes.push((of.to_string(), value));
    Some(set)
}
