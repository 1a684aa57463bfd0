//! Random trees of queries.

#![allow(dead_code, reason = "not every test file makes every kind")]

use proptest::prelude::*;
use stringendo_traceql::ast::*;
use stringendo_traceql::{AttributeScope, Field, Intrinsic};

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
        Intrinsic::Duration,
        Intrinsic::TraceId,
        Intrinsic::LinkTraceId,
        Intrinsic::InstrumentationName,
        Intrinsic::Status,
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

/// Any field expression, sensible or not.
pub fn expression() -> impl Strategy<Value = Expr> {
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

fn spanset_operator() -> impl Strategy<Value = SpansetOp> + Clone {
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
    prop_oneof![Just(SpansetOp::And), Just(SpansetOp::Or), structural]
}

fn spanset(filter: BoxedStrategy<Expr>) -> impl Strategy<Value = Spanset> {
    filter.prop_map(Spanset::Filter).prop_recursive(3, 6, 2, move |inner| {
        (spanset_operator(), inner.clone(), inner).prop_map(|(op, left, right)| Spanset::Binary {
            op,
            left: left.into(),
            right: right.into(),
        })
    })
}

fn comparison_operator() -> impl Strategy<Value = ComparisonOp> {
    prop::sample::select(vec![
        ComparisonOp::Equal,
        ComparisonOp::NotEqual,
        ComparisonOp::Less,
        ComparisonOp::LessEqual,
        ComparisonOp::Greater,
        ComparisonOp::GreaterEqual,
    ])
}

fn number() -> impl Strategy<Value = Static> {
    prop_oneof![
        any::<i64>().prop_map(Static::Int),
        (-1e300..1e300_f64).prop_map(Static::Float),
        (0..=i64::MAX).prop_map(Static::Duration),
    ]
}

fn aggregate(expr: BoxedStrategy<Expr>) -> impl Strategy<Value = Aggregate> {
    let function = prop::sample::select(vec![
        AggregateFunction::Max,
        AggregateFunction::Min,
        AggregateFunction::Avg,
        AggregateFunction::Sum,
    ]);
    let of = (function, expr).prop_map(|(function, expr)| Aggregate::Of { function, expr });
    prop_oneof![Just(Aggregate::Count), of]
}

fn scalar_filter(expr: BoxedStrategy<Expr>) -> impl Strategy<Value = ScalarFilter> {
    let left = aggregate(expr).prop_map(Scalar::Aggregate);
    let right = number().prop_map(Scalar::Static);
    (comparison_operator(), left, right).prop_map(|(op, left, right)| ScalarFilter {
        op,
        left,
        right,
    })
}

/// Any stage that is not first; `expr` makes what stands in braces and parentheses.
fn stage(expr: BoxedStrategy<Expr>) -> impl Strategy<Value = Stage> {
    prop_oneof![
        3 => spanset(expr.clone()).prop_map(Stage::Spanset),
        2 => scalar_filter(expr.clone()).prop_map(Stage::ScalarFilter),
        2 => expr.prop_map(Stage::By),
        1 => prop::collection::vec(field(), 1..3).prop_map(Stage::Select),
        1 => Just(Stage::Coalesce),
    ]
}

/// Pipelines of which `stages` follow the first stage.
fn pipeline(
    expr: BoxedStrategy<Expr>,
    stages: std::ops::Range<usize>,
) -> impl Strategy<Value = Pipeline> {
    let first = prop_oneof![
        4 => spanset(expr.clone()).prop_map(Stage::Spanset),
        1 => scalar_filter(expr.clone()).prop_map(Stage::ScalarFilter),
        1 => expr.clone().prop_map(Stage::By),
    ];
    (first, prop::collection::vec(stage(expr), stages)).prop_map(|(first, mut stages)| {
        stages.insert(0, first);
        Pipeline { stages }
    })
}

/// Parenthesised pipelines; of several stages each, since one stage alone would be a spanset.
fn wrapped(expr: BoxedStrategy<Expr>) -> impl Strategy<Value = Wrapped> {
    let leaf = pipeline(expr, 1..3).prop_map(Wrapped::Pipeline);
    leaf.prop_recursive(2, 4, 2, |inner| {
        (spanset_operator(), inner.clone(), inner).prop_map(|(op, left, right)| Wrapped::Binary {
            op,
            left: left.into(),
            right: right.into(),
        })
    })
}

fn first_stage(expr: BoxedStrategy<Expr>) -> impl Strategy<Value = FirstStage> {
    let over_time = prop::sample::select(vec![OverTime::Min, OverTime::Avg, OverTime::Histogram]);
    let quantiles = prop::collection::vec(0.0..1.0_f64, 1..3);
    let function = prop_oneof![
        Just(MetricsFunction::Rate),
        Just(MetricsFunction::CountOverTime),
        (over_time, field()).prop_map(|(which, of)| MetricsFunction::OverTime(which, of)),
        (field(), quantiles).prop_map(|(of, q)| MetricsFunction::QuantileOverTime(of, q)),
    ];
    let by = prop::collection::vec(field(), 0..3);
    let compare = (expr, prop::option::of((0..i64::MAX, prop::option::of((0..9_i64, 0..9_i64)))));
    prop_oneof![
        4 => (function, by).prop_map(|(function, by)| FirstStage::Function { function, by }),
        1 => compare.prop_map(|(filter, top)| FirstStage::Compare(Compare {
            filter,
            top: top.map(|(top, _)| top),
            range: top.and_then(|(_, range)| range),
        })),
    ]
}

fn metrics(expr: BoxedStrategy<Expr>) -> impl Strategy<Value = Metrics> {
    let second = prop_oneof![
        (0..i64::MAX).prop_map(SecondStage::TopK),
        (0..i64::MAX).prop_map(SecondStage::BottomK),
        (comparison_operator(), number())
            .prop_map(|(op, value)| SecondStage::Threshold { op, value }),
    ];
    let second = prop::collection::vec(second, 0..3);
    (pipeline(expr.clone(), 0..2), first_stage(expr), second)
        .prop_map(|(pipeline, first, second)| Metrics { pipeline, first, second })
}

/// Queries for spans whose braces hold what `expr` makes.
pub fn search(expr: BoxedStrategy<Expr>) -> impl Strategy<Value = Query> {
    let body = prop_oneof![
        4 => pipeline(expr.clone(), 0..4).prop_map(Body::Pipeline),
        1 => wrapped(expr).prop_map(Body::Wrapped),
    ];
    body.prop_map(|body| Query { body, hints: Vec::new() })
}

/// Any query at all.
pub fn query() -> impl Strategy<Value = Query> {
    let expr = expression().boxed();
    let hint = ("[a-z]{1,3}_x", literal()).prop_map(|(name, value)| Hint { name, value });
    let one = metrics(expr.clone()).prop_map(|metrics| Math::Metrics(metrics.into())).boxed();
    let math = (one.clone(), one).prop_map(|(left, right)| Math::Binary {
        op: ArithmeticOp::Divide,
        left: left.into(),
        right: right.into(),
    });
    let body = prop_oneof![
        3 => search(expr.clone()).prop_map(|query| query.body),
        1 => metrics(expr).prop_map(Body::Metrics),
        1 => math.prop_map(|expr| Body::Math { expr, second: Vec::new() }),
    ];
    (body, prop::collection::vec(hint, 0..2)).prop_map(|(body, hints)| Query { body, hints })
}

fn leaf_that_fits() -> impl Strategy<Value = Expr> {
    let names = prop::sample::select(vec!["a", "b", "c"]);
    let scope = prop::sample::select(vec![
        AttributeScope::Unscoped,
        AttributeScope::Span,
        AttributeScope::Event,
        AttributeScope::Link,
    ]);
    (scope, names)
        .prop_map(|(scope, name)| Expr::Field(FieldRef::Plain(Field::attribute(scope, name))))
}

/// Expressions that pass validation more often than not: of attributes, whose types are unknown,
/// and literals that they may hold.
pub fn condition() -> impl Strategy<Value = Expr> {
    let literal = prop::sample::select(vec![
        Static::Int(1),
        Static::Float(0.5),
        Static::Bool(true),
        Static::Str(b"x".to_vec()),
    ]);
    let comparison =
        (comparison_operator(), leaf_that_fits(), literal).prop_map(|(op, left, literal)| {
            Expr::Binary {
                op: BinaryOp::Comparison(op),
                left: left.into(),
                right: Expr::Static(literal).into(),
            }
        });
    let nil_test = (any::<bool>(), leaf_that_fits())
        .prop_map(|(present, operand)| Expr::NilTest { present, operand: operand.into() });
    let leaf = prop_oneof![3 => comparison, 1 => nil_test, 2 => leaf_that_fits()];
    let logic = prop::sample::select(vec![
        BinaryOp::And,
        BinaryOp::And,
        BinaryOp::Or,
        BinaryOp::Comparison(ComparisonOp::Equal),
    ]);
    leaf.prop_recursive(3, 8, 2, move |inner| {
        let both = (logic.clone(), inner.clone(), inner.clone()).prop_map(|(op, left, right)| {
            Expr::Binary { op, left: left.into(), right: right.into() }
        });
        let not =
            inner.prop_map(|operand| Expr::Unary { op: UnaryOp::Not, operand: operand.into() });
        prop_oneof![3 => both, 1 => not]
    })
}
