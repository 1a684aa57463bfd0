//! The tree of a query, one type per construct of the grammar (contract `traceql.md` §2).
//!
//! ```text
//! Query ─ Body ─ Pipeline ─ Stage ─ Spanset ─ Expr ─ FieldRef, Static
//!       │      ├ Metrics ─ FirstStage, SecondStage      (spans | rate() | topk(3))
//!       │      ├ Wrapped                                ((pipeline) && (pipeline))
//!       │      ├ ScalarComparison                       ((… | count()) > (… | count()))
//!       │      └ Math                                   ((… | rate()) / (… | rate()))
//!       └ Hint                                          (with(most_recent=true))
//! ```
//!
//! The parser makes it, `print` turns it into canonical text, `validate` and the planner read it.
//! It holds what the text says and nothing that is derived from it: constants are not folded here,
//! except where the grammar itself asks for it ([`Static`] operands of scalar filters and math).

use crate::field::{AttributeScope, Field};
use crate::value::ValueRef;

mod metrics;

pub use metrics::*;

/// A whole query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// What is asked.
    pub body: Body,
    /// The last `with(…)`; earlier ones have no effect.
    pub hints: Vec<Hint>,
}

/// What a query asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// `{ … } | …`
    Pipeline(Pipeline),
    /// `{ … } | rate() | topk(3)`
    Metrics(Metrics),
    /// `({ … } | count() > 1) && ({ … } | count() > 1)`
    Wrapped(Wrapped),
    /// `({ … } | count()) > 3`
    ScalarComparison(ScalarComparison),
    /// `({ … } | rate()) * 2 > 5 | topk(3)`
    Math {
        /// The arithmetic between metrics.
        expr: Math,
        /// What is done to its series, in order.
        second: Vec<SecondStage>,
    },
}

/// Stages joined by `|`; there is at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// In order of writing.
    pub stages: Vec<Stage>,
}

/// A stage of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// `{ … }` and combinations.
    Spanset(Spanset),
    /// `count() > 2`
    ScalarFilter(ScalarFilter),
    /// `by(.x)`
    By(Expr),
    /// `select(.x, name)`
    Select(Vec<FieldRef>),
    /// `coalesce()`
    Coalesce,
}

/// An expression that yields spans.
#[derive(Clone, Debug, PartialEq)]
pub enum Spanset {
    /// `{ … }`; `{}` is `{ true }`.
    Filter(Expr),
    /// `{ … } >> { … }`
    Binary {
        /// How the operands combine.
        op: SpansetOp,
        /// Left operand.
        left: Box<Spanset>,
        /// Right operand.
        right: Box<Spanset>,
    },
}

/// Parenthesised pipelines combined like spansets.
#[derive(Clone, Debug, PartialEq)]
pub enum Wrapped {
    /// `({ … } | count() > 1)`
    Pipeline(Pipeline),
    /// `(…) && (…)`
    Binary {
        /// How the operands combine.
        op: SpansetOp,
        /// Left operand.
        left: Box<Wrapped>,
        /// Right operand.
        right: Box<Wrapped>,
    },
}

/// Operators between spansets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpansetOp {
    /// `&&`: all spans of both, if both have some.
    And,
    /// `||`: all spans of both.
    Or,
    /// A relation in the tree of spans.
    Structural {
        /// Which relation.
        relation: Relation,
        /// Which spans of related pairs are taken.
        take: Take,
    },
}

/// Relations of contract §6, read as "right is … of left".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `>`
    Child,
    /// `>>`
    Descendant,
    /// `<`
    Parent,
    /// `<<`
    Ancestor,
    /// `~`
    Sibling,
}

/// Which spans a structural operator yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// The right ones that are related (`>`).
    Right,
    /// The right ones that are related to none (`!>`).
    RightUnrelated,
    /// Both members of each pair (`&>`).
    Both,
}

/// `left cmp right` as a pipeline stage.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalarFilter {
    /// The comparison.
    pub op: ComparisonOp,
    /// Left side.
    pub left: Scalar,
    /// Right side.
    pub right: Scalar,
}

/// A number made of the spans of a spanset.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A constant, folded: a number or a duration.
    Static(Static),
    /// `count()`, `max(.x)`
    Aggregate(Aggregate),
    /// `sum(.x) / count()`
    Binary {
        /// The arithmetic.
        op: ArithmeticOp,
        /// Left operand.
        left: Box<Scalar>,
        /// Right operand.
        right: Box<Scalar>,
    },
}

/// An aggregate over the spans of a spanset.
#[derive(Clone, Debug, PartialEq)]
pub enum Aggregate {
    /// `count()`
    Count,
    /// `max(e)` and its kin.
    Of {
        /// Which one.
        function: AggregateFunction,
        /// What is aggregated.
        expr: Expr,
    },
}

/// Aggregates that take an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateFunction {
    /// `max`
    Max,
    /// `min`
    Min,
    /// `avg`
    Avg,
    /// `sum`
    Sum,
}

/// A comparison of parenthesised scalar pipelines.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalarComparison {
    /// The comparison.
    pub op: ComparisonOp,
    /// Left side.
    pub left: WrappedScalar,
    /// Right side.
    pub right: WrappedScalar,
}

/// `({ … } | count())` and arithmetic between such.
#[derive(Clone, Debug, PartialEq)]
pub enum WrappedScalar {
    /// A constant; only on the right of the comparison.
    Static(Static),
    /// `(pipeline | aggregate)`
    Pipeline(Pipeline, Aggregate),
    /// `(…) + (…)`
    Binary {
        /// The arithmetic.
        op: ArithmeticOp,
        /// Left operand.
        left: Box<WrappedScalar>,
        /// Right operand.
        right: Box<WrappedScalar>,
    },
}

/// A field expression: what stands in braces, in `by(…)` and in aggregates.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A literal.
    Static(Static),
    /// A field of the span.
    Field(FieldRef),
    /// `-x`, `!x`
    Unary {
        /// The operator.
        op: UnaryOp,
        /// Its operand.
        operand: Box<Expr>,
    },
    /// `a + b`, `a = b`, `a && b`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `x = nil`, `x != nil`, in either order.
    NilTest {
        /// True for `!= nil`.
        present: bool,
        /// What is tested; [`Static::Nil`] for `nil = nil`.
        operand: Box<Expr>,
    },
}

impl Expr {
    /// The leftmost operand that is no binary expression, and the operators and right operands
    /// that follow it, in order. Chains lean to the left and may be long: what is costly per level
    /// walks them by this instead of recursion.
    pub(crate) fn chain(&self) -> (&Self, Vec<ChainLink<'_>>) {
        let mut links = Vec::new();
        let mut first = self;
        while let Self::Binary { op, left, right } = first {
            links.push(ChainLink { whole: first, op: *op, right });
            first = left;
        }
        links.reverse();
        (first, links)
    }
}

/// One operator of a chain.
pub(crate) struct ChainLink<'t> {
    /// The expression from the beginning of the chain up to here.
    pub whole: &'t Expr,
    pub op: BinaryOp,
    pub right: &'t Expr,
}

/// A field as the text names it.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldRef {
    /// One that a plan can read.
    Plain(Field),
    /// `parent`, which parses and is refused.
    Parent,
    /// `parent.x`, `parent.span.x`, which parse and are refused in filters.
    ParentAttribute {
        /// [`AttributeScope::Unscoped`], `Span` or `Resource`.
        scope: AttributeScope,
        /// The attribute's key.
        name: String,
    },
}

/// Prefix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`
    Negate,
    /// `!`
    Not,
}

/// Operators between field expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+ - * / % ^`
    Arithmetic(ArithmeticOp),
    /// `= != < <= > >=`
    Comparison(ComparisonOp),
    /// `=~ !~`
    Regex {
        /// True for `!~`.
        negated: bool,
    },
    /// `&&`
    And,
    /// `||`
    Or,
}

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArithmeticOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `^`
    Power,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparisonOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl ComparisonOp {
    /// The operator for swapped sides: `a < b` is `b > a`.
    pub fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            same => same,
        }
    }
}

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Static {
    /// `nil`
    Nil,
    /// `12`, `minInt`
    Int(i64),
    /// `1.5`
    Float(f64),
    /// `"text"`: bytes, because escapes can write any.
    Str(Vec<u8>),
    /// `true`
    Bool(bool),
    /// `1m30s`, in nanoseconds.
    Duration(i64),
    /// `error`
    Status(Status),
    /// `server`
    Kind(Kind),
}

impl Static {
    /// The literal as a value to compare with. Negative durations become plain numbers of
    /// nanoseconds, which compare alike.
    pub fn as_value(&self) -> ValueRef<'_> {
        match self {
            Self::Nil => ValueRef::Missing,
            Self::Int(value) => ValueRef::Int(*value),
            Self::Float(value) => ValueRef::Float(*value),
            Self::Str(bytes) => ValueRef::Str(bytes),
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::Duration(nanos) => {
                u64::try_from(*nanos).map_or(ValueRef::Int(*nanos), ValueRef::Duration)
            }
            Self::Status(status) => ValueRef::Status(*status as i32),
            Self::Kind(kind) => ValueRef::Kind(*kind as i32),
        }
    }
}

/// Status codes, in OTLP's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// `unset`
    Unset = 0,
    /// `ok`
    Ok = 1,
    /// `error`
    Error = 2,
}

/// Span kinds, in OTLP's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `unspecified`
    Unspecified = 0,
    /// `internal`
    Internal = 1,
    /// `server`
    Server = 2,
    /// `client`
    Client = 3,
    /// `producer`
    Producer = 4,
    /// `consumer`
    Consumer = 5,
}

/// `name=value` in `with(…)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// Any identifier.
    pub name: String,
    /// A literal.
    pub value: Static,
}

/// Words that are literals of status and kind.
const STATUS_WORDS: [(Status, &str); 3] =
    [(Status::Unset, "unset"), (Status::Ok, "ok"), (Status::Error, "error")];
const KIND_WORDS: [(Kind, &str); 6] = [
    (Kind::Unspecified, "unspecified"),
    (Kind::Internal, "internal"),
    (Kind::Server, "server"),
    (Kind::Client, "client"),
    (Kind::Producer, "producer"),
    (Kind::Consumer, "consumer"),
];

impl Status {
    /// As queries and results write it.
    pub fn word(self) -> &'static str {
        STATUS_WORDS[self as usize].1
    }

    /// The status of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        STATUS_WORDS.iter().find(|entry| entry.1 == word).map(|entry| entry.0)
    }

    /// The status of an OTLP code.
    pub fn from_code(code: i32) -> Option<Self> {
        STATUS_WORDS.get(usize::try_from(code).ok()?).map(|entry| entry.0)
    }
}

impl Kind {
    /// As queries and results write it.
    pub fn word(self) -> &'static str {
        KIND_WORDS[self as usize].1
    }

    /// The kind of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        KIND_WORDS.iter().find(|entry| entry.1 == word).map(|entry| entry.0)
    }

    /// The kind of an OTLP code.
    pub fn from_code(code: i32) -> Option<Self> {
        KIND_WORDS.get(usize::try_from(code).ok()?).map(|entry| entry.0)
    }
}

impl Static {
    /// The literal that a word stands for: booleans, statuses, kinds, `minInt`, `maxInt`. `nil` is
    /// none of them, since it stands only beside `=` and `!=`.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "true" => Some(Self::Bool(true)),
            "false" => Some(Self::Bool(false)),
            "minInt" => Some(Self::Int(i64::MIN)),
            "maxInt" => Some(Self::Int(i64::MAX)),
            _ => Status::from_word(word)
                .map(Self::Status)
                .or_else(|| Kind::from_word(word).map(Self::Kind)),
        }
    }
}
