//! Whatever the text, nothing panics; whatever the tree, its text reads back.

use proptest::prelude::*;
use stringendo_traceql::ast::*;
use stringendo_traceql::legacy_tags::compile_tags;
use stringendo_traceql::{AttributeScope, Field, Intrinsic, compile_search, parse};

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

fn attribute() -> impl Strategy<Value = Field> {
    let scope = prop::sample::select(vec![
        AttributeScope::Unscoped,
        AttributeScope::Span,
        AttributeScope::Resource,
        AttributeScope::Event,
        AttributeScope::Link,
        AttributeScope::Instrumentation,
    ]);
    (scope, "\\PC{0,6}|span\\.[a-z]|[0-9]\\.?[a-z]?")
        .prop_map(|(scope, name)| Field::attribute(scope, name))
}

fn field() -> impl Strategy<Value = FieldRef> {
    let parent_scope = prop::sample::select(vec![
        AttributeScope::Unscoped,
        AttributeScope::Span,
        AttributeScope::Resource,
    ]);
    let intrinsic = prop::sample::select(vec![
        Intrinsic::Name,
        Intrinsic::RootService,
        Intrinsic::ParentId,
        Intrinsic::EventTimeSinceStart,
        Intrinsic::NestedSetParent,
    ]);
    prop_oneof![
        attribute().prop_map(FieldRef::Plain),
        intrinsic.prop_map(|intrinsic| FieldRef::Plain(Field::Intrinsic(intrinsic))),
        Just(FieldRef::Parent),
        (parent_scope, "\\PC{0,6}|resource\\.[a-z]")
            .prop_map(|(scope, name)| FieldRef::ParentAttribute { scope, name }),
    ]
}

fn literal() -> impl Strategy<Value = Static> {
    prop_oneof![
        (0..=i64::MAX).prop_map(Static::Int),
        Just(Static::Int(i64::MIN)),
        (0.0..1e300_f64).prop_map(Static::Float),
        (0.0..1.0_f64).prop_map(Static::Float),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(Static::Str),
        "\\PC{0,8}".prop_map(|text| Static::Str(text.into_bytes())),
        any::<bool>().prop_map(Static::Bool),
        (0..=i64::MAX).prop_map(Static::Duration),
        Just(Static::Status(Status::Unset)),
        Just(Static::Kind(Kind::Consumer)),
    ]
}

fn binary_operator() -> impl Strategy<Value = BinaryOp> {
    prop::sample::select(vec![
        BinaryOp::Arithmetic(ArithmeticOp::Subtract),
        BinaryOp::Arithmetic(ArithmeticOp::Multiply),
        BinaryOp::Arithmetic(ArithmeticOp::Power),
        BinaryOp::Comparison(ComparisonOp::NotEqual),
        BinaryOp::Comparison(ComparisonOp::LessEqual),
        BinaryOp::Regex { negated: true },
        BinaryOp::And,
        BinaryOp::Or,
    ])
}

fn expression() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![field().prop_map(Expr::Field), literal().prop_map(Expr::Static)];
    leaf.prop_recursive(5, 40, 2, |inner| {
        let unary = prop::sample::select(vec![UnaryOp::Negate, UnaryOp::Not]);
        prop_oneof![
            (unary, inner.clone())
                .prop_map(|(op, operand)| Expr::Unary { op, operand: operand.into() }),
            (binary_operator(), inner.clone(), inner.clone()).prop_map(|(op, left, right)| {
                Expr::Binary { op, left: left.into(), right: right.into() }
            }),
            (any::<bool>(), inner)
                .prop_map(|(present, operand)| Expr::NilTest { present, operand: operand.into() }),
        ]
    })
}

fn spanset() -> impl Strategy<Value = Spanset> {
    let relation = prop::sample::select(vec![
        Relation::Child,
        Relation::Descendant,
        Relation::Parent,
        Relation::Ancestor,
        Relation::Sibling,
    ]);
    let take = prop::sample::select(vec![Take::Right, Take::RightUnrelated, Take::Both]);
    let structural =
        (relation, take).prop_map(|(relation, take)| SpansetOp::Structural { relation, take });
    let op = prop_oneof![Just(SpansetOp::And), Just(SpansetOp::Or), structural];
    expression().prop_map(Spanset::Filter).prop_recursive(3, 6, 2, move |inner| {
        (op.clone(), inner.clone(), inner).prop_map(|(op, left, right)| Spanset::Binary {
            op,
            left: left.into(),
            right: right.into(),
        })
    })
}

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
    fn the_text_of_a_tree_parses_to_the_same_tree(spanset in spanset()) {
        let stages = vec![Stage::Spanset(spanset)];
        let query = Query { body: Body::Pipeline(Pipeline { stages }), hints: Vec::new() };
        let printed = query.to_string();
        prop_assert_eq!(parse(&printed), Ok(query), "{}", printed);
    }
}
