//! Sets that grow from many places without being copied once for each.
//!
//! From: [`Gathered`](super::gather::Gathered), which adds what a block or a core found. Knows
//! neither limits nor places.

use stringendo_block::tags::{TagNames, TagScope, TagValues, Texts};

use crate::error::QueryError;
use crate::query::memory::AnswerMemory;

/// A set in order, which can be united with another one.
pub(super) trait OrderedSet: Clone + Default + PartialEq {
    /// How many elements it has.
    fn len(&self) -> usize;
    /// Bytes of all texts.
    fn text_bytes(&self) -> usize;
    /// Memory held.
    fn memory_bytes(&self) -> usize;
    /// The elements of both.
    fn union(&self, other: &Self) -> Self;
}

/// The union of the sets that were added: kept as several sets, each more than twice as large as
/// the next. So an element is copied as often as the union doubles, not as often as a set is added.
#[derive(Clone, Debug, Default)]
pub(super) struct Merging<T> {
    sets: Vec<T>,
}

impl<T: OrderedSet> Merging<T> {
    /// Adds the elements of a set. `memory` grows by more than is needed: whoever adds settles it.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn add(&mut self, more: &T, memory: &mut AnswerMemory) -> Result<(), QueryError> {
        // Most places have the same values.
        if more.len() == 0 || self.sets.contains(more) {
            return Ok(());
        }
        memory.grow(more.memory_bytes() as u64)?;
        self.sets.push(more.clone());
        while let [.., larger, last] = &self.sets[..]
            && larger.len() / 2 <= last.len()
        {
            self.unite_last(memory)?;
        }
        Ok(())
    }

    /// Most elements that there can be: those in several sets count several times.
    pub(super) fn len_max(&self) -> usize {
        self.sets.iter().map(T::len).sum()
    }

    /// Most bytes of texts that there can be.
    pub(super) fn text_bytes_max(&self) -> usize {
        self.sets.iter().map(T::text_bytes).sum()
    }

    /// Memory held.
    pub(super) fn memory_bytes(&self) -> usize {
        self.sets.iter().map(T::memory_bytes).sum()
    }

    /// Unites all sets, so that what can be most is what is.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn unite(&mut self, memory: &mut AnswerMemory) -> Result<(), QueryError> {
        while self.sets.len() > 1 {
            self.unite_last(memory)?;
        }
        Ok(())
    }

    /// The union.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn into_set(mut self, memory: &mut AnswerMemory) -> Result<T, QueryError> {
        self.unite(memory)?;
        Ok(self.sets.pop().unwrap_or_default())
    }

    /// Unites the two smallest.
    fn unite_last(&mut self, memory: &mut AnswerMemory) -> Result<(), QueryError> {
        let Some(last) = self.sets.pop() else { return Ok(()) };
        let Some(larger) = self.sets.last_mut() else {
            self.sets.push(last);
            return Ok(());
        };
        memory.grow((larger.memory_bytes() + last.memory_bytes()) as u64)?;
        *larger = larger.union(&last);
        Ok(())
    }
}

impl OrderedSet for Texts {
    fn len(&self) -> usize {
        self.len()
    }

    fn text_bytes(&self) -> usize {
        self.text_bytes()
    }

    fn memory_bytes(&self) -> usize {
        self.memory_bytes()
    }

    fn union(&self, other: &Self) -> Self {
        self.merged(other)
    }
}

impl OrderedSet for TagValues {
    fn len(&self) -> usize {
        self.len()
    }

    fn text_bytes(&self) -> usize {
        self.strings.text_bytes()
    }

    fn memory_bytes(&self) -> usize {
        self.memory_bytes()
    }

    fn union(&self, other: &Self) -> Self {
        self.merged(other)
    }
}

/// Names by scope.
#[derive(Clone, Debug, Default)]
pub(super) struct MergingNames([Merging<Texts>; TagScope::ALL.len()]);

impl MergingNames {
    /// Those of a scope.
    pub(super) fn of(&self, scope: TagScope) -> &Merging<Texts> {
        &self.0[scope as usize]
    }

    /// Those of a scope, to change.
    pub(super) fn of_mut(&mut self, scope: TagScope) -> &mut Merging<Texts> {
        &mut self.0[scope as usize]
    }

    /// Memory held.
    pub(super) fn memory_bytes(&self) -> usize {
        self.0.iter().map(Merging::memory_bytes).sum()
    }

    /// All names.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn into_names(self, memory: &mut AnswerMemory) -> Result<TagNames, QueryError> {
        let mut names = TagNames::default();
        for (scope, merging) in TagScope::ALL.into_iter().zip(self.0) {
            *names.of_mut(scope) = merging.into_set(memory)?;
        }
        Ok(names)
    }
}

#[cfg(test)]
#[path = "merging_tests.rs"]
mod tests;
