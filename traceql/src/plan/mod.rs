//! What is left of a query when it runs: numbered fields and tests on them.
//!
//! `compile` makes plans of trees, `eval` runs them over the columns that a source prepared, with
//! the help of `compare`; `predicate` is what sources may use to leave spans and blocks out; `tags`
//! makes plans of the legacy tag search. A plan does not know where spans come from.

mod compare;
mod compile;
mod eval;
mod predicate;
mod tags;

pub(crate) use compile::{plan, plan_pipeline};
pub use predicate::{Predicate, PredicateOp};
pub(crate) use tags::{Tag, plan_tags};

use self::compile::Compiler;
use self::eval::{Expression, Input, Spans, is_true, select};
use crate::ast::{Expr, Static};
use crate::error::{EvalError, PlanError};
use crate::field::{Field, Intrinsic};
use crate::source::SpanColumns;
use crate::value::Value;

/// A search that is ready to run. It is immutable; shards may share one.
#[derive(Clone, Debug)]
pub struct SearchPlan {
    fields: Vec<Field>,
    /// Whether result spans show the field of the same number.
    shown: Vec<bool>,
    /// Joined by `|`.
    stages: Vec<Spans>,
    most_recent: bool,
    returns_spans: bool,
    required: Vec<Predicate>,
    needs: Vec<Vec<Predicate>>,
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
    fn new(compiler: Compiler, stages: Vec<Spans>, most_recent: bool) -> Self {
        let Compiler { fields, shown } = compiler;
        let required = if stages.iter().all(|stage| matches!(stage, Spans::Filter(_))) {
            stages.iter().flat_map(filter_conjuncts).collect()
        } else {
            Vec::new()
        };
        let needs = if required.is_empty() {
            let all: Vec<_> = stages.iter().flat_map(needs_of).collect();
            all
        } else {
            vec![required.clone()]
        };
        Self { fields, shown, stages, most_recent, returns_spans: true, required, needs }
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
        let read = compiler.fields.len();
        let expression = compiler.expression(filter);
        compiler.shown[read..].fill(false);
        (self.fields, self.shown) = (compiler.fields, compiler.shown);
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

    /// Predicates joined by `&&` that every matching span satisfies, for leaving spans out before
    /// evaluation. Empty when nothing is known, or when spans that do not match matter, too.
    pub fn required(&self) -> &[Predicate] {
        &self.required
    }

    /// What a trace must hold to match: for each entry, some span that satisfies all its
    /// predicates. `{ a } && { b }` has two entries. For leaving out traces, row groups and blocks.
    pub fn needs(&self) -> &[Vec<Predicate>] {
        &self.needs
    }

    /// Whether nothing can match: `{ false }`.
    pub fn matches_nothing(&self) -> bool {
        self.stages.iter().any(yields_nothing)
    }

    /// Evaluates one trace. `out` is cleared and then holds the sets of matching spans; empty means
    /// that the trace does not match.
    ///
    /// # Errors
    /// The query asks for something that only shows when it runs (contract §6).
    pub fn spansets<C: SpanColumns>(
        &self,
        trace: &C,
        out: &mut Vec<SpanSet>,
    ) -> Result<(), EvalError> {
        out.clear();
        let mut spans = Vec::new();
        self.matching_spans(trace, &mut spans);
        if !spans.is_empty() {
            out.push(SpanSet { spans, attributes: Vec::new() });
        }
        Ok(())
    }

    /// Evaluates one trace (or one piece of it). `out` is cleared and then holds the indexes of the
    /// matching spans, ascending; empty means that the trace does not match.
    pub fn matching_spans<C: SpanColumns>(&self, trace: &C, out: &mut Vec<u32>) {
        out.clear();
        let Some((first, later)) = self.stages.split_first() else { return };
        let count = u32::try_from(trace.len()).unwrap_or(u32::MAX);
        select(first, trace, Input::First(count), out);
        let mut kept = Vec::new();
        for stage in later {
            kept.clear();
            select(stage, trace, Input::These(out), &mut kept);
            std::mem::swap(out, &mut kept);
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
        is_true(&self.expression, trace, span as usize)
    }
}

fn yields_nothing(stage: &Spans) -> bool {
    match stage {
        Spans::Filter(Expression::Constant(value)) => *value != Static::Bool(true),
        Spans::Filter(_) => false,
        Spans::All(parts) => parts.iter().any(yields_nothing),
        Spans::Any(parts) => parts.iter().all(yields_nothing),
    }
}

/// For each filter whose spans must exist: what such a span satisfies.
fn needs_of(stage: &Spans) -> Vec<Vec<Predicate>> {
    match stage {
        Spans::Filter(_) => {
            let conjuncts = filter_conjuncts(stage);
            if conjuncts.is_empty() { Vec::new() } else { vec![conjuncts] }
        }
        Spans::All(parts) => parts.iter().flat_map(needs_of).collect(),
        Spans::Any(_) => Vec::new(),
    }
}

fn filter_conjuncts(stage: &Spans) -> Vec<Predicate> {
    let mut conjuncts = Vec::new();
    if let Spans::Filter(expression) = stage {
        add_conjuncts(expression, &mut conjuncts);
    }
    conjuncts
}

fn add_conjuncts(expression: &Expression, conjuncts: &mut Vec<Predicate>) {
    use crate::ast::ComparisonOp::Equal;
    match expression {
        Expression::Predicate(predicate) => conjuncts.push(predicate.clone()),
        Expression::Field(column) => {
            conjuncts.push(Predicate::compare(*column, Equal, Static::Bool(true)));
        }
        Expression::All(operands) => {
            operands.iter().for_each(|operand| add_conjuncts(operand, conjuncts));
        }
        _ => {}
    }
}
