//! Every example of the contract (§2–§6) that has a result and concerns filters of spans.

mod support;

use stringendo_traceql::{compile_search, parse};
use support::{check, search};

const ALL: &str = "ABCDEFGHIJKL";

#[test]
fn precedence_is_that_of_the_contract() {
    check(&[
        ("{ true || true && false }", ""),
        (r#"{ name = "A" || name = "B" && status = error }"#, "B"),
        ("{ 10 - 3 - 2 = 5 }", ALL),
        ("{ -2 ^ 2 = -4 }", ALL),
        ("{ 2 ^ 3 ^ 2 = 512 }", ALL),
    ]);
}

#[test]
fn a_literal_selects_the_type_of_the_attribute() {
    check(&[
        ("{ .foo = .x }", ""),
        (r#"{ .foo != "bar" }"#, "GHIJK"),
        ("{ .foo = 1 }", "CE"),
        ("{ .foo = 1.0 }", ""),
        ("{ .foo > 0.5 }", "F"),
        ("{ .ratio < 1 }", ""),
        ("{ .ratio < 0.6 }", "A"),
        (r#"{ .code = "200" }"#, ""),
        (r#"{ .code >= "5" }"#, "B"),
        ("{ .x = 5ns }", ""),
        ("{ .x > -5s }", ""),
        ("{ .ratio + 0 < 1 }", "A"),
        ("{ .x > .foo }", "EF"),
        ("{ .x + 0 > 1ns }", "EF"),
        ("{ .ratio < 1 && .ratio > 0.1 }", ""),
    ]);
}

#[test]
fn intrinsics_mix_numeric_types() {
    check(&[
        ("{ duration > 500000000 }", "AI"),
        ("{ duration > 500ms }", "AI"),
        ("{ duration > 5e8 }", "AI"),
        ("{ duration > 0.4 }", "ABCDEFGHIJK"),
        ("{ 500ms < duration }", "AI"),
        ("{ traceDuration >= 2s }", "IJK"),
        ("{ 1 / (-duration) > 0 }", "L"),
    ]);
}

#[test]
fn missing_values_compare_with_nothing_and_nil_tests_presence() {
    check(&[
        (r#"{ .nosuch != "x" }"#, ""),
        (r#"{ span.foo !~ "b.*" }"#, "GHIJK"),
        ("{ span.foo = nil }", "AL"),
        (r#"{ resource.region = nil && name = "E" }"#, "E"),
        ("{ .foo != nil }", "BCDEFGHIJK"),
        ("{ nil != .foo }", "BCDEFGHIJK"),
        ("{ name != nil }", ALL),
        ("{ .x = nil }", "ABCDGHIJKL"),
        ("{ nil = nil }", ""),
        ("{ nil != nil }", ""),
        ("{ 1 = nil }", ""),
        ("{ nil != 1 }", ""),
        ("{ .none != nil }", ""),
        ("{ .map != nil }", "A"),
        (r#"{ .map != "x" }"#, ""),
    ]);
}

#[test]
fn arrays_match_by_some_element_and_differ_by_all() {
    check(&[
        (r#"{ .tags = "x" }"#, "A"),
        ("{ .nums > 2 }", "A"),
        (r#"{ .tags =~ "x|q" }"#, "A"),
        (r#"{ .tags = "x" && .tags = "y" }"#, "A"),
        ("{ .nums = 2.0 }", ""),
        (r#"{ .tags != "z" }"#, "A"),
        (r#"{ .tags != "x" }"#, ""),
        (r#"{ .tags !~ "x|q" }"#, ""),
        (r#"{ .tags !~ "q" }"#, "A"),
        ("{ .tags != 1 }", ""),
        ("{ .nums + 1 > 0 }", ""),
        ("{ .nums = .nums }", ""),
    ]);
}

#[test]
fn regular_expressions_match_whole_strings_only() {
    check(&[
        (r#"{ .foo =~ "ba" }"#, ""),
        (r#"{ .foo =~ "ba." }"#, "BD"),
        (r#"{ name =~ "A|B" }"#, "AB"),
        (r#"{ .foo =~ ".*" }"#, "BDGHIJK"),
        (r#"{ .foo =~ "(?i)BAR" }"#, "BD"),
        (r#"{ name =~ "" }"#, ""),
        (r#"{ statusMessage !~ "" }"#, "B"),
        (r#"{ trace:id =~ "1|b2" }"#, "ABCDEFGH"),
    ]);
}

#[test]
fn arithmetic_keeps_integers_and_makes_floats_of_durations() {
    check(&[
        ("{ 7 / 2 = 3 }", ALL),
        ("{ -7 % 4 = -3 }", ALL),
        ("{ duration / 2 = 500ms }", "A"),
        ("{ duration / 1s = 1 }", "A"),
        ("{ 7.0 / 2 = 3.5 }", ALL),
        ("{ 6 / 0 = 1 }", ""),
        ("{ 2 ^ 3 = 8 }", ALL),
        ("{ .x / 0 = 1 }", ""),
        ("{ 1.0 / 0 > 1 }", ALL),
        ("{ -.foo = 1 }", ""),
        ("{ -.x = -5 }", "E"),
        ("{ .latency-2 = 1 }", ""),
        ("{ .x - 2 = 3 }", "E"),
        ("{ maxInt + 1 = minInt }", ALL),
    ]);
}

#[test]
fn boolean_logic_needs_booleans() {
    check(&[
        ("{}", ALL),
        ("{ true }", ALL),
        ("{ false }", ""),
        ("{ .flag }", "A"),
        ("{ !.flag }", "C"),
        ("{ .foo }", ""),
        ("{ !.nosuch }", ""),
        (r#"{ .flag || name = "B" }"#, "A"),
        (r#"{ .flag = true || name = "B" }"#, "AB"),
        (r#"{ !(name = "A") }"#, "BCDEFGHIJKL"),
        (r#"{ name != "zz" && !(.foo = "bar") }"#, "ACEFGHIJKL"),
        ("{ .x = 5 || true }", ALL),
        (r#"{ "A" = name }"#, "A"),
        ("{ .a = .b = .c }", ""),
    ]);
}

#[test]
fn intrinsics_are_read_as_the_table_says() {
    check(&[
        (r#"{ statusMessage = "" }"#, "ACDEFGHIJKL"),
        ("{ status = error }", "BF"),
        ("{ kind != server && kind != unspecified }", "BCD"),
        (r#"{ span:id = "0000000000000041" }"#, "A"),
        (r#"{ span:parentID = "0000000000000000" }"#, "AIJL"),
        ("{ span:childCount = 0 }", "CEFIKL"),
        (r#"{ rootName = "A" && trace:rootService = "front" }"#, "ABCDEF"),
        (r#"{ rootServiceName = "" }"#, "GHL"),
        (r#"{ trace:id = "1" }"#, "ABCDEF"),
        (r#"{ trace:id = "00000000000000000000000000000001" }"#, "ABCDEF"),
        (r#"{ trace:id = "B2" }"#, ""),
        (r#"{ instrumentation:name = "libB" }"#, "EF"),
        (r#"{ instrumentation:version = "" }"#, "EFGHIJKL"),
        ("{ nestedSetParent < 0 }", "AIJL"),
        ("{ nestedSetLeft > 1 && nestedSetRight < 6 }", "BCK"),
    ]);
}

#[test]
fn scopes_are_looked_up_as_the_contract_says() {
    check(&[
        (r#"{ .dup = "span" }"#, "A"),
        (r#"{ .dup = "res-front" }"#, "BCD"),
        (r#"{ resource.dup = "res-front" }"#, "ABCD"),
        (r#"{ .lang = "go" }"#, ""),
        (r#"{ instrumentation.lang = "go" }"#, "ABCD"),
        (r#"{ resource.service.name = "" }"#, "L"),
        (r#"{ resource."service.name" = "orph" }"#, "GH"),
    ]);
}

#[test]
fn spansets_combine_within_a_trace() {
    check(&[
        (r#"{name="A"} && {name="C"}"#, "AC"),
        (r#"{name="A"} && {name="zz"}"#, ""),
        (r#"{name="A"} && {name="I"}"#, ""),
        (r#"{name="A"} || {name="zz"}"#, "A"),
        (r#"{name="A"} || {name="I"} && {name="B"}"#, "AB"),
        (r#"{name="A"} || ({name="I"} && {name="B"})"#, "A"),
        (r#"({status=error} || {}) | {name="B"} | { duration > 1ms }"#, "B"),
        (r#"{name="B"} && {} | { kind = server }"#, "AEF"),
    ]);
}

#[test]
fn result_spans_show_the_fields_that_the_query_reads() {
    let text = r#"{ name = "A" && span.foo != 1 && .service.name != "" && status = ok
        && duration > 1s && span:parentID != "" && span:id != "" }"#;
    let plan = compile_search(text).unwrap();
    let keys: Vec<&str> = plan.echoed().map(|(_, key)| key).collect();
    assert_eq!(keys, ["foo", "service.name", "status", "span:parentID"]);
    assert!(plan.echoes_name());
    assert!(!compile_search("{ .name = 1 }").unwrap().echoes_name());
}

#[test]
fn shortcuts_and_hints_are_known_before_data_is_read() {
    assert!(!compile_search("{ 1 = 1 } | { true }").unwrap().matches_nothing());
    assert!(compile_search("{ false } && { .a = 1 }").unwrap().matches_nothing());
    assert!(compile_search("{ .a = 5ns }").unwrap().matches_nothing());
    let most_recent = |text| compile_search(text).unwrap().most_recent();
    assert!(most_recent("{} with(most_recent=true)"));
    assert!(!most_recent("{} with(most_recent=true) with(other=1)"));
    assert!(!most_recent("{} with(most_recent=1)"));
}

#[test]
fn pruning_knows_what_a_span_or_trace_must_have() {
    let plan = compile_search("{ .a = 1 && (.b || .c = 2) && .d != nil } | { .e }").unwrap();
    assert_eq!(plan.required().len(), 3);
    let plan = compile_search("{ .a = 1 } && { .b = 2 && .c = 3 }").unwrap();
    assert!(plan.required().is_empty());
    assert_eq!(plan.needs().iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn metrics_are_searched_for_the_spans_that_they_count() {
    check(&[
        ("{ name = `A` } | rate()", "A"),
        ("{ status = error } | count_over_time() by(span.foo)", "BF"),
    ]);
    let plan = compile_search("{ .x = 1 } | rate() by(.y)").unwrap();
    assert_eq!(plan.echoed().map(|(_, key)| key).collect::<Vec<_>>(), ["x"]);
    let error = compile_search("({} | rate()) * 2").unwrap_err();
    assert_eq!(error.response_text(), "math expressions not supported");
    assert!(!error.is_of_client());
    assert!(compile_search("{").unwrap_err().is_of_client());
}

#[test]
fn errors_say_what_and_where_as_the_contract_does() {
    for (query, text) in [
        ("{ .a = }", "parse error at line 1, col 8: syntax error: unexpected }"),
        ("{ foo = 1 }", "parse error at line 1, col 3: unknown identifier: foo"),
        ("{\n .a = \"\\d\" }", "parse error at line 2, col 7: invalid char escape"),
        ("{ span.\"a\\nb\" = 1 }", "parse error at line 1, col 3: invalid escape sequence"),
        ("{ span.\"a", "parse error at line 1, col 3: unexpected EOF, expecting \""),
        (
            "{ .a = 9223372036854775808 }",
            "parse error at line 1, col 8: strconv.Atoi: parsing \"9223372036854775808\": value \
             out of range",
        ),
        ("{ name = 3 }", "binary operations must operate on the same type: name = 3"),
        ("{ status > ok }", "illegal operation for the given types: status > ok"),
        ("{ .a + 1 }", "span filter field expressions must resolve to a boolean: { .a + 1 }"),
        ("{ span:name = nil }", "name=nil is not valid because intrinsics cannot be nil"),
        ("{ name =~ \"[a-\" }", "invalid regex: [a-"),
        ("{ parent.a = 1 }", "parent not yet supported"),
        ("{ parent = nil }", "intrinsic (parent) not yet supported"),
    ] {
        assert_eq!(compile_search(query).unwrap_err().to_string(), text, "{query}");
    }
}

#[test]
fn long_and_deep_queries_are_refused_without_harm() {
    let long = format!("{{ .a = \"{}\" }}", "x".repeat(131_072));
    let text = compile_search(&long).unwrap_err().response_text();
    assert!(text.starts_with("TraceQL expression exceeds the configured maximum size of 131072"));
    for (open, close) in [("(", ")"), ("!(", ")"), ("-", ""), ("!", ""), (".a ^ ", "")] {
        let deep = format!("{{ {}.a{} }}", open.repeat(20_000), close.repeat(20_000));
        assert!(parse(&deep).is_err(), "{open}");
    }
    assert!(parse(&"(".repeat(50_000)).is_err());
    for chain in ["&&.a", " + .a", "=.a", " =nil"] {
        assert!(parse(&format!("{{.a{}}}", chain.repeat(20_000))).is_err(), "{chain}");
    }
    assert!(parse(&format!("{{}}{}", "&&{}".repeat(20_000))).is_err());
    let wide = format!("{{ .a = 1{} }}", " || .a = 1".repeat(490));
    let plan = compile_search(&wide).unwrap();
    assert_eq!(plan.fields().len(), 1);
    let mixed = format!("{{ .foo = 1{} }}", " && .foo = 1 || .foo = 2".repeat(240));
    assert_eq!(search(&mixed), "CE");
    let spansets = format!("{{}}{}", " && {} || {.flag}".repeat(245));
    assert_eq!(search(&spansets), ALL);
    let nested = format!("{{ {}.flag{} }}", "!(".repeat(60), ")".repeat(60));
    assert_eq!(search(&nested), "A");
    assert_eq!(parse(&wide).unwrap().to_string().matches("||").count(), 490);
}
