use super::*;

fn lexed(text: &str) -> Vec<Token> {
    tokens(text).expect(text).into_iter().map(|spanned| spanned.token).collect()
}

fn first(text: &str) -> Token {
    lexed(text).remove(0)
}

fn attribute(scope: AttributeScope, name: &str) -> Token {
    Token::Attribute(scope, name.to_owned())
}

#[test]
fn names_run_until_a_character_that_ends_them() {
    use AttributeScope::{Span, Unscoped};
    assert_eq!(first(".latency-2 = 1"), attribute(Unscoped, "latency-2"));
    assert_eq!(first(".a/b*c"), attribute(Unscoped, "a/b*c"));
    assert_eq!(first(".a^2"), attribute(Unscoped, "a"));
    assert_eq!(first("span.5"), attribute(Span, "5"));
    assert_eq!(first("span.resource.x"), attribute(Span, "resource.x"));
    assert_eq!(first(".a.\"b c\".d"), attribute(Unscoped, "a.b c.d"));
    assert_eq!(first(".\"\""), attribute(Unscoped, ""));
    assert_eq!(first(".a//b"), attribute(Unscoped, "a//b"));
    assert_eq!(first(".`a`"), attribute(Unscoped, "`a`"));
}

#[test]
fn only_behind_parent_may_a_second_scope_follow() {
    let parent = |scope, name: &str| Token::ParentAttribute(scope, name.to_owned());
    assert_eq!(first("parent.x"), parent(AttributeScope::Unscoped, "x"));
    assert_eq!(first("parent.span.x"), parent(AttributeScope::Span, "x"));
    assert_eq!(first("parent.span"), parent(AttributeScope::Unscoped, "span"));
    assert_eq!(first("parent.event.x"), parent(AttributeScope::Unscoped, "event.x"));
}

#[test]
fn numbers_take_their_forms_from_what_touches_them() {
    let literal = |text| match first(text) {
        Token::Literal(literal) => literal,
        other => panic!("{other:?}"),
    };
    assert_eq!(literal("007"), Static::Int(7));
    assert_eq!(literal(".5"), Static::Float(0.5));
    assert_eq!(literal("1."), Static::Float(1.0));
    assert_eq!(literal("1.5E-2"), Static::Float(0.015));
    assert_eq!(literal("1d12h"), Static::Duration(36 * 3_600 * 1_000_000_000));
    assert_eq!(literal("1.5h"), Static::Duration(5_400 * 1_000_000_000));
    assert_eq!(literal("4ms3us"), Static::Duration(4_003_000));
    assert_eq!(literal("5µs"), Static::Duration(5_000));
    for text in
        ["08", "0x1F", "0b1", "1_000", "2d1.5h", "4sec", "1H", "1e3s", "1e", "1..2", "1e999"]
    {
        assert!(tokens(text).is_err(), "{text}");
    }
}

#[test]
fn strings_hold_what_their_escapes_write() {
    let bytes = |text| match first(text) {
        Token::Literal(Static::Str(bytes)) => bytes,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        bytes(r#""a\t\"\\\x41\102\u00e9\U0001F600""#),
        "a\t\"\\AB\u{e9}\u{1F600}".as_bytes()
    );
    assert_eq!(bytes(r#""\xff""#), [0xff]);
    assert_eq!(bytes("`raw \\d\nline`"), b"raw \\d\nline");
    for text in [r#""\d""#, r#""\400""#, r#""\xg0""#, r#""\ud800""#, "\"a\nb\"", "\"a", "`a", "'a'"]
    {
        assert!(tokens(text).is_err(), "{text}");
    }
}

#[test]
fn the_longest_operator_wins() {
    let symbols = |text| {
        let tokens = lexed(text);
        tokens.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(symbols("!>>!>&<<&~>=>"), "!>> !> &<< &~ >= > $end");
    assert_eq!(symbols("> ="), "> = $end");
    assert_eq!(symbols("!= !~ =~ !"), "!= !~ =~ ! $end");
}

#[test]
fn comments_and_blanks_separate_and_nothing_else() {
    assert_eq!(lexed("/* a */ { // b\n } // c").len(), 3);
    assert!(tokens("/* open").is_err());
    assert!(tokens("{\u{a0}}").is_err());
    let at = |text: &str| tokens(text).expect(text)[1].at;
    assert_eq!(at("é\n  ="), Position { line: 2, column: 3 });
    assert_eq!(at("é ="), Position { line: 1, column: 3 });
}
