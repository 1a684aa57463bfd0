//! Conditions on events and links (contract §3.7, §5.3) over the traces of the contract.

mod support;

use stringendo_traceql::{ValueRef, compile_search};
use support::{check, found, sets};

#[test]
fn a_condition_holds_if_some_item_satisfies_it() {
    check(&[
        (r#"{ event:name != "exception" }"#, "CE"),
        (r#"{ event:name = "retry" }"#, "C"),
        (r#"{ event:name =~ "re.*|plain" }"#, "CE"),
        ("{ event.n > 1 }", "C"),
        ("{ 1 < event.n }", "C"),
        ("{ event.n + 1 = 3 }", "C"),
        ("{ event:timeSinceStart >= 20ms }", "C"),
        ("{ event:timeSinceStart = 0 }", "E"),
        (r#"{ link.rel = "second" }"#, "C"),
        (r#"{ link:traceID = "b3" }"#, "C"),
        (r#"{ link:traceID = "000000000000000000000000000000b3" }"#, "C"),
        ("{ event.nosuch != 1 }", ""),
        ("{ event.type = nil }", "E"),
        ("{ event.type != nil }", "C"),
        ("{ link.nosuch = nil }", "C"),
        (r#"{ .type = "IOErr" }"#, ""),
    ]);
}

#[test]
fn conditions_joined_by_and_alone_are_about_one_item() {
    check(&[
        (r#"{ event:name = "exception" && event.type = "Second" }"#, ""),
        (r#"{ event.type = "IOErr" && event.n = 1 }"#, "C"),
        (r#"{ event.type = "IOErr" && span.foo = 1 && event.n = 2 }"#, ""),
        (r#"{ (event.type = "IOErr") && (span.foo = 1 && event.n = 1) }"#, "C"),
        (r#"{ event.type = "IOErr" && link.rel = "second" }"#, "C"),
        (r#"{ link.rel = "follows" && link:traceID = "b3" }"#, ""),
        (r#"{ event.n = 1 } | { event.n = 2 }"#, "C"),
        ("{ event.n = event.n && event.n + 0 = 2 }", "C"),
    ]);
}

#[test]
fn with_other_operators_each_condition_is_about_any_item() {
    check(&[
        (r#"{ event.n = 1 && event.type = "Second" || name = "A" }"#, "AC"),
        (r#"{ (event.n = 1 || name = "A") && event.type = "Second" }"#, "C"),
        (r#"{ event:name = "plain" || event:name = "retry" }"#, "CE"),
        (r#"{ !(event.n = 1) && name = "C" }"#, ""),
        (r#"{ !(event.n = 3) && kind = internal }"#, "C"),
        (r#"{ !(event:name = "plain") && .foo = 1 }"#, "C"),
    ]);
}

#[test]
fn items_give_values_to_groups_and_aggregates() {
    assert_eq!(
        sets("{ .foo = 1 } | by(event:name)"),
        [r#"C [by(event:name)="exception"]"#, r#"E [by(event:name)="plain"]"#]
    );
    assert_eq!(sets("{} | max(event.n) > 0"), ["ABCDEF [max(event.n)=1]"]);
    assert_eq!(
        sets(r#"{ .foo = 1 } | by(event:name = "retry")"#),
        [r#"C [by(event:name = `retry`)=true]"#, r#"E [by(event:name = `retry`)=false]"#]
    );
}

/// What span C shows of a field.
fn shown(query: &str, field: usize) -> String {
    let plan = compile_search(query).expect(query);
    let (_, columns, sets) = &found(&plan).expect(query)[0];
    let span = sets[0].spans[0];
    match plan.shown_value(columns, span, field) {
        ValueRef::Str(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn results_show_the_first_item_that_satisfies_the_query() {
    assert_eq!(shown(r#"{ event:name != "exception" }"#, 0), "retry");
    assert_eq!(shown(r#"{ event.n > 0 && event:name = "retry" }"#, 0), "Int(2)");
    assert_eq!(shown(r#"{ event.n > 1 || event.type = "IOErr" }"#, 0), "Int(2)");
    assert_eq!(shown(r#"{ event.n > 1 || event.type = "IOErr" }"#, 1), "IOErr");
    assert_eq!(shown(r#"{ event.n > 1 } | select(event.type)"#, 1), "Second");
    assert_eq!(shown(r#"{ name = "C" } | select(event.type)"#, 1), "IOErr");
    assert_eq!(shown(r#"{ name = "C" } | select(link.rel)"#, 1), "follows");
    assert_eq!(shown(r#"{ name = "A" } | select(event.type)"#, 1), "Missing");
}
