//! Whatever the text, nothing panics; whatever the tree, its text reads back.

mod generate;

use proptest::prelude::*;
use stringendo_traceql::legacy_tags::compile_tags;
use stringendo_traceql::{compile_search, parse};

/// Words and signs of the language, so that random texts get far into the parser.
const PIECES: [&str; 60] = [
    "{",
    "}",
    "(",
    ")",
    ",",
    "|",
    "=",
    "!=",
    "=~",
    "!~",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "&&",
    "||",
    "!",
    "~",
    ">>",
    "<<",
    "!>",
    "!>>",
    "&>",
    "&<<",
    ".a",
    "span.b",
    "resource.\"c d\"",
    "parent.x",
    "name",
    "duration",
    "span:id",
    "event:name",
    "nil",
    "true",
    "error",
    "server",
    "1",
    "2.5",
    "10ms",
    "1d",
    "\"s\"",
    "`r`",
    "count()",
    "max(.a)",
    "by(.a)",
    "select(.a)",
    "coalesce()",
    "rate()",
    "quantile_over_time(.a, .5)",
    "topk(1)",
    "with(most_recent=true)",
    "compare({})",
    "minInt",
    "{}",
];

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*|[ -~\n]{0,80}") {
        let _ = compile_search(&text);
        let _ = compile_tags(&text, None, None);
    }

    #[test]
    fn no_mix_of_words_makes_it_panic_and_what_parses_reads_back(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..14),
    ) {
        let text = pieces.join(" ");
        let _ = compile_search(&text);
        if let Ok(tree) = parse(&text) {
            let printed = tree.to_string();
            prop_assert_eq!(parse(&printed), Ok(tree), "{} → {}", text, printed);
        }
    }

    #[test]
    fn the_text_of_a_tree_parses_to_the_same_tree(query in generate::query()) {
        let printed = query.to_string();
        prop_assert_eq!(parse(&printed), Ok(query), "{}", printed);
    }
}
