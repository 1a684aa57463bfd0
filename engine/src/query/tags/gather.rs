//! Names and values from several places become one answer; knows when there is enough.

use stringendo_block::tags::{DistinctValues, TagNames, TagValues, Texts};
use stringendo_traceql::ast::Static;

use super::TagLimits;
use super::answer::{NamesAnswer, TagsCost, ValuesAnswer};
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
    names: TagNames,
    values: TagValues,
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
            names: TagNames::default(),
            values: TagValues::default(),
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
                (sets().map(Texts::len).min().unwrap_or(0), sets().map(Texts::text_bytes).sum())
            }
            What::Values(_) => (self.values.len(), self.values.strings.text_bytes()),
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
            let (known, more) = (self.names.of(scope), names.of(scope));
            if more.is_empty() || known == more {
                self.note(more.len(), 0);
                continue;
            }
            self.memory.grow((known.memory_bytes() + more.memory_bytes()) as u64)?;
            let merged = if known.is_empty() { more.clone() } else { known.merged(more) };
            self.note(more.len(), merged.len() - known.len());
            *self.names.of_mut(scope) = merged;
            self.settle()?;
        }
        Ok(())
    }

    pub(super) fn add_values(&mut self, values: &TagValues) -> Result<(), QueryError> {
        if values.is_empty() || self.values == *values {
            self.note(values.len(), 0);
            return Ok(());
        }
        let bytes = self.values.memory_bytes() + values.memory_bytes();
        self.memory.grow(bytes as u64)?;
        let known = self.values.len();
        self.values = if known == 0 { values.clone() } else { self.values.merged(values) };
        self.note(values.len(), self.values.len() - known);
        self.settle()
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

    fn settle(&mut self) -> Result<(), QueryError> {
        let bytes = self.names.memory_bytes() + self.values.memory_bytes();
        self.memory.settle(bytes as u64 + self.split.len() as u64 * SPLIT_BYTES)
    }

    /// What this core found.
    pub(super) fn into_found(self) -> Charged<TagsFound> {
        let Self { names, values, split, read: cost, .. } = self;
        let value = TagsFound { names, values, cost, split, live: None };
        Charged { value, memory: self.memory }
    }

    /// The answer: names by scope, within the limits.
    pub(super) fn names_answer(self) -> Held<NamesAnswer> {
        let answer = NamesAnswer::new(self.names, self.what.scopes(), &self.limits, self.cost);
        Held { value: answer, kept: self.memory.keep() }
    }

    /// A copy of what would be the answer if nothing more came.
    pub(super) fn names_so_far(
        &self,
        memory: &mut AnswerMemory,
    ) -> Result<NamesAnswer, QueryError> {
        memory.grow(self.names.memory_bytes() as u64)?;
        let (names, cost) = (self.names.clone(), self.cost.clone());
        Ok(NamesAnswer::new(names, self.what.scopes(), &self.limits, cost))
    }

    /// The answer: values as text, within the limits.
    pub(super) fn values_answer(mut self) -> Result<Held<ValuesAnswer>, QueryError> {
        // Numbers become texts.
        self.memory.grow((self.values.len() * ValuesAnswer::VALUE_BYTES) as u64)?;
        let answer = ValuesAnswer::new(self.values, &self.literals, &self.limits, self.cost);
        Ok(Held { value: answer, kept: self.memory.keep() })
    }

    /// A copy of what would be the answer if nothing more came.
    pub(super) fn values_so_far(
        &self,
        memory: &mut AnswerMemory,
    ) -> Result<ValuesAnswer, QueryError> {
        let texts = self.values.len() * ValuesAnswer::VALUE_BYTES;
        memory.grow((self.values.memory_bytes() + texts) as u64)?;
        let (values, cost) = (self.values.clone(), self.cost.clone());
        Ok(ValuesAnswer::new(values, &self.literals, &self.limits, cost))
    }
}
