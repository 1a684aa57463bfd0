//! Structural operators (contract §6) over the traces of the contract, and over random trees.

mod support;

use support::{check, search};

#[test]
fn positive_operators_take_the_related_right_spans() {
    check(&[
        (r#"{name="A"} > {}"#, "BD"),
        (r#"{name="A"} >> {}"#, "BCDEF"),
        (r#"{name="C"} < {}"#, "B"),
        (r#"{name="C"} << {}"#, "AB"),
        (r#"{name="E"} ~ {}"#, "F"),
        ("{} ~ {}", "BDEFIJ"),
        (r#"{name="G"} > {}"#, ""),
        (r#"{} >> {name="H"}"#, ""),
        (r#"{name="I"} ~ {}"#, "J"),
        ("{} > {}", "BCDEFK"),
        ("{} << {}", "ABDJ"),
    ]);
}

#[test]
fn negated_operators_take_the_unrelated_right_spans() {
    check(&[
        (r#"{name="A"} !> {}"#, "ACEFIJKL"),
        ("{} !< {}", "CEFIKL"),
        (r#"{name="E"} !~ {}"#, "ABCDEIJKL"),
        ("{} !< { kind = unspecified }", "GHIKL"),
        (r#"{name="zz"} !>> {name="A"}"#, "A"),
        (r#"{name="G"} !> {name="G"}"#, "G"),
        (r#"{name="A"} !>> {name="E" || name="K"}"#, "K"),
        (r#"{name="F"} !<< { kind = server }"#, "EF"),
        (r#"{} !>> {name="zz"}"#, ""),
    ]);
}

#[test]
fn union_operators_take_both_members_of_each_pair() {
    check(&[
        (r#"{name="A"} &> {}"#, "ABD"),
        (r#"{name="C"} &<< {}"#, "ABC"),
        (r#"{name="E"} &~ {}"#, "EF"),
        (r#"{name="A"} &> {name="zz"}"#, ""),
        (r#"{name="A" || name="E"} &>> {name="F"}"#, "AF"),
        (r#"{name="E" || name="F"} &< {}"#, "DEF"),
    ]);
}

#[test]
fn operators_chain_to_the_left_and_bind_tighter_than_boolean_ones() {
    check(&[
        (r#"{name="A"} > {name="B"} > {name="C"}"#, "C"),
        (r#"{name="A"} > ({name="B"} > {name="C"})"#, ""),
        (r#"{name="A"} && {name="B"} > {name="C"}"#, "AC"),
        (r#"({name="A"} && {name="B"}) > {name="C"}"#, "C"),
        (r#"{name="A"} > {} | {name="D"}"#, "D"),
        (r#"{} | by(name) | {name="A"} > {}"#, ""),
        (r#"{name!="D"} | {name="A"} > {}"#, "B"),
        (r#"{name!="D"} | {name="A"} >> {name="E"}"#, "E"),
    ]);
}

#[test]
fn parenthesised_pipelines_combine_like_spansets() {
    check(&[
        (r#"({name="A"} | count() > 0) && ({name="C"} | count() > 0)"#, "AC"),
        (r#"({name="A"} | count() > 1) && ({name="C"} | count() > 0)"#, ""),
        (r#"({name="A"} | count() > 1) || ({name="C"} | count() > 0)"#, "C"),
        (r#"({} | count() > 3) >> ({ kind = server } | count() > 1)"#, "EF"),
        (r#"({name="A"} | count() > 3) !>> ({name="E"} | count() > 0)"#, "E"),
        (r#"({} | by(name)) && ({name="E"} | count() > 0)"#, "ABCDEF"),
        (r#"(({} | by(name) | coalesce()) > ({name="E"}))"#, "E"),
    ]);
    let several = "spanset operators are not supported for multiple spansets per trace. consider \
                   using coalesce()";
    assert_eq!(search("({} | by(name)) > ({name=`E`} | count() > 0)"), several);
}

#[test]
fn long_chains_of_operators_are_judged_without_harm() {
    let chain = format!("{{}}{}", " !~ {}".repeat(499));
    assert_eq!(search(&chain), "ACKL");
    let nested = |operator: &str| {
        format!("{}{{}}{}", format!("({{}} {operator} ").repeat(120), ")".repeat(120))
    };
    assert_eq!(search(&nested("!~")), "ACKL");
    assert_eq!(search(&nested("&& {} || ")), "ABCDEFGHIJKL");
    let wrapped = format!("({{}} | count() > 0){}", " && ({} | by(name))".repeat(240));
    assert_eq!(search(&wrapped), "ABCDEFGHIJKL");
    let sum = format!("{{ .x{} > 0 }}", " + 1".repeat(490));
    assert_eq!(search(&sum), "EF");
    assert!(search(&format!("{{}}{}", " | {}".repeat(501))).contains("operators in a row"));
}
