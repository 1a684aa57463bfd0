//! What `compare()` answers (contract §11.10).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use stringendo_traceql::ast::Compare;
use stringendo_traceql::{AttributeScope, Field, Intrinsic};

use super::expression::{Items, matches};
use super::metrics::{Axis, Counted, Series};
use super::value::Value;

const INTRINSICS: [Intrinsic; 9] = [
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

/// How many values of a field are shown where the query does not say.
const TOP: usize = 10;

/// Series of a selection of the spans and of the others.
pub fn compare_spans(spans: &[Counted<'_, '_>], compare: &Compare, axis: &Axis) -> Vec<Series> {
    let (selection, baseline): (Vec<_>, Vec<_>) =
        spans.iter().partition(|span| is_selected(span, compare));
    let top = compare.top.map_or(TOP, |top| top as usize);
    let mut series = of_group(&selection, "selection", top, axis);
    series.extend(of_group(&baseline, "baseline", top, axis));
    series
}

fn is_selected(span: &Counted<'_, '_>, compare: &Compare) -> bool {
    let start = span.view.rows.spans[span.span].start_unix_nanos as i64;
    let range = compare.range.filter(|range| *range != (0, 0));
    range.is_none_or(|(first, last)| start > first && start <= last)
        && matches(span.view, span.span, &compare.filter)
}

/// Every field of a span that has a value with a simple form.
fn fields(span: &Counted<'_, '_>) -> Vec<(String, Value)> {
    let row = &span.view.rows.spans[span.span];
    let attributes = [
        (AttributeScope::Span, &row.attributes),
        (AttributeScope::Resource, &row.resource),
        (AttributeScope::Instrumentation, &row.scope.attributes),
    ];
    let attributes = attributes.into_iter().flat_map(|(scope, attributes)| {
        attributes.keys().map(move |key| Field::attribute(scope, key))
    });
    let all = attributes.chain(INTRINSICS.map(Field::Intrinsic));
    let value = |field: Field| {
        let value = span.view.field(span.span, Items::default(), &field);
        let is_text = matches!(field, Field::Attribute { .. }) && !field.is_service_name();
        let is_given = match &value {
            Value::Nil | Value::Array(_) | Value::Opaque => false,
            Value::Str(text) if text.is_empty() => {
                is_text || field == Field::Intrinsic(Intrinsic::Name)
            }
            _ => true,
        };
        is_given.then(|| (field.to_string(), value))
    };
    all.filter_map(value).collect()
}

fn of_group(spans: &[&Counted<'_, '_>], group: &str, top: usize, axis: &Axis) -> Vec<Series> {
    // Spans of each value of each field, by interval.
    let mut counts: BTreeMap<String, BTreeMap<String, Vec<i64>>> = BTreeMap::new();
    for span in spans {
        for (field, value) in fields(span) {
            let of_field = counts.entry(field).or_default();
            of_field.entry(value.shown()).or_default().push(span.interval);
        }
    }
    let mut series = Vec::new();
    for (field, values) in counts {
        let all: Vec<i64> = values.values().flatten().copied().collect();
        let nil = Value::Nil.shown();
        series.push(of_value(&format!("{group}_total"), &field, &nil, &all, axis));
        let mut values: Vec<(String, Vec<i64>)> = values.into_iter().collect();
        // Of values that are equally frequent the first by text, then by type.
        values.sort_by_key(|(value, spans)| (Reverse(spans.len()), rank(value)));
        for (value, spans) in values.into_iter().take(top) {
            series.push(of_value(group, &field, &value, &spans, axis));
        }
    }
    series
}

fn rank(shown: &str) -> (String, usize) {
    let (kind, text) = shown.split_once(' ').unwrap_or(("", shown));
    let kinds = ["string", "int", "double", "bool"];
    (text.to_owned(), kinds.iter().position(|known| *known == kind).unwrap_or(kinds.len()))
}

fn of_value(group: &str, field: &str, value: &str, spans: &[i64], axis: &Axis) -> Series {
    let mut points: BTreeMap<i64, f64> = (0..axis.intervals).map(|at| (at, 0.0)).collect();
    spans.iter().for_each(|at| *points.entry(*at).or_default() += 1.0);
    let labels = vec![
        ("__meta_type".to_owned(), format!("string {group}")),
        (field.to_owned(), value.to_owned()),
    ];
    Series { labels, points }
}
