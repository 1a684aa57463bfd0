//! Canonical text of trees (contract `traceql.md` §7, "Canonical text").
//!
//! Error texts, keys of span sets and labels of series are made of it, and it parses back into the
//! same tree. Compound operands are parenthesised, so no precedence is needed to read it.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::ast::*;
use crate::duration::format_go;
use crate::field::{AttributeScope, Field};
use crate::lexer::ends_name;

/// Writes items with something between them.
fn joined<T: Display>(f: &mut Formatter<'_>, items: &[T], between: &str) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.body)?;
        if self.hints.is_empty() {
            return Ok(());
        }
        f.write_str(" with(")?;
        joined(f, &self.hints, ", ")?;
        f.write_char(')')
    }
}

impl Display for Hint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

impl Display for Body {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pipeline(pipeline) => write!(f, "{pipeline}"),
            Self::Metrics(metrics) => write!(f, "{metrics}"),
            Self::Wrapped(wrapped) => write!(f, "{wrapped}"),
            Self::ScalarComparison(ScalarComparison { op, left, right }) => {
                write!(f, "{left} {op} {right}")
            }
            Self::Math { expr, second } => {
                write!(f, "{expr}")?;
                second.iter().try_for_each(|stage| write!(f, "{stage}"))
            }
        }
    }
}

impl Display for Pipeline {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        joined(f, &self.stages, " | ")
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spanset(spanset) => write!(f, "{spanset}"),
            Self::ScalarFilter(ScalarFilter { op, left, right }) => {
                write!(f, "{left} {op} {right}")
            }
            Self::By(expr) => write!(f, "by({expr})"),
            Self::Select(fields) => {
                f.write_str("select(")?;
                joined(f, fields, ", ")?;
                f.write_char(')')
            }
            Self::Coalesce => f.write_str("coalesce()"),
        }
    }
}

impl Display for Spanset {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let operand = |f: &mut Formatter<'_>, operand: &Self| match operand {
            Self::Filter(_) => write!(f, "{operand}"),
            Self::Binary { .. } => write!(f, "({operand})"),
        };
        match self {
            Self::Filter(expr) => write!(f, "{{ {expr} }}"),
            Self::Binary { op, left, right } => {
                operand(f, left)?;
                write!(f, " {op} ")?;
                operand(f, right)
            }
        }
    }
}

impl Display for Wrapped {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let operand = |f: &mut Formatter<'_>, operand: &Self| match operand {
            Self::Pipeline(_) => write!(f, "{operand}"),
            Self::Binary { .. } => write!(f, "({operand})"),
        };
        match self {
            Self::Pipeline(pipeline) => write!(f, "({pipeline})"),
            Self::Binary { op, left, right } => {
                operand(f, left)?;
                write!(f, " {op} ")?;
                operand(f, right)
            }
        }
    }
}

impl Display for SpansetOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self::Structural { relation, take } = self else {
            return f.write_str(if *self == Self::And { "&&" } else { "||" });
        };
        f.write_str(match take {
            Take::Right => "",
            Take::RightUnrelated => "!",
            Take::Both => "&",
        })?;
        f.write_str(match relation {
            Relation::Child => ">",
            Relation::Descendant => ">>",
            Relation::Parent => "<",
            Relation::Ancestor => "<<",
            Relation::Sibling => "~",
        })
    }
}

/// A constant operand of a scalar filter. The least integer cannot be written as one literal, and
/// constant arithmetic is folded when parsed, so it is written as a difference.
fn write_scalar_static(f: &mut Formatter<'_>, value: &Static) -> fmt::Result {
    match value {
        Static::Int(i64::MIN) => f.write_str("(-9223372036854775807 - 1)"),
        other => write!(f, "{other}"),
    }
}

impl Display for Scalar {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(value) => write_scalar_static(f, value),
            Self::Aggregate(aggregate) => write!(f, "{aggregate}"),
            Self::Binary { op, left, right } => write!(f, "({left} {op} {right})"),
        }
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count => f.write_str("count()"),
            Self::Of { function, expr } => write!(f, "{function}({expr})"),
        }
    }
}

impl Display for AggregateFunction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Max => "max",
            Self::Min => "min",
            Self::Avg => "avg",
            Self::Sum => "sum",
        })
    }
}

impl Display for WrappedScalar {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(value) => write_scalar_static(f, value),
            Self::Pipeline(pipeline, aggregate) => write!(f, "({pipeline} | {aggregate})"),
            Self::Binary { op, left, right } => write!(f, "({left} {op} {right})"),
        }
    }
}

/// Writes an expression as an operand of another: in parentheses unless it is one token.
fn write_operand(f: &mut Formatter<'_>, expr: &Expr) -> fmt::Result {
    match expr {
        Expr::Static(_) | Expr::Field(_) => write!(f, "{expr}"),
        _ => write!(f, "({expr})"),
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(value) => write!(f, "{value}"),
            Self::Field(field) => write!(f, "{field}"),
            Self::Unary { op, operand } => {
                f.write_char(if *op == UnaryOp::Negate { '-' } else { '!' })?;
                write_operand(f, operand)
            }
            Self::Binary { op, left, right } => {
                write_operand(f, left)?;
                write!(f, " {op} ")?;
                write_operand(f, right)
            }
            Self::NilTest { present, operand } => {
                write_operand(f, operand)?;
                f.write_str(if *present { " != nil" } else { " = nil" })
            }
        }
    }
}

impl Display for BinaryOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arithmetic(op) => write!(f, "{op}"),
            Self::Comparison(op) => write!(f, "{op}"),
            Self::Regex { negated } => f.write_str(if *negated { "!~" } else { "=~" }),
            Self::And => f.write_str("&&"),
            Self::Or => f.write_str("||"),
        }
    }
}

impl Display for ArithmeticOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "^",
        })
    }
}

impl Display for ComparisonOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        })
    }
}

impl Display for FieldRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(field) => write!(f, "{field}"),
            Self::Parent => f.write_str("parent"),
            Self::ParentAttribute { scope: AttributeScope::Unscoped, name } => {
                write!(f, "parent.{}", quote_parent_name(name))
            }
            Self::ParentAttribute { scope, name } => {
                write!(f, "parent.{}{}", scope.prefix(), quote_name(name))
            }
        }
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intrinsic(intrinsic) => write!(f, "{intrinsic}"),
            Self::Attribute { scope: AttributeScope::Unscoped, name }
                if name.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                // Bare, it would be a number.
                write!(f, ".{}", in_quotes(name))
            }
            Self::Attribute { scope, name } => write!(f, "{}{}", scope.prefix(), quote_name(name)),
        }
    }
}

/// After `parent.`, a name that begins like a scope must be told apart from one.
fn quote_parent_name(name: &str) -> String {
    if name.starts_with("span.") || name.starts_with("resource.") {
        in_quotes(name)
    } else {
        quote_name(name)
    }
}

/// An attribute's name as queries write it: in quotes where a bare name could not hold it.
pub(crate) fn quote_name(name: &str) -> String {
    if name.is_empty() || name.contains(|c| ends_name(c) || c == '"') {
        in_quotes(name)
    } else {
        name.to_owned()
    }
}

fn in_quotes(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Display for Static {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Int(i64::MIN) => f.write_str("minInt"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Str(bytes) => write_string(f, bytes),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Duration(nanos) => f.write_str(&format_go(*nanos)),
            Self::Status(status) => f.write_str(status.word()),
            Self::Kind(kind) => f.write_str(kind.word()),
        }
    }
}

/// In backticks where they can hold the text, else in double quotes with escapes.
fn write_string(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('`') => write!(f, "`{text}`"),
        _ => {
            f.write_char('"')?;
            for byte in bytes {
                match byte {
                    b'"' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                    b' '..=b'~' => f.write_char(char::from(*byte))?,
                    _ => write!(f, "\\x{byte:02x}")?,
                }
            }
            f.write_char('"')
        }
    }
}

impl Display for Metrics {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {}", self.pipeline, self.first)?;
        self.second.iter().try_for_each(|stage| write!(f, "{stage}"))
    }
}

impl Display for FirstStage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function { function, by } => {
                write!(f, "{function}")?;
                if by.is_empty() {
                    return Ok(());
                }
                f.write_str(" by(")?;
                joined(f, by, ", ")?;
                f.write_char(')')
            }
            Self::Compare(compare) => write!(f, "{compare}"),
        }
    }
}

impl Display for MetricsFunction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate => f.write_str("rate()"),
            Self::CountOverTime => f.write_str("count_over_time()"),
            Self::OverTime(function, field) => write!(f, "{function}({field})"),
            Self::QuantileOverTime(field, quantiles) => {
                write!(f, "quantile_over_time({field}")?;
                quantiles.iter().try_for_each(|quantile| write!(f, ", {quantile:?}"))?;
                f.write_char(')')
            }
        }
    }
}

impl Display for OverTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Min => "min_over_time",
            Self::Max => "max_over_time",
            Self::Sum => "sum_over_time",
            Self::Avg => "avg_over_time",
            Self::Histogram => "histogram_over_time",
        })
    }
}

impl Display for Compare {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "compare({{ {} }}", self.filter)?;
        if let Some(top) = self.top {
            write!(f, ", {top}")?;
        }
        if let Some((start, end)) = self.range {
            write!(f, ", {start}, {end}")?;
        }
        f.write_char(')')
    }
}

impl Display for SecondStage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::TopK(limit) => write!(f, " | topk({limit})"),
            Self::BottomK(limit) => write!(f, " | bottomk({limit})"),
            Self::Threshold { op, value } => {
                write!(f, " {op} ")?;
                write_scalar_static(f, value)
            }
        }
    }
}

impl Display for Math {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metrics(metrics) => write!(f, "({metrics})"),
            Self::Static(value) => write_scalar_static(f, value),
            Self::Binary { op, left, right } => write!(f, "({left} {op} {right})"),
        }
    }
}
