//! Stages behind the first filter (contract §7) over the traces of the contract.

mod support;

use stringendo_traceql::ast::{Body, Spanset, Stage};
use stringendo_traceql::{
    AttributeScope, EvalError, Field, Intrinsic, SpanColumns, SpanList, ValueRef, compile_search,
    parse, plan_pipeline, validate,
};
use support::{check, sets};

#[track_caller]
fn finds(query: &str, expected: &[&str]) {
    assert_eq!(sets(query), expected, "{query}");
}

#[test]
fn groups_hold_the_spans_with_one_value() {
    finds(
        r#"{} | by(.x) | { rootName = "A" }"#,
        &["ABCD [by(.x)=nil]", "E [by(.x)=5]", "F [by(.x)=7]"],
    );
    finds(
        "{ rootServiceName = `front` } | by(span:name = `A`) | by(.flag)",
        &[
            "A [by(name = `A`)=true by(.flag)=true]",
            "BDEF [by(name = `A`)=false by(.flag)=nil]",
            "C [by(name = `A`)=false by(.flag)=false]",
        ],
    );
    finds(
        "{ span.foo != nil && .service.name != `multi` } | by(span.foo)",
        &[
            "BD [by(span.foo)=\"bar\"]",
            "CE [by(span.foo)=1]",
            "F [by(span.foo)=1.5]",
            "GH [by(span.foo)=\"orphan\"]",
        ],
    );
    finds("by(.code) | { .code > 0 }", &["A [by(.code)=200]", "I [by(.code)=404]"]);
    finds("{ .nosuch } | by(name)", &[]);
}

#[test]
fn aggregates_filter_sets_and_say_their_value() {
    finds("{} | count() > 2", &["ABCDEF [count()=6]", "IJK [count()=3]"]);
    finds("{} | avg(.x) = 6", &["ABCDEF [avg(.x)=6.0]"]);
    finds("{} | min(1 + .x) = 6", &["ABCDEF [min(1 + .x)=6]"]);
    finds("{} | max(duration) > 1500000000", &["IJK [max(duration)=2000ms]"]);
    finds("{} | max(duration) > 1.5s", &["IJK [max(duration)=2000ms]"]);
    finds("{} | count() > 1.5", &["ABCDEF [count()=6]", "GH [count()=2]", "IJK [count()=3]"]);
    finds("{} | max(.nosuch) < 1", &[]);
    finds("{} | max(.nosuch) != 1", &[]);
    finds("{} | count() > 1 + 1 | count() < 10 / 3 + 1", &["IJK [count()=3]"]);
    finds("count() > 3", &["ABCDEF [count()=6]"]);
    finds(
        "{} | by(resource.service.name) | count() > 1 | max(duration) > 500ms",
        &[
            "ABCD [by(resource.service.name)=\"front\" count()=4 max(duration)=1000ms]",
            "IJK [by(resource.service.name)=\"multi\" count()=3 max(duration)=2000ms]",
        ],
    );
}

#[test]
fn aggregates_have_the_type_of_their_values() {
    finds("{ .x > 0 } | sum(.x) = 12", &["EF [sum(.x)=12]"]);
    finds("{ .x > 0 } | avg(-.x) = -6", &["EF [avg(-.x)=-6.0]"]);
    finds("{ .x > 0 } | sum(duration) = 110ms", &["EF [sum(duration)=110ms]"]);
    finds("{ .x > 0 } | avg(duration) = 55ms", &["EF [avg(duration)=55ms]"]);
    finds("{ .x > 0 } | avg(duration) > 54999999.5", &["EF [avg(duration)=55ms]"]);
    // Numbers of all types count, strings do not.
    finds("{ .bytes != nil } | sum(.bytes) > 0", &["ABC [sum(.bytes)=32.5]"]);
    finds("{ .bytes != nil } | min(.bytes) < 10", &["ABC [min(.bytes)=2.5]"]);
    finds("{ .bytes != nil } | max(.bytes) > 2.5", &["ABC [max(.bytes)=20]"]);
    finds("{ trace:id = `1` } | max(.foo) > 0", &["ABCDEF [max(.foo)=1.5]"]);
    finds("{ trace:id = `1` } | sum(.foo) = 3.5", &["ABCDEF [sum(.foo)=3.5]"]);
    finds("{} | sum(.nums) > 0", &[]);
}

#[test]
fn later_filters_keep_what_was_said() {
    finds("{ .foo != nil } | count() > 4 | { .x > 5 }", &["F [count()=5]"]);
    finds("{ .x > 0 } | count() > 0 | { .x > 5 } | count() > 0", &["F [count()=1]"]);
    finds("{} | by(name) | coalesce() | { .x > 0 }", &["EF []"]);
    finds("{} | by(kind) | count() > 1 | coalesce() | count() = 5", &["ABDEF [count()=5]"]);
}

#[test]
fn select_changes_what_is_shown_and_nothing_else() {
    check(&[
        ("{} | select(.x) | { .x > 5 }", "F"),
        (r#"select(.x) | {name = "A"}"#, "A"),
        ("select(name)", "ABCDEFGHIJKL"),
    ]);
    let keys = |query| {
        let plan = compile_search(query).unwrap();
        let keys: Vec<String> = plan.echoed().map(|(_, key)| key.to_owned()).collect();
        (keys.join(" "), plan.echoes_name())
    };
    assert_eq!(
        keys(r#"{ name = "A" } | select(status, .code, .nosuch)"#),
        ("status code nosuch".to_owned(), true)
    );
    assert_eq!(keys("{} | by(.x) | max(.y) > 1"), ("x y".to_owned(), false));
    assert_eq!(keys("{} > { name = `A` } | count() > 1"), (String::new(), true));
    assert_eq!(keys("{ nestedSetLeft > 1 } >> {}"), ("nestedSetLeft".to_owned(), false));
}

/// So many spans that all differ.
struct Many(usize, Vec<u8>);

impl SpanColumns for Many {
    fn len(&self) -> usize {
        self.0
    }

    fn value(&self, span: usize, field: usize) -> ValueRef<'_> {
        if field == 0 { ValueRef::Int(span as i64) } else { ValueRef::Str(&self.1) }
    }

    fn items(&self, _span: usize, _list: SpanList) -> usize {
        0
    }

    fn item_value(&self, _span: usize, _item: usize, _field: usize) -> ValueRef<'_> {
        ValueRef::Missing
    }
}

#[test]
fn groups_that_take_too_much_memory_are_refused() {
    let groups = |query, trace| {
        let mut sets = Vec::new();
        compile_search(query).unwrap().spansets(&trace, &mut sets).map(|()| sets.len())
    };
    assert_eq!(groups("{} | by(.a)", Many(1_000, Vec::new())), Ok(1_000));
    let long = Many(70, vec![b'x'; 1 << 20]);
    assert_eq!(groups("{} | by(.a) | by(.b)", long), Err(EvalError::TooManySpansets));
    let by = "{}".to_owned() + &(0..20).map(|n| format!(" | by(.a + {n})")).collect::<String>();
    assert_eq!(groups(&by, Many(60_000, Vec::new())), Err(EvalError::TooManySpansets));
}

#[test]
fn plans_say_whether_they_judge_whole_traces() {
    let judges = |query| compile_search(query).unwrap().judges_whole_trace();
    for single in ["{}", "{ .a = 1 } | { .b }", "{ .a } || { event.b = 1 } | select(.c)"] {
        assert!(!judges(single), "{single}");
    }
    for whole in [
        "{ .a } && { .b }",
        "{ .a } > { .b }",
        "{} | count() > 1",
        "{} | by(.a)",
        "{ rootName = `a` }",
        "{ trace:duration > 1s }",
        "{ span:childCount > 1 }",
        "{} | select(nestedSetLeft)",
        "({} | count() > 1) || ({ .a } | count() > 1)",
    ] {
        assert!(judges(whole), "{whole}");
    }
}

#[test]
fn spans_may_be_taken_that_meet_no_need_where_their_filter_says_nothing() {
    let any = |query| compile_search(query).unwrap().may_take_any_span();
    for open in [
        "{} && { .a = 1 }",
        "{} &>> { .a = 1 }",
        "{ .a = 1 } &>> {}",
        "{ .a = 1 } >> {}",
        "{ .a = 1 } !>> {}",
        "({ .a = 1 } || { .b = 1 }) && { .c = 1 }",
        "({} | count() > 1) && ({ .a = 1 } | count() > 1)",
        "({} | count() > 1) &>> ({ .a = 1 } | count() > 1)",
    ] {
        assert!(any(open), "{open}");
    }
    for closed in [
        "{ .a = 1 } && { .b = 1 }",
        "{} >> { .a = 1 }",
        "{} !>> { .a = 1 }",
        "{ .c = 1 } | {} && { .a = 1 }",
        "{ .a = 1 } | count() > 1",
        "({} | count() > 1) >> ({ .a = 1 } | count() > 1)",
    ] {
        assert!(!any(closed), "{closed}");
    }
}

#[test]
fn pruning_knows_what_stages_leave() {
    let needs = |query| {
        let plan = compile_search(query).unwrap();
        let sizes: Vec<usize> = plan.needs().iter().map(Vec::len).collect();
        (plan.required().len(), sizes)
    };
    assert_eq!(needs("{ .a = 1 } > { .b = 1 && .c = 1 }"), (0, vec![1, 2]));
    assert_eq!(needs("{ .a = 1 } !> { .b = 1 && .c = 1 }"), (0, vec![2]));
    assert_eq!(needs("{ .a = 1 } &> { .b = 1 } | { .c = 1 }"), (0, vec![1, 1, 1]));
    assert_eq!(needs("{ .a = 1 } > { .b = 1 } | { .c = 1 }"), (0, vec![1, 1, 2]));
    assert_eq!(needs("{ .a = 1 } | by(.x) | count() > 1 | { .b }"), (0, vec![2]));
    assert_eq!(needs("{ .a = 1 } | { .b = 1 } && { .c = 1 }"), (0, vec![2, 2]));
    assert_eq!(needs("{ .a = 1 } || { .b = 1 }"), (0, vec![]));
    assert_eq!(needs("({ .a = 1 } | count() > 1) && ({ .b = 1 })"), (0, vec![1, 1]));
    assert_eq!(needs("({ .a = 1 } | count() > 1) || ({ .b = 1 })"), (0, vec![]));
    assert_eq!(needs("({ .a = 1 } | count() > 1) !~ ({ .b = 1 })"), (0, vec![1]));
    assert_eq!(needs("{ event.a = 1 && event.b = 2 && .c = 3 }"), (3, vec![3]));
    assert_eq!(needs("{ rootName = `a` && .b = 1 && nestedSetParent < 0 }"), (1, vec![1]));
    assert_eq!(needs("{ !(.a = 1) }"), (0, vec![]));
}

#[test]
fn pipelines_of_metrics_read_fields_beside_them() {
    let query = parse("{ name = `E` } >> {} | rate() by(.foo)").unwrap();
    validate(&query).unwrap();
    let Body::Metrics(metrics) = &query.body else { panic!("metrics") };
    let foo = Field::attribute(AttributeScope::Unscoped, "foo");
    let mut plan = plan_pipeline(&metrics.pipeline, std::slice::from_ref(&foo)).unwrap();
    assert!(plan.field_number(&foo).is_some());
    assert_eq!(plan.field_number(&Field::Intrinsic(Intrinsic::Kind)), None);
    assert_eq!(plan.echoed().count(), 0);
    assert!(plan.echoes_name());
    let Body::Pipeline(filter) = parse("{ kind = server && .foo = 1 }").unwrap().body else {
        panic!("a pipeline")
    };
    let Stage::Spanset(Spanset::Filter(filter)) = &filter.stages[0] else { panic!("a filter") };
    let filter = plan.add_filter(filter).unwrap();
    assert!(plan.field_number(&Field::Intrinsic(Intrinsic::Kind)).is_some());
    assert_eq!(plan.echoed().count(), 0);
    let trace = &support::traces()[0];
    let columns = support::Columns::of(trace, plan.fields());
    let accepted: Vec<u32> = (0..6).filter(|span| filter.accepts(&columns, *span)).collect();
    assert_eq!(accepted, [4]);
}
