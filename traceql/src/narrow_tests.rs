#![allow(clippy::unwrap_used)]

use super::*;
use crate::field::AttributeScope;

/// The alternatives as text; `None` for no narrowing.
fn conditions(text: &str) -> Option<Vec<Vec<String>>> {
    let narrowing = Narrowing::of(text, ALTERNATIVES_MAX).unwrap()?;
    let texts = |all: &Alternative| all.iter().map(ToString::to_string).collect();
    Some(narrowing.alternatives.iter().map(texts).collect())
}

fn one(all: &[&str]) -> Option<Vec<Vec<String>>> {
    Some(vec![all.iter().map(|text| (*text).to_owned()).collect()])
}

#[test]
fn a_filter_narrows_by_its_comparisons_with_literals() {
    assert_eq!(conditions("{ .a = 1 && name =~ \"x.*\" }"), one(&[".a = 1", "name =~ `x.*`"]));
    assert_eq!(conditions("{ 1 < .a && .b != nil }"), one(&["1 < .a", ".b != nil"]));
    assert_eq!(conditions("{ .a > -5 }"), one(&[".a > (-5)"]));
}

#[test]
fn what_is_incomplete_is_left_out() {
    let by_service = one(&["resource.service.name = `back`"]);
    assert_eq!(conditions("{ resource.service.name=\"back\" && name = }"), by_service);
    assert_eq!(conditions("{ resource.service.name=\"back\""), by_service);
    assert_eq!(conditions("{ resource.service.name=\"back\" && .x >="), by_service);
    assert_eq!(conditions("{ (.x =~ ) && resource.service.name=\"back\" }"), by_service);
    assert_eq!(conditions("{ span:name != && resource.service.name=\"back\" }"), by_service);
}

#[test]
fn what_cannot_be_repaired_narrows_nothing() {
    for text in [
        "",
        "{",
        "{}",
        "{ .a = 1 && ",
        "{ .a = \"unfinished }",
        "{ .a = 1 || .b = }",
        "{ .a }",
        "{ .a + 1 = 2 }",
        "{ foo = 1 }",
        "{ .a = 1 } && { .b = 1 }",
        "{ .a = 1 } > {}",
        "({ .a = 1 } | count() > 1) && ({} | count() > 1)",
        "count() > 1 | { .a = 1 }",
        "{ status = \"error\" }",
        "no query",
    ] {
        assert_eq!(conditions(text), None, "{text}");
    }
}

#[test]
fn only_the_first_filter_counts() {
    assert_eq!(conditions("{ name = \"A\" } | count() > 1 | { .b = 1 }"), one(&["name = `A`"]));
    assert_eq!(conditions("({ name = \"A\" })"), one(&["name = `A`"]));
    assert_eq!(conditions("{ name = \"A\" } | rate()"), one(&["name = `A`"]));
}

#[test]
fn bare_fields_and_arithmetic_are_dropped() {
    assert_eq!(conditions("{ .a && .b = 1 && .c + 1 > 2 && !.d }"), one(&[".b = 1"]));
}

#[test]
fn alternatives_are_multiplied_out_as_the_language_reads_them() {
    let found = conditions("{ .a = 1 || .b = 2 && .c = 3 }").unwrap();
    assert_eq!(found, [[".a = 1", ".c = 3"], [".b = 2", ".c = 3"]]);
    let found = conditions("{ .a = 1 && (.b = 2 || .c = 3) }").unwrap();
    assert_eq!(found, [[".a = 1", ".b = 2"], [".a = 1", ".c = 3"]]);
}

#[test]
fn more_than_a_hundred_alternatives_are_refused() {
    let some = |count: usize| {
        let all: Vec<String> = (0..count).map(|number| format!(".a = {number}")).collect();
        format!("{{ {} }}", all.join(" || "))
    };
    assert!(Narrowing::of(&some(100), 100).unwrap().is_some());
    assert!(Narrowing::of(&some(400), 0).unwrap().is_some());
    let error = Narrowing::of(&some(101), 100).unwrap_err();
    assert_eq!(
        error.to_string(),
        "maximum condition groups reached (limit: 100). \
         Reduce the number of OR conditions in the query"
    );
    let pairs = vec!["(.a = 1 || .b = 1)"; 60].join(" && ");
    assert!(Narrowing::of(&format!("{{ {pairs} }}"), 100).is_err());
}

#[test]
fn an_alternative_that_names_the_tag_answers_its_literal() {
    let field = Field::attribute(AttributeScope::Unscoped, "a");
    let of = |text| Narrowing::of(text, 100).unwrap().unwrap().without_literals_of(&field);
    assert_eq!(of("{ .b = 1 && .a = 5 }"), (vec![Static::Int(5)], None));
    let (literals, left) = of("{ .b = 1 || .a = \"x\" }");
    assert_eq!(literals, [Static::Str(b"x".to_vec())]);
    assert_eq!(left, Narrowing::of("{ .b = 1 }", 100).unwrap());
    assert_eq!(of("{ .a != 5 }").0, []);
    assert_eq!(of("{ span.a = 5 }").0, []);
}

#[test]
fn a_narrowing_becomes_a_search_that_reads_the_fields_asked_for() {
    let field = Field::attribute(AttributeScope::Span, "wanted");
    let narrowing = Narrowing::of("{ .a = 1 || .b = 2 }", 100).unwrap().unwrap();
    let plan = narrowing.plan(std::slice::from_ref(&field)).unwrap();
    assert!(plan.fields().contains(&field));
    assert_eq!(plan.fields().len(), 3);
    assert_eq!(plan_of_all(&[field]).unwrap().fields().len(), 1);
}

#[test]
fn tags_are_fields_as_queries_write_them() {
    let attribute = |scope, name: &str| {
        let field = Field::attribute(scope, name);
        (Some(field.clone()), ValueSource::Stored(vec![field]))
    };
    assert_eq!(parse_tag("span.a/b").unwrap(), attribute(AttributeScope::Span, "a/b"));
    assert_eq!(parse_tag("resource.\"a b\"").unwrap(), attribute(AttributeScope::Resource, "a b"));
    let (field, values) = parse_tag(".foo").unwrap();
    assert_eq!(field, Some(Field::attribute(AttributeScope::Unscoped, "foo")));
    let ValueSource::Stored(fields) = values else { panic!("stored values") };
    assert_eq!(fields.len(), 2);
    assert_eq!(parse_tag("duration").unwrap().1, ValueSource::Nothing);
    assert_eq!(parse_tag("parent.x").unwrap(), (None, ValueSource::Nothing));
    let status = ValueSource::Keywords(vec!["ok", "error", "unset"]);
    assert_eq!(parse_tag("span:status").unwrap().1, status);
}

#[test]
fn a_text_that_is_no_tag_is_refused_as_the_contract_says() {
    assert_eq!(
        parse_tag("foo").unwrap_err().to_string(),
        "please provide a valid tagName: failed to parse identifier foo: \
         parse error at line 1, col 2: unknown identifier: foo"
    );
    for text in ["", ".a = 1", "1", ".a } | { .b", "span.order id", "{ .a }"] {
        assert!(parse_tag(text).is_err(), "{text}");
    }
}
