use super::*;

fn matches(pattern: &str, value: &str) -> bool {
    compile(pattern.as_bytes()).expect(pattern).is_match(value.as_bytes())
}

#[test]
fn the_whole_value_must_match_line_feeds_included() {
    assert!(!matches("ba", "bar"));
    assert!(matches("ba.", "bar"));
    assert!(matches("a.b", "a\nb"));
    assert!(matches("A|B", "B"));
    assert!(!matches("A|B", "AB"));
}

#[test]
fn braces_that_repeat_nothing_are_plain_characters() {
    assert!(matches("GET /users/{id}", "GET /users/{id}"));
    assert!(matches("a{2,3}", "aaa"));
    assert!(matches("a{,3}", "a{,3}"));
}

#[test]
fn classes_of_go_are_ascii_and_do_not_nest() {
    assert!(matches(r"\d+", "12"));
    assert!(!matches(r"\d", "\u{663}"));
    assert!(matches(r"[[a]+", "[a"));
    assert!(matches(r"[a&&b]+", "a&b"));
    assert!(matches(r"[\w.-]+", "a-b.c"));
    assert!(matches(r"[[:alpha:]]+", "abc"));
    assert!(matches(r"\D+", "é"));
    assert!(matches(r"[]a]+", "]a"));
    assert!(matches(r"[+--]+", "+,-"));
}

#[test]
fn quoted_parts_and_flags_are_read() {
    assert!(matches(r"\Qa.b\E+", "a.bb"));
    assert!(matches("(?i)BAR", "bar"));
    assert!(matches(r"\pL+", "é"));
    assert!(matches("(?P<x>a)(?:b)", "ab"));
    assert!(matches(r"\bfoo\b", "foo"));
}

#[test]
fn what_go_does_not_know_is_refused() {
    for pattern in
        ["[a-", "x(?!y)", "x(?=y)", r"(a)\1", "a)(b", "(", "*", r"\", "(?x)a b", r"\u{61}"]
    {
        assert!(compile(pattern.as_bytes()).is_err(), "{pattern}");
    }
}

#[test]
fn patterns_that_would_take_too_much_memory_are_refused() {
    assert!(compile(br"(\pL{1000}){1000}").is_err());
}
