//! Random queries as text, of the vocabularies of [`crate::random_trace`], typed so that most are
//! valid. What the contract leaves open is not asked.

use crate::dice::Dice;
use crate::random_trace::{DURATIONS_MS, EVENTS, FLOATS, INTS, NAMES, SERVICES, WORDS};
use crate::random_trace::{span_id, trace_id};
use crate::rows::short_hex;

const ATTRIBUTES: [&str; 17] = [
    ".foo",
    "span.foo",
    "resource.foo",
    ".x",
    "span.x",
    ".ratio",
    ".num",
    "resource.num",
    ".dup",
    "span.dup",
    "resource.dup",
    ".cluster",
    "span.http.method",
    ".http.status_code",
    "resource.k8s.pod.name",
    "span.\"foo bar\"",
    ".nosuch",
];
const NUMERIC: [&str; 9] = [
    ".x",
    "span.x",
    ".ratio",
    "resource.num",
    ".foo",
    ".http.status_code",
    "duration",
    "span:childCount",
    "traceDuration",
];
const ORDERED: [&str; 6] = ["=", "!=", "<", "<=", ">", ">="];
const EQUALITY: [&str; 2] = ["=", "!="];
const PATTERNS: [&str; 8] =
    ["ba.", "ba", ".*", "(?i)BAR", "foo|bar", "", "[A-Z]+", "front|back|GET.*"];
const STATUSES: [&str; 3] = ["ok", "error", "unset"];
const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];

/// A search query.
pub fn search(dice: &mut Dice) -> String {
    if dice.percent(7) {
        return wrapped(dice);
    }
    let body = pipeline(dice);
    match dice.below(40) {
        0 => format!("{body} with(most_recent=true)"),
        1 => format!("{body} | rate()"),
        _ => body,
    }
}

fn wrapped(dice: &mut Dice) -> String {
    let operator = operator(dice);
    format!("({}) {operator} ({})", pipeline(dice), pipeline(dice))
}

/// Stages joined by `|`.
pub fn pipeline(dice: &mut Dice) -> String {
    let mut text = if dice.percent(90) { spanset(dice, 2) } else { stage(dice) };
    while dice.percent(30) {
        let next = match dice.below(10) {
            0..3 => spanset(dice, 1),
            3 => "coalesce()".to_owned(),
            _ => stage(dice),
        };
        text = format!("{text} | {next}");
    }
    text
}

/// A stage that may come first and is no spanset.
fn stage(dice: &mut Dice) -> String {
    match dice.below(10) {
        0..4 => format!("by({})", grouping(dice)),
        4 => format!("select({}, {})", selected(dice), selected(dice)),
        _ => {
            let op = dice.pick(&ORDERED);
            let (aggregate, literal) = aggregate(dice);
            format!("{aggregate} {op} {literal}")
        }
    }
}

fn selected(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        ".foo",
        "span.x",
        "resource.cluster",
        "name",
        "status",
        "kind",
        "duration",
        "resource.service.name",
        "event:name",
        "link.rel",
        ".flag",
        ".nosuch",
        "span:parentID",
        "rootName",
        "statusMessage",
        "nestedSetLeft",
        "event.type",
        "span.tags",
        "span:childCount",
    ])
}

/// Fields and expressions whose values form groups.
fn grouping(dice: &mut Dice) -> String {
    match dice.below(8) {
        0 => format!("{} + 1", dice.pick(&[".x", "resource.num"])),
        1 => condition_of_span(dice),
        _ => dice
            .pick(&[
                "name",
                "status",
                "kind",
                "resource.service.name",
                ".foo",
                "span.foo",
                ".x",
                "duration",
                ".flag",
                "resource.cluster",
                "span:parentID",
                "rootServiceName",
                "rootName",
                "span:childCount",
                "instrumentation:name",
                "traceDuration",
                ".http.status_code",
                ".nosuch",
                "statusMessage",
            ])
            .to_owned(),
    }
}

/// An aggregate, and a literal to compare it with.
fn aggregate(dice: &mut Dice) -> (String, String) {
    let function = dice.pick(&["min", "max", "sum", "avg"]);
    match dice.below(6) {
        0..3 => ("count()".to_owned(), (dice.below(4)).to_string()),
        3 => (format!("{function}(duration)"), format!("{}ms", dice.pick(&DURATIONS_MS))),
        4 => {
            let field = dice.pick(&[".x", ".foo", ".ratio", "resource.num", "span:childCount"]);
            (format!("{function}({field})"), number(dice))
        }
        _ => {
            let op = dice.pick(&["+", "-", "*"]);
            (format!("{function}(1 {op} {})", dice.pick(&[".x", ".ratio", ".num"])), number(dice))
        }
    }
}

fn operator(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "&&", "&&", "||", "||", ">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<", "!~", "&>",
        "&>>", "&<", "&<<", "&~",
    ])
}

/// A filter or a combination of such.
fn spanset(dice: &mut Dice, depth: usize) -> String {
    if depth > 0 && dice.percent(35) {
        let (left, right) = (spanset(dice, depth - 1), spanset(dice, depth - 1));
        return match dice.below(4) {
            0 => format!("({left}) {} ({right})", operator(dice)),
            _ => format!("{left} {} {right}", operator(dice)),
        };
    }
    match dice.below(12) {
        0 => "{}".to_owned(),
        1 => format!("{{ {} }}", dice.pick(&["true", "false"])),
        2 | 3 => format!("{{ {} }}", same_item(dice)),
        _ => format!("{{ {} }}", boolean(dice, 2)),
    }
}

/// Conditions joined by `&&` alone, some of them on fields of events and links.
fn same_item(dice: &mut Dice) -> String {
    let mut text = condition_of_item(dice);
    while dice.percent(60) {
        let next = if dice.percent(60) { condition_of_item(dice) } else { condition_of_span(dice) };
        text = format!("{text} && {next}");
    }
    text
}

fn boolean(dice: &mut Dice, depth: usize) -> String {
    if depth > 0 && dice.percent(40) {
        let op = dice.pick(&["&&", "||"]);
        let (left, right) = (boolean(dice, depth - 1), boolean(dice, depth - 1));
        return match dice.below(3) {
            0 => format!("({left}) {op} ({right})"),
            _ => format!("{left} {op} {right}"),
        };
    }
    match dice.below(16) {
        0 => format!("!({})", condition_of_span(dice)),
        1 => condition_of_item(dice),
        2 => dice.pick(&[".flag", "span.flag", ".foo"]).to_owned(),
        _ => condition_of_span(dice),
    }
}

/// A condition on fields that a span has once.
fn condition_of_span(dice: &mut Dice) -> String {
    match dice.below(20) {
        0..5 => attribute_and_literal(dice),
        5..9 => intrinsic_and_literal(dice),
        9 => {
            let field = dice.pick(&["name", ".foo", "span.dup", "resource.service.name", ".tags"]);
            let op = dice.pick(&["=~", "!~"]);
            format!("{field} {op} `{}`", dice.pick(&PATTERNS))
        }
        10 | 11 => {
            let field = if dice.percent(85) {
                dice.pick(&ATTRIBUTES)
            } else {
                dice.pick(&[".tags", "span.url.path", ".odd", ".flag"])
            };
            let op = dice.pick(&EQUALITY);
            if dice.percent(80) { format!("{field} {op} nil") } else { format!("nil {op} {field}") }
        }
        12 => format!("{} != nil", dice.pick(&["name", "status", "kind", "span:childCount"])),
        13 => {
            let op = dice.pick(&ORDERED);
            let array = dice.pick(&[".tags", "span.tags", ".nums", "span.url.path"]);
            format!("{array} {op} {}", literal(dice))
        }
        14..17 => numeric_comparison(dice),
        17 => {
            let (left, right) = (dice.pick(&ATTRIBUTES), dice.pick(&ATTRIBUTES));
            format!("{left} {} {right}", dice.pick(&ORDERED))
        }
        18 => format!("{} {} {}", literal(dice), dice.pick(&ORDERED), dice.pick(&ATTRIBUTES)),
        _ => {
            let op = dice.pick(&EQUALITY);
            format!("{} {op} {}", dice.pick(&[".flag", "span.flag"]), dice.pick(&["true", "false"]))
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn number(dice: &mut Dice) -> String {
    match dice.below(3) {
        0 => format!("{:?}", dice.pick(&FLOATS)),
        _ => dice.pick(&INTS).to_string(),
    }
}

/// A literal of any type that an attribute may have, and sometimes of one that none has.
fn literal(dice: &mut Dice) -> String {
    match dice.below(12) {
        0..5 => quoted(dice.pick(&WORDS)),
        5..9 => dice.pick(&INTS).to_string(),
        9 | 10 => format!("{:?}", dice.pick(&FLOATS)),
        _ => dice.pick(&["5ns", "1s", "1 + 1", "2 * 1.0"]).to_owned(),
    }
}

fn attribute_and_literal(dice: &mut Dice) -> String {
    let field = dice.pick(&ATTRIBUTES);
    let literal = match field {
        "span.http.method" | ".dup" | "span.\"foo bar\"" if dice.percent(80) => {
            quoted(dice.pick(&WORDS))
        }
        ".x" | "span.x" | "resource.num" if dice.percent(80) => dice.pick(&INTS).to_string(),
        _ => literal(dice),
    };
    format!("{field} {} {literal}", dice.pick(&ORDERED))
}

fn intrinsic_and_literal(dice: &mut Dice) -> String {
    let ordered = dice.pick(&ORDERED);
    let equality = dice.pick(&EQUALITY);
    let span = |dice: &mut Dice| quoted(&format!("{:016x}", span_id(dice.below(8) as u64)));
    match dice.below(14) {
        0 | 1 => format!("name {ordered} {}", quoted(dice.pick(&NAMES))),
        2 | 3 => format!("status {equality} {}", dice.pick(&STATUSES)),
        4 | 5 => format!("kind {equality} {}", dice.pick(&KINDS)),
        6 => format!(
            "{} {ordered} {}ms",
            dice.pick(&["duration", "traceDuration"]),
            dice.pick(&DURATIONS_MS)
        ),
        7 => format!("statusMessage {equality} {}", dice.pick(&["\"\"", "\"boom\""])),
        8 => format!("resource.service.name {ordered} {}", quoted(dice.pick(&SERVICES))),
        9 => format!("span:childCount {ordered} {}", dice.below(3)),
        10 => {
            let field = dice.pick(&["rootName", "rootServiceName", "instrumentation:name"]);
            format!("{field} {equality} {}", quoted(dice.pick(&["A", "front", "", "libA"])))
        }
        11 => format!("{} {equality} {}", dice.pick(&["span:id", "span:parentID"]), span(dice)),
        12 => {
            let field = dice.pick(&["nestedSetLeft", "nestedSetRight", "nestedSetParent"]);
            format!("{field} {ordered} {}", dice.pick(&["-1", "0", "1", "2", "5"]))
        }
        _ => {
            let id = trace_id(1 + dice.below(20) as u64);
            let digits = if dice.percent(50) {
                short_hex(&id)
            } else {
                format!("{:032x}", u128::from_be_bytes(id))
            };
            format!("trace:id {equality} {}", quoted(&digits))
        }
    }
}

fn numeric_comparison(dice: &mut Dice) -> String {
    let op = dice.pick(&ORDERED);
    let right = if dice.percent(60) { number(dice) } else { arithmetic(dice, 0) };
    let depth = 1 + dice.below(2);
    let left = arithmetic(dice, depth);
    if dice.percent(10) { format!("{right} {op} {left}") } else { format!("{left} {op} {right}") }
}

fn arithmetic(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return if dice.percent(70) { dice.pick(&NUMERIC).to_owned() } else { number(dice) };
    }
    if dice.percent(15) {
        return format!("-({})", arithmetic(dice, depth - 1));
    }
    let op = dice.pick(&["+", "-", "*", "/", "%", "+", "-"]);
    let (left, right) = (arithmetic(dice, depth - 1), arithmetic(dice, depth - 1));
    match dice.below(6) {
        0 => format!("({left}) ^ 2"),
        1 => format!("{left} {op} {right}"),
        _ => format!("({left}) {op} ({right})"),
    }
}

/// A condition on fields of events or of links.
fn condition_of_item(dice: &mut Dice) -> String {
    let ordered = dice.pick(&ORDERED);
    let equality = dice.pick(&EQUALITY);
    match dice.below(12) {
        0..3 => format!("event:name {equality} {}", quoted(dice.pick(&EVENTS))),
        3 => format!("event:timeSinceStart {ordered} {}ms", dice.pick(&DURATIONS_MS)),
        4 | 5 => format!("event.type {ordered} {}", quoted(dice.pick(&WORDS))),
        6 => format!("event.n {ordered} {}", dice.pick(&INTS)),
        7 => format!("{} {equality} nil", dice.pick(&["event.type", "event.n", "link.rel"])),
        8 => {
            format!("event:name {} `{}`", dice.pick(&["=~", "!~"]), dice.pick(&["r.*", "pl|plain"]))
        }
        9 => format!("link.rel {ordered} {}", quoted(dice.pick(&WORDS))),
        10 => {
            let id = span_id(1 + dice.below(5) as u64);
            format!("link:spanID {equality} {}", quoted(&format!("{id:016x}")))
        }
        _ => {
            let id = trace_id(1 + dice.below(8) as u64);
            format!("link:traceID {equality} {}", quoted(&short_hex(&id)))
        }
    }
}
