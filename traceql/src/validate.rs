//! What a parsed query must not say (contract `traceql.md` §3.2, §3.3, §9.2, §9.3).
//!
//! Types of attributes are unknown until values are there, so only literals and intrinsics can
//! contradict each other here. The texts are what clients are shown.

use crate::ast::*;
use crate::error::ValidateError;
use crate::field::{Field, Intrinsic};
use crate::pattern;

type Outcome = Result<(), ValidateError>;

/// Most labels in `by(…)` of a metric, and of those that need one more for themselves.
const METRICS_GROUPS_MAX: usize = 5;
const METRICS_GROUPS_MAX_WITH_OWN_LABEL: usize = 4;

/// Most values per field that `compare()` gives.
const COMPARE_TOP_MAX: i64 = 1_000;

/// A static type (§3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Unknown,
    Nil,
    Int,
    Float,
    Duration,
    Str,
    Bool,
    Status,
    Kind,
}

impl Type {
    fn is_numeric(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Duration)
    }

    /// Whether two operands may meet.
    fn meets(self, other: Self) -> bool {
        let any = |kind| self == kind || other == kind;
        any(Self::Unknown)
            || any(Self::Nil)
            || self == other
            || (self.is_numeric() && other.is_numeric())
    }

    fn allows(self, op: BinaryOp) -> bool {
        use ComparisonOp::{Equal, NotEqual};
        match (self, op) {
            (Self::Unknown | Self::Nil, _) => true,
            (Self::Bool, BinaryOp::And | BinaryOp::Or) => true,
            (_, BinaryOp::And | BinaryOp::Or) => false,
            (Self::Str, BinaryOp::Regex { .. }) => true,
            (_, BinaryOp::Regex { .. }) => false,
            (_, BinaryOp::Arithmetic(_)) => self.is_numeric(),
            (Self::Int | Self::Float | Self::Duration | Self::Str, _) => true,
            (_, BinaryOp::Comparison(op)) => matches!(op, Equal | NotEqual),
        }
    }
}

fn invalid(text: String) -> ValidateError {
    ValidateError::Invalid(text)
}

fn unsupported(what: &str) -> ValidateError {
    ValidateError::Unsupported(what.to_owned())
}

/// Checks a whole query.
pub(crate) fn validate(query: &Query) -> Outcome {
    match &query.body {
        Body::Pipeline(pipeline) => check_pipeline(pipeline),
        Body::Metrics(metrics) => check_metrics(metrics),
        Body::Wrapped(wrapped) => check_wrapped(wrapped),
        Body::ScalarComparison(comparison) => check_scalar_comparison(comparison),
        Body::Math { expr, second } => {
            if !matches!(expr, Math::Metrics(_)) || !second.is_empty() {
                check_no_compare(expr)?;
            }
            check_math(expr)?;
            check_second_stages(second)
        }
    }
}

fn check_pipeline(pipeline: &Pipeline) -> Outcome {
    pipeline.stages.iter().try_for_each(|stage| match stage {
        Stage::Spanset(spanset) => check_spanset(spanset),
        Stage::ScalarFilter(filter) => check_scalar_filter(filter),
        Stage::By(expr) => check_by(expr),
        Stage::Select(fields) => fields.iter().try_for_each(check_field),
        Stage::Coalesce => Ok(()),
    })
}

fn check_spanset(spanset: &Spanset) -> Outcome {
    match spanset {
        Spanset::Filter(expr) => check_filter(expr),
        Spanset::Binary { left, right, .. } => {
            check_spanset(left)?;
            check_spanset(right)
        }
    }
}

fn check_wrapped(wrapped: &Wrapped) -> Outcome {
    match wrapped {
        Wrapped::Pipeline(pipeline) => check_pipeline(pipeline),
        Wrapped::Binary { left, right, .. } => {
            check_wrapped(left)?;
            check_wrapped(right)
        }
    }
}

fn check_filter(expr: &Expr) -> Outcome {
    match check_expr(expr)? {
        Type::Bool | Type::Unknown => Ok(()),
        _ => Err(invalid(format!(
            "span filter field expressions must resolve to a boolean: {{ {expr} }}"
        ))),
    }
}

fn check_by(expr: &Expr) -> Outcome {
    check_expr(expr)?;
    if !references_span(expr) {
        return Err(invalid(format!(
            "grouping field expressions must reference the span: by({expr})"
        )));
    }
    Ok(())
}

fn check_scalar_filter(filter: &ScalarFilter) -> Outcome {
    check_scalar(&filter.left)?;
    check_scalar(&filter.right)?;
    if !matches!(filter.left, Scalar::Aggregate(_)) {
        return Err(unsupported("scalar filter lhs of type (%v)"));
    }
    if !matches!(filter.right, Scalar::Static(_)) {
        return Err(unsupported("scalar filter rhs of type (%v)"));
    }
    Ok(())
}

fn check_scalar(scalar: &Scalar) -> Outcome {
    match scalar {
        Scalar::Static(_) => Ok(()),
        Scalar::Aggregate(aggregate) => check_aggregate(aggregate),
        Scalar::Binary { left, right, .. } => {
            check_scalar(left)?;
            check_scalar(right)
        }
    }
}

fn check_aggregate(aggregate: &Aggregate) -> Outcome {
    let Aggregate::Of { expr, .. } = aggregate else { return Ok(()) };
    let kind = check_expr(expr)?;
    if kind != Type::Unknown && !kind.is_numeric() {
        return Err(invalid(format!(
            "aggregate field expressions must resolve to a number type: {aggregate}"
        )));
    }
    if !references_span(expr) {
        return Err(invalid(format!(
            "aggregate field expressions must reference the span: {aggregate}"
        )));
    }
    Ok(())
}

/// Always refused (§7.6), but what is wrong inside is said first.
fn check_scalar_comparison(comparison: &ScalarComparison) -> Outcome {
    check_wrapped_scalar(&comparison.left)?;
    check_wrapped_scalar(&comparison.right)?;
    Err(unsupported("scalar filter lhs of type (%v)"))
}

fn check_wrapped_scalar(scalar: &WrappedScalar) -> Outcome {
    match scalar {
        WrappedScalar::Static(_) => Ok(()),
        WrappedScalar::Pipeline(pipeline, aggregate) => {
            check_pipeline(pipeline)?;
            check_aggregate(aggregate)
        }
        WrappedScalar::Binary { left, right, .. } => {
            check_wrapped_scalar(left)?;
            check_wrapped_scalar(right)
        }
    }
}

/// Checks an expression and gives its type.
fn check_expr(expr: &Expr) -> Result<Type, ValidateError> {
    match expr {
        Expr::Static(value) => Ok(static_type(value)),
        Expr::Field(field) => check_field(field).map(|()| field_type(field)),
        Expr::Unary { op, operand } => check_unary(expr, *op, operand),
        Expr::Binary { .. } => check_chain(expr),
        Expr::NilTest { present, operand } => check_nil_test(*present, operand),
    }
}

fn check_field(field: &FieldRef) -> Outcome {
    match field {
        FieldRef::Plain(_) => Ok(()),
        FieldRef::Parent => Err(unsupported("intrinsic (parent)")),
        FieldRef::ParentAttribute { .. } => Err(unsupported("parent")),
    }
}

fn check_unary(expr: &Expr, op: UnaryOp, operand: &Expr) -> Result<Type, ValidateError> {
    let kind = check_expr(operand)?;
    let suits = match op {
        UnaryOp::Negate => kind.is_numeric(),
        UnaryOp::Not => kind == Type::Bool,
    };
    if suits || kind == Type::Unknown {
        return Ok(kind);
    }
    Err(invalid(format!("illegal operation for the given type: {expr}")))
}

fn check_chain(chain: &Expr) -> Result<Type, ValidateError> {
    let (first, links) = chain.chain();
    let mut left_type = check_expr(first)?;
    for ChainLink { whole, op, right } in links {
        left_type = check_binary(whole, op, left_type, right)?;
    }
    Ok(left_type)
}

/// Checks an operator whose left side is checked, and what stands on its right.
fn check_binary(
    expr: &Expr,
    op: BinaryOp,
    left_type: Type,
    right: &Expr,
) -> Result<Type, ValidateError> {
    let right_type = check_expr(right)?;
    if !left_type.meets(right_type) {
        return Err(invalid(format!("binary operations must operate on the same type: {expr}")));
    }
    if !left_type.allows(op) || !right_type.allows(op) {
        return Err(invalid(format!("illegal operation for the given types: {expr}")));
    }
    match op {
        BinaryOp::Regex { .. } => check_pattern(expr, right).map(|()| Type::Bool),
        BinaryOp::Arithmetic(_) if left_type == Type::Unknown => Ok(right_type),
        BinaryOp::Arithmetic(_) => Ok(left_type),
        _ => Ok(Type::Bool),
    }
}

fn check_pattern(expr: &Expr, pattern: &Expr) -> Outcome {
    let Expr::Static(Static::Str(pattern)) = pattern else {
        return Err(invalid(format!("invalid type for =~ or !~: {expr}")));
    };
    pattern::compile(pattern)
        .map(|_| ())
        .map_err(|_| invalid(format!("invalid regex: {}", String::from_utf8_lossy(pattern))))
}

fn check_nil_test(present: bool, operand: &Expr) -> Result<Type, ValidateError> {
    check_expr(operand)?;
    if let (false, Expr::Field(FieldRef::Plain(field))) = (present, operand) {
        if matches!(field, Field::Intrinsic(_)) {
            return Err(invalid(format!(
                "{field}=nil is not valid because intrinsics cannot be nil"
            )));
        }
        if field.is_service_name() {
            return Err(invalid(format!("{field}=nil is not valid because {field} cannot be nil")));
        }
    }
    Ok(Type::Bool)
}

fn static_type(value: &Static) -> Type {
    match value {
        Static::Nil => Type::Nil,
        Static::Int(_) => Type::Int,
        Static::Float(_) => Type::Float,
        Static::Str(_) => Type::Str,
        Static::Bool(_) => Type::Bool,
        Static::Duration(_) => Type::Duration,
        Static::Status(_) => Type::Status,
        Static::Kind(_) => Type::Kind,
    }
}

/// The type of a field; `parent` ones never come here.
fn field_type(field: &FieldRef) -> Type {
    use Intrinsic as I;
    let FieldRef::Plain(Field::Intrinsic(intrinsic)) = field else { return Type::Unknown };
    match intrinsic {
        I::Name
        | I::StatusMessage
        | I::SpanId
        | I::ParentId
        | I::RootName
        | I::RootService
        | I::TraceId
        | I::EventName
        | I::LinkTraceId
        | I::LinkSpanId => Type::Str,
        I::Duration | I::TraceDuration | I::EventTimeSinceStart => Type::Duration,
        I::ChildCount | I::NestedSetLeft | I::NestedSetRight | I::NestedSetParent => Type::Int,
        I::Status => Type::Status,
        I::Kind => Type::Kind,
        I::InstrumentationName | I::InstrumentationVersion => Type::Unknown,
    }
}

fn references_span(expr: &Expr) -> bool {
    match expr {
        Expr::Static(_) => false,
        Expr::Field(_) => true,
        Expr::Unary { operand, .. } | Expr::NilTest { operand, .. } => references_span(operand),
        Expr::Binary { left, right, .. } => references_span(left) || references_span(right),
    }
}

fn check_metrics(metrics: &Metrics) -> Outcome {
    check_pipeline(&metrics.pipeline)?;
    match &metrics.first {
        FirstStage::Function { function, by } => check_function(function, by)?,
        FirstStage::Compare(compare) => {
            check_compare(compare)?;
            if !metrics.second.is_empty() {
                return Err(compare_and_second_stage());
            }
        }
    }
    check_second_stages(&metrics.second)
}

fn check_function(function: &MetricsFunction, by: &[FieldRef]) -> Outcome {
    let has_own_label = matches!(
        function,
        MetricsFunction::QuantileOverTime(..)
            | MetricsFunction::OverTime(OverTime::Avg | OverTime::Histogram, _)
    );
    let groups_max =
        if has_own_label { METRICS_GROUPS_MAX_WITH_OWN_LABEL } else { METRICS_GROUPS_MAX };
    if by.len() > groups_max {
        return Err(ValidateError::Unsupported(format!("metrics group by {} values", by.len())));
    }
    let MetricsFunction::QuantileOverTime(_, quantiles) = function else { return Ok(()) };
    match quantiles.iter().find(|quantile| !(0.0..=1.0).contains(*quantile)) {
        Some(quantile) => Err(invalid(format!("quantile must be between 0 and 1: {quantile}"))),
        None => Ok(()),
    }
}

fn check_compare(compare: &Compare) -> Outcome {
    check_filter(&compare.filter)?;
    if compare.top.is_some_and(|top| !(1..=COMPARE_TOP_MAX).contains(&top)) {
        return Err(invalid(format!(
            "compare() top number of values must be an integer between 1 and {COMPARE_TOP_MAX}"
        )));
    }
    match compare.range {
        // Both zero is the same as no range at all.
        None | Some((0, 0)) => Ok(()),
        Some((start, end)) if start == 0 || end == 0 => Err(invalid(
            "compare() timestamps must be positive integer unix nanoseconds".to_owned(),
        )),
        Some((start, end)) if end <= start => {
            Err(invalid("compare() end timestamp must be greater than start timestamp".to_owned()))
        }
        Some(_) => Ok(()),
    }
}

fn check_second_stages(stages: &[SecondStage]) -> Outcome {
    stages.iter().try_for_each(|stage| match stage {
        SecondStage::TopK(limit) | SecondStage::BottomK(limit) if *limit <= 0 => {
            Err(invalid("limit must be greater than 0".to_owned()))
        }
        _ => Ok(()),
    })
}

fn check_math(math: &Math) -> Outcome {
    match math {
        Math::Metrics(metrics) => check_metrics(metrics),
        Math::Static(_) => Ok(()),
        Math::Binary { left, right, .. } => {
            check_math(left)?;
            check_math(right)
        }
    }
}

fn check_no_compare(math: &Math) -> Outcome {
    match math {
        Math::Metrics(metrics) if matches!(metrics.first, FirstStage::Compare(_)) => {
            Err(compare_and_second_stage())
        }
        Math::Metrics(_) | Math::Static(_) => Ok(()),
        Math::Binary { left, right, .. } => {
            check_no_compare(left)?;
            check_no_compare(right)
        }
    }
}

fn compare_and_second_stage() -> ValidateError {
    invalid("`compare()` cannot be used with second stage functions".to_owned())
}
