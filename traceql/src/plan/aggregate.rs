//! Aggregates over a set of spans, and filters on them (contract `traceql.md` §7.5).

use super::SpanSet;
use super::compare::{Typing, compare};
use super::expression::{At, Expression, value};
use crate::ast::{AggregateFunction, ComparisonOp, Static};
use crate::source::SpanColumns;
use crate::value::ValueRef;

/// `count() > 2`: a stage that keeps the sets of which the comparison holds.
#[derive(Clone, Debug)]
pub(super) struct AggregateFilter {
    pub measure: Measure,
    pub op: ComparisonOp,
    pub literal: Static,
    /// What sets call the value.
    pub key: String,
}

/// What is measured.
#[derive(Clone, Debug)]
pub(super) enum Measure {
    /// Number of spans.
    Count,
    Of(AggregateFunction, Expression),
}

impl AggregateFilter {
    /// Whether a set is kept; it then says the value.
    pub fn keeps<C: SpanColumns>(&self, trace: &C, set: &mut SpanSet) -> bool {
        let Some(value) = self.measure.of(trace, &set.spans) else { return false };
        let keeps = compare(Typing::Loose, self.op, value, self.literal.as_value());
        if keeps {
            set.set_attribute(&self.key, value.into());
        }
        keeps
    }
}

impl Measure {
    /// The value for a set of spans; `None` if no span has a number to give.
    fn of<C: SpanColumns>(&self, trace: &C, spans: &[u32]) -> Option<ValueRef<'static>> {
        let (function, expression) = match self {
            Self::Count => return Some(ValueRef::Int(spans.len() as i64)),
            Self::Of(function, expression) => (*function, expression),
        };
        let values = spans.iter().map(|span| value(expression, trace, At::span(*span)));
        let numbers = values.filter_map(number);
        match function {
            AggregateFunction::Max => extreme(ComparisonOp::Greater, numbers),
            AggregateFunction::Min => extreme(ComparisonOp::Less, numbers),
            AggregateFunction::Sum => Total::of(numbers).sum(),
            AggregateFunction::Avg => Total::of(numbers).average(),
        }
    }
}

/// Numbers alone are aggregated; anything else is passed over.
fn number(value: ValueRef<'_>) -> Option<ValueRef<'static>> {
    match value {
        ValueRef::Int(number) => Some(ValueRef::Int(number)),
        ValueRef::Float(number) if !number.is_nan() => Some(ValueRef::Float(number)),
        ValueRef::Duration(nanos) => Some(ValueRef::Duration(nanos)),
        _ => None,
    }
}

/// The first number that is before all others in the order.
fn extreme(
    order: ComparisonOp,
    numbers: impl Iterator<Item = ValueRef<'static>>,
) -> Option<ValueRef<'static>> {
    numbers.reduce(|best, next| if compare(Typing::Loose, order, next, best) { next } else { best })
}

/// Numbers added up, durations in nanoseconds.
#[derive(Default)]
struct Total {
    count: u64,
    /// How many were integers, and how many durations.
    integers: u64,
    durations: u64,
    /// The sum of both kinds.
    exact: i128,
    /// The sum of everything.
    float: f64,
}

impl Total {
    fn of(numbers: impl Iterator<Item = ValueRef<'static>>) -> Self {
        let mut total = Self::default();
        for number in numbers {
            total.count += 1;
            match number {
                ValueRef::Int(number) => {
                    total.integers += 1;
                    total.add_exact(i128::from(number));
                }
                ValueRef::Duration(nanos) => {
                    total.durations += 1;
                    total.add_exact(i128::from(nanos));
                }
                ValueRef::Float(number) => total.float += number,
                _ => {}
            }
        }
        total
    }

    fn add_exact(&mut self, number: i128) {
        self.exact += number;
        self.float += number as f64;
    }

    /// In the type of the numbers; a float where they are mixed. Integers wrap.
    fn sum(&self) -> Option<ValueRef<'static>> {
        if self.count == 0 {
            None
        } else if self.integers == self.count {
            Some(ValueRef::Int(self.exact as i64))
        } else if self.durations == self.count {
            Some(duration(self.exact))
        } else {
            Some(ValueRef::Float(self.float))
        }
    }

    fn average(&self) -> Option<ValueRef<'static>> {
        if self.count == 0 {
            None
        } else if self.durations == self.count {
            Some(duration(self.exact / i128::from(self.count)))
        } else if self.integers == self.count {
            Some(ValueRef::Float(self.exact as f64 / self.count as f64))
        } else {
            Some(ValueRef::Float(self.float / self.count as f64))
        }
    }
}

fn duration(nanos: i128) -> ValueRef<'static> {
    ValueRef::Duration(u64::try_from(nanos).unwrap_or(u64::MAX))
}
