//! Makes a difference readable: fewer traces, fewer spans, a simpler query.

use stringendo_traceql::ast::*;
use stringendo_traceql::{parse, validate};

use crate::rows::Trace;

/// The least traces and the simplest query found for which `differs` still holds.
pub fn shrink(
    mut traces: Vec<Trace>,
    mut query: String,
    mut differs: impl FnMut(&[Trace], &str) -> bool,
) -> (Vec<Trace>, String) {
    while let Some(next) =
        candidates(&traces, &query).into_iter().find(|(traces, query)| differs(traces, query))
    {
        (traces, query) = next;
    }
    (traces, query)
}

/// What is a step simpler, the greatest steps first.
pub fn candidates(traces: &[Trace], query: &str) -> Vec<(Vec<Trace>, String)> {
    let fewer = halves(traces).into_iter().map(|traces| (traces, query.to_owned()));
    let simpler = simpler(query).into_iter().map(|query| (traces.to_vec(), query));
    fewer.chain(simpler).collect()
}

/// Either half of the traces; of a single one, the trace without one of its spans or details.
fn halves(traces: &[Trace]) -> Vec<Vec<Trace>> {
    if let [only] = traces {
        return less(only).into_iter().map(|trace| vec![trace]).collect();
    }
    let (left, right) = traces.split_at(traces.len() / 2);
    vec![left.to_vec(), right.to_vec()]
}

fn less(trace: &Trace) -> Vec<Trace> {
    let changed = |change: &dyn Fn(&mut Trace)| {
        let mut less = trace.clone();
        change(&mut less);
        less
    };
    let mut all = Vec::new();
    for number in 0..trace.spans.len() {
        if trace.spans.len() > 1 {
            all.push(changed(&|less| drop(less.spans.remove(number))));
        }
        all.push(changed(&|less| less.spans[number].attributes.clear()));
        all.push(changed(&|less| less.spans[number].resource.clear()));
        all.push(changed(&|less| less.spans[number].events.truncate(1)));
        all.push(changed(&|less| less.spans[number].events.clear()));
        all.push(changed(&|less| less.spans[number].links.clear()));
        for key in trace.spans[number].attributes.keys() {
            all.push(changed(&|less| drop(less.spans[number].attributes.remove(key))));
        }
    }
    all.retain(|less| less != trace);
    all
}

/// Valid queries that are a step simpler.
fn simpler(query: &str) -> Vec<String> {
    let Ok(tree) = parse(query) else { return Vec::new() };
    let mut bodies = Vec::new();
    of_body(&tree.body, &mut bodies);
    let mut texts: Vec<String> = bodies
        .into_iter()
        .map(|body| Query { body, hints: Vec::new() })
        .filter(|query| validate(query).is_ok())
        .map(|query| query.to_string())
        .filter(|text| text.len() < tree.to_string().len())
        .collect();
    texts.sort_by_key(String::len);
    texts
}

fn of_body(body: &Body, out: &mut Vec<Body>) {
    match body {
        Body::Pipeline(pipeline) => {
            out.extend(of_pipeline(pipeline).into_iter().map(Body::Pipeline));
        }
        Body::Metrics(metrics) => out.push(Body::Pipeline(metrics.pipeline.clone())),
        Body::Wrapped(Wrapped::Pipeline(pipeline)) => out.push(Body::Pipeline(pipeline.clone())),
        Body::Wrapped(wrapped) => of_wrapped(wrapped, out),
        Body::ScalarComparison(_) | Body::Math { .. } => {}
    }
}

fn of_wrapped(wrapped: &Wrapped, out: &mut Vec<Body>) {
    let Wrapped::Binary { op, left, right } = wrapped else { return };
    out.extend([Body::Wrapped((**left).clone()), Body::Wrapped((**right).clone())]);
    for (changed, is_left) in [(left, true), (right, false)] {
        let Wrapped::Pipeline(pipeline) = &**changed else { continue };
        for pipeline in of_pipeline(pipeline) {
            let changed = Box::new(Wrapped::Pipeline(pipeline));
            let (left, right) =
                if is_left { (changed, right.clone()) } else { (left.clone(), changed) };
            out.push(Body::Wrapped(Wrapped::Binary { op: *op, left, right }));
        }
    }
}

fn of_pipeline(pipeline: &Pipeline) -> Vec<Pipeline> {
    let mut all = Vec::new();
    for number in 0..pipeline.stages.len() {
        if pipeline.stages.len() > 1 {
            let mut less = pipeline.clone();
            less.stages.remove(number);
            all.push(less);
        }
        let simpler: Vec<Stage> = match &pipeline.stages[number] {
            Stage::Spanset(spanset) => {
                of_spanset(spanset).into_iter().map(Stage::Spanset).collect()
            }
            Stage::By(expr) => of_expr(expr).into_iter().map(Stage::By).collect(),
            _ => Vec::new(),
        };
        for stage in simpler {
            let mut less = pipeline.clone();
            less.stages[number] = stage;
            all.push(less);
        }
    }
    all
}

fn of_spanset(spanset: &Spanset) -> Vec<Spanset> {
    match spanset {
        Spanset::Filter(expr) => {
            let everything = Expr::Static(Static::Bool(true));
            let simpler = std::iter::once(everything).chain(of_expr(expr));
            simpler.map(Spanset::Filter).collect()
        }
        Spanset::Binary { op, left, right } => {
            let binary = |left: &Spanset, right: &Spanset| Spanset::Binary {
                op: *op,
                left: Box::new(left.clone()),
                right: Box::new(right.clone()),
            };
            let mut all = vec![(**left).clone(), (**right).clone()];
            all.extend(of_spanset(left).iter().map(|less| binary(less, right)));
            all.extend(of_spanset(right).iter().map(|less| binary(left, less)));
            all
        }
    }
}

fn of_expr(expr: &Expr) -> Vec<Expr> {
    match expr {
        Expr::Static(_) | Expr::Field(_) | Expr::NilTest { .. } => Vec::new(),
        Expr::Unary { op, operand } => {
            let unary = |operand| Expr::Unary { op: *op, operand: Box::new(operand) };
            let deeper = of_expr(operand).into_iter().map(unary);
            std::iter::once((**operand).clone()).chain(deeper).collect()
        }
        Expr::Binary { op, left, right } => {
            let binary = |left: &Expr, right: &Expr| Expr::Binary {
                op: *op,
                left: Box::new(left.clone()),
                right: Box::new(right.clone()),
            };
            let mut all = vec![(**left).clone(), (**right).clone()];
            all.extend(of_expr(left).iter().map(|less| binary(less, right)));
            all.extend(of_expr(right).iter().map(|less| binary(left, less)));
            all
        }
    }
}
