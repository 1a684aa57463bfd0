//! Random metrics queries as text, of the vocabularies of [`crate::random_trace`].

use crate::dice::Dice;
use crate::random_query::pipeline;

const GROUPS: [&str; 18] = [
    "name",
    "status",
    "kind",
    "resource.service.name",
    "span.foo",
    ".foo",
    ".x",
    "resource.cluster",
    "rootName",
    "rootServiceName",
    "span:childCount",
    ".flag",
    "span.\"foo bar\"",
    "instrumentation:name",
    ".nosuch",
    "parent.span.foo",
    "span.tags",
    ".nums",
];
const NUMBERS: [&str; 7] =
    ["duration", "traceDuration", ".x", ".ratio", "resource.num", "span:childCount", ".foo"];

/// A metrics query.
pub fn metrics(dice: &mut Dice) -> String {
    match dice.below(12) {
        0 => format!("({}) {} 2", counted(dice), operator(dice)),
        1 | 2 => {
            let operator = operator(dice);
            let by = by(dice);
            let (left, right) = (pipeline(dice), pipeline(dice));
            let second = if dice.percent(30) { second(dice) } else { String::new() };
            format!("({left} | count_over_time(){by}) {operator} ({right} | rate(){by}){second}")
        }
        3 | 4 => format!("{} | {}", pipeline(dice), compare(dice)),
        5 => format!("{} | {}", pipeline(dice), inexact(dice)),
        _ => counted(dice),
    }
}

fn operator(dice: &mut Dice) -> &'static str {
    dice.pick(&["+", "-", "*", "/"])
}

fn by(dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => String::new(),
        1 => format!(" by({}, {})", dice.pick(&GROUPS), dice.pick(&GROUPS)),
        _ => format!(" by({})", dice.pick(&GROUPS)),
    }
}

/// A function whose values are the same in whatever order spans come, and maybe more stages.
fn counted(dice: &mut Dice) -> String {
    let number = dice.pick(&NUMBERS);
    let function = match dice.below(10) {
        0..3 => "count_over_time()".to_owned(),
        3 | 4 => "rate()".to_owned(),
        5 => format!("min_over_time({number})"),
        6 => format!("max_over_time({number})"),
        7 | 8 => format!("histogram_over_time({number})"),
        _ => format!("quantile_over_time({number}, {})", dice.pick(&["0.5", "0.9, 0.99", "0, 1"])),
    };
    let mut text = format!("{} | {function}{}", pipeline(dice), by(dice));
    while dice.percent(15) {
        text += &second(dice);
    }
    text
}

/// A function whose values depend in their last digits on the order of spans.
fn inexact(dice: &mut Dice) -> String {
    let function = dice.pick(&["sum", "avg"]);
    format!("{function}_over_time({}){}", dice.pick(&NUMBERS), by(dice))
}

fn second(dice: &mut Dice) -> String {
    match dice.below(3) {
        0 => format!(" | {}({})", dice.pick(&["topk", "bottomk"]), 1 + dice.below(3)),
        _ => format!(
            " {} {}",
            dice.pick(&["=", "!=", "<", "<=", ">", ">="]),
            dice.pick(&["0", "1", "2", "0.5", "100ms"])
        ),
    }
}

fn compare(dice: &mut Dice) -> String {
    let filter = dice.pick(&[
        "status = error",
        "name = \"A\"",
        ".foo != nil",
        "duration >= 100ms",
        "rootName = \"A\"",
        "span:childCount > 0",
        "event:name = \"retry\"",
    ]);
    let top = dice.pick(&["", ", 1", ", 2", ", 1000"]);
    format!("compare({{ {filter} }}{top})")
}
