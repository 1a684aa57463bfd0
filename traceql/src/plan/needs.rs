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
            Pipelines::One(stages) => scope.pipeline(stages, &mut of_trace),
            Pipelines::Combined { .. } => {
                scope.pipelines(pipelines, &mut of_trace);
                Vec::new()
            }
        };
        let required = if judges_several_spans(pipelines) { Vec::new() } else { required };
        let matches_nothing = matches_nothing(pipelines);
        Self { required, of_trace, judges_whole_trace, matches_nothing }
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

/// The plan's fields, which tell what predicates are about.
struct Scope<'p> {
    fields: &'p [Field],
}

impl Scope<'_> {
    fn pipelines(&self, pipelines: &Pipelines, needs: &mut Vec<Conjuncts>) {
        match pipelines {
            Pipelines::One(stages) => {
                self.pipeline(stages, needs);
            }
            Pipelines::Combined { combination: Combination::Either, .. } => {}
            Pipelines::Combined { combination, left, right } => {
                let right_alone = matches!(
                    combination,
                    Combination::Structural(Structure { take: Take::RightUnrelated, .. })
                );
                if !right_alone {
                    self.pipelines(left, needs);
                }
                self.pipelines(right, needs);
            }
        }
    }

    /// Adds what a trace needs, and gives what all spans satisfy that are left at the end.
    fn pipeline(&self, stages: &[Stage], needs: &mut Vec<Conjuncts>) -> Conjuncts {
        let mut common = Vec::new();
        let mut is_said = true;
        for stage in stages {
            let Stage::Spans(spans) = stage else { continue };
            if let Spans::Filter(filter) = spans {
                self.add_conjuncts(&filter.expression, &mut common);
                is_said = false;
                continue;
            }
            let mut of_stage = Vec::new();
            self.spans(spans, &mut of_stage);
            // Later stages only see spans that earlier ones left.
            for conjuncts in &mut of_stage {
                conjuncts.extend_from_slice(&common);
            }
            is_said = is_said || !of_stage.is_empty();
            needs.append(&mut of_stage);
            common.append(&mut self.of_result(spans));
        }
        if !is_said && !common.is_empty() {
            needs.push(common.clone());
        }
        common
    }

    /// For each filter whose spans must exist: what such a span satisfies.
    fn spans(&self, spans: &Spans, needs: &mut Vec<Conjuncts>) {
        match spans {
            Spans::Filter(_) => {
                let conjuncts = self.of_result(spans);
                if !conjuncts.is_empty() {
                    needs.push(conjuncts);
                }
            }
            Spans::All(parts) => parts.iter().for_each(|part| self.spans(part, needs)),
            Spans::Any(_) => {}
            Spans::Structural { structure, left, right, .. } => {
                if structure.needs_left() {
                    self.spans(left, needs);
                }
                self.spans(right, needs);
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
