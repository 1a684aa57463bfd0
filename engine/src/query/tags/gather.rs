//! Names and values from several places become one answer; knows when there is enough.

use stringendo_block::tags::{DistinctValues, TagNames, TagScope, TagValues};
use stringendo_traceql::ast::Static;

use super::TagLimits;
use super::answer::{NamesAnswer, TagsCost, ValuesAnswer};
use super::merging::{Merging, MergingNames};
use super::others::{self, SPLIT_BYTES, SplitTag};
use super::part::{TagsFound, What};
use crate::error::QueryError;
use crate::query::collect::SearchCost;
use crate::query::memory::{AnswerMemory, Charged, Held};

/// What was found so far.
#[derive(Debug)]
pub(super) struct Gathered {
    what: What,
    limits: TagLimits,
    names: MergingNames,
    values: Merging<TagValues>,
    literals: Vec<Static>,
    memory: AnswerMemory,
    /// Known ones since the last new one.
    stale: usize,
    /// Traces that have to be looked at as a whole.
    pub(super) split: Vec<SplitTag>,
    /// What this core looked at.
    pub(super) read: SearchCost,
    /// What all cores looked at.
    pub(super) cost: TagsCost,
}

impl Gathered {
    pub(super) fn new(what: What, limits: TagLimits, memory: AnswerMemory) -> Self {
        Self {
            what,
            limits,
            names: MergingNames::default(),
            values: Merging::default(),
            literals: Vec::new(),
            memory,
            stale: 0,
            split: Vec::new(),
            read: SearchCost::default(),
            cost: TagsCost::default(),
        }
    }

    /// Whether more would not change the answer, or is not wanted.
    pub(super) fn is_enough(&self) -> bool {
        let TagLimits { count, stale, bytes, .. } = self.limits;
        let (fewest, text_bytes) = match &self.what {
            What::Names(scopes) => {
                let sets = || scopes.iter().map(|scope| self.names.of(*scope));
                let fewest = sets().map(Merging::len_max).min().unwrap_or(0);
                (fewest, sets().map(Merging::text_bytes_max).sum())
            }
            What::Values(_) => (self.values.len_max(), self.values.text_bytes_max()),
        };
        (count > 0 && fewest >= count)
            || (stale > 0 && self.stale >= stale)
            || (bytes > 0 && text_bytes >= bytes)
    }

    /// Adds names and values.
    ///
    /// # Errors
    /// There is no memory for them.
    pub(super) fn add(&mut self, found: &TagsFound) -> Result<(), QueryError> {
        self.add_names(&found.names)?;
        self.add_values(&found.values)?;
        found.split.iter().try_for_each(|trace| others::note(self, *trace))
    }

    pub(super) fn add_names(&mut self, names: &TagNames) -> Result<(), QueryError> {
        let What::Names(scopes) = &self.what else { return Ok(()) };
        for scope in scopes.clone() {
            let known = self.names.of(scope).len_max();
            self.names.of_mut(scope).add(names.of(scope), &mut self.memory)?;
            self.settle()?;
            let new = self.names.of(scope).len_max().saturating_sub(known);
            self.note(names.of(scope).len(), new);
        }
        Ok(())
    }

    pub(super) fn add_values(&mut self, values: &TagValues) -> Result<(), QueryError> {
        let known = self.values.len_max();
        self.values.add(values, &mut self.memory)?;
        self.settle()?;
        self.note(values.len(), self.values.len_max().saturating_sub(known));
        Ok(())
    }

    /// Literals that are values whatever is stored.
    pub(super) fn add_literals(&mut self, literals: &[Static]) -> Result<(), QueryError> {
        let mut values = DistinctValues::new(usize::MAX);
        for literal in literals {
            match literal {
                Static::Str(text) => values.string(text),
                Static::Int(value) => values.int(*value),
                Static::Float(value) => values.float(*value),
                Static::Bool(value) => values.bool(*value),
                Static::Duration(nanos) if *nanos >= 0 => values.duration(*nanos as u64),
                other => self.literals.push(other.clone()),
            }
        }
        self.add_values(&values.sorted())
    }

    /// Memory for what is being gathered beside this.
    pub(super) fn memory(&mut self) -> &mut AnswerMemory {
        &mut self.memory
    }

    fn note(&mut self, seen: usize, new: usize) {
        self.stale = if new > 0 { 0 } else { self.stale + seen };
    }

    /// Charges what is held; where a limit may be reached, finds out whether it is.
    fn settle(&mut self) -> Result<(), QueryError> {
        if self.limits.stale > 0 || self.is_enough() {
            for scope in TagScope::ALL {
                self.names.of_mut(scope).unite(&mut self.memory)?;
            }
            self.values.unite(&mut self.memory)?;
        }
        let bytes = self.names.memory_bytes() + self.values.memory_bytes();
        self.memory.settle(bytes as u64 + self.split.len() as u64 * SPLIT_BYTES)
    }

    /// What this core found.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn into_found(mut self) -> Result<Charged<TagsFound>, QueryError> {
        let names = self.names.into_names(&mut self.memory)?;
        let values = self.values.into_set(&mut self.memory)?;
        let Self { split, read: cost, mut memory, .. } = self;
        let bytes = names.memory_bytes() + values.memory_bytes();
        memory.settle(bytes as u64 + split.len() as u64 * SPLIT_BYTES)?;
        let value = TagsFound { names, values, cost, split, live: None };
        Ok(Charged { value, memory })
    }

    /// The answer: names by scope, within the limits.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn names_answer(mut self) -> Result<Held<NamesAnswer>, QueryError> {
        let names = self.names.into_names(&mut self.memory)?;
        let answer = NamesAnswer::new(names, self.what.scopes(), &self.limits, self.cost);
        Ok(Held { value: answer, kept: self.memory.keep() })
    }

    /// A copy of what would be the answer if nothing more came.
    pub(super) fn names_so_far(
        &self,
        memory: &mut AnswerMemory,
    ) -> Result<NamesAnswer, QueryError> {
        memory.grow(self.names.memory_bytes() as u64)?;
        let (names, cost) = (self.names.clone().into_names(memory)?, self.cost.clone());
        Ok(NamesAnswer::new(names, self.what.scopes(), &self.limits, cost))
    }

    /// The answer: values as text, within the limits.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn values_answer(mut self) -> Result<Held<ValuesAnswer>, QueryError> {
        let values = self.values.into_set(&mut self.memory)?;
        // Numbers become texts.
        self.memory.grow((values.len() * ValuesAnswer::VALUE_BYTES) as u64)?;
        let answer = ValuesAnswer::new(values, &self.literals, &self.limits, self.cost);
        Ok(Held { value: answer, kept: self.memory.keep() })
    }

    /// A copy of what would be the answer if nothing more came.
    pub(super) fn values_so_far(
        &self,
        memory: &mut AnswerMemory,
    ) -> Result<ValuesAnswer, QueryError> {
        memory.grow(self.values.memory_bytes() as u64)?;
        let values = self.values.clone().into_set(memory)?;
        memory.grow((values.len() * ValuesAnswer::VALUE_BYTES) as u64)?;
        Ok(ValuesAnswer::new(values, &self.literals, &self.limits, self.cost.clone()))
    }
}
