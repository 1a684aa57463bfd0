//! What can be known of matching spans and traces before they are read whole.
//!
//! Everything here is about leaving out what cannot match: less than could be known is fine, more
//! is not. Fields whose value depends on the whole trace never appear, since sources may ask of a
//! piece of one.

use super::expression::Expression;
use super::pipeline::{Combination, Pipelines, Stage};
use super::predicate::Predicate;
use super::spans::{Spans, yields_nothing};
use super::structure::Structure;
use crate::ast::{ComparisonOp, Static, Take};
use crate::field::Field;

/// Predicates that a span satisfies, all of them.
type Conjuncts = Vec<Predicate>;

/// What plans offer for leaving things out.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// See [`SearchPlan::required`](super::SearchPlan::required).
    pub required: Conjuncts,
    /// See [`SearchPlan::needs`](super::SearchPlan::needs).
    pub of_trace: Vec<Conjuncts>,
    /// See [`SearchPlan::may_take_any_span`](super::SearchPlan::may_take_any_span).
    pub may_take_any_span: bool,
    /// See [`SearchPlan::judges_whole_trace`](super::SearchPlan::judges_whole_trace).
    pub judges_whole_trace: bool,
    /// See [`SearchPlan::matches_nothing`](super::SearchPlan::matches_nothing).
    pub matches_nothing: bool,
}

impl Needs {
    pub fn of(pipelines: &Pipelines, fields: &[Field]) -> Self {
        let scope = Scope { fields };
        let judges_whole_trace =
            fields.iter().any(Field::is_of_whole_trace) || judges_several_spans(pipelines);
        let mut of_trace = Vec::new();
        let required = match pipelines {
            Pipelines::One(stages) => scope.pipeline(stages, Role::Result, &mut of_trace),
            Pipelines::Combined { .. } => {
                scope.pipelines(pipelines, Role::Result, &mut of_trace);
                Vec::new()
            }
        };
        let may_take_any_span = of_trace.iter().any(Vec::is_empty);
        of_trace.retain(|conjuncts| !conjuncts.is_empty());
        let required = if judges_several_spans(pipelines) { Vec::new() } else { required };
        let matches_nothing = matches_nothing(pipelines);
        Self { required, of_trace, may_take_any_span, judges_whole_trace, matches_nothing }
    }
}

fn judges_several_spans(pipelines: &Pipelines) -> bool {
    fn of_several(spans: &Spans) -> bool {
        match spans {
            Spans::Filter(_) => false,
            Spans::Any(parts) => parts.iter().any(of_several),
            Spans::All(_) | Spans::Structural { .. } => true,
        }
    }
    match pipelines {
        Pipelines::One(stages) => stages.iter().any(|stage| match stage {
            Stage::Spans(spans) => of_several(spans),
            Stage::Group(_) | Stage::Aggregate(_) | Stage::Coalesce => true,
        }),
        Pipelines::Combined { .. } => true,
    }
}

fn matches_nothing(pipelines: &Pipelines) -> bool {
    match pipelines {
        Pipelines::One(stages) => stages.iter().any(|stage| match stage {
            Stage::Spans(spans) => yields_nothing(spans),
            Stage::Group(_) | Stage::Aggregate(_) | Stage::Coalesce => false,
        }),
        Pipelines::Combined { combination, left, right } => match combination {
            Combination::Both => matches_nothing(left) || matches_nothing(right),
            Combination::Either => matches_nothing(left) && matches_nothing(right),
            Combination::Structural(structure) => {
                matches_nothing(right) || structure.needs_left() && matches_nothing(left)
            }
        },
    }
}

/// What becomes of spans that are found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// They are taken. Each of them satisfies some need, be it one without predicates.
    Result,
    /// They must exist, or decide about others.
    Condition,
}

impl Role {
    /// Of the left side of an operator.
    fn left_of(self, structure: &Structure) -> Self {
        if structure.take == Take::Both { self } else { Self::Condition }
    }
}

/// The plan's fields, which tell what predicates are about.
struct Scope<'p> {
    fields: &'p [Field],
}

impl Scope<'_> {
    fn pipelines(&self, pipelines: &Pipelines, role: Role, needs: &mut Vec<Conjuncts>) {
        match pipelines {
            Pipelines::One(stages) => {
                self.pipeline(stages, role, needs);
            }
            Pipelines::Combined { combination: Combination::Either, .. } => {
                push(Vec::new(), role, needs);
            }
            Pipelines::Combined { combination: Combination::Both, left, right } => {
                self.pipelines(left, role, needs);
                self.pipelines(right, role, needs);
            }
            Pipelines::Combined {
                combination: Combination::Structural(structure),
                left,
                right,
            } => {
                if structure.needs_left() {
                    self.pipelines(left, role.left_of(structure), needs);
                }
                self.pipelines(right, role, needs);
            }
        }
    }

    /// Adds what a trace needs, and gives what all spans satisfy that are left at the end.
    fn pipeline(&self, stages: &[Stage], role: Role, needs: &mut Vec<Conjuncts>) -> Conjuncts {
        let (mut common, before) = (Vec::new(), needs.len());
        let mut is_said = true;
        for stage in stages {
            let Stage::Spans(spans) = stage else { continue };
            if let Spans::Filter(filter) = spans {
                self.add_conjuncts(&filter.expression, &mut common);
                is_said = false;
                continue;
            }
            let mut of_stage = Vec::new();
            self.spans(spans, role, &mut of_stage);
            // Later stages only see spans that earlier ones left.
            for conjuncts in &mut of_stage {
                conjuncts.extend_from_slice(&common);
            }
            is_said = is_said || !of_stage.is_empty();
            needs.append(&mut of_stage);
            common.append(&mut self.of_result(spans));
        }
        if needs.len() == before {
            push(common.clone(), role, needs);
        } else if !is_said && !common.is_empty() {
            needs.push(common.clone());
        }
        common
    }

    /// For each filter whose spans must exist or are taken: what such a span satisfies.
    fn spans(&self, spans: &Spans, role: Role, needs: &mut Vec<Conjuncts>) {
        match spans {
            Spans::Filter(_) => push(self.of_result(spans), role, needs),
            Spans::All(parts) => parts.iter().for_each(|part| self.spans(part, role, needs)),
            Spans::Any(_) => push(Vec::new(), role, needs),
            Spans::Structural { structure, left, right, .. } => {
                if structure.needs_left() {
                    self.spans(left, role.left_of(structure), needs);
                }
                self.spans(right, role, needs);
            }
        }
    }

    /// What all spans satisfy that an expression yields.
    fn of_result(&self, spans: &Spans) -> Conjuncts {
        let mut conjuncts = Vec::new();
        match spans {
            Spans::Filter(filter) => self.add_conjuncts(&filter.expression, &mut conjuncts),
            Spans::Structural { structure, right, .. } if structure.take != Take::Both => {
                conjuncts = self.of_result(right);
            }
            _ => {}
        }
        conjuncts
    }

    fn add_conjuncts(&self, expression: &Expression, conjuncts: &mut Conjuncts) {
        match expression {
            Expression::Predicate(predicate) => self.add(predicate.clone(), conjuncts),
            Expression::Field(column) => {
                let is_true = Static::Bool(true);
                self.add(Predicate::compare(*column, ComparisonOp::Equal, is_true), conjuncts);
            }
            Expression::All(operands) => {
                operands.iter().for_each(|operand| self.add_conjuncts(operand, conjuncts));
            }
            Expression::SomeItem { operand, .. } | Expression::OfItems { operand, .. } => {
                self.add_conjuncts(operand, conjuncts);
            }
            _ => {}
        }
    }

    fn add(&self, predicate: Predicate, conjuncts: &mut Conjuncts) {
        if !self.fields[predicate.field()].is_of_whole_trace() {
            conjuncts.push(predicate);
        }
    }
}

/// Adds a need; one without predicates says something of spans that are taken alone.
fn push(conjuncts: Conjuncts, role: Role, needs: &mut Vec<Conjuncts>) {
    if role == Role::Result || !conjuncts.is_empty() {
        needs.push(conjuncts);
    }
}
