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
    /// By key.
    pub attributes: BTreeMap<String, Shown>,
}

/// What is shown of a key.
#[derive(Clone, Debug, Default, PartialEq, PartialOrd)]
pub struct Shown {
    /// [`Value::shown`] values. Of the right answer: what may be shown, several where fields share
    /// a key or where any event or link may be taken. Of a given answer: what is shown.
    pub values: BTreeSet<String>,
    /// Whether one of them must be shown. It need not for events and links, of which the one that
    /// is taken may lack it, nor for empty strings, which may stand for absence.
    pub required: bool,
}

impl FoundTrace {
    /// Whether a given answer shows what this right one allows.
    pub fn allows(&self, given: &Self) -> bool {
        let own = |trace: &Self| Self { sets: Vec::new(), ..trace.clone() };
        let pairs = || self.sets.iter().zip(&given.sets);
        own(self) == own(given)
            && self.sets.len() == given.sets.len()
            && pairs().all(|(right, given)| right.allows(given))
    }

    /// Sets in an order that depends neither on the order in which they were found nor on what is
    /// shown of their spans.
    pub fn sort(&mut self) {
        let key = |set: &FoundSet| {
            (set.attributes.clone(), set.matched, set.spans.keys().cloned().collect::<Vec<_>>())
        };
        self.sets.sort_by_cached_key(key);
    }
}

impl FoundSet {
    fn allows(&self, given: &Self) -> bool {
        self.attributes == given.attributes
            && self.matched == given.matched
            && self.spans.keys().eq(given.spans.keys())
            && self
                .spans
                .values()
                .zip(given.spans.values())
                .all(|(right, given)| right.allows(given))
    }
}

impl FoundSpan {
    fn allows(&self, given: &Self) -> bool {
        let is_allowed = |(key, shown): (&String, &Shown)| {
            self.attributes.get(key).is_some_and(|right| shown.values.is_subset(&right.values))
        };
        let is_there =
            |(key, shown): (&String, &Shown)| !shown.required || given.attributes.contains_key(key);
        self.duration_nanos == given.duration_nanos
            && self.name == given.name
            && given.attributes.iter().all(is_allowed)
            && self.attributes.iter().all(is_there)
    }
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
    let mut found = FoundTrace {
        root_service: if root_service.is_empty() { NO_ROOT } else { root_service }.to_owned(),
        root_name: trace.root().map_or("", |root| &root.name).to_owned(),
        start_unix_nanos: trace.rows.start_unix_nanos(),
        duration_ms: trace.rows.duration_nanos() / 1_000_000,
        services,
        sets: sets.iter().map(|set| found_set(trace, set, mentioned)).collect(),
    };
    found.sort();
    found
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
    let mut attributes: BTreeMap<String, Shown> = BTreeMap::new();
    for field in mentioned {
        let Some(key) = field.echo_key() else { continue };
        let shown = attributes.entry(key.to_owned()).or_default();
        for value in values(trace, span, field) {
            if matches!(value, Value::Nil | Value::Opaque) {
                continue;
            }
            shown.values.insert(value.shown());
            shown.required |= field.list().is_none() && value != Value::Str(Vec::new());
        }
    }
    attributes.retain(|_, shown| !shown.values.is_empty());
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
