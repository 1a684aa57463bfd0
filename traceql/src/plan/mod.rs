//! What is left of a query when it runs: numbered fields, and stages that work on them.
//!
//! ```text
//! compile ─▶ SearchPlan ─ pipeline ─ spans ─ expression ─ predicate, compare
//!                │           ├ group       ├ structure
//!                │           └ aggregate   └ (items: of events and links)
//!                │           └ masks: filters judged for many spans at once
//!                └ needs: what sources may leave out
//! ```
//!
//! `compile` makes plans of trees; `pipeline` runs them over the columns that a source prepared.
//! `tags` makes plans of the legacy tag search. A plan does not know where spans come from.

mod aggregate;
mod compare;
mod compile;
mod expression;
mod group;
mod items;
mod masks;
mod needs;
mod pipeline;
mod predicate;
mod spans;
mod structure;
mod tags;

pub(crate) use compile::{plan, plan_pipeline};
pub use masks::{FilterMasks, Judged, SpanMask};
pub use predicate::{Predicate, PredicateOp};
pub(crate) use tags::{Tag, plan_tags};

use self::compile::Compiler;
use self::expression::{At, Expression, is_true};
use self::items::ItemCondition;
use self::needs::Needs;
use self::pipeline::Pipelines;
use self::predicate::Column;
use crate::ast::Expr;
use crate::error::{EvalError, PlanError};
use crate::field::{Field, Intrinsic};
use crate::source::SpanColumns;
use crate::value::{Value, ValueRef};

/// A search that is ready to run. It is immutable; shards may share one.
#[derive(Clone, Debug)]
pub struct SearchPlan {
    fields: Vec<Field>,
    /// Whether result spans show the field of the same number.
    shown: Vec<bool>,
    pipelines: Pipelines,
    item_conditions: Vec<ItemCondition>,
    needs: Needs,
    most_recent: bool,
    returns_spans: bool,
}

/// Spans of one trace that belong together in a result (contract §7, §10.2).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanSet {
    /// Indexes of the spans, ascending.
    pub spans: Vec<u32>,
    /// What stages said of the set, in order: `by(name)`, `count()` … A value that is absent is
    /// [`Value::Missing`], which results show as the string `nil`.
    pub attributes: Vec<(String, Value)>,
}

impl SearchPlan {
    fn new(compiler: Compiler, mut pipelines: Pipelines, most_recent: bool) -> Self {
        pipelines.number_filters();
        let Compiler { fields, shown } = compiler;
        let needs = Needs::of(&pipelines, &fields);
        let item_conditions = items::conditions(&pipelines);
        Self { fields, shown, pipelines, item_conditions, needs, most_recent, returns_spans: true }
    }

    /// The number of a field, if the plan reads it: its index in [`fields`](Self::fields).
    pub fn field_number(&self, field: &Field) -> Option<usize> {
        self.fields.iter().position(|other| other == field)
    }

    /// Compiles a filter that is asked apart from the pipeline, as that of `compare()`. Its fields
    /// are read together with the plan's, and not shown.
    ///
    /// # Errors
    /// [`PlanError::Unsupported`] names the construct that cannot be answered yet.
    pub fn add_filter(&mut self, filter: &Expr) -> Result<SpanFilter, PlanError> {
        let mut compiler = Compiler {
            fields: std::mem::take(&mut self.fields),
            shown: std::mem::take(&mut self.shown),
        };
        let shown = compiler.shown.clone();
        let expression = compiler.whole_expression(filter);
        compiler.shown = shown;
        compiler.shown.resize(compiler.fields.len(), false);
        (self.fields, self.shown) = (compiler.fields, compiler.shown);
        self.needs = Needs::of(&self.pipelines, &self.fields);
        Ok(SpanFilter { expression: expression? })
    }

    /// The columns that a source prepares; a field's number is its index here.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether the newest traces are asked for, which means that all data is read (§8).
    pub fn most_recent(&self) -> bool {
        self.most_recent
    }

    /// Whether the verdict on a span depends on more than that span: on its relations, on other
    /// spans of the trace (aggregates, groups, `{…} && {…}`) or on facts of the whole trace
    /// ([`Field::is_of_whole_trace`]), be it in the pipeline or in fields read beside it.
    pub fn judges_whole_trace(&self) -> bool {
        self.needs.judges_whole_trace
    }

    /// Predicates joined by `&&` that every matching span satisfies, for leaving spans out before
    /// evaluation. Empty when nothing is known, or when spans that do not match matter, too. Never
    /// about fields of the whole trace.
    pub fn required(&self) -> &[Predicate] {
        &self.needs.required
    }

    /// What a trace must hold to match: for each entry, some span that satisfies all its
    /// predicates. `{ a } && { b }` has two entries. For leaving out traces, row groups and blocks;
    /// of a trace in pieces, some piece must hold the span. Never about fields of the whole trace.
    pub fn needs(&self) -> &[Vec<Predicate>] {
        &self.needs.of_trace
    }

    /// Whether spans may be taken that satisfy no need, as the left ones of `{} && { a }`. A piece
    /// of a trace that satisfies none may then hold some; where others that do are not looked at,
    /// needs must not leave it out.
    pub fn may_take_any_span(&self) -> bool {
        self.needs.may_take_any_span
    }

    /// Whether nothing can match: `{ false }`.
    pub fn matches_nothing(&self) -> bool {
        self.needs.matches_nothing
    }

    /// Evaluates one trace. `out` is cleared and then holds the sets of matching spans; empty means
    /// that the trace does not match. Sets come in an order that depends on the trace alone.
    ///
    /// # Errors
    /// The query asks for something that only shows when it runs (contract §6).
    pub fn spansets<C: SpanColumns>(
        &self,
        trace: &C,
        out: &mut Vec<SpanSet>,
    ) -> Result<(), EvalError> {
        out.clear();
        out.append(&mut self.pipelines.run(trace)?);
        Ok(())
    }

    /// The value of a field that a span gives to an answer. Of events and links it is that of the
    /// first one that satisfies the query's conditions, or else has a value (§5.3).
    pub fn shown_value<'a, C: SpanColumns>(
        &self,
        trace: &'a C,
        span: u32,
        field: usize,
    ) -> ValueRef<'a> {
        let what = &self.fields[field];
        match what.list() {
            None => trace.value(span as usize, field),
            Some(list) => {
                let column = Column::new(field, what);
                items::shown(&self.item_conditions, trace, span, column, list)
            }
        }
    }

    /// The fields that result spans show, with the key of each (§10.3): attributes by bare name,
    /// intrinsics by canonical text; never those that results carry elsewhere.
    pub fn echoed(&self) -> impl Iterator<Item = (usize, &str)> {
        let fields = if self.returns_spans { self.fields.as_slice() } else { &[] };
        fields
            .iter()
            .enumerate()
            .filter(|(field, _)| self.shown[*field])
            .filter_map(|(field, what)| what.echo_key().map(|key| (field, key)))
    }

    /// Whether result spans show their name.
    pub fn echoes_name(&self) -> bool {
        let name = self.field_number(&Field::Intrinsic(Intrinsic::Name));
        self.returns_spans && name.is_some_and(|field| self.shown[field])
    }

    /// Whether results carry spans at all; legacy tag search answers traces alone (§10.7).
    pub fn returns_spans(&self) -> bool {
        self.returns_spans
    }
}

/// A filter of spans beside the pipeline of a plan; see [`SearchPlan::add_filter`].
#[derive(Clone, Debug)]
pub struct SpanFilter {
    expression: Expression,
}

impl SpanFilter {
    /// Whether a span passes.
    pub fn accepts<C: SpanColumns>(&self, trace: &C, span: u32) -> bool {
        is_true(&self.expression, trace, At::span(span))
    }
}
