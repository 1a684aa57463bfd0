//! What a search answers, in a form in which answers compare (contract §10).

use std::collections::{BTreeMap, BTreeSet};

use stringendo_traceql::ast::*;
use stringendo_traceql::{EvalError, Field, Intrinsic, SpanList};

use super::expression::Items;
use super::pipeline::{Set, run};
use super::trace::TraceView;
use super::value::Value;
use crate::rows::{Span, Trace};

/// Shown for a trace whose root service is not known (§10.1).
const NO_ROOT: &str = "<root span not yet received>";

/// A trace of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundTrace {
    /// `rootServiceName`
    pub root_service: String,
    /// `rootTraceName`
    pub root_name: String,
    /// `startTimeUnixNano`
    pub start_unix_nanos: u64,
    /// `durationMs`
    pub duration_ms: u64,
    /// Spans and errors per service.
    pub services: BTreeMap<String, (u64, u64)>,
    /// Sorted.
    pub sets: Vec<FoundSet>,
}

/// A set of spans of an answer.
#[derive(Clone, Debug, Default, PartialEq, PartialOrd)]
pub struct FoundSet {
    /// `by(name)` and the like, with [`Value::shown`] values.
    pub attributes: BTreeMap<String, String>,
    /// `matched`
    pub matched: u64,
    /// By id and start.
    pub spans: BTreeMap<(String, u64), FoundSpan>,
}

/// A span of an answer.
#[derive(Clone, Debug, Default, PartialEq, PartialOrd)]
pub struct FoundSpan {
    /// `durationNanos`
    pub duration_nanos: u64,
    /// `name`; empty where the query does not ask for it.
    pub name: String,
    /// Shown values per key: one of these must be there. Several where fields share a key, or
    /// where any event or link may be shown.
    pub attributes: BTreeMap<String, BTreeSet<String>>,
}

/// The answer to a query, by [`Trace::short_id`].
///
/// # Errors
/// What only shows when a query runs.
pub fn search(traces: &[Trace], query: &Query) -> Result<BTreeMap<String, FoundTrace>, EvalError> {
    let mentioned = mentioned(&query.body);
    let mut found = BTreeMap::new();
    for trace in traces {
        let view = TraceView::of(trace);
        let sets = run(&view, &query.body)?;
        if !sets.is_empty() {
            found.insert(trace.short_id(), found_trace(&view, &sets, &mentioned));
        }
    }
    Ok(found)
}

fn found_trace(trace: &TraceView<'_>, sets: &[Set], mentioned: &[Field]) -> FoundTrace {
    let root_service = trace.root().map_or("", Span::service);
    let mut services: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for span in &trace.rows.spans {
        let counts = services.entry(span.service().to_owned()).or_default();
        counts.0 += 1;
        counts.1 += u64::from(span.status == 2);
    }
    let mut sets: Vec<FoundSet> = sets.iter().map(|set| found_set(trace, set, mentioned)).collect();
    sets.sort_by(|a, b| a.partial_cmp(b).expect("no numbers that have no order"));
    FoundTrace {
        root_service: if root_service.is_empty() { NO_ROOT } else { root_service }.to_owned(),
        root_name: trace.root().map_or("", |root| &root.name).to_owned(),
        start_unix_nanos: trace.rows.start_unix_nanos(),
        duration_ms: trace.rows.duration_nanos() / 1_000_000,
        services,
        sets,
    }
}

fn found_set(trace: &TraceView<'_>, set: &Set, mentioned: &[Field]) -> FoundSet {
    let spans = set.spans.iter().map(|number| {
        let row = &trace.rows.spans[*number];
        let found = found_span(trace, *number, mentioned);
        ((format!("{:016x}", row.id), row.start_unix_nanos), found)
    });
    FoundSet {
        attributes: set.attributes.iter().map(|(key, v)| (key.clone(), v.shown())).collect(),
        matched: set.spans.len() as u64,
        spans: spans.collect(),
    }
}

fn found_span(trace: &TraceView<'_>, span: usize, mentioned: &[Field]) -> FoundSpan {
    let row = &trace.rows.spans[span];
    let mut attributes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for field in mentioned {
        let Some(key) = field.echo_key() else { continue };
        let shown = values(trace, span, field).into_iter().filter_map(|value| match value {
            Value::Nil | Value::Opaque => None,
            value => Some(value.shown()),
        });
        attributes.entry(key.to_owned()).or_default().extend(shown);
    }
    attributes.retain(|_, values| !values.is_empty());
    let shows_name = mentioned.contains(&Field::Intrinsic(Intrinsic::Name));
    FoundSpan {
        duration_nanos: row.duration_nanos,
        name: if shows_name { row.name.clone() } else { String::new() },
        attributes,
    }
}

/// All values that a span has of a field.
fn values(trace: &TraceView<'_>, span: usize, field: &Field) -> Vec<Value> {
    let row = &trace.rows.spans[span];
    let items: Vec<Items> = match field.list() {
        None => vec![Items::default()],
        Some(SpanList::Events) => {
            (0..row.events.len()).map(|event| Items { event: Some(event), link: None }).collect()
        }
        Some(SpanList::Links) => {
            (0..row.links.len()).map(|link| Items { event: None, link: Some(link) }).collect()
        }
    };
    items.into_iter().map(|items| trace.field(span, items, field)).collect()
}

/// Every field that a query names, except in metrics functions.
pub fn mentioned(body: &Body) -> Vec<Field> {
    let mut fields = Vec::new();
    match body {
        Body::Pipeline(pipeline) => of_pipeline(pipeline, &mut fields),
        Body::Metrics(metrics) => of_pipeline(&metrics.pipeline, &mut fields),
        Body::Wrapped(wrapped) => of_wrapped(wrapped, &mut fields),
        Body::ScalarComparison(_) | Body::Math { .. } => {}
    }
    fields
}

fn of_wrapped(wrapped: &Wrapped, fields: &mut Vec<Field>) {
    match wrapped {
        Wrapped::Pipeline(pipeline) => of_pipeline(pipeline, fields),
        Wrapped::Binary { left, right, .. } => {
            of_wrapped(left, fields);
            of_wrapped(right, fields);
        }
    }
}

fn of_pipeline(pipeline: &Pipeline, fields: &mut Vec<Field>) {
    for stage in &pipeline.stages {
        match stage {
            Stage::Spanset(spanset) => of_spanset(spanset, fields),
            Stage::By(expr) => of_expr(expr, fields),
            Stage::Select(selected) => selected.iter().for_each(|field| of_field(field, fields)),
            Stage::ScalarFilter(filter) => {
                of_scalar(&filter.left, fields);
                of_scalar(&filter.right, fields);
            }
            Stage::Coalesce => {}
        }
    }
}

fn of_spanset(spanset: &Spanset, fields: &mut Vec<Field>) {
    match spanset {
        Spanset::Filter(expr) => of_expr(expr, fields),
        Spanset::Binary { left, right, .. } => {
            of_spanset(left, fields);
            of_spanset(right, fields);
        }
    }
}

fn of_scalar(scalar: &Scalar, fields: &mut Vec<Field>) {
    match scalar {
        Scalar::Aggregate(Aggregate::Of { expr, .. }) => of_expr(expr, fields),
        Scalar::Binary { left, right, .. } => {
            of_scalar(left, fields);
            of_scalar(right, fields);
        }
        Scalar::Aggregate(Aggregate::Count) | Scalar::Static(_) => {}
    }
}

fn of_expr(expr: &Expr, fields: &mut Vec<Field>) {
    match expr {
        Expr::Static(_) => {}
        Expr::Field(field) => of_field(field, fields),
        Expr::Unary { operand, .. } | Expr::NilTest { operand, .. } => of_expr(operand, fields),
        Expr::Binary { left, right, .. } => {
            of_expr(left, fields);
            of_expr(right, fields);
        }
    }
}

fn of_field(field: &FieldRef, fields: &mut Vec<Field>) {
    if let FieldRef::Plain(field) = field {
        fields.push(field.clone());
    }
}
