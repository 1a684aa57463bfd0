use super::{FILE_LINES_MAX, Kind, check};

fn whats(kind: Kind, text: &str) -> Vec<(usize, String)> {
    check(kind, text).into_iter().map(|violation| (violation.line, violation.what)).collect()
}

fn function(body_lines: usize) -> String {
    format!("    pub(crate) async fn f() {{\n{}    }}\n", "        work();\n".repeat(body_lines))
}

#[test]
fn a_function_of_seventy_lines_is_fine_and_one_of_seventy_one_is_not() {
    assert_eq!(whats(Kind::Rust, &function(68)), []);
    let found = whats(Kind::Rust, &format!("{}\n{}", function(1), function(69)));
    assert_eq!(found, [(5, "function of 71 lines, more than 70".to_owned())]);
}

#[test]
fn a_long_function_with_a_reason_is_fine() {
    let reason = "    #[expect(clippy::too_many_lines, reason = \"a table\")]\n";
    assert_eq!(whats(Kind::Rust, &format!("{reason}{}", function(80))), []);
}

#[test]
fn a_declaration_does_not_reach_to_the_next_brace() {
    for declaration in ["    fn f();\n", "    fn f(\n        &self,\n    ) -> u8;\n"] {
        let text = format!("{declaration}{}    }}\n", "    fn g();\n".repeat(100));
        assert_eq!(whats(Kind::Rust, &text), []);
    }
}

#[test]
fn long_lines_count_characters_not_bytes() {
    assert_eq!(whats(Kind::Rust, &"─".repeat(100)), []);
    let found = whats(Kind::Code, &format!("\n{}", "x".repeat(101)));
    assert_eq!(found, [(2, "line of 101 characters, more than 100".to_owned())]);
    assert_eq!(whats(Kind::Other, &"x".repeat(500)), []);
}

#[test]
fn long_files_are_found() {
    assert_eq!(whats(Kind::Rust, &"\n".repeat(FILE_LINES_MAX)), []);
    assert_eq!(whats(Kind::Rust, &"\n".repeat(FILE_LINES_MAX + 1)).len(), 1);
}

#[test]
fn leftovers_and_private_paths_are_found() {
    let text = format!("{}!()\nlet x = {}!(y);\n", "todo", "dbg");
    assert_eq!(whats(Kind::Rust, &text).len(), 2);
    let text = format!("see /wo{}\n", "rk/main");
    assert_eq!(whats(Kind::Other, &text).len(), 1);
}

#[test]
fn kinds_follow_from_names() {
    assert_eq!(Kind::of("wal/src/lib.rs"), Kind::Rust);
    assert_eq!(Kind::of("tests/python/check_blocks.py"), Kind::Code);
    assert_eq!(Kind::of(".ci/run"), Kind::Other);
}
