use super::expand;

fn env(name: &str) -> Option<String> {
    let value = match name {
        "KEY" => "abcdef",
        "PATH_LIKE" => "/var/lib/tempo.tar.gz",
        "EMPTY" => "",
        "MIXED" => "MiXed",
        _ => return None,
    };
    Some(value.to_owned())
}

fn expanded(text: &str) -> String {
    expand(text, &env).unwrap()
}

#[test]
fn each_form_of_reference_is_replaced() {
    for (text, value) in [
        ("${KEY}", "abcdef"),
        ("${UNSET}", ""),
        ("${UNSET:-def}", "def"),
        ("${EMPTY:-def}", "def"),
        ("${KEY:-def}", "abcdef"),
        ("${UNSET:=def}", "def"),
        ("${UNSET=def}", "def"),
        ("${UNSET:-${KEY}}", "abcdef"),
        ("${UNSET:-}", ""),
        ("${MIXED^^}", "MIXED"),
        ("${MIXED,,}", "mixed"),
        ("${KEY^}", "Abcdef"),
        ("${MIXED,}", "miXed"),
        ("${#KEY}", "6"),
        ("${#UNSET}", "0"),
        ("${KEY:2}", "cdef"),
        ("${KEY:2:3}", "cde"),
        ("${KEY:9}", ""),
        ("${PATH_LIKE#/*/}", "lib/tempo.tar.gz"),
        ("${PATH_LIKE##*/}", "tempo.tar.gz"),
        ("${PATH_LIKE%.*}", "/var/lib/tempo.tar"),
        ("${PATH_LIKE%%.*}", "/var/lib/tempo"),
        ("${KEY#x}", "abcdef"),
        ("${KEY/cd/X}", "abXef"),
        ("${PATH_LIKE//r/R}", "/vaR/lib/tempo.taR.gz"),
        ("${KEY/#ab/X}", "Xcdef"),
        ("${KEY/%ef/X}", "abcdX"),
    ] {
        assert_eq!(expanded(text), value, "{text}");
    }
}

#[test]
fn a_word_after_a_colon_is_a_default_where_the_variable_is_unset() {
    assert_eq!(expanded("${UNSET:default}"), "default");
    assert_eq!(expanded("${KEY:default}"), "abcdef");
}

#[test]
fn bare_variables_and_escaped_references_stay() {
    assert_eq!(expanded("a: $KEY $ $$ $5"), "a: $KEY $ $$ $5");
    assert_eq!(expanded("a: $${KEY}"), "a: ${KEY}");
}

#[test]
fn text_around_references_stays() {
    assert_eq!(expanded("k: \"${KEY}/x\" # ${UNSET:-y}\n"), "k: \"abcdef/x\" # y\n");
}

#[test]
fn broken_references_are_refused_with_their_line() {
    for text in ["a: 1\nb: ${KEY\nc: }", "a: 1\nb: ${}", "a: 1\nb: ${KEY!x}"] {
        let error = expand(text, &env).unwrap_err();
        assert!(error.starts_with("line 2: "), "{error}");
    }
}
