//! The consequences of the grammar that contract §2 names one by one.

use stringendo_traceql::{parse, validate};

fn parses(query: &str) -> bool {
    parse(query).is_ok()
}

#[test]
fn aggregates_need_a_comparison_that_reads_spans() {
    assert!(!parses("{ .a = 1 } | count()"));
    assert!(!parses("{} | 2 > 1"));
    assert!(!parses("count() > 3 && {.a}"));
    assert!(parses("{} | max(.a) - min(.a) > 1 + 1"));
    assert!(!parses("{} | count() > 1 / 0"));
    assert!(!parses("{} | max(duration) > 1s + 1s"));
    assert!(parses("{} | max(duration) > -1s"));
}

#[test]
fn pipelines_in_parentheses_combine_with_such_alone() {
    assert!(parses("({.a} | count() > 1) && ({.b} | count() > 1)"));
    assert!(parses("({.a}) && ({.b} | count() > 1)"));
    assert!(parses("(({.a} | count() > 1) || ({.b})) > (by(.a))"));
    assert!(!parses("({.a} | count() > 1) && {.b}"));
    assert!(!parses("({.a} | count() > 1) | count() > 2"));
    assert!(parses("({.a} && {.b}) | count() > 2"));
    assert_eq!(parse("{.a} && {.b} | count() > 2"), parse("({.a} && {.b}) | count() > 2"));
}

#[test]
fn what_may_come_first_in_a_pipeline() {
    for first in ["count() > 3", "by(.x)", "select(.x)", "select(.x) | coalesce()"] {
        assert!(parses(first), "{first}");
    }
    assert!(!parses("coalesce()"));
    assert!(!parses("{} | by(.a, .b)"));
    assert!(parses("{} | rate() by(.a, .b)"));
    assert!(!parses("{} | rate() by(.a + 1)"));
}

#[test]
fn hints_come_last_and_the_last_ones_win() {
    let query = parse("{} with(a=1) with(b=ok, c=`x`)").unwrap();
    let names: Vec<&str> = query.hints.iter().map(|hint| hint.name.as_str()).collect();
    assert_eq!(names, ["b", "c"]);
    assert!(!parses("{} | rate() with(sample=true) | topk(1)"));
    assert!(!parses("{} with(a=-1)"));
    assert!(!parses("{} with(name=1)"));
}

#[test]
fn metrics_combine_in_parentheses_and_with_numbers() {
    assert!(parses("1 + 2 + ({} | rate())"));
    assert_eq!(parse("1 + 2 + ({} | rate())"), parse("3 + ({} | rate())"));
    assert!(parses("({} | rate()) * 10 - 1 > 5 | topk(1)"));
    assert!(parses("({} | rate() > 1 | topk(2)) / ({} | rate())"));
    assert!(!parses("-( {} | rate() )"));
    assert!(!parses("1 < ({} | rate())"));
    assert!(!parses("({} | rate()) > ({} | rate())"));
    assert!(!parses("({} | rate()) + 1s"));
    assert!(!parses("({} | rate()) ^ 2"));
    for stage in ["topk(-1)", "topk(2.5)", "topk()", "other(1)"] {
        assert!(!parses(&format!("{{}} | rate() | {stage}")), "{stage}");
    }
}

#[test]
fn structural_operators_bind_tighter_than_boolean_ones() {
    let same = |a: &str, b: &str| assert_eq!(parse(a).unwrap(), parse(b).unwrap());
    same("{.a} > {.b} > {.c}", "({.a} > {.b}) > {.c}");
    same("{.a} && {.b} > {.c}", "{.a} && ({.b} > {.c})");
    same("{ !.a * 2 }", "{ !(.a * 2) }");
    same("{ !.a = 1 }", "{ (!.a) = 1 }");
    same("{ .a = 1 && nil != .b }", "{ (.a = 1) && (.b != nil) }");
}

#[test]
fn canonical_text_is_that_of_the_contract() {
    let stage = |text: &str| parse(&format!("{{}} | {text}")).unwrap().to_string();
    assert_eq!(stage("by(span:name)"), "{ true } | by(name)");
    assert_eq!(stage("by(trace:rootService)"), "{ true } | by(rootServiceName)");
    assert_eq!(stage("by(.a + 1 > 2)"), "{ true } | by((.a + 1) > 2)");
    assert_eq!(stage("by(.x>5)"), "{ true } | by(.x > 5)");
    assert_eq!(
        stage("by(span.\"foo bar\" = \"x\" && .f > 1e3)"),
        "{ true } | by((span.\"foo bar\" = `x`) && (.f > 1000.0))"
    );
    assert_eq!(stage("max(duration)>1h30m"), "{ true } | max(duration) > 1h30m0s");
}

#[test]
fn validation_says_what_the_contract_says() {
    for (query, text) in [
        (
            "{} | max(name) > 1",
            "aggregate field expressions must resolve to a number type: max(name)",
        ),
        ("{} | sum(3) > 1", "aggregate field expressions must reference the span: sum(3)"),
        ("{} | by(1)", "grouping field expressions must reference the span: by(1)"),
        ("{} | rate() | topk(0)", "limit must be greater than 0"),
        ("{} | 3 < count()", "scalar filter lhs of type (%v) not yet supported"),
        ("{} | count() > count()", "scalar filter rhs of type (%v) not yet supported"),
        ("{} | rate() by(.a,.b,.c,.d,.e,.f)", "metrics group by 6 values not yet supported"),
        ("{} | quantile_over_time(.a, 1.5)", "quantile must be between 0 and 1: 1.5"),
        (
            "{} | compare({}, 0)",
            "compare() top number of values must be an integer between 1 and 1000",
        ),
        (
            "{} | compare({}, 1, 0, 5)",
            "compare() timestamps must be positive integer unix nanoseconds",
        ),
        (
            "{} | compare({}, 1, 5, 5)",
            "compare() end timestamp must be greater than start timestamp",
        ),
        ("({} | compare({})) * 2", "`compare()` cannot be used with second stage functions"),
        (
            "{ resource.service.name = nil }",
            "resource.service.name=nil is not valid because resource.service.name cannot be nil",
        ),
        ("{ .a =~ .b }", "invalid type for =~ or !~: .a =~ .b"),
        ("{ -name = `x` }", "illegal operation for the given type: -name"),
    ] {
        assert_eq!(validate(&parse(query).unwrap()).unwrap_err().to_string(), text, "{query}");
    }
    for odd in [
        "{ instrumentation:name }",
        "{ .a + .b }",
        "{ 1 = nil }",
        "{} | sum(!.b) > 1",
        "{} | min_over_time(name)",
        "{} | rate() by (parent.x)",
    ] {
        assert_eq!(validate(&parse(odd).unwrap()), Ok(()), "{odd}");
    }
}
