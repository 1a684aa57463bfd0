//! Aggregates over the spans of a set (contract §7.5).

use stringendo_traceql::ast::{Aggregate, AggregateFunction};

use super::expression::evaluate;
use super::pipeline::first_items;
use super::trace::TraceView;
use super::value::Value;

/// The aggregate's value; nil when no span has a number to give.
pub fn aggregate(trace: &TraceView<'_>, aggregate: &Aggregate, spans: &[usize]) -> Value {
    let Aggregate::Of { function, expr } = aggregate else {
        return Value::Int(spans.len() as i64);
    };
    let value = |span: &usize| evaluate(trace, *span, first_items(trace, *span), expr);
    let numbers: Vec<Value> =
        spans.iter().map(value).filter(|value| value.as_float().is_some()).collect();
    if numbers.is_empty() {
        return Value::Nil;
    }
    match function {
        AggregateFunction::Max => extreme(&numbers, |new, old| new > old),
        AggregateFunction::Min => extreme(&numbers, |new, old| new < old),
        AggregateFunction::Sum => sum(&numbers),
        AggregateFunction::Avg => average(&numbers),
    }
}

fn number(value: &Value) -> f64 {
    value.as_float().unwrap_or(f64::NAN)
}

fn extreme(numbers: &[Value], is_better: impl Fn(f64, f64) -> bool) -> Value {
    let mut best = &numbers[0];
    for value in numbers {
        if is_better(number(value), number(best)) {
            best = value;
        }
    }
    best.clone()
}

fn sum(numbers: &[Value]) -> Value {
    let all = |is_kind: fn(&Value) -> bool| numbers.iter().all(is_kind);
    let whole = || {
        numbers.iter().fold(0_i64, |sum, value| match value {
            Value::Int(value) | Value::Duration(value) => sum.wrapping_add(*value),
            _ => sum,
        })
    };
    if all(|value| matches!(value, Value::Int(_))) {
        Value::Int(whole())
    } else if all(|value| matches!(value, Value::Duration(_))) {
        Value::Duration(whole())
    } else {
        Value::Float(numbers.iter().map(number).sum())
    }
}

fn average(numbers: &[Value]) -> Value {
    let sum: f64 = numbers.iter().map(number).sum();
    let average = sum / numbers.len() as f64;
    if numbers.iter().all(|value| matches!(value, Value::Duration(_))) {
        Value::Duration(average as i64)
    } else {
        Value::Float(average)
    }
}
