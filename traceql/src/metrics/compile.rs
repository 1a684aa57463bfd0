//! From a metrics query to a plan: legs, the arithmetic between them, and what comes after.

use std::sync::Arc;

use super::compare::ComparePlan;
use super::leg::{Leg, Measure, Read, Unit};
use super::second::seconds;
use crate::ast::*;
use crate::error::{ParseError, PlanError, QueryError, ValidateError};
use crate::field::{Field, Intrinsic};
use crate::plan::{SearchPlan, plan_pipeline};

/// How many values per field `compare()` shows where the query says nothing.
const COMPARE_TOP: usize = 10;

/// Intrinsics that `compare()` looks at (§11.10).
const COMPARED: [Intrinsic; 9] = [
    Intrinsic::Name,
    Intrinsic::Kind,
    Intrinsic::Status,
    Intrinsic::StatusMessage,
    Intrinsic::ChildCount,
    Intrinsic::RootName,
    Intrinsic::RootService,
    Intrinsic::InstrumentationName,
    Intrinsic::InstrumentationVersion,
];

/// Intrinsics that a piece of a trace does not tell.
const OF_WHOLE_TRACES: [Intrinsic; 7] = [
    Intrinsic::ChildCount,
    Intrinsic::TraceDuration,
    Intrinsic::RootName,
    Intrinsic::RootService,
    Intrinsic::NestedSetLeft,
    Intrinsic::NestedSetRight,
    Intrinsic::NestedSetParent,
];

/// A metrics query that is ready to run. It is immutable; shards may share one.
#[derive(Clone, Debug)]
pub struct MetricsPlan {
    pub(super) legs: Vec<Arc<Leg>>,
    pub(super) body: Node,
    pub(super) second: Vec<SecondStage>,
    exemplars: Option<ExemplarHint>,
}

/// Legs and what is calculated of them. Legs are met in the order of their numbers.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Constant(f64),
    Leg { second: Vec<SecondStage> },
    Binary { op: ArithmeticOp, left: Box<Node>, right: Box<Node> },
}

#[derive(Clone, Copy, Debug)]
enum ExemplarHint {
    None,
    AtMost(usize),
}

/// What is wrong with a metrics query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricsQueryError {
    /// As for a search.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// It has no metrics function.
    #[error("not a metrics query")]
    NotMetrics,
}

impl MetricsQueryError {
    /// The body of the HTTP 400 (contract §9.4): instant queries say of every error that it came
    /// up when the query was compiled, range queries not of those of the parser.
    pub fn response_text(&self, is_instant: bool) -> String {
        match self {
            Self::NotMetrics | Self::Query(QueryError::Parse(ParseError::TooLong)) => {
                self.to_string()
            }
            Self::Query(QueryError::Parse(_)) if !is_instant => self.to_string(),
            Self::Query(_) => format!("compiling query: {self}"),
        }
    }
}

impl From<ParseError> for MetricsQueryError {
    fn from(error: ParseError) -> Self {
        Self::Query(error.into())
    }
}

impl From<ValidateError> for MetricsQueryError {
    fn from(error: ValidateError) -> Self {
        Self::Query(error.into())
    }
}

impl From<PlanError> for MetricsQueryError {
    fn from(error: PlanError) -> Self {
        Self::Query(error.into())
    }
}

/// Parses, validates and plans a metrics query.
///
/// # Errors
/// Whatever is wrong; see [`MetricsQueryError::response_text`] for what a client is told.
pub fn compile_metrics(text: &str) -> Result<MetricsPlan, MetricsQueryError> {
    let query = crate::parse(text)?;
    crate::validate(&query)?;
    let mut legs = Vec::new();
    let (body, second) = match &query.body {
        Body::Metrics(metrics) => (add_leg(metrics, &mut legs)?, Vec::new()),
        Body::Math { expr, second } => (add_math(expr, &mut legs)?, second.clone()),
        Body::Pipeline(_) | Body::Wrapped(_) | Body::ScalarComparison(_) => {
            return Err(MetricsQueryError::NotMetrics);
        }
    };
    Ok(MetricsPlan { legs, body, second, exemplars: exemplar_hint(&query.hints) })
}

impl MetricsPlan {
    /// The functions whose spans are to be accumulated, each apart from the others.
    pub fn legs(&self) -> &[Arc<Leg>] {
        &self.legs
    }

    /// Whether a point of the answer depends on the spans of its own interval alone, each judged by
    /// itself: then it is known as soon as those were looked at.
    pub fn points_stand_alone(&self) -> bool {
        let alone = |leg: &Arc<Leg>| !leg.judges_whole_traces() && !leg.compares_attributes();
        self.legs.iter().all(alone) && !ranks(&self.second) && !self.body.ranks()
    }

    /// How many exemplars the answer may have: `wanted` by a parameter (0: as many as there may
    /// be), unless a hint says something else; `most` by configuration.
    pub fn exemplars(&self, wanted: usize, most: usize) -> usize {
        // Series that are calculated have none.
        if !matches!(self.body, Node::Leg { .. }) || self.legs[0].compares_attributes() {
            return 0;
        }
        match self.exemplars {
            Some(ExemplarHint::None) => 0,
            Some(ExemplarHint::AtMost(count)) => count.min(most),
            None if wanted == 0 => most,
            None => wanted.min(most),
        }
    }
}

impl Node {
    fn ranks(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Leg { second } => ranks(second),
            Self::Binary { left, right, .. } => left.ranks() || right.ranks(),
        }
    }
}

/// Whether which series there are decides on which are shown.
fn ranks(stages: &[SecondStage]) -> bool {
    let ranks = |stage| matches!(stage, &SecondStage::TopK(_) | &SecondStage::BottomK(_));
    stages.iter().any(ranks)
}

/// Hints with values of another type have no effect.
fn exemplar_hint(hints: &[Hint]) -> Option<ExemplarHint> {
    let hint = hints.iter().rev().find(|hint| hint.name == "exemplars")?;
    match hint.value {
        Static::Bool(false) => Some(ExemplarHint::None),
        Static::Int(count) => Some(ExemplarHint::AtMost(usize::try_from(count).unwrap_or(0))),
        _ => None,
    }
}

fn add_math(math: &Math, legs: &mut Vec<Arc<Leg>>) -> Result<Node, PlanError> {
    Ok(match math {
        Math::Metrics(metrics) => add_leg(metrics, legs)?,
        Math::Static(value) => Node::Constant(seconds(value)),
        Math::Binary { op, left, right } => Node::Binary {
            op: *op,
            left: Box::new(add_math(left, legs)?),
            right: Box::new(add_math(right, legs)?),
        },
    })
}

fn add_leg(metrics: &Metrics, legs: &mut Vec<Arc<Leg>>) -> Result<Node, PlanError> {
    legs.push(Arc::new(leg(metrics)?));
    Ok(Node::Leg { second: metrics.second.clone() })
}

fn leg(metrics: &Metrics) -> Result<Leg, PlanError> {
    let mut search = plan_pipeline(&metrics.pipeline, &fields_of(&metrics.first))?;
    let (measure, by) = match &metrics.first {
        FirstStage::Function { function, by } => {
            let by = by.iter().map(|field| read(&search, field)).collect();
            (measure_of(function, |field| read(&search, field)), by)
        }
        FirstStage::Compare(compare) => {
            (Measure::Compare(Box::new(compare_plan(compare, &mut search)?)), Vec::new())
        }
    };
    let shown = search.fields().iter().filter(|field| !is_of_tree(field));
    let shown = shown.map(|field| read(&search, &FieldRef::Plain(field.clone()))).collect();
    let judges_whole_traces = judges_whole_traces(&metrics.pipeline, &search);
    Ok(Leg { search, measure, by, shown, judges_whole_traces })
}

/// What the function reads beside its pipeline.
fn fields_of(first: &FirstStage) -> Vec<Field> {
    let FirstStage::Function { function, by } = first else {
        return COMPARED.map(Field::Intrinsic).into();
    };
    let of_function = match function {
        MetricsFunction::Rate | MetricsFunction::CountOverTime => None,
        MetricsFunction::OverTime(_, field) | MetricsFunction::QuantileOverTime(field, _) => {
            Some(field)
        }
    };
    let plain = |field: &FieldRef| match field {
        FieldRef::Plain(field) => Some(field.clone()),
        FieldRef::Parent | FieldRef::ParentAttribute { .. } => None,
    };
    of_function.into_iter().chain(by).filter_map(plain).collect()
}

fn measure_of(function: &MetricsFunction, read: impl Fn(&FieldRef) -> Read) -> Measure {
    match function {
        MetricsFunction::Rate => Measure::Count { per_second: true },
        MetricsFunction::CountOverTime => Measure::Count { per_second: false },
        MetricsFunction::OverTime(function, field) => Measure::OverTime(*function, read(field)),
        MetricsFunction::QuantileOverTime(field, quantiles) => {
            Measure::Quantile(read(field), quantiles.clone())
        }
    }
}

fn read(search: &SearchPlan, field: &FieldRef) -> Read {
    let text = field.to_string();
    match field {
        FieldRef::Plain(field) => Read {
            text,
            field: search.field_number(field),
            list: field.list(),
            unit: Unit::of(field),
        },
        FieldRef::Parent | FieldRef::ParentAttribute { .. } => {
            Read { text, field: None, list: None, unit: Unit::Plain }
        }
    }
}

fn compare_plan(compare: &Compare, search: &mut SearchPlan) -> Result<ComparePlan, PlanError> {
    let selection = search.add_filter(&compare.filter)?;
    let intrinsic = |intrinsic| read(search, &FieldRef::Plain(Field::Intrinsic(intrinsic)));
    let nanos = |time: i64| u64::try_from(time).unwrap_or(0);
    Ok(ComparePlan {
        selection,
        // Both zero is the same as none.
        range: compare.range.filter(|range| *range != (0, 0)).map(|(a, b)| (nanos(a), nanos(b))),
        top: compare.top.map_or(COMPARE_TOP, |top| usize::try_from(top).unwrap_or(0)),
        intrinsics: COMPARED.map(intrinsic).into(),
        columns: search.fields().len(),
    })
}

fn is_of_tree(field: &Field) -> bool {
    use Intrinsic as I;
    matches!(field, Field::Intrinsic(I::NestedSetLeft | I::NestedSetRight | I::NestedSetParent))
}

fn judges_whole_traces(pipeline: &Pipeline, search: &SearchPlan) -> bool {
    let reads_whole = search.fields().iter().any(|field| match field {
        Field::Intrinsic(intrinsic) => OF_WHOLE_TRACES.contains(intrinsic),
        Field::Attribute { .. } => false,
    });
    reads_whole
        || pipeline.stages.iter().any(|stage| match stage {
            Stage::Spanset(spanset) => relates_spans(spanset),
            Stage::ScalarFilter(_) => true,
            // Groups matter to what comes behind them only.
            Stage::By(_) | Stage::Select(_) | Stage::Coalesce => false,
        })
}

fn relates_spans(spanset: &Spanset) -> bool {
    match spanset {
        Spanset::Filter(_) => false,
        Spanset::Binary { op: SpansetOp::Or, left, right } => {
            relates_spans(left) || relates_spans(right)
        }
        Spanset::Binary { .. } => true,
    }
}
