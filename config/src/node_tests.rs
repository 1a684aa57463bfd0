use super::{Node, Place, Value, parse};

fn text(node: &Node, path: &str) -> String {
    match &node.at(path).unwrap().value {
        Value::Scalar { text, .. } => text.clone(),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn values_remember_their_lines() {
    let node = parse("server:\n  http_listen_port: 1\n\n  log_level: 'warn'\n").unwrap();
    assert_eq!(node.at("server.http_listen_port").unwrap().place, Place::Line(2));
    assert_eq!(node.at("server.log_level").unwrap().place, Place::Line(4));
    assert_eq!(text(&node, "server.log_level"), "warn");
}

#[test]
fn an_empty_file_is_an_empty_map() {
    for source in ["", "\n", "# only a comment\n", "---\n"] {
        assert!(parse(source).unwrap().entries().is_empty(), "{source:?}");
    }
}

#[test]
fn a_key_twice_is_refused_with_both_lines() {
    let error = parse("a: 1\nb: 2\na: 3\n").unwrap_err();
    assert_eq!(error, "line 3: key `a` is already set in map (first on line 1)");
}

#[test]
fn broken_yaml_is_refused_with_its_line() {
    for source in ["a: [1, 2\n", "a: 1\n b: 2\n", "a: \"x\n", "a: *nowhere\n"] {
        let error = parse(source).unwrap_err();
        assert!(error.starts_with("line "), "{source:?}: {error}");
    }
}

#[test]
fn a_second_document_is_refused() {
    assert!(parse("a: 1\n---\nb: 2\n").unwrap_err().contains("second YAML document"));
}

#[test]
fn anchors_aliases_and_merges_are_resolved() {
    let node = parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nsame: *b\n").unwrap();
    assert_eq!(text(&node, "use.x"), "1");
    assert_eq!(text(&node, "use.y"), "3");
    assert_eq!(text(&node, "same.y"), "2");
}

#[test]
fn aliases_that_blow_up_are_refused() {
    let mut source = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..9 {
        let list = vec![format!("*a{}", i - 1); 10].join(", ");
        source.push_str(&format!("a{i}: &a{i} [{list}]\n"));
    }
    assert!(parse(&source).unwrap_err().contains("more than"));
}

#[test]
fn deep_nesting_is_refused() {
    let source = format!("a: {}{}", "[".repeat(90), "]".repeat(90));
    assert!(parse(&source).unwrap_err().contains("nested more than"));
}

#[test]
fn set_makes_the_maps_on_the_way_and_remove_takes_out() {
    let mut node = parse("server:\n").unwrap();
    node.set("server.http_listen_port", Node::plain("80", Place::Flag("x".into())));
    node.set("a.b.c", Node::plain("1", Place::Flag("x".into())));
    assert_eq!(text(&node, "server.http_listen_port"), "80");
    assert_eq!(text(&node, "a.b.c"), "1");
    assert!(node.remove("a.b.c").is_some());
    assert!(node.remove("a.b.c").is_none());
}
