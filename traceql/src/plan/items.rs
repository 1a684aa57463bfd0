//! Which event or link result spans show (contract `traceql.md` §5.3, §10.3): the first that
//! satisfies a condition of the query.

use super::expression::{At, Expression, is_true};
use super::pipeline::{Pipelines, Stage};
use super::predicate::Column;
use super::spans::Spans;
use crate::source::{SpanColumns, SpanList};
use crate::value::ValueRef;

/// A condition on the items of a list, and the fields that it is about.
#[derive(Clone, Debug)]
pub(super) struct ItemCondition {
    list: SpanList,
    expression: Expression,
    fields: Vec<usize>,
}

/// All conditions on events and links in filters, in order of writing.
pub(super) fn conditions(pipelines: &Pipelines) -> Vec<ItemCondition> {
    let mut found = Vec::new();
    of_pipelines(pipelines, &mut found);
    found
}

fn of_pipelines(pipelines: &Pipelines, found: &mut Vec<ItemCondition>) {
    match pipelines {
        Pipelines::One(stages) => {
            for stage in stages {
                if let Stage::Spans(spans) = stage {
                    of_spans(spans, found);
                }
            }
        }
        Pipelines::Combined { left, right, .. } => {
            of_pipelines(left, found);
            of_pipelines(right, found);
        }
    }
}

fn of_spans(spans: &Spans, found: &mut Vec<ItemCondition>) {
    match spans {
        Spans::Filter(filter) => of_expression(&filter.expression, found),
        Spans::All(parts) | Spans::Any(parts) => {
            parts.iter().for_each(|part| of_spans(part, found));
        }
        Spans::Structural { left, right, .. } => {
            of_spans(left, found);
            of_spans(right, found);
        }
    }
}

fn of_expression(expression: &Expression, found: &mut Vec<ItemCondition>) {
    match expression {
        Expression::SomeItem { list, operand } | Expression::OfItems { list, operand } => {
            let mut fields = Vec::new();
            add_fields(operand, &mut fields);
            found.push(ItemCondition { list: *list, expression: (**operand).clone(), fields });
        }
        other => other.operands().for_each(|operand| of_expression(operand, found)),
    }
}

fn add_fields(expression: &Expression, fields: &mut Vec<usize>) {
    match expression {
        Expression::Field(column) => fields.push(column.field),
        Expression::Predicate(test) => fields.push(test.field()),
        other => other.operands().for_each(|operand| add_fields(operand, fields)),
    }
}

/// The value of a field of events or links that a span shows. It is that of the first item that
/// satisfies a condition on the field, or else one on the same list, or else has a value.
pub(super) fn shown<'a, C: SpanColumns>(
    conditions: &[ItemCondition],
    trace: &'a C,
    span: u32,
    column: Column,
    list: SpanList,
) -> ValueRef<'a> {
    let at = At::span(span);
    let read = |item| column.read(at.item(list, item).read(trace, column));
    let items = trace.items(span as usize, list);
    let first_of = |condition: &ItemCondition| {
        (0..items).find(|item| is_true(&condition.expression, trace, at.item(list, *item)))
    };
    let of_list = || conditions.iter().filter(|condition| condition.list == list);
    let of_field = of_list().filter(|condition| condition.fields.contains(&column.field));
    let satisfying = of_field.filter_map(first_of).min();
    match satisfying.or_else(|| of_list().filter_map(first_of).min()) {
        Some(item) => read(item),
        None => (0..items).map(read).find(|value| *value != ValueRef::Missing).unwrap_or_default(),
    }
}
