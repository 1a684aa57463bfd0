//! The legacy tag search over the traces of the contract.

mod support;

use std::time::Duration;

use stringendo_traceql::legacy_tags::{compile_tag_pairs, compile_tags};
use support::matching;

fn search(tags: &str) -> String {
    matching(&compile_tags(tags, None, None).expect(tags))
}

fn error(tags: &str) -> String {
    compile_tags(tags, None, None).expect_err(tags).to_string()
}

#[test]
fn tags_match_parts_of_strings_on_span_or_resource() {
    assert_eq!(search("service.name=fro"), "ABCD");
    assert_eq!(search("foo=ar"), "BD");
    assert_eq!(search(r#"dup="res-front""#), "ABCD");
    assert_eq!(search("nosuch=x"), "");
}

#[test]
fn all_tags_must_hold_in_the_trace_though_not_on_one_span() {
    assert_eq!(search("name=A foo=bar"), "ABD");
    assert_eq!(search("name=A foo=leaf"), "");
    assert_eq!(search("service.name=front cluster=c2"), "ABCDEF");
}

#[test]
fn well_known_keys_have_their_own_meaning() {
    assert_eq!(search("status.code=error"), "BF");
    assert_eq!(search("error=true"), "BF");
    assert_eq!(search("status.code=nonsense"), "");
    assert_eq!(search("root.name=J"), "IJK");
    assert_eq!(search("root.service.name=mult"), "IJK");
}

#[test]
fn no_tags_match_everything_and_durations_bound_the_trace() {
    assert_eq!(search(""), "ABCDEFGHIJKL");
    let millis = |count| Some(Duration::from_millis(count));
    let bounded = |min, max| matching(&compile_tags(" ", min, max).unwrap());
    assert_eq!(bounded(millis(100), None), "ABCDEFGHIJK");
    assert_eq!(bounded(millis(100), millis(1_000)), "ABCDEFGH");
    assert_eq!(bounded(None, millis(99)), "L");
    assert!(compile_tags("", millis(2), millis(1)).is_err());
}

#[test]
fn results_of_tag_searches_show_no_fields() {
    let plan = compile_tags("foo=bar name=A", None, None).unwrap();
    assert_eq!(plan.echoed().count(), 0);
    assert!(!plan.echoes_name() && !plan.returns_spans());
}

#[test]
fn pairs_that_are_already_apart_mean_the_same() {
    let plan = compile_tag_pairs([("name", "A"), ("foo", "bar")], None, None).unwrap();
    assert_eq!(matching(&plan), "ABD");
    assert!(compile_tag_pairs([("a", "1"), ("a", "2")], None, None).is_err());
}

#[test]
fn bad_logfmt_is_refused_with_its_position() {
    assert_eq!(error("a=1 =2"), "logfmt syntax error at pos 5 on line 1: unexpected '='");
    assert_eq!(error("a\"b"), "logfmt syntax error at pos 2 on line 1: unexpected '\"'");
    assert_eq!(error("a=\"b"), "logfmt syntax error at pos 5 on line 1: unterminated quoted value");
    assert_eq!(error("a=1 b=2 a=3"), "tag \"a\" has been set more than once (at pos 9)");
}
