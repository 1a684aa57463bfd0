//! What is left of a query when it runs: numbered fields and tests on them.
//!
//! `compile` makes plans of trees, `eval` runs them over the columns that a source prepared;
//! `predicate` is what sources may use to leave spans and blocks out. A plan does not know where
//! spans come from.

use crate::ast::Static;
use crate::field::Field;
use crate::value::ValueRef;

/// A search that is ready to run. It is immutable; shards may share one.
#[derive(Clone, Debug)]
pub struct SearchPlan {
    fields: Vec<Field>,
}

/// The spans of one trace (or one piece of it) with the plan's fields as columns. Implemented by
/// live traces and by column batches of a block.
pub trait SpanColumns {
    /// Number of spans.
    fn len(&self) -> usize;

    /// Whether there is no span.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a field (an index into [`SearchPlan::fields`]) of a span.
    fn value(&self, span: usize, field: usize) -> ValueRef<'_>;
}

/// A test of one field against one literal.
#[derive(Clone, Debug)]
pub struct Predicate {
    field: usize,
    op: PredicateOp,
    literal: Static,
}

/// How a predicate tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PredicateOp {
    /// `=`; of arrays: some element.
    Equal,
    /// `!=`; of arrays: no element equals. False for missing values and values of other types.
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `=~`: the whole value matches the pattern that the literal holds.
    Matches,
    /// `!~`
    NotMatches,
    /// The value holds the literal as a part (legacy tags only).
    Contains,
    /// `!= nil`
    Exists,
    /// `= nil`
    Absent,
}

impl Predicate {
    /// Which field: an index into [`SearchPlan::fields`].
    pub fn field(&self) -> usize {
        self.field
    }

    /// How it tests.
    pub fn op(&self) -> PredicateOp {
        self.op
    }

    /// What it compares with; [`Static::Nil`] for `Exists` and `Absent`.
    pub fn literal(&self) -> &Static {
        &self.literal
    }

    /// Whether a span with this value passes: exactly what evaluation answers. Sources call it for
    /// dictionary entries, and with [`ValueRef::Missing`] for spans without the field.
    pub fn accepts(&self, value: ValueRef<'_>) -> bool {
        todo!("{value:?}")
    }
}

impl SearchPlan {
    /// The columns that a source prepares; a field's number is its index here.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether the newest traces are asked for, which means that all data is read (§8).
    pub fn most_recent(&self) -> bool {
        todo!()
    }

    /// Predicates joined by `&&` that every matching span satisfies, for leaving spans out before
    /// evaluation. Empty when nothing is known.
    pub fn required(&self) -> &[Predicate] {
        todo!()
    }

    /// What a trace must hold to match: for each entry, some span that satisfies all its
    /// predicates. `{ a } && { b }` has two entries. For leaving out traces, row groups and blocks.
    pub fn needs(&self) -> &[Vec<Predicate>] {
        todo!()
    }

    /// Whether every span of every trace matches: `{}`.
    pub fn matches_all(&self) -> bool {
        todo!()
    }

    /// Whether nothing can match: `{ false }`.
    pub fn matches_nothing(&self) -> bool {
        todo!()
    }

    /// Evaluates one trace (or one piece of it). `out` is cleared and then holds the indexes of the
    /// matching spans, ascending; empty means that the trace does not match.
    pub fn matching_spans<C: SpanColumns>(&self, trace: &C, out: &mut Vec<u32>) {
        out.clear();
        todo!("{}", trace.len())
    }

    /// The fields that result spans show, with the key of each (§10.3): attributes by bare name,
    /// intrinsics by canonical text; never those that results carry elsewhere.
    pub fn echoed(&self) -> impl Iterator<Item = (usize, &str)> {
        self.fields
            .iter()
            .enumerate()
            .filter_map(|(field, what)| what.echo_key().map(|key| (field, key)))
    }

    /// Whether result spans show their name.
    pub fn echoes_name(&self) -> bool {
        todo!()
    }

    /// Whether results carry spans at all; legacy tag search answers traces alone (§10.7).
    pub fn returns_spans(&self) -> bool {
        todo!()
    }
}
